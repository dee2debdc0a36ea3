//! Kills the orchestrator at a random moment of a short run, goes on with the run, and looks at what is left.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_record::{Outcome, RunEvent, RunRecord, RunState};
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::{Bench, gone, wait_for};

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

const ATTEMPTS: u32 = 2;

/// Numbers that look random and are the same for the same seed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Draw(pub u64);

impl Draw {
    /// The next number, below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end.max(1)
    }

    /// A nearly normal number, of mean 0 and deviation 1: the sum of twelve uniform ones.
    pub fn normal(&mut self) -> f64 {
        let unit = 1 << 20;
        let sum: u64 = (0..12).map(|_| self.below(unit)).sum();
        sum as f64 / unit as f64 - 6.0
    }
}

/// What one killed run went through.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Killed {
    /// Kills until it was complete.
    pub kills: u32,
    /// Kills that came before the run had a directory.
    pub before_the_directory: u32,
    /// Attempts that were in flight and are listed as cut off.
    pub cut_off: u32,
    /// Whether the last kill came when all was made and told already.
    pub after_the_end: bool,
}

/// How long the run takes when nobody kills it: the shortest of three, so that most kills come before its end.
///
/// # Panics
/// When it does not end well.
pub fn whole_run() -> Duration {
    let took = |_| {
        let bench = Bench::new(CASES, "");
        let start = Instant::now();
        let run = bench.run(&run_arguments());
        assert_eq!(run.code, 0, "{}", run.stderr);
        start.elapsed()
    };
    (0..3).map(took).min().unwrap_or_default()
}

fn run_arguments() -> [&'static str; 4] {
    ["run", "suite.toml", "--attempts", "2"]
}

/// Kills a run at a random moment below `within`, and one in three times also what goes on with it. A run that is faster
/// than its kill is passed over for another.
///
/// # Panics
/// When a kill leaves anything that it must not leave.
pub fn kill_and_resume(draw: &mut Draw, within: Duration) -> Killed {
    loop {
        let bench = Bench::new(CASES, "");
        let mut told = Killed::default();
        while kill_start(&bench, &run_arguments(), draw, within, &mut told) == Found::NoRun {
            told.before_the_directory += 1;
        }
        while draw.below(3) == 0 && !is_told(&bench) {
            kill_start(&bench, &["resume", "latest"], draw, within, &mut told);
        }
        if told.kills > told.before_the_directory {
            told.after_the_end = is_told(&bench);
            complete(&bench, &mut told);
            return told;
        }
    }
}

fn complete(bench: &Bench, told: &mut Killed) {
    let resumed = bench.run(&["resume", "latest"]);
    let expected = if told.after_the_end { 12 } else { 0 };
    assert_eq!(resumed.code, expected, "{}", resumed.stderr);
    check_whole(bench, told);
}

/// What a kill has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    NoRun,
    Run,
}

/// Starts the program, kills it, and looks at what is there.
fn kill_start(
    bench: &Bench,
    arguments: &[&str],
    draw: &mut Draw,
    within: Duration,
    told: &mut Killed,
) -> Found {
    let delay = delay(draw, within);
    let start = Instant::now();
    let run = bench.start(arguments);
    sleep(delay.saturating_sub(start.elapsed()));
    run.signal(Signal::SIGKILL);
    told.kills += u32::from(run.code().is_none());
    wait_for("the end of every worker", || {
        workers(bench).is_empty().then_some(())
    });
    check_readable(bench)
}

/// One in four kills comes early, while the run's directory is made.
fn delay(draw: &mut Draw, within: Duration) -> Duration {
    let end = match draw.below(4) {
        0 => within / 8,
        _ => within,
    };
    Duration::from_micros(draw.below(u64::try_from(end.as_micros()).unwrap_or(u64::MAX)))
}

