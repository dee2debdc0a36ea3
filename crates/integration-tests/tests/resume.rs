//! `anechoic resume`: what an interrupted run still owes, under the conditions that it was made under.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;

use anechoic_integration_tests::{Bench, gone, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Manifest, Outcome, RunState, StartedBy};
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

/// A run that was stopped, or killed, in the second attempt of its second case, after an attempt of its first case failed.
fn interrupted(signal: Signal) -> Bench {
    let bench = Bench::new(
        CASES,
        "attempt-1:first=exit-3;attempt-2:second=hang-in-measure",
    );
    let run = bench.start(&[
        "run",
        "suite.toml",
        "--attempts",
        "2",
        "--order",
        "interleaved",
    ]);
    wait_for("the second attempt", || {
        let log = bench.path("results/latest/cases/capture.second/attempt-2/stdout.log");
        fs::read_to_string(log)
            .ok()?
            .contains("measure")
            .then_some(())
    });
    let worker = bench.wait_for_event("the start", |event| match event {
        anechoic_record::RunEvent::AttemptStarted {
            case,
            attempt: 2,
            pid,
            ..
        } => (case == "capture.second").then_some(*pid),
        _ => None,
    });
    run.signal(signal);
    run.code();
    wait_for("the end of the worker", || gone(worker).then_some(()));
    bench
}

fn attempts(bench: &Bench, case: &str) -> Vec<(u32, &'static str)> {
    let manifest = bench.manifest();
    let record = manifest.cases.iter().find(|c| c.case.id == case).unwrap();
    let attempts = record.attempts.iter();
    attempts.map(|a| (a.attempt, a.outcome.name())).collect()
}

#[test]
fn what_was_cut_off_or_never_came_is_made_and_what_failed_is_not() {
    for (signal, lost) in [
        (Signal::SIGTERM, "cancelled"),
        (Signal::SIGKILL, "orchestrator-died"),
    ] {
        let bench = interrupted(signal);
        let resumed = bench.with_faults("", &["resume", "latest"]);
        assert_eq!(
            resumed.code, 10,
            "the failed attempt is still owed: {}",
            resumed.stderr
        );
        assert_eq!(
            attempts(&bench, "capture.first"),
            [(1, "exit-code"), (2, "ok")]
        );
        let second = [(1, "ok"), (2, lost), (3, "ok")];
        assert_eq!(attempts(&bench, "capture.second"), second);
        assert_eq!(attempts(&bench, "capture.third"), [(1, "ok"), (2, "ok")]);
        assert_eq!(bench.manifest().state, RunState::Complete);
        let by: Vec<_> = bench.manifest().starts.iter().map(|s| s.by).collect();
        assert_eq!(by, [StartedBy::Run, StartedBy::Resume]);

        let nothing = bench.run(&["resume", "latest"]);
        assert_eq!(nothing.code, 12, "{}", nothing.stderr);
        for part in ["nothing is owed", "anechoic rerun"] {
            assert!(
                nothing.stderr.contains(part),
                "no `{part}` in {}",
                nothing.stderr
            );
        }
        let rerun = bench.with_faults("", &["rerun", "latest"]);
        assert_eq!(rerun.code, 0, "{}", rerun.stderr);
        let nothing = bench.run(&["resume", "latest"]);
        assert_eq!(nothing.code, 12);
        assert!(
            nothing.stderr.contains("is complete; nothing is owed"),
            "{}",
            nothing.stderr
        );
    }
}

#[test]
fn an_interrupted_run_tells_how_to_go_on() {
    let bench = Bench::new(CASES, "second=obedient");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.second", Phase::Measure);
    let busy = bench.run(&["resume", "latest"]);
    assert_eq!(busy.code, 4, "{}", busy.stderr);
    assert!(
        busy.stderr.contains("being written by another anechoic"),
        "{}",
        busy.stderr
    );
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
}

/// Puts something else into the record, as if the run had been made elsewhere.
fn made_elsewhere(bench: &Bench, change: impl Fn(&mut Manifest)) {
    let mut manifest = bench.manifest();
    change(&mut manifest);
    let path = bench.latest().join("run.json");
    fs::write(path, serde_json::to_string(&manifest).unwrap()).unwrap();
}

