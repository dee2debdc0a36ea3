//! One measurement at a time on one device.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use anechoic_integration_tests::{Bench, Finished, Started, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Outcome, list_runs};
use nix::sys::signal::Signal;

const CASE: &str = r#"
[[case]]
id = "one"
mode = "baseline"
"#;

/// A bench whose device is held by a run that ends when it is told to, in a results folder of its own.
fn held() -> (Bench, Started) {
    let bench = Bench::new(CASE, "obedient");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.one", Phase::Measure);
    (bench, run)
}

fn release(run: Started) {
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}

fn second(bench: &Bench, args: &[&str]) -> Finished {
    bench.with_faults("", &[args, &["--results", "other"]].concat())
}

/// Starts the program with what it tells in a file, and waits until it says that it waits.
fn waiting(bench: &Bench, args: &[&str]) -> Started {
    let told = bench.path("told");
    let mut command = bench.command(args);
    command
        .env("ANECHOIC_FAKE_WORKER", "")
        .stdout(Stdio::null())
        .stderr(File::create(&told).unwrap());
    let run = Started::from(command.spawn().unwrap());
    wait_for("the wait", || {
        let text = fs::read_to_string(&told).unwrap();
        text.contains("waiting: the device cpu is held by")
            .then_some(())
    });
    run
}

#[test]
fn a_second_run_is_refused_and_told_who_measures() {
    let (bench, run) = held();
    let name = bench.manifest().run;
    for args in [
        vec!["run", "suite.toml"],
        vec![
            "capture",
            "--model",
            "gpt2-tiny",
            "--prefill-tokens",
            "4",
            "--decode-tokens",
            "3",
        ],
        vec!["kv", "latency", "--preset", "gpt2"],
    ] {
        let refused = second(&bench, &args);
        assert_eq!(refused.code, 4, "{args:?}: {}", refused.stderr);
        let process = format!("process {}", run.pid());
        for part in [
            "the device cpu is held by `anechoic run suite.toml`",
            &process,
            &name,
            "--wait",
        ] {
            assert!(
                refused.stderr.contains(part),
                "no `{part}` in {}",
                refused.stderr
            );
        }
        assert!(!bench.path("other").exists(), "no run is made");
    }
    release(run);
    assert_eq!(second(&bench, &["run", "suite.toml"]).code, 0);
}

#[test]
fn looking_takes_no_device() {
    let (bench, run) = held();
    for args in [
        vec!["plan", "suite.toml"],
        vec!["list", "runs"],
        vec!["report", "latest"],
    ] {
        let looked = bench.run(&args);
        assert!(matches!(looked.code, 0 | 12), "{args:?}: {}", looked.stderr);
    }
    release(run);
}

#[test]
fn a_run_that_waits_is_made_when_the_device_is_free() {
    let (bench, run) = held();
    let second = waiting(
        &bench,
        &["run", "suite.toml", "--wait", "--results", "other"],
    );
    assert!(!bench.path("other").exists(), "no run is made yet");
    release(run);
    assert_eq!(second.code(), Some(0));
    assert_eq!(list_runs(&bench.path("other")).unwrap().len(), 1);
}

#[test]
fn patience_has_an_end() {
    let (bench, run) = held();
    let refused = second(&bench, &["run", "suite.toml", "--wait=300ms"]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    for part in ["waiting: the device cpu", "and still is after"] {
        assert!(
            refused.stderr.contains(part),
            "no `{part}` in {}",
            refused.stderr
        );
    }
    release(run);
}

#[test]
fn who_waits_can_be_interrupted() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (bench, run) = held();
        let second = waiting(
            &bench,
            &["run", "suite.toml", "--wait", "--results", "other"],
        );
        second.signal(signal);
        assert_eq!(second.code(), Some(130));
        assert!(!bench.path("other").exists(), "no run is made");
        release(run);
    }
}

#[test]
fn going_on_with_a_run_takes_its_device() {
    let bench = Bench::new(CASE, "exit-3");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 10);
    let old = bench.manifest().run;
    let mut command = bench.command(&["run", "suite.toml", "--results", "other"]);
    command
        .env("ANECHOIC_FAKE_WORKER", "obedient")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let run = Started::from(command.spawn().unwrap());
    wait_for("the holder", || {
        let lock = fs::read_to_string(bench.path("locks/anechoic-cpu.lock")).ok()?;
        lock.contains("--results other").then_some(())
    });
    let refused = bench.with_faults("", &["rerun", &old]);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("the device cpu is held by"),
        "{}",
        refused.stderr
    );
    let second = waiting(&bench, &["rerun", &old, "--wait"]);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    assert_eq!(second.code(), Some(0), "the kernel has let go of the lock");
    assert!(bench.outcomes("capture.one").contains(&Outcome::Ok));
}

/// A worker that outlives everything must not hold the device, and what a dead process wrote holds nothing.
#[test]
fn the_lock_is_not_inherited_and_stale_words_hold_nothing() {
    let (bench, run) = held();
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    let lock = bench.path("locks/anechoic-cpu.lock");
    let stale = fs::read_to_string(&lock).unwrap();
    assert!(stale.contains("\"pid\":"), "{stale}");
    assert_eq!(lock.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    let next = second(&bench, &["run", "suite.toml"]);
    assert_eq!(next.code, 0, "{}", next.stderr);
}

#[test]
fn a_folder_that_cannot_hold_locks_is_named() {
    let bench = Bench::new(CASE, "");
    let file = bench.write("no-folder", "");
    let mut command = bench.command(&["run", "suite.toml"]);
    command.env("ANECHOIC_LOCKS", &file);
    let refused = anechoic_integration_tests::finish(&mut command);
    assert_eq!(refused.code, 4, "{}", refused.stderr);
    for part in ["no-folder", "ANECHOIC_LOCKS"] {
        assert!(
            refused.stderr.contains(part),
            "no `{part}` in {}",
            refused.stderr
        );
    }
    assert!(!bench.path("results").exists());
}