/// Every run that is there can be read, and none says that somebody makes it.
fn check_readable(bench: &Bench) -> Found {
    // A process that is ending loses its files, and with them the lock, a moment after it can no longer be seen.
    let runs = wait_for("the end of the killed run's lock", || {
        let runs = list(bench);
        let is_settled =
            |run: &Value| matches!(run["state"].as_str(), Some("interrupted" | "complete"));
        runs.iter().all(is_settled).then_some(runs)
    });
    for run in &runs {
        let name = run["run"].as_str().expect("a run has a name");
        let report = bench.run(&["report", name]);
        assert!(matches!(report.code, 0 | 12), "{}", report.stderr);
    }
    if runs.is_empty() {
        return Found::NoRun;
    }
    let latest = bench.run(&["report", "latest"]);
    assert!(matches!(latest.code, 0 | 12), "{}", latest.stderr);
    Found::Run
}

fn list(bench: &Bench) -> Vec<Value> {
    let listed = bench.run(&["list", "runs", "--format", "json"]);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    serde_json::from_str(&listed.stdout).expect("a list is JSON")
}

/// Whether the run has said all that it had to say.
fn is_told(bench: &Bench) -> bool {
    // The last file that is written.
    let page = bench.latest().join("report.html").is_file();
    page && bench.manifest().state == RunState::Complete
}

/// Nothing is lost, nothing is there twice, nothing is left half-written.
fn check_whole(bench: &Bench, told: &mut Killed) {
    let path = bench.latest();
    let record = RunRecord::load(&path).expect("a resumed run can be read");
    assert_eq!(record.manifest.state, RunState::Complete);
    for case in &record.manifest.cases {
        let numbers: Vec<u32> = case.attempts.iter().map(|a| a.attempt).collect();
        let distinct: BTreeSet<u32> = numbers.iter().copied().collect();
        assert_eq!(numbers.len(), distinct.len(), "an attempt twice");
        assert_eq!(case.ok_attempts().count(), ATTEMPTS as usize);
        for attempt in &case.attempts {
            let is_cut_off = matches!(attempt.outcome, Outcome::OrchestratorDied { .. });
            assert!(attempt.outcome.is_ok() || is_cut_off, "{attempt:?}");
            told.cut_off += u32::from(is_cut_off);
            let result = bench.attempt_file(&case.case.id, attempt.attempt, "result.json");
            assert_eq!(result.is_file(), attempt.outcome.is_ok(), "{result:?}");
        }
    }
    assert!(
        told.cut_off <= told.kills,
        "a kill costs one attempt at most"
    );
    check_ends(bench);
    for name in ["results.jsonl", "summary.json", "report.md", "report.html"] {
        assert!(path.join(name).is_file(), "{name}");
    }
    let halves = half_made(&bench.path("results"));
    assert!(halves.is_empty(), "{halves:?}");
}

/// In the log, each attempt starts and ends once.
fn check_ends(bench: &Bench) {
    let mut seen = BTreeSet::new();
    for event in bench.events() {
        let (case, attempt, is_end) = match event {
            RunEvent::AttemptStarted { case, attempt, .. } => (case, attempt, false),
            RunEvent::AttemptEnded { case, attempt, .. } => (case, attempt, true),
            _ => continue,
        };
        let is_new = seen.insert((case.clone(), attempt, is_end));
        assert!(is_new, "{case} attempt {attempt} twice");
    }
}

/// What has a temporary name, at any depth. A run that never got a name may wait for the next run to clear it away.
fn half_made(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if name.starts_with(".writing-") {
            found.push(name);
        } else if is_folder && !name.starts_with(".making-") {
            found.extend(half_made(&entry.path()));
        }
    }
    found
}

/// Processes that work in the test's folder.
fn workers(bench: &Bench) -> Vec<u32> {
    let here = bench.path("").canonicalize().expect("the folder is there");
    let entries = fs::read_dir("/proc").expect("processes can be listed");
    let pids = entries.flatten().filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let folder = fs::read_link(entry.path().join("cwd")).ok()?;
        (folder == here && !gone(pid)).then_some(pid)
    });
    pids.collect()
}
