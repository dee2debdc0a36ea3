//! Waiting for the machine before attempts, looking at it meanwhile, and retries. The machine is a folder of files that
//! the tests change.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::Duration;

use anechoic_integration_tests::{Bench, Started, fake_nvml, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{AttemptRecord, Moment, Observation, Outcome, Restless, RunEvent, RunState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Two cases and a pace, which is the head of the suite.
fn bench(pace: &str, faults: &str) -> Bench {
    let suite = format!(
        r#"
schema-version = 1
name = "gate"
{pace}

[defaults]
benchmark = "capture"
model = "gpt2-tiny"
dtype = "f32"
batch-size = 2
prefill-tokens = 4
decode-tokens = 3
iterations = 2

[[case]]
id = "first"
mode = "baseline"

[[case]]
id = "second"
mode = "all-layers"
"#
    );
    let bench = Bench::with_suite(&suite, faults);
    put(
        &bench,
        "sys/class/thermal/thermal_zone0/type",
        "x86_pkg_temp",
    );
    warm(&bench, 50);
    stalled(&bench, 0);
    bench
}

/// Replaces a file of the machine, so that nobody reads half of one.
fn put(bench: &Bench, name: &str, text: &str) {
    let path = bench.path("probe-root").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let temporary = path.with_extension("new");
    fs::write(&temporary, text).unwrap();
    fs::rename(temporary, path).unwrap();
}

fn warm(bench: &Bench, degrees: u32) {
    put(
        bench,
        "sys/class/thermal/thermal_zone0/temp",
        &format!("{degrees}000\n"),
    );
}

/// The time that some task has waited for memory.
fn stalled(bench: &Bench, seconds: u64) {
    let total = seconds * 1_000_000;
    put(
        bench,
        "proc/pressure/memory",
        &format!("some avg10=0.00 total={total}\n"),
    );
}

/// Starts a run whose standard error goes to a file.
fn start(bench: &Bench, args: &[&str]) -> (Started, PathBuf) {
    let told = bench.path("told");
    let mut command = bench.command(args);
    command
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap());
    (Started::from(command.spawn().unwrap()), told)
}

/// Heats the machine up while the first case's worker hangs, and ends that worker.
fn heat_up(bench: &Bench) {
    let worker = bench.wait_for_phase("capture.first", Phase::Measure);
    warm(bench, 60);
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).unwrap();
}

fn attempts(bench: &Bench, case: &str) -> Vec<AttemptRecord> {
    let cases = bench.manifest().cases;
    let found = cases.into_iter().find(|record| record.case.id == case);
    found.unwrap().attempts
}

fn names(outcomes: &[Outcome]) -> Vec<&str> {
    outcomes.iter().map(Outcome::name).collect()
}

/// What was seen during a case's attempt.
fn observed(bench: &Bench, wanted: &str) -> Option<(Vec<Observation>, u64)> {
    bench.events().into_iter().find_map(|event| match event {
        RunEvent::Observed {
            case,
            observations,
            cost_ns,
            ..
        } if case == wanted => Some((observations, cost_ns)),
        _ => None,
    })
}

#[test]
fn an_attempt_waits_until_the_machine_has_cooled_down() {
    let bench = bench("cooldown = \"until-settled\"", "first=hang-in-measure");
    let (run, told) = start(&bench, &["run", "suite.toml"]);
    heat_up(&bench);
    let waits = |text: &String| {
        text.contains("for the machine to come to rest: the processor is at 60.0 °C")
    };
    wait_for("the wait", || fs::read_to_string(&told).ok().filter(waits));
    assert_eq!(bench.outcomes("capture.second"), []);
    warm(&bench, 53);
    assert_eq!(run.code(), Some(10));

    let second = attempts(&bench, "capture.second");
    assert_eq!((second.len(), &second[0].outcome), (1, &Outcome::Ok));
    assert_eq!(second[0].disturbed, []);
    let wait = bench.wait_for_event("the wait", |event| match event {
        RunEvent::CooledDown { case, waits, .. } if case == "capture.second" => Some(waits.clone()),
        _ => None,
    });
    let [wait] = wait.as_slice() else {
        panic!("one reason to wait: {wait:?}")
    };
    let heat = Restless::CpuTemperature {
        millicelsius: 60_000,
        reference_millicelsius: 50_000,
    };
    assert_eq!(wait.what, heat);
    assert!(wait.waited_ms >= 400, "{wait:?}");
    let report = fs::read_to_string(bench.latest().join("report.md")).unwrap();
    assert!(
        report.contains("| cpu-temperature |        1 |"),
        "{report}"
    );
    assert!(!report.contains("## Disturbed attempts"), "{report}");
}

