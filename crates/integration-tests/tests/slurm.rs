//! Runs whose attempts are Slurm jobs, on a cluster of this machine alone that each test starts and stops.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anechoic_integration_tests::slurm::Cluster;
use anechoic_integration_tests::{
    Bench, Finished, Started, anechoic, dials, finish, gone, wait_for,
};
use anechoic_protocol::Phase;
use anechoic_record::{Executor, Interruption, Outcome, Placement, RunEvent, RunState};
use nix::sys::signal::Signal;
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "first"
mode = "baseline"

[[case]]
id = "second"
mode = "all-layers"

[[case]]
id = "third"
mode = "zero-layer"
"#;

const SLURM: [&str; 4] = ["--executor", "slurm", "--partition", "bench"];

/// A bench whose commands find the cluster.
struct Place {
    bench: Bench,
    cluster: Cluster,
}

impl Place {
    /// `None` where there is no Slurm.
    fn new(cases: &str, faults: &str) -> Option<Self> {
        let cluster = Cluster::start()?;
        let bench = Bench::new(cases, faults);
        Some(Self { bench, cluster })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.bench.command(arguments);
        command.env("SLURM_CONF", self.cluster.configuration());
        command
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        finish(&mut self.command(arguments))
    }

    /// Runs the suite with Slurm to its end.
    fn run_suite(&self, more: &[&str]) -> Finished {
        self.run(&[&["run", "suite.toml"], &SLURM[..], more].concat())
    }

    /// Starts the suite with Slurm.
    fn start(&self, more: &[&str]) -> Started {
        let arguments = [&["run", "suite.toml"], &SLURM[..], more].concat();
        let mut command = self.command(&arguments);
        command.stdout(Stdio::null());
        let told = fs::File::create(self.bench.path("told"));
        command.stderr(told.expect("the test's folder can be written"));
        Started::from(command.spawn().expect("anechoic can be started"))
    }

    fn told(&self) -> String {
        fs::read_to_string(self.bench.path("told")).unwrap_or_default()
    }

    /// Goes on with the newest run, with workers that do nothing wrong.
    fn resume(&self) -> Finished {
        let mut command = self.command(&["resume", "latest"]);
        finish(command.env("ANECHOIC_FAKE_WORKER", ""))
    }

    fn queue_is_empty(&self) {
        wait_for("an empty queue", || {
            self.cluster.jobs().is_empty().then_some(())
        });
    }

    fn placements(&self) -> Vec<Placement> {
        let manifest = self.bench.manifest();
        let attempts = manifest.attempts();
        attempts
            .filter_map(|(_, attempt)| attempt.placement.clone())
            .collect()
    }

