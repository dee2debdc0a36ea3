//! Further attempts into an existing run.

use std::fs;

use anechoic_integration_tests::{Bench, finish, gone, is_filled, wait_for};
use anechoic_protocol::{Device, Phase};
use anechoic_record::{Manifest, Outcome, RunEvent, RunRecord, RunState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

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

fn names(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(Outcome::name).collect()
}

#[test]
fn a_killed_worker_costs_its_own_attempt_only_and_is_made_up_for() {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(run.code(), Some(10));
    let by_kill = Outcome::Signal {
        number: 9,
        name: "SIGKILL".to_owned(),
    };
    assert_eq!(
        bench.outcomes("capture.second"),
        std::slice::from_ref(&by_kill)
    );
    assert_eq!(bench.outcomes("capture.first"), [Outcome::Ok]);
    assert_eq!(bench.outcomes("capture.third"), [Outcome::Ok]);

    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(bench.outcomes("capture.second"), [by_kill, Outcome::Ok]);
    assert_eq!(
        bench.outcomes("capture.first").len(),
        1,
        "good cases are left alone"
    );
    assert_eq!(bench.manifest().state, RunState::Complete);
    assert!(is_filled(&bench.attempt_file(
        "capture.second",
        1,
        "stderr.log"
    )));
    assert!(is_filled(&bench.attempt_file(
        "capture.second",
        2,
        "result.json"
    )));
    let summary = fs::read_to_string(bench.latest().join("summary.json")).unwrap();
    assert!(summary.contains("\"made_up\": true"), "{summary}");
}

#[test]
fn only_what_is_owed_is_made() {
    let bench = Bench::new(CASES, "attempt-1:second=exit-3;attempt-2:third=segv");
    let run = bench.run(&["run", "suite.toml", "--attempts", "2"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let again = bench.with_faults("", &["rerun", "latest", "--failed"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(names(&bench.outcomes("capture.first")), ["ok", "ok"]);
    assert_eq!(
        names(&bench.outcomes("capture.second")),
        ["exit-code", "ok", "ok"]
    );
    assert_eq!(
        names(&bench.outcomes("capture.third")),
        ["ok", "signal", "ok"]
    );

    let nothing = bench.run(&["rerun", "latest"]);
    assert_eq!(nothing.code, 12);
    assert!(
        nothing.stderr.contains("nothing to run"),
        "{}",
        nothing.stderr
    );
}

#[test]
fn a_rerun_that_fails_again_says_so() {
    let bench = Bench::new(CASES, "second=exit-3");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    assert_eq!(bench.run(&["rerun", "latest"]).code, 10);
    assert_eq!(
        names(&bench.outcomes("capture.second")),
        ["exit-code", "exit-code"]
    );
}

#[test]
fn chosen_cases_get_at_least_one_attempt() {
    let bench = Bench::new(CASES, "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let run = bench.manifest().run;
    let again = bench.run(&["rerun", &run, "--case", "*.first"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(names(&bench.outcomes("capture.first")), ["ok", "ok"]);
    assert_eq!(names(&bench.outcomes("capture.second")), ["ok"]);

    let unknown = bench.run(&["rerun", &run, "--case", "nothing"]);
    assert_eq!(unknown.code, 2);
    for part in ["the cases are capture.first", "hint: write a whole case id"] {
        assert!(unknown.stderr.contains(part), "{}", unknown.stderr);
    }
}

#[test]
fn a_killed_orchestrator_takes_its_worker_along_and_loses_one_attempt_at_most() {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    wait_for("the end of the worker", || gone(worker).then_some(()));
    assert_eq!(bench.outcomes("capture.first"), [Outcome::Ok]);
    assert_eq!(bench.manifest().state, RunState::Running);

    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    // The attempt that was cut off keeps its number, so that no file and no event is mixed.
    let record = RunRecord::load(&bench.latest()).unwrap();
    let second = &record.manifest.cases[1];
    let died = Outcome::OrchestratorDied {
        phase: Phase::Measure,
    };
    let attempts = second.attempts.iter();
    assert_eq!(
        attempts
            .map(|a| (a.attempt, a.outcome.clone()))
            .collect::<Vec<_>>(),
        [(1, died), (2, Outcome::Ok)]
    );
    assert_eq!(record.attempt("capture.second", 2).samples.len(), 2);
}

/// The event of the start is all that such an attempt has left, with its files.
#[test]
fn an_orchestrator_that_is_killed_before_the_hello_loses_no_number() {
    let bench = Bench::new(CASES, "second=slow-hello");
    let run = bench.start(&["run", "suite.toml"]);
    let log = || bench.attempt_file("capture.second", 1, "stderr.log");
    let started = |event: &RunEvent| match event {
        RunEvent::AttemptStarted { case, pid, .. } => (case == "capture.second").then_some(*pid),
        _ => None,
    };
    let worker = bench.wait_for_event("the second start", started);
    wait_for("the worker's first words", || {
        is_filled(&log()).then_some(())
    });
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    wait_for("the end of the worker", || gone(worker).then_some(()));

    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let numbers: Vec<u32> = (bench.manifest().cases[1].attempts.iter())
        .map(|attempt| attempt.attempt)
        .collect();
    assert_eq!(numbers, [1, 2]);
    let died = Outcome::OrchestratorDied {
        phase: Phase::Start,
    };
    assert_eq!(bench.outcomes("capture.second"), [died, Outcome::Ok]);
    assert_eq!(fs::read_to_string(log()).unwrap(), "no hello yet\n");
    let said = bench.attempt_file("capture.second", 1, "stdout.log");
    assert_eq!(fs::read_to_string(said).unwrap(), "");
}

/// The next step is a command that works where it is shown, wherever the results are.
#[test]
fn the_next_step_can_be_copied() {
    let bench = Bench::new(CASES, "second=exit-3");
    let run = bench.run(&["run", "suite.toml", "--results", "my results"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let told = run
        .stderr
        .split('`')
        .find(|part| part.starts_with("anechoic rerun"));
    let path = told.and_then(|told| told.strip_prefix("anechoic rerun '"));
    let path = path
        .and_then(|path| path.strip_suffix('\''))
        .expect("a quoted path");
    let again = bench.with_faults("", &["rerun", path]);
    assert_eq!(again.code, 0, "{}", again.stderr);
}

#[test]
fn what_the_record_names_and_the_machine_lacks_is_not_blamed_on_an_option() {
    let bench = Bench::new(CASES, "second=exit-3");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    let check = |change: fn(&mut Manifest), expected: &str| {
        let path = bench.latest().join("run.json");
        let kept = fs::read(&path).unwrap();
        let mut manifest = bench.manifest();
        change(&mut manifest);
        fs::write(&path, serde_json::to_string(&manifest).unwrap()).unwrap();
        let again = bench.run(&["rerun", "latest"]);
        assert_eq!(again.code, 4, "{}", again.stderr);
        assert!(again.stderr.contains(expected), "{}", again.stderr);
        assert!(again.stderr.contains("hint: "), "{}", again.stderr);
        assert!(!again.stderr.contains("--"), "{}", again.stderr);
        fs::write(&path, kept).unwrap();
    };
    check(
        |manifest| manifest.settings.device = Device::Cuda(0),
        "cuda:0 needs an NVIDIA GPU",
    );
    check(
        |manifest| manifest.settings.worker = "/nowhere/worker".to_owned(),
        "`/nowhere/worker` (as recorded in the run) does not exist",
    );
}

#[test]
fn a_run_that_is_being_written_is_left_alone() {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.second", Phase::Measure);
    let busy = bench.run(&["rerun", "latest"]);
    assert_eq!(busy.code, 4, "{}", busy.stderr);
    assert!(
        busy.stderr.contains("being written by another anechoic"),
        "{}",
        busy.stderr
    );
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}

#[test]
fn a_run_of_another_machine_is_refused() {
    let bench = Bench::new(CASES, "second=exit-3");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    let mut manifest = bench.manifest();
    manifest.machine.cpu = Some("Another CPU".to_owned());
    let path = bench.latest().join("run.json");
    fs::write(path, serde_json::to_string(&manifest).unwrap()).unwrap();
    let again = bench.run(&["rerun", "latest"]);
    assert_eq!(again.code, 4);
    assert!(
        again.stderr.contains("other conditions: processor was"),
        "{}",
        again.stderr
    );
}

#[test]
fn another_environment_is_another_condition() {
    let bench = Bench::new(CASES, "second=exit-3");
    let with = |threads: &str, args: &[&str]| {
        let mut command = bench.command(args);
        finish(command.env("OMP_NUM_THREADS", threads).env("TERM", threads))
    };
    assert_eq!(with("1", &["run", "suite.toml"]).code, 10);
    let recorded = bench.manifest().starts[0].environment.clone();
    assert_eq!(recorded["OMP_NUM_THREADS"].as_deref(), Some("1"));
    let other = with("2", &["rerun", "latest"]);
    assert_eq!(other.code, 4, "{}", other.stderr);
    let told = "other conditions: variable `OMP_NUM_THREADS` was `1` and is `2`";
    assert!(other.stderr.contains(told), "{}", other.stderr);
    assert_eq!(with("1", &["rerun", "latest"]).code, 10);
}

#[test]
fn every_start_is_in_the_events() {
    let bench = Bench::new(CASES, "second=exit-3");
    bench.run(&["run", "suite.toml"]);
    bench.with_faults("", &["rerun", "latest"]);
    let planned: Vec<u32> = (bench.events().iter())
        .filter_map(|event| match event {
            RunEvent::RunStarted { planned, .. } => Some(*planned),
            _ => None,
        })
        .collect();
    assert_eq!(planned, [3, 1]);
}

/// A worker that has only failed is corrected and tried again: nothing that it measured would be mixed. Once it has
/// measured something, another one is refused.
#[test]
fn a_worker_that_has_only_failed_may_be_corrected() {
    let case = |id: &str| {
        format!(
            "[[case]]\nid = \"{id}\"\nmode = \"baseline\"\nworker = {{ command = [\"sh\", \"{id}.sh\"] }}\n"
        )
    };
    let bench = Bench::new(&(case("a") + &case("b")), "");
    let good = format!(
        "exec '{}'\n",
        anechoic_integration_tests::fake_worker().display()
    );
    bench.write("a.sh", &good);
    bench.write("b.sh", "exit 7\n");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);

    bench.write("b.sh", &good);
    let again = bench.run(&["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(names(&bench.outcomes("capture.b")), ["exit-code", "ok"]);

    bench.write("b.sh", &format!("# Another one.\n{good}"));
    let other = bench.run(&["rerun", "latest", "--case", "*.b"]);
    assert_eq!(other.code, 4, "{}", other.stderr);
    assert!(other.stderr.contains("b.sh` was"), "{}", other.stderr);
}