#[test]
fn another_machine_or_program_is_refused_with_all_that_differs() {
    let bench = interrupted(Signal::SIGKILL);
    made_elsewhere(&bench, |manifest| {
        manifest.machine.cpu = Some("Another CPU".to_owned());
        manifest.machine.kernel = Some("Linux 1.0".to_owned());
        manifest.starts[0].programs[0].size_bytes += 1;
        manifest.settings.torch = Some("0.0.1".to_owned());
    });
    let before = fs::read(bench.latest().join("events.jsonl")).unwrap();
    for command in ["resume", "rerun"] {
        let refused = bench.with_faults("", &[command, "latest"]);
        assert_eq!(refused.code, 4, "{}", refused.stderr);
        for part in [
            "processor was Another CPU and is",
            "kernel was Linux 1.0 and is",
            "fake-worker` was",
            "libtorch was 0.0.1 and is",
            "--accept-different-machine",
        ] {
            assert!(
                refused.stderr.contains(part),
                "no `{part}` in {}",
                refused.stderr
            );
        }
        let after = fs::read(bench.latest().join("events.jsonl")).unwrap();
        assert_eq!(after, before, "a refusal changes nothing");
    }
    let accepted = bench.with_faults("", &["resume", "latest", "--accept-different-machine"]);
    assert_eq!(accepted.code, 10, "{}", accepted.stderr);
    assert!(
        accepted.stderr.contains("from here on the run is mixed"),
        "{}",
        accepted.stderr
    );
    let last = bench.manifest().starts.last().cloned().unwrap();
    let names: Vec<_> = last.differences.iter().map(|d| d.what.as_str()).collect();
    assert!(
        names.contains(&"processor") && names.contains(&"kernel"),
        "{names:?}"
    );
    let report = bench.run(&["report", "latest"]);
    assert!(report.stdout.contains("mixed: "), "{}", report.stdout);
    assert!(
        report.stdout.contains("processor was Another CPU"),
        "{}",
        report.stdout
    );
}

#[test]
fn the_stored_suite_counts_and_a_changed_file_is_told() {
    let bench = interrupted(Signal::SIGKILL);
    bench.write("suite.toml", "nonsense");
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 10, "{}", resumed.stderr);
    assert!(
        resumed.stderr.contains("has changed since"),
        "{}",
        resumed.stderr
    );
    assert_eq!(attempts(&bench, "capture.third"), [(1, "ok"), (2, "ok")]);
}

#[test]
fn a_rerun_may_have_a_limit_of_time_of_its_own() {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.run(&["run", "suite.toml", "--timeout", "300ms"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let again = bench.run(&["rerun", "latest", "--timeout", "200ms"]);
    assert_eq!(again.code, 10, "{}", again.stderr);
    let limits: Vec<u64> = (bench.outcomes("capture.second").iter())
        .filter_map(|outcome| match outcome {
            Outcome::Timeout { limit_ms, .. } => Some(*limit_ms),
            _ => None,
        })
        .collect();
    assert_eq!(limits, [300, 200]);
    let starts = bench.manifest().starts;
    assert_eq!(starts.last().unwrap().timeout_ms, Some(200));
}

#[test]
fn the_newest_run_is_found_where_the_link_leads_nowhere() {
    let bench = interrupted(Signal::SIGKILL);
    let link = bench.path("results/latest");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("test_2000-01-01T00-00-00Z", &link).unwrap();
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 10, "{}", resumed.stderr);
}

#[test]
fn an_empty_folder_says_so_and_damage_is_named() {
    let bench = Bench::new(CASES, "");
    let empty = bench.run(&["list", "runs"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (0, ""));
    assert!(
        empty.stderr.contains("no runs in `results`"),
        "{}",
        empty.stderr
    );
    assert_eq!(
        bench.run(&["list", "runs", "--format", "json"]).stdout,
        "[]\n"
    );
    let missing = bench.run(&["resume", "latest"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);

    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let run = bench.manifest().run;
    fs::remove_file(bench.latest().join("run.json")).unwrap();
    let listed = bench.run(&["list", "runs"]);
    assert!(listed.stdout.contains(&run), "{}", listed.stdout);
    for part in ["unreadable", "run.json"] {
        assert!(listed.stdout.contains(part), "{}", listed.stdout);
    }
}
