//! Ctrl-C and SIGTERM.

use std::fs::{self, File};
use std::process::Stdio;

use anechoic_integration_tests::{Bench, Started, gone};
use anechoic_protocol::{Phase, WorkerEvent};
use anechoic_record::{Outcome, RunEvent, RunState, Stop};
use nix::sys::signal::Signal;

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

fn stops(bench: &Bench) -> Vec<Stop> {
    let how = |event: &RunEvent| match event {
        RunEvent::Stopping { how, .. } => Some(*how),
        _ => None,
    };
    bench.events().iter().filter_map(how).collect()
}

/// Interrupts a run in its second case and checks what is left of it.
fn check(fault: &str, signal: Signal, expected: &[Stop]) {
    let bench = Bench::new(CASES, &format!("second={fault}"));
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(signal);
    assert_eq!(run.code(), Some(130), "{fault}");
    assert!(gone(worker), "{fault}: the worker is alive");
    assert_eq!(stops(&bench), expected, "{fault}");
    assert_eq!(bench.manifest().state, RunState::Interrupted);
    assert_eq!(bench.outcomes("capture.first"), [Outcome::Ok]);
    let cancelled = Outcome::Cancelled {
        phase: Phase::Measure,
    };
    assert_eq!(bench.outcomes("capture.second"), [cancelled], "{fault}");
    assert!(bench.outcomes("capture.third").is_empty());
    assert!(bench.latest().join("summary.json").is_file());

    // What was stopped then is no interruption of a later start that leaves something out.
    let one = bench.with_faults("", &["rerun", "latest", "--case", "*.first"]);
    assert_eq!(one.code, 10, "{}", one.stderr);
    assert_eq!(bench.manifest().state, RunState::Interrupted);

    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(bench.outcomes("capture.third"), [Outcome::Ok]);
    assert_eq!(bench.manifest().state, RunState::Complete);
}

#[test]
fn a_worker_that_listens_stops_when_its_input_is_closed() {
    check("obedient", Signal::SIGINT, &[Stop::CloseStdin]);
}

#[test]
fn a_worker_that_does_not_listen_is_terminated() {
    check(
        "hang-in-measure",
        Signal::SIGTERM,
        &[Stop::CloseStdin, Stop::Terminate],
    );
}

#[test]
fn a_worker_that_ignores_sigterm_is_killed() {
    let all = [Stop::CloseStdin, Stop::Terminate, Stop::Kill];
    check("stubborn", Signal::SIGINT, &all);
}

#[test]
fn the_second_request_kills_at_once() {
    let bench = Bench::new(CASES, "second=stubborn");
    let told = bench.path("told");
    let mut command = bench.command(&["run", "suite.toml"]);
    command
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap());
    let run = Started::from(command.spawn().unwrap());
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGINT);
    bench.wait_for_event("the first stop", |event| {
        matches!(event, RunEvent::Stopping { .. }).then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert!(gone(worker));
    assert_eq!(stops(&bench).last(), Some(&Stop::Kill));
    assert!(
        fs::read_to_string(told)
            .unwrap()
            .contains("killing the worker")
    );
}

#[test]
fn a_worker_that_stays_after_its_result_is_terminated_and_does_not_count() {
    let bench = Bench::new(CASES, "second=hang-in-stop");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_event("the result", |event| match event {
        RunEvent::Worker {
            case,
            message: WorkerEvent::Finished { .. },
            ..
        } => (case == "capture.second").then_some(()),
        _ => None,
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert_eq!(stops(&bench), [Stop::CloseStdin, Stop::Terminate]);
    let cancelled = Outcome::Cancelled { phase: Phase::Stop };
    assert_eq!(bench.outcomes("capture.second"), [cancelled]);
}

#[test]
fn a_cooldown_can_be_interrupted() {
    let bench = Bench::new(CASES, "");
    let run = bench.start(&["run", "suite.toml", "--cooldown", "1h"]);
    bench.wait_for_event("the end of the first attempt", |event| {
        matches!(event, RunEvent::AttemptEnded { .. }).then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert_eq!(bench.outcomes("capture.first"), [Outcome::Ok]);
    assert!(bench.outcomes("capture.second").is_empty());
}
