//! The orchestrator is killed, or cannot write: what is there afterwards is whole, and can be gone on with.

use std::fs;
use std::process::{Command, Stdio};

use anechoic_integration_tests::kills::{Draw, kill_and_resume, whole_run};
use anechoic_integration_tests::{Bench, Started, anechoic, finish, gone, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Outcome, RunState};
use nix::sys::signal::Signal;

const CASES: &str = r#"
[[case]]
id = "first"
mode = "baseline"

[[case]]
id = "second"
mode = "all-layers"
"#;

/// The program `kill-test` does the same more often.
#[test]
fn a_run_that_is_killed_at_any_moment_is_readable_and_is_completed() {
    let within = whole_run();
    let mut draw = Draw(12);
    let cut_off: u32 = (0..12)
        .map(|_| kill_and_resume(&mut draw, within).cut_off)
        .sum();
    assert!(cut_off > 0, "no kill has met an attempt");
}

/// A run whose second case was cut off while it measured.
fn killed() -> Bench {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_phase("capture.second", Phase::Measure);
    run.signal(Signal::SIGKILL);
    assert_eq!(run.code(), None);
    wait_for("the end of the worker", || gone(worker).then_some(()));
    bench
}

#[test]
fn a_killed_run_is_shown_as_interrupted_with_what_it_lost() {
    let bench = killed();
    let listed = bench.run(&["list", "runs"]);
    assert!(listed.stdout.contains("interrupted"), "{}", listed.stdout);
    let report = bench.run(&["report", "latest"]);
    assert_eq!(report.code, 0, "{}", report.stderr);
    for part in [
        "state: interrupted",
        "the orchestrator died while it was in measure",
    ] {
        assert!(
            report.stdout.contains(part),
            "no `{part}` in {}",
            report.stdout
        );
    }
    // To look at a run changes nothing in it.
    assert_eq!(bench.manifest().state, RunState::Running);
}

#[test]
fn a_run_that_is_being_made_is_shown_as_running() {
    let bench = Bench::new(CASES, "second=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    bench.wait_for_phase("capture.second", Phase::Measure);
    let listed = bench.run(&["list", "runs"]);
    assert!(listed.stdout.contains("running"), "{}", listed.stdout);
    let report = bench.run(&["report", "latest"]);
    assert!(!report.stdout.contains("died"), "{}", report.stdout);
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
}

/// Files may not grow beyond a few KiB: what a full disk does to a write, without a disk of the test's own. The limit is
/// set to what each step of a run needs, so that another write fails each time.
#[test]
fn a_disk_that_is_full_ends_the_run_with_a_clear_error_and_nothing_half_written() {
    let mut refusals = 0;
    for blocks in [4, 8, 12, 16, 24, 32, 48] {
        let bench = Bench::new(CASES, "");
        let run = limited(&bench, blocks);
        if run.code == 0 {
            continue;
        }
        assert_eq!(
            run.code,
            if bench.path("results/latest").exists() {
                1
            } else {
                4
            }
        );
        assert!(run.stderr.contains("File too large"), "{}", run.stderr);
        refusals += 1;
        if run.code == 4 {
            continue;
        }
        let hint = "make room, then `anechoic resume";
        assert!(run.stderr.contains(hint), "{}", run.stderr);
        let text = fs::read_to_string(bench.latest().join("events.jsonl")).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'), "a torn line");
        let resumed = bench.run(&["resume", "latest"]);
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert_eq!(bench.manifest().state, RunState::Complete);
    }
    assert!(refusals >= 2, "the limits are too generous");
}

/// Runs the suite with a limit on the size of files, in blocks of 512 bytes.
fn limited(bench: &Bench, blocks: u32) -> anechoic_integration_tests::Finished {
    let inner = bench.command(&["run", "suite.toml"]);
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -f {blocks}; exec \"$0\" run suite.toml"))
        .arg(anechoic())
        .current_dir(bench.path(""))
        .stdin(Stdio::null());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    finish(&mut command)
}

/// The folder goes while the worker measures; the run ends with an error and takes the worker along.
#[test]
fn a_results_folder_that_is_removed_ends_the_run() {
    let bench = Bench::new(CASES, "first=obedient");
    let told = bench.path("told");
    let mut command = bench.command(&["run", "suite.toml"]);
    let stderr = fs::File::create(&told).unwrap();
    command.stdout(Stdio::null()).stderr(stderr);
    let run = Started::from(command.spawn().unwrap());
    let worker = bench.wait_for_phase("capture.first", Phase::Measure);
    fs::remove_dir_all(bench.path("results")).unwrap();
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(1));
    assert!(gone(worker));
    let text = fs::read_to_string(told).unwrap();
    assert!(
        text.contains("error: failed to") && text.contains("results"),
        "{text}"
    );
    assert!(text.contains("hint: put it back"), "{text}");
}

/// The folder goes while nothing is measured and nobody signals: no further attempt is made, and no folder that looks
/// like the run.
#[test]
fn a_results_folder_that_is_removed_in_a_pause_is_not_made_anew() {
    let bench = Bench::new(CASES, "");
    let told = bench.path("told");
    let mut command = bench.command(&["run", "suite.toml", "--cooldown", "3s"]);
    let stderr = fs::File::create(&told).unwrap();
    command.stdout(Stdio::null()).stderr(stderr);
    let run = Started::from(command.spawn().unwrap());
    wait_for("the record of the first attempt", || {
        let text = fs::read_to_string(bench.path("results/latest/run.json")).ok()?;
        text.contains("\"outcome\": \"ok\"").then_some(())
    });
    fs::remove_dir_all(bench.path("results")).unwrap();
    assert_eq!(run.code(), Some(1));
    let text = fs::read_to_string(told).unwrap();
    for part in ["was removed, moved or replaced", "hint: put it back"] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
    assert!(!text.contains("make room"), "{text}");
    assert!(!bench.path("results").exists());
}

/// Killed when all was measured and nothing of it was told yet.
#[test]
fn a_run_without_its_summaries_gets_them() {
    let bench = Bench::new(CASES, "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let report = bench.latest().join("report.md");
    let before = fs::read_to_string(&report).unwrap();
    fs::remove_file(&report).unwrap();
    let resumed = bench.run(&["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(fs::read_to_string(&report).unwrap(), before);
    assert_eq!(bench.outcomes("capture.first"), [Outcome::Ok]);
}