/// Heats the machine up for good, under this policy, with one retry per case.
fn never_at_rest(policy: &str) -> (Bench, i32, String) {
    let pace = format!(
        "cooldown = \"until-settled\"\nsettle-limit = \"1s\"\nwhen-restless = \"{policy}\"\nretries = 1"
    );
    let bench = bench(&pace, "attempt-1:first=hang-in-measure");
    let (run, told) = start(&bench, &["run", "suite.toml"]);
    heat_up(&bench);
    let code = run.code().unwrap();
    (bench, code, fs::read_to_string(told).unwrap())
}

#[test]
fn a_machine_that_stays_hot_labels_its_attempts() {
    let (bench, code, told) = never_at_rest("label");
    assert_eq!(code, 0, "{told}");
    assert_eq!(names(&bench.outcomes("capture.first")), ["signal", "ok"]);
    let second = attempts(&bench, "capture.second");
    assert_eq!((second.len(), &second[0].outcome), (1, &Outcome::Ok));
    let [disturbance] = second[0].disturbed.as_slice() else {
        panic!("one disturbance: {second:?}")
    };
    assert_eq!(disturbance.when, Moment::Before);
    assert_eq!(disturbance.what.name(), "cpu-temperature");
    let warning = "warning: capture.second attempt 1: the machine is not at rest: the processor is at 60.0 °C, and was \
                   at 50.0 °C at rest; the attempt is made and labelled";
    assert!(told.contains(warning), "{told}");
    let report = fs::read_to_string(bench.latest().join("report.md")).unwrap();
    let line = "- capture.second attempt 1 (counts): before: the processor is at 60.0 °C";
    assert!(report.contains(line), "{report}");
    let rows = fs::read_to_string(bench.latest().join("results.jsonl")).unwrap();
    assert!(
        rows.contains(r#""disturbed":["cpu-temperature"]"#),
        "{rows}"
    );
}

#[test]
fn a_machine_that_stays_hot_spoils_its_attempts() {
    let (bench, code, told) = never_at_rest("discard");
    assert_eq!(code, 10, "{told}");
    let second = bench.outcomes("capture.second");
    assert_eq!(
        names(&second),
        ["contaminated", "contaminated"],
        "one retry"
    );
    assert!(matches!(
        second[0],
        Outcome::Contaminated { started: true, .. }
    ));
    assert!(
        told.contains("the attempt is made and does not count"),
        "{told}"
    );
    assert!(
        !bench
            .attempt_file("capture.second", 1, "result.json")
            .exists()
    );
    assert!(
        bench
            .attempt_file("capture.second", 1, "stdout.log")
            .exists()
    );
    assert_eq!(
        bench.manifest().state,
        RunState::Complete,
        "retries are used up"
    );
}

#[test]
fn a_machine_that_stays_hot_gets_no_attempts() {
    let (bench, code, told) = never_at_rest("refuse");
    assert_eq!(code, 10, "{told}");
    let second = attempts(&bench, "capture.second");
    let expected = |attempt: &AttemptRecord| {
        matches!(
            attempt.outcome,
            Outcome::Contaminated { started: false, .. }
        ) && attempt.wall_ns == 0
            && attempt.disturbed.len() == 1
    };
    assert!(
        second.len() == 2 && second.iter().all(expected),
        "{second:?}"
    );
    assert!(told.contains("the attempt is not made"), "{told}");
    assert!(
        bench
            .attempt_file("capture.second", 2, "job.json")
            .is_file()
    );
    let started = |event: &RunEvent| matches!(event, RunEvent::AttemptStarted { case, .. } if case == "capture.second");
    assert!(!bench.events().iter().any(started));
    let report = fs::read_to_string(bench.latest().join("report.md")).unwrap();
    assert!(report.contains(
        "capture.second attempt 1 (contaminated): not made: before: the processor is at 60.0 °C"
    ));

    // Later, on a machine at rest, they are made up for.
    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    let outcomes = bench.outcomes("capture.second");
    assert_eq!(names(&outcomes), ["contaminated", "contaminated", "ok"]);
}

#[test]
fn a_wait_can_be_interrupted() {
    let bench = bench("cooldown = \"until-settled\"", "first=hang-in-measure");
    let (run, told) = start(&bench, &["run", "suite.toml"]);
    heat_up(&bench);
    let waiting = |text: &String| text.contains("for the machine to come to rest");
    wait_for("the wait", || {
        fs::read_to_string(&told).ok().filter(waiting)
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert_eq!(bench.outcomes("capture.second"), []);
    assert_eq!(bench.manifest().state, RunState::Interrupted);
    bench.wait_for_event("the wait's record", |event| match event {
        RunEvent::CooledDown { case, waits, .. } => {
            (case == "capture.second" && waits.len() == 1).then_some(())
        }
        _ => None,
    });
}

#[test]
fn a_busy_machine_is_told_of_after_a_fixed_pause_as_well() {
    let bench = bench("cooldown = \"2s\"", "");
    let over = AtomicBool::new(false);
    let finished = scope(|threads| {
        threads.spawn(|| {
            for seconds in 1.. {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                stalled(&bench, seconds * 1_000);
                sleep(Duration::from_millis(10));
            }
        });
        let finished = bench.run(&["run", "suite.toml"]);
        over.store(true, Ordering::Relaxed);
        finished
    });
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let second = attempts(&bench, "capture.second");
    let before = second[0]
        .disturbed
        .iter()
        .find(|d| d.when == Moment::Before);
    assert_eq!(before.map(|d| d.what.name()), Some("memory-pressure"));
    let warning =
        "warning: capture.second attempt 1: the machine is not at rest: tasks wait for memory";
    for line in [
        warning,
        "[2/2] capture.second attempt 1: cooling down for 2.0 s",
    ] {
        assert!(
            finished.stderr.contains(line),
            "{line} in {}",
            finished.stderr
        );
    }
    let waits =
        |event: &RunEvent| matches!(event, RunEvent::CooledDown { waits, .. } if !waits.is_empty());
    assert!(!bench.events().iter().any(waits), "nothing was waited for");
    let summary = fs::read_to_string(bench.latest().join("summary.json")).unwrap();
    assert!(
        summary.contains("\"restless\": \"memory-pressure\""),
        "{summary}"
    );
}

#[test]
fn what_disturbs_a_worker_is_seen_and_the_attempt_made_again() {
    let bench = bench(
        "cooldown = \"0s\"\nwhen-restless = \"discard\"\nretries = 1",
        "attempt-1:first=slow",
    );
    let (run, told) = start(&bench, &["run", "suite.toml"]);
    bench.wait_for_phase("capture.first", Phase::Measure);
    stalled(&bench, 3_600);
    assert_eq!(run.code(), Some(0));
    let first = attempts(&bench, "capture.first");
    let Outcome::Contaminated {
        disturbances,
        started: true,
    } = &first[0].outcome
    else {
        panic!("a contaminated attempt: {first:?}")
    };
    assert_eq!(disturbances, &first[0].disturbed);
    assert_eq!(disturbances[0].when, Moment::During);
    assert_eq!(disturbances[0].what.name(), "memory-pressure");
    assert_eq!((first.len(), &first[1].outcome), (2, &Outcome::Ok));
    let told = fs::read_to_string(told).unwrap();
    for line in [
        "warning: capture.first attempt 1 was disturbed: tasks wait for memory",
        "attempt 2 will be made in its place (retry 1 of 1)",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }

    let (seen, cost_ns) = observed(&bench, "capture.first").expect("it was looked at");
    assert!(seen.len() >= 3 && cost_ns > 0, "{seen:?}");
    assert!(seen.is_sorted_by_key(|seen| seen.since_spawn_ns));
    assert!(seen.iter().all(|seen| seen.worker_cpu_ms.is_some()));
    assert_eq!(seen[0].state.cpu_temperature_millicelsius, Some(50_000));
    assert_eq!(
        seen.last().unwrap().state.memory_stalled_ms,
        Some(3_600_000)
    );
}

#[test]
fn readings_while_a_worker_runs_can_be_turned_off() {
    let bench = bench("cooldown = \"0s\"", "");
    let mut command = bench.command(&["run", "suite.toml"]);
    let status = command
        .env("ANECHOIC_SAMPLER", "off")
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(0));
    assert!(observed(&bench, "capture.first").is_none());
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    assert!(observed(&bench, "capture.first").is_some());
}

#[test]
fn only_endings_that_are_named_are_retried() {
    let pace = "cooldown = \"0s\"\nattempts = 2\nretries = 2\nretry-on = [\"exit-code\"]";
    let bench = bench(pace, "attempt-1:first=exit-3;second=segv");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    assert_eq!(
        names(&bench.outcomes("capture.first")),
        ["exit-code", "ok", "ok"]
    );
    assert_eq!(
        names(&bench.outcomes("capture.second")),
        ["signal", "signal"]
    );
    let line = "capture.first attempt 1: attempt 3 will be made in its place (retry 1 of 2)";
    assert!(run.stderr.contains(line), "{}", run.stderr);
    assert!(run.stderr.contains("[5/5]"), "{}", run.stderr);
    assert_eq!(bench.manifest().state, RunState::Complete);
}

#[test]
fn retries_come_to_an_end() {
    let pace = "cooldown = \"0s\"\nretry-on = [\"exit-code\"]\nretries = 5";
    let bench = bench(pace, "first=exit-3");
    let run = bench.run(&["run", "suite.toml", "--retries", "2"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    assert_eq!(
        names(&bench.outcomes("capture.first")),
        ["exit-code", "exit-code", "exit-code"]
    );
    assert_eq!(names(&bench.outcomes("capture.second")), ["ok"]);
    assert_eq!(bench.manifest().state, RunState::Complete);
}

/// A GPU that does nothing; the lowest bit of the reasons says so.
const IDLE: &str = "memory-used = 2097152\ntemperature = 30\nreasons = 1\nprocesses =\n";

/// Eight GPUs as the stand-in for the driver's library tells of them; the last has these facts.
fn gpus(bench: &Bench, last: &str) {
    let gpu =
        |number| format!("[gpu]\nname = A GPU\nuuid = GPU-{number}\nmemory-total = 85899345920\n");
    let all: String = (0..7).map(|number| gpu(number) + IDLE).collect();
    put(
        bench,
        "nvml",
        &format!("driver = 600.1\n{all}{}{last}", gpu(7)),
    );
}

/// Starts a run on the last of eight GPUs.
fn start_on_gpu(bench: &Bench, args: &[&str]) -> (Started, PathBuf) {
    put(bench, "dev/nvidiactl", "");
    for number in 0..8 {
        put(bench, &format!("dev/nvidia{number}"), "");
    }
    let told = bench.path("told");
    let args = [&["run", "suite.toml", "--device", "cuda:7"], args].concat();
    let mut command = bench.command(&args);
    command
        .env_remove("CUDA_VISIBLE_DEVICES")
        .env("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        .env("ANECHOIC_NVML", fake_nvml())
        .env("FAKE_NVML", bench.path("probe-root").join("nvml"))
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap());
    (Started::from(command.spawn().unwrap()), told)
}

#[test]
fn an_attempt_waits_until_others_have_left_the_gpu() {
    let bench = bench(
        "cooldown = \"until-settled\"\nsettle-limit = \"5m\"",
        "first=other-device-hangs;other-device",
    );
    gpus(&bench, IDLE);
    let (run, told) = start_on_gpu(&bench, &[]);
    let worker = bench.wait_for_phase("capture.first", Phase::Measure);
    gpus(
        &bench,
        "memory-used = 9663676416\ntemperature = 32\nreasons = 1\nprocesses = 4711 4712\n",
    );
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).unwrap();
    let waiting = |text: &String| text.contains("for the machine to come to rest");
    let text = wait_for("the wait", || {
        fs::read_to_string(&told).ok().filter(waiting)
    });
    assert!(
        text.contains("others compute on the GPU: process 4711, 4712"),
        "{text}"
    );
    assert!(
        text.contains("9664 MB of the GPU's memory are in use"),
        "{text}"
    );
    assert_eq!(bench.outcomes("capture.second"), []);
    gpus(&bench, IDLE);
    assert_eq!(run.code(), Some(10));
    let reasons = bench.wait_for_event("the wait's record", |event| match event {
        RunEvent::CooledDown { case, waits, .. } if case == "capture.second" => Some(
            waits
                .iter()
                .map(|wait| wait.what.name())
                .collect::<Vec<_>>(),
        ),
        _ => None,
    });
    assert_eq!(reasons, ["gpu-memory", "gpu-processes"]);
    let (seen, _) = observed(&bench, "capture.second").expect("it was looked at");
    let gpu = seen[0].state.gpu.as_ref().expect("there is a GPU");
    assert_eq!(gpu.used_memory_bytes, Some(2_097_152));
    assert_eq!(gpu.throttle_reasons, [], "an idle GPU does not throttle");
}

/// Somebody computes on the GPU before the run begins, and stays.
fn beside_a_stranger(policy: &str) -> (Bench, i32, String) {
    let bench = bench("cooldown = \"0s\"", "other-device");
    let stranger = "memory-used = 9663676416\ntemperature = 32\nreasons = 1\nprocesses = 4711\n";
    gpus(&bench, stranger);
    let (run, told) = start_on_gpu(&bench, &["--when-restless", policy]);
    let code = run.code().unwrap();
    (bench, code, fs::read_to_string(told).unwrap())
}

/// Of both cases: how the attempt ended, and what disturbed it.
fn disturbed(bench: &Bench) -> Vec<(String, Vec<(Moment, &'static str)>)> {
    let both = ["capture.first", "capture.second"];
    let made = both.iter().flat_map(|case| attempts(bench, case));
    let row = |attempt: AttemptRecord| {
        let found = attempt.disturbed.iter();
        let gpu = found.filter(|found| found.what.name().starts_with("gpu"));
        let named = gpu.map(|found| (found.when, found.what.name())).collect();
        (attempt.outcome.name().to_owned(), named)
    };
    made.map(row).collect()
}

#[test]
fn a_stranger_on_the_gpu_labels_each_attempt() {
    let (bench, code, told) = beside_a_stranger("label");
    assert_eq!(code, 0, "{told}");
    let labelled = ("ok".to_owned(), vec![(Moment::Before, "gpu-processes")]);
    assert_eq!(disturbed(&bench), [labelled.clone(), labelled]);
    for case in ["first", "second"] {
        let warning = format!(
            "warning: capture.{case} attempt 1: the machine is not at rest: others compute on the GPU: process 4711"
        );
        assert!(told.contains(&warning), "{warning} in {told}");
    }
}

#[test]
fn a_stranger_on_the_gpu_spoils_each_attempt_that_is_to_be_alone() {
    for (policy, is_made) in [("discard", true), ("refuse", false)] {
        let (bench, code, told) = beside_a_stranger(policy);
        assert_eq!(code, 10, "{told}");
        let before = (Moment::Before, "gpu-processes");
        for (outcome, found) in disturbed(&bench) {
            assert_eq!(outcome, "contaminated", "{policy}");
            assert!(found.contains(&before), "{policy}: {found:?}");
        }
        let outcomes = bench.outcomes("capture.first");
        let [Outcome::Contaminated { started, .. }] = outcomes.as_slice() else {
            panic!("one attempt: {outcomes:?}")
        };
        assert_eq!(*started, is_made, "{policy}");
    }
}

#[test]
fn a_run_that_began_hot_goes_on_with_a_machine_that_has_cooled_down() {
    let bench = bench(
        "cooldown = \"until-settled\"\nwhen-restless = \"refuse\"",
        "first=hang-in-measure",
    );
    warm(&bench, 80);
    let (run, told) = start(&bench, &["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.first", Phase::Measure);
    warm(&bench, 50);
    kill(Pid::from_raw(worker.cast_signed()), Signal::SIGKILL).unwrap();
    assert_eq!(run.code(), Some(10));
    let told = fs::read_to_string(told).unwrap();
    let second = attempts(&bench, "capture.second");
    assert_eq!(
        (second.len(), &second[0].outcome),
        (1, &Outcome::Ok),
        "{told}"
    );
    assert_eq!(second[0].disturbed, []);
    let note = "the processor is at 50.0 °C and was warmer, at 80.0 °C, for attempts before";
    assert!(told.contains(note), "{told}");
}