    /// What a comparison of a run with the newest one says of every time.
    fn verdicts_of_times(&self, base: &str) -> Vec<String> {
        let compared = self
            .bench
            .run(&["compare", base, "latest", "--format", "json"]);
        assert_eq!(compared.code, 0, "{}", compared.stderr);
        let found: Value = serde_json::from_str(&compared.stdout).expect("it is JSON");
        let cells = found["cells"].as_array().expect("cells are a list").iter();
        let times = cells.filter(|cell| cell["kind"] == "time");
        times
            .map(|cell| cell["verdict"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// The one outcome of a case that is no good one.
    fn failed(&self, case: &str) -> Outcome {
        let outcomes = self.bench.outcomes(case);
        let mut failed = outcomes.into_iter().filter(|outcome| !outcome.is_ok());
        let one = failed.next().expect("an attempt failed");
        assert_eq!(failed.next(), None);
        one
    }
}

/// Files of a run, those that lie between the two sides of a Slurm attempt left out.
fn layout(run: &Path) -> BTreeSet<String> {
    let mut found = Vec::new();
    let mut folders = vec![run.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            match path.is_dir() {
                true if path.ends_with("slurm") => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    let name = |path: &PathBuf| {
        path.strip_prefix(run)
            .ok()
            .map(|path| path.display().to_string())
    };
    found.iter().filter_map(name).collect()
}

/// The kinds of events of an attempt in order, those of the worker by what they say.
fn course(bench: &Bench, of: &str) -> Vec<String> {
    let events = bench.events();
    let values = events
        .iter()
        .map(|event| serde_json::to_value(event).expect("events always serialise"));
    let of_case = values.filter(|value| value["case"] == of && value["attempt"] == 1);
    of_case
        .map(|value| format!("{} {}", value["event"], value["message"]["type"]))
        .collect()
}

#[test]
fn a_run_is_the_same_whoever_makes_its_attempts() {
    let Some(place) = Place::new(CASES, "") else {
        return;
    };
    let bench = &place.bench;
    let local = bench.run(&["run", "suite.toml", "--attempts", "2"]);
    assert_eq!(local.code, 0, "{}", local.stderr);
    let (here, there_course) = (bench.latest(), course(bench, "capture.second"));
    let run = place.run_suite(&["--attempts", "2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(layout(&here), layout(&bench.latest()));
    assert_eq!(course(bench, "capture.second"), there_course);
    assert!(run.stdout.contains("Slurm: 6 jobs on "), "{}", run.stdout);

    let placements = place.placements();
    assert_eq!(placements.len(), 6);
    let jobs: BTreeSet<_> = placements
        .iter()
        .map(|placement| placement.slurm_job)
        .collect();
    assert_eq!(jobs.len(), 6, "each attempt is a job of its own");
    for placement in &placements {
        assert!(
            placement.node.is_some() && placement.started.is_some(),
            "{placement:?}"
        );
        assert!(placement.ended >= placement.started, "{placement:?}");
    }
    let manifest = bench.manifest();
    assert_eq!(manifest.state, RunState::Complete);
    assert!(manifest.mixed().is_empty(), "{:?}", manifest.mixed());
    assert!(manifest.settings.worker_identity.is_some());
    let Executor::Slurm(options) = &manifest.settings.executor else {
        panic!("the run was made by Slurm");
    };
    assert!(options.exclusive && options.partition.as_deref() == Some("bench"));

    let here = here.display().to_string();
    assert_eq!(place.verdicts_of_times(&here), ["same"; 3]);
    // What is slower under Slurm is not the same.
    let arguments = [&["run", "suite.toml", "--attempts", "2"], &SLURM[..]].concat();
    let mut slower = place.command(&arguments);
    let slower = finish(slower.env(dials::VARIABLE, "--slow-down 20%"));
    assert_eq!(slower.code, 0, "{}", slower.stderr);
    let verdicts = place.verdicts_of_times(&here);
    assert!(verdicts.iter().all(|word| word != "same"), "{verdicts:?}");
    // What is stored is enough to go on with.
    let again = place.run(&["rerun", "latest", "--case", "*.first"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(place.placements().len(), 7);
    assert_eq!(place.resume().code, 12);
}

/// What Slurm does after a requeue that nobody here has seen.
#[test]
fn a_job_that_is_started_again_measures_nothing() {
    let Some(place) = Place::new("[[case]]\nid = \"first\"\nmode = \"baseline\"\n", "") else {
        return;
    };
    assert_eq!(place.run_suite(&[]).code, 0);
    let file = |name| place.bench.attempt_file("capture.first", 1, name);
    let read = |name| fs::read_to_string(file(name)).unwrap();
    let (events, end) = (read("slurm/events.jsonl"), read("slurm/end.json"));
    let again = place.run(&["attempt", &file("slurm/request.json").display().to_string()]);
    assert_eq!(again.code, 4, "{}", again.stderr);
    assert!(
        again.stderr.contains("started the job again"),
        "{}",
        again.stderr
    );
    assert_eq!(read("slurm/events.jsonl"), events);
    assert_eq!(read("slurm/end.json"), end);
}

#[test]
fn an_attempt_that_was_stopped_and_continued_does_not_count() {
    let Some(place) = Place::new(CASES, "second=slow") else {
        return;
    };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.second", Phase::Measure);
    let job = place.cluster.job();
    let show = || place.cluster.say("scontrol", &["show", "job", &job]);
    place.cluster.say("scontrol", &["suspend", &job]);
    wait_for("the stop", || {
        show().contains("JobState=SUSPENDED").then_some(())
    });
    place.cluster.say("scontrol", &["resume", &job]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    let how = Interruption::Suspended;
    assert_eq!(place.failed("capture.second"), Outcome::Requeued { how });
    assert!(
        !place
            .bench
            .attempt_file("capture.second", 1, "result.json")
            .exists()
    );
}

#[test]
fn a_stop_rule_is_looked_at_where_the_run_is_written() {
    let Some(place) = Place::new("[[case]]\nid = \"first\"\nmode = \"baseline\"\n", "") else {
        return;
    };
    let until = [
        "--until",
        "ci 50%",
        "--attempts",
        "2",
        "--max-attempts",
        "4",
    ];
    let run = place.run_suite(&until);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let checked = |event: &RunEvent| matches!(event, RunEvent::RuleChecked { .. });
    assert!(place.bench.events().iter().any(checked));
    assert_eq!(place.placements().len(), 2);
}

#[test]
fn what_slurm_would_not_take_is_refused_before_any_work() {
    let Some(place) = Place::new(CASES, "") else {
        return;
    };
    let check = |arguments: &[&str], code: i32, told: &str| {
        let all = [&["run", "suite.toml"], arguments].concat();
        let run = place.run(&all);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.stderr);
        assert!(run.stderr.contains(told), "{arguments:?}: {}", run.stderr);
        assert!(!place.bench.path("results").exists(), "{arguments:?}");
    };
    let slurm = ["--executor", "slurm"];
    check(
        &[&slurm[..], &["--partition", "nope"]].concat(),
        4,
        "the partition `nope`",
    );
    check(
        &[&slurm[..], &["--gres", "gpu:1"]].concat(),
        4,
        "Invalid generic resource",
    );
    check(
        &[&slurm[..], &["--constraint", "a100"]].concat(),
        4,
        "sbatch",
    );
    check(&[&slurm[..], &["--threads", "9999"]].concat(), 3, "threads");
    check(&[&slurm[..], &["--wait"]].concat(), 2, "the queue");
    check(
        &[&slurm[..], &["--slurm-option", "array=1-9"]].concat(),
        2,
        "decided by anechoic",
    );
    check(&["--partition", "bench"], 2, "without `--executor slurm`");
    let mut absent = place.command(&["run", "suite.toml", "--executor", "slurm"]);
    let run = finish(absent.env("PATH", "/nowhere"));
    assert_eq!(run.code, 4, "{}", run.stderr);
    assert!(
        run.stderr.contains("`sinfo` cannot be run"),
        "{}",
        run.stderr
    );
    place.queue_is_empty();
}

#[test]
fn ctrl_c_stops_the_worker_in_order_and_resume_goes_on() {
    let Some(place) = Place::new(CASES, "second=obedient") else {
        return;
    };
    let bench = &place.bench;
    let run = place.start(&[]);
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130), "{}", place.told());
    assert!(gone(worker));
    place.queue_is_empty();
    let phase = Phase::Measure;
    assert_eq!(
        bench.outcomes("capture.second"),
        [Outcome::Cancelled { phase }]
    );
    let stopped = |event: &RunEvent| matches!(event, RunEvent::Stopping { .. });
    assert!(
        bench.events().iter().any(stopped),
        "the node has stopped it in order"
    );
    assert_eq!(bench.manifest().state, RunState::Interrupted);

    let resumed = place.resume();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(bench.outcomes("capture.third"), [Outcome::Ok]);
    assert!(
        place
            .placements()
            .iter()
            .all(|placement| placement.slurm_job.is_some())
    );
}

#[test]
fn ctrl_c_twice_ends_the_job_at_once() {
    let Some(place) = Place::new(CASES, "second=stubborn") else {
        return;
    };
    let run = place.start(&[]);
    let worker = place.bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGINT);
    wait_for("the first word", || {
        place.told().contains("stopping").then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130), "{}", place.told());
    place.queue_is_empty();
    wait_for("the end of the worker", || gone(worker).then_some(()));
    let outcome = place.failed("capture.second");
    assert!(matches!(outcome, Outcome::Cancelled { .. }), "{outcome:?}");
}

#[test]
fn a_job_that_waits_in_the_queue_can_be_taken_back() {
    let Some(place) = Place::new(CASES, "") else {
        return;
    };
    place.cluster.update("partitionname=bench state=down");
    let run = place.start(&[]);
    wait_for("the reason", || {
        place.told().contains("waits for a node").then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130), "{}", place.told());
    place.queue_is_empty();
    let phase = Phase::Start;
    assert_eq!(
        place.bench.outcomes("capture.first"),
        [Outcome::Cancelled { phase }]
    );
    place.cluster.update("partitionname=bench state=up");
    let resumed = place.resume();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
}

#[test]
fn a_job_that_somebody_else_cancels_is_told_apart_and_the_run_goes_on() {
    let Some(place) = Place::new(CASES, "second=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    let worker = place.bench.wait_for_phase("capture.second", Phase::Measure);
    place.cluster.say("scancel", &[&place.cluster.job()]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    assert!(gone(worker));
    let outcome = place.failed("capture.second");
    assert!(
        matches!(outcome, Outcome::JobCancelled { .. }),
        "{outcome:?}"
    );
    assert_eq!(place.bench.outcomes("capture.third"), [Outcome::Ok]);
}

#[test]
fn a_requeued_job_does_not_measure_a_second_time() {
    let suite = format!("retries = 1\nretry-on = [\"requeued\"]\n{CASES}");
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let head = "schema-version = 1\nname = \"test\"\ncooldown = \"0s\"\n";
    let defaults = "[defaults]\nbenchmark = \"capture\"\nmodel = \"gpt2-tiny\"\niterations = 2\nprefill-tokens = 4\ndecode-tokens = 3\n";
    let (policy, cases) = suite.split_once("\n\n").unwrap();
    let bench = Bench::with_suite(
        &format!("{head}{policy}\n{defaults}{cases}"),
        "attempt-1:second=hang-in-measure",
    );
    let place = Place { bench, cluster };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.second", Phase::Measure);
    let job = place.cluster.job();
    // Jobs are handed over so that Slurm refuses this; an administrator may insist.
    place.cluster.say("scontrol", &["requeue", &job]);
    assert_eq!(place.cluster.jobs().concat(), job);
    let change = format!("jobid={job}");
    place
        .cluster
        .say("scontrol", &["update", &change, "requeue=1"]);
    place.cluster.say("scontrol", &["requeue", &job]);
    assert_eq!(run.code(), Some(0), "{}", place.told());
    place.queue_is_empty();
    let how = Interruption::Requeued;
    let expected = [Outcome::Requeued { how }, Outcome::Ok];
    assert_eq!(place.bench.outcomes("capture.second"), expected);
}

#[test]
fn the_failure_of_a_node_is_an_ending_of_its_own() {
    let Some(place) = Place::new(CASES, "second=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.second", Phase::Measure);
    place.cluster.update("state=down reason=test");
    wait_for("the ending", || {
        place.told().contains("node-failed").then_some(())
    });
    // The next job waits until there is a node again.
    wait_for("the reason", || {
        place.told().contains("waits for a node").then_some(())
    });
    place.cluster.update("state=resume");
    assert_eq!(run.code(), Some(10), "{}", place.told());
    let outcome = place.failed("capture.second");
    assert!(matches!(outcome, Outcome::NodeFailed { .. }), "{outcome:?}");
    assert_eq!(place.bench.outcomes("capture.third"), [Outcome::Ok]);
}

#[test]
fn the_time_limit_of_slurm_is_a_timeout() {
    let Some(place) = Place::new(CASES, "second=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.second", Phase::Measure);
    let job = format!("jobid={}", place.cluster.job());
    place
        .cluster
        .say("scontrol", &["update", &job, "endtime=now"]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    let outcome = place.failed("capture.second");
    let in_measure = matches!(
        outcome,
        Outcome::Timeout {
            phase: Phase::Measure,
            ..
        }
    );
    assert!(in_measure, "{outcome:?}");
}

#[test]
fn the_job_of_an_orchestrator_that_was_killed_is_cancelled() {
    let Some(place) = Place::new(CASES, "second=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    let worker = place.bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    place.queue_is_empty();
    wait_for("the end of the worker", || gone(worker).then_some(()));
    let resumed = place.resume();
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    let outcome = place.failed("capture.second");
    assert!(
        matches!(outcome, Outcome::OrchestratorDied { .. }),
        "{outcome:?}"
    );
}

#[test]
fn a_controller_that_is_away_for_a_while_ends_nothing() {
    let Some(mut place) = Place::new(CASES, "second=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.second", Phase::Measure);
    let job = place.cluster.job();
    let asked = place.bench.path("told");
    place.cluster.restart_controller(|| {
        wait_for("a question without an answer", || {
            let told = fs::read_to_string(&asked).unwrap();
            told.contains("Slurm does not answer").then_some(())
        });
    });
    wait_for("the controller", || {
        (place.cluster.jobs().concat() == job).then_some(())
    });
    place.cluster.say("scancel", &[&job]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    let outcome = place.failed("capture.second");
    assert!(
        matches!(outcome, Outcome::JobCancelled { .. }),
        "{outcome:?}"
    );
    assert_eq!(place.bench.outcomes("capture.third"), [Outcome::Ok]);
}

#[test]
fn a_job_that_slurm_refuses_later_costs_its_attempt_alone() {
    let Some(place) = Place::new(CASES, "first=hang-in-measure") else {
        return;
    };
    let run = place.start(&[]);
    place.bench.wait_for_phase("capture.first", Phase::Measure);
    place.cluster.update("partitionname=bench state=inactive");
    place.cluster.say("scancel", &[&place.cluster.job()]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    for case in ["capture.second", "capture.third"] {
        let outcome = place.failed(case);
        assert!(
            matches!(outcome, Outcome::SubmissionFailed { .. }),
            "{outcome:?}"
        );
    }
    place.cluster.update("partitionname=bench state=up");
    let mut again = place.command(&["rerun", "latest"]);
    let again = finish(again.env("ANECHOIC_FAKE_WORKER", ""));
    assert_eq!(again.code, 0, "{}", again.stderr);
}

#[test]
fn what_a_node_lacks_is_told_with_its_attempt() {
    let Some(place) = Place::new("[[case]]\nid = \"first\"\nmode = \"baseline\"\n", "") else {
        return;
    };
    let run = place.run_suite(&["--device", "cuda:0"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let outcome = place.failed("capture.first");
    assert_eq!(outcome.name(), "spawn-failed");
    let text = outcome.cause();
    assert!(text.contains("cuda:0 needs an NVIDIA GPU"), "{text}");
}

#[test]
fn a_node_that_does_not_find_the_program_fails_to_start_its_attempt() {
    let Some(place) = Place::new(CASES, "first=hang-in-measure") else {
        return;
    };
    let bench = &place.bench;
    let program = bench.path("anechoic");
    fs::copy(anechoic(), &program).unwrap();
    let like = place.command(&[]);
    let mut command = Command::new(&program);
    let variables = like
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    command.envs(variables).current_dir(bench.path(""));
    command
        .args(["run", "suite.toml"])
        .args(SLURM)
        .stdout(Stdio::null());
    command.stderr(fs::File::create(bench.path("told")).unwrap());
    let run = Started::from(command.spawn().unwrap());
    bench.wait_for_phase("capture.first", Phase::Measure);
    fs::rename(&program, bench.path("elsewhere")).unwrap();
    place.cluster.say("scancel", &[&place.cluster.job()]);
    assert_eq!(run.code(), Some(10), "{}", place.told());
    let outcome = place.failed("capture.second");
    assert_eq!(outcome.name(), "spawn-failed", "{outcome:?}");
    assert!(outcome.cause().contains("exit code 127"), "{outcome:?}");
}
