//! Run directories as an orchestrator leaves them that is killed at one moment or another.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "rows/made.rs"]
#[expect(dead_code, reason = "made for the tests of rows")]
mod made;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anechoic_protocol::{Benchmark, Device, Phase, Version, WorkerEvent};
use anechoic_record::{
    AttemptRecord, CaseRecord, Manifest, Outcome, RecordError, Recorder, RunEvent, RunLock,
    RunRecord, RunState, SCHEMA_VERSION, find_run, list_runs,
};

const CASE: &str = "kv.case";

fn planned() -> Manifest {
    let mut manifest = made::manifest(Device::Cpu);
    let case = made::case(Benchmark::Latency(made::generation(Version::V1, &[8])));
    manifest.plan.attempts = 2;
    manifest.cases = vec![CaseRecord {
        attempts: vec![],
        granted: None,
        ..case
    }];
    manifest.state = RunState::Running;
    manifest
}

fn create(root: &Path) -> Recorder {
    Recorder::create(root, planned(), "# a suite\n").unwrap()
}

fn started(recorder: &mut Recorder, attempt: u32) {
    recorder.begin_attempt(CASE, attempt).unwrap();
    let case = CASE.to_owned();
    recorder
        .append(RunEvent::AttemptStarted {
            case,
            attempt,
            pid: 1,
            containment: Default::default(),
        })
        .unwrap();
}

fn ended(recorder: &mut Recorder, attempt: u32, outcome: Outcome) {
    recorder
        .append(RunEvent::AttemptEnded {
            case: CASE.to_owned(),
            attempt,
            outcome,
            wall_ns: 7,
            orchestrator_cpu_ns: 1,
            disturbed: vec![],
            left: vec![],
            pipes_left: false,
            placement: None,
        })
        .unwrap();
}

fn in_phase(recorder: &mut Recorder, attempt: u32, phase: Phase) {
    recorder
        .append(RunEvent::Worker {
            case: CASE.to_owned(),
            attempt,
            since_spawn_ns: 5,
            message: WorkerEvent::Phase { phase },
        })
        .unwrap();
}

fn outcomes(record: &RunRecord) -> Vec<(u32, Outcome)> {
    let attempts = record.manifest.cases[0].attempts.iter();
    attempts.map(|a| (a.attempt, a.outcome.clone())).collect()
}

fn reopen(path: &Path) -> Recorder {
    let lock = RunLock::take(path).unwrap().expect("nobody writes it");
    let record = RunRecord::load_locked(&lock).unwrap();
    Recorder::reopen(lock, &record).unwrap()
}

/// Reads the run, goes on with it twice, and checks that each time the same is in it.
fn check(path: &Path, expected: &[(u32, Outcome)]) {
    assert_eq!(outcomes(&RunRecord::load(path).unwrap()), expected);
    for _ in 0..2 {
        drop(reopen(path));
        let record = RunRecord::load(path).unwrap();
        assert_eq!(outcomes(&record), expected);
        assert_eq!(record.manifest.state, RunState::Interrupted);
    }
    let log = fs::read_to_string(path.join("events.jsonl")).unwrap();
    let ends = log.matches("\"attempt-ended\"").count();
    assert_eq!(ends, expected.len(), "each attempt ends once");
}

fn died(phase: Phase) -> Outcome {
    Outcome::OrchestratorDied { phase }
}

#[test]
fn an_end_that_only_the_log_knows_is_brought_into_the_manifest_once() {
    let root = tempfile::tempdir().unwrap();
    let mut recorder = create(root.path());
    started(&mut recorder, 1);
    ended(&mut recorder, 1, Outcome::ExitCode { code: 3 });
    let path = recorder.path().to_owned();
    drop(recorder);
    check(&path, &[(1, Outcome::ExitCode { code: 3 })]);
}

#[test]
fn a_good_end_gets_its_result_as_well() {
    let root = tempfile::tempdir().unwrap();
    let mut recorder = create(root.path());
    started(&mut recorder, 1);
    ended(&mut recorder, 1, Outcome::Ok);
    let path = recorder.path().to_owned();
    drop(recorder);
    let result = path.join("cases/kv.case/attempt-1/result.json");
    assert!(!result.exists());
    check(&path, &[(1, Outcome::Ok)]);
    let text = fs::read_to_string(result).unwrap();
    assert!(text.contains("\"schema_version\""), "{text}");
}

#[test]
fn an_attempt_without_an_end_was_cut_off_in_its_last_phase() {
    let root = tempfile::tempdir().unwrap();
    let mut recorder = create(root.path());
    started(&mut recorder, 1);
    in_phase(&mut recorder, 1, Phase::Measure);
    let path = recorder.path().to_owned();
    // The result of an attempt that did not end is none.
    let result = path.join("cases/kv.case/attempt-1/result.json");
    fs::write(&result, "{}").unwrap();
    let in_flight = RunRecord::load(&path).unwrap();
    assert_eq!(outcomes(&in_flight), [], "somebody is at work");
    assert_eq!(in_flight.manifest.state, RunState::Running);
    drop(recorder);
    check(&path, &[(1, died(Phase::Measure))]);
    assert!(!result.exists());
}

#[test]
fn a_folder_alone_is_an_attempt_that_was_cut_off() {
    let root = tempfile::tempdir().unwrap();
    let recorder = create(root.path());
    recorder.begin_attempt(CASE, 1).unwrap();
    let path = recorder.path().to_owned();
    drop(recorder);
    check(&path, &[(1, died(Phase::Start))]);
}

#[test]
fn what_a_case_owes_leaves_out_its_own_failures() {
    let attempt = |attempt, outcome| AttemptRecord {
        attempt,
        started: "2026-11-22T03:45:01Z".parse().unwrap(),
        wall_ns: 1,
        outcome,
        disturbed: vec![],
        left: vec![],
        pipes_left: false,
        worker_identity: None,
        placement: None,
    };
    let timeout = || Outcome::Timeout {
        phase: Phase::Measure,
        limit_ms: 1,
    };
    let check = |retries: u32, outcomes: Vec<Outcome>, expected: u32| {
        let mut manifest = planned();
        manifest.plan.retries.count = retries;
        let shown = format!("{retries} {outcomes:?}");
        let numbered = (1..).zip(outcomes);
        manifest.cases[0].attempts = numbered.map(|(n, o)| attempt(n, o)).collect();
        let owed = manifest.cases[0].unmade(&manifest.plan);
        assert_eq!(owed, expected, "{shown}");
    };
    let cancelled = || Outcome::Cancelled { phase: Phase::Load };
    check(0, vec![], 2);
    check(0, vec![Outcome::Ok], 1);
    check(0, vec![Outcome::Ok, Outcome::ExitCode { code: 1 }], 0);
    check(0, vec![Outcome::Ok, died(Phase::Load)], 1);
    check(0, vec![cancelled(), died(Phase::Load)], 2);
    check(0, vec![timeout(), Outcome::Ok], 0);
    check(1, vec![timeout(), Outcome::Ok], 1);
    check(1, vec![timeout(), Outcome::Ok, Outcome::Ok], 0);
    check(1, vec![timeout(), Outcome::Ok, died(Phase::Load)], 1);
    check(1, vec![timeout(), timeout(), timeout()], 0);
    check(2, vec![timeout(), Outcome::Ok, Outcome::Ok], 0);
}

#[test]
fn a_run_that_never_became_whole_is_none_and_is_cleared_away() {
    let root = tempfile::tempdir().unwrap();
    let whole = create(root.path()).path().to_owned();
    let half = root.path().join(".making-capture-x");
    fs::create_dir(&half).unwrap();
    fs::write(half.join("events.jsonl"), "").unwrap();
    // The link was set before the directory had its name.
    let link = root.path().join("latest");
    fs::remove_file(&link).unwrap();
    std::os::unix::fs::symlink("kv_2026-01-01T00-00-00Z", &link).unwrap();
    assert_eq!(names(root.path()), [name(&whole)]);
    assert_eq!(
        find_run(root.path(), "latest").unwrap(),
        whole.canonicalize().unwrap()
    );

    let second = create(root.path()).path().to_owned();
    assert!(half.exists(), "its maker may be about to take it");
    age(&half);
    let held = RunLock::take(&half).unwrap().unwrap();
    let third = create(root.path()).path().to_owned();
    assert!(half.exists(), "its maker is at work");
    drop(held);
    let fourth = create(root.path()).path().to_owned();
    assert!(!half.exists());
    assert_eq!(
        names(root.path()),
        [&whole, &second, &third, &fourth].map(|run| name(run))
    );
    assert!(
        find_run(root.path(), "latest")
            .unwrap()
            .ends_with(name(&fourth))
    );
}

/// Makes a folder look as if it had been made two minutes ago.
fn age(folder: &Path) {
    let then = SystemTime::now() - Duration::from_secs(120);
    let opened = fs::File::open(folder).unwrap();
    opened.set_modified(then).unwrap();
}

fn names(root: &Path) -> Vec<String> {
    list_runs(root)
        .unwrap()
        .into_iter()
        .map(|r| r.run)
        .collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[test]
fn a_run_that_somebody_writes_is_not_taken() {
    let root = tempfile::tempdir().unwrap();
    let recorder = create(root.path());
    let path = recorder.path().to_owned();
    assert!(RunLock::take(&path).unwrap().is_none());
    let lock = recorder.close();
    assert!(RunLock::take(&path).unwrap().is_none());
    drop(lock);
    assert!(RunLock::take(&path).unwrap().is_some());
}

#[test]
fn half_written_files_go_when_the_run_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let recorder = create(root.path());
    recorder.begin_attempt(CASE, 1).unwrap();
    let path = recorder.path().to_owned();
    drop(recorder);
    fs::create_dir(path.join("plots")).unwrap();
    let halves: Vec<PathBuf> = ["", "plots", "cases/kv.case/attempt-1"]
        .map(|folder| path.join(folder).join(".writing-abc"))
        .into();
    for half in &halves {
        fs::write(half, "{").unwrap();
    }
    drop(reopen(&path));
    assert!(halves.iter().all(|half| !half.exists()));
}

#[test]
fn a_newer_log_is_named_before_its_lines_are() {
    let root = tempfile::tempdir().unwrap();
    let path = create(root.path()).path().to_owned();
    let newer = SCHEMA_VERSION + 1;
    let line = format!(
        "{{\"at\":\"2026-11-22T03:45:00Z\",\"event\":\"run-started\",\"schema_version\":{newer},\"by\":\"whom\"}}\n"
    );
    fs::write(path.join("events.jsonl"), line).unwrap();
    let error = RunRecord::load(&path).unwrap_err();
    assert!(
        matches!(error, RecordError::Newer { found, .. } if found == newer),
        "{error}"
    );
}
