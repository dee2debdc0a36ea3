//! Writes run directories and reads them back, whole, cut short and damaged.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;
use std::path::Path;
use std::time::Duration;

use anechoic_protocol::{
    Attribution, Benchmark, CaptureIteration, CaptureMode, CaptureWork, Device, Dtype, FailureKind,
    ModelSource, Preset, Probe, Sample, Strategy, WorkerEvent, Workload,
};
use anechoic_record::{
    AttemptRecord, CaseRecord, Clocks, Containment, Disturbance, Executor, Interruption, Machine,
    MachineState, Manifest, MemoryEvidence, Moment, Observation, Outcome, Placement, RecordError,
    Recorder, Restless, RunEvent, RunLock, RunRecord, RunSettings, RunState, SCHEMA_VERSION,
    SlurmOptions, Start, StartedBy, Wait, find_run, list_runs, result_json, result_lines,
    write_atomically,
};
use anechoic_suite::{Case, Order, Plan, Slot};

fn case(id: &str) -> Case {
    Case {
        id: id.to_owned(),
        seed: 7,
        threads: None,
        timeout: Duration::from_secs(60),
        isolation: Default::default(),
        worker: None,
        work: Benchmark::Capture(CaptureWork {
            model: ModelSource::Preset {
                name: Preset::Gpt2Tiny,
            },
            dtype: Dtype::F32,
            workload: Workload {
                batch_size: 2,
                prefill_tokens: 8,
                decode_tokens: 4,
                prefill_chunk: 8,
                warmup_iterations: 1,
                iterations: 2,
            },
            mode: CaptureMode::AllLayers,
            layers: vec![0, 1, 2, 3],
            strategy: Strategy::Arena,
            probe: Probe::Full,
            attribution: Attribution::Off,
            fetch_dtype: Dtype::F32,
            fetch_breakdown: false,
        }),
    }
}

fn manifest() -> Manifest {
    let cases = vec![case("capture.a"), case("capture.b")];
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: String::new(),
        anechoic: "0.1.0".to_owned(),
        started: "2026-11-22T03:45:00Z".parse().unwrap(),
        state: RunState::Running,
        settings: RunSettings {
            device: Device::Cpu,
            threads: 2,
            worker: "anechoic-worker".to_owned(),
            worker_identity: None,
            torch: None,
            executor: Executor::Local,
        },
        machine: Machine {
            hostname: None,
            kernel: None,
            cpu: None,
            logical_cpus: 2,
            physical_cores: 2,
            memory_bytes: None,
            gpu: None,
            gpu_uuid: None,
        },
        cases: cases
            .iter()
            .map(|case| CaseRecord {
                case: case.clone(),
                attempts: vec![],
                granted: None,
            })
            .collect(),
        starts: vec![],
        audit: None,
        plan: Plan {
            name: "capture".to_owned(),
            question: None,
            cooldown: Duration::from_secs(1),
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Listed,
            attempts: 1,
            until: None,
            slots: vec![
                Slot {
                    case: 0,
                    attempt: 1,
                },
                Slot {
                    case: 1,
                    attempt: 1,
                },
            ],
            cases,
        },
    }
}

fn sample(iteration: u32) -> Sample {
    Sample::Capture(CaptureIteration {
        iteration,
        prefill_ns: 100_000_000,
        decode_ns: 300_000_000,
        generation_ns: 400_000_000,
        fetch_ns: 50_000_000,
        fetch_parts: None,
        generated_tokens: 8,
        captured_rows: 88,
        captured_bytes: 22_528,
        resident_bytes: 1 << 20,
        inside_ns: None,
        paired: None,
    })
}

fn worker(message: WorkerEvent) -> RunEvent {
    RunEvent::Worker {
        case: "capture.a".to_owned(),
        attempt: 1,
        since_spawn_ns: 5,
        message,
    }
}

fn record_one(root: &Path, outcome: Outcome) -> Recorder {
    let mut recorder = Recorder::create(root, manifest(), "# the suite\n").unwrap();
    for iteration in [1, 2] {
        let sample = sample(iteration);
        recorder
            .append(worker(WorkerEvent::Sample { sample }))
            .unwrap();
    }
    recorder
        .append(RunEvent::AttemptEnded {
            case: "capture.a".to_owned(),
            attempt: 1,
            outcome: outcome.clone(),
            wall_ns: 1_000,
            orchestrator_cpu_ns: 10,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            placement: None,
        })
        .unwrap();
    let attempt = AttemptRecord {
        attempt: 1,
        started: "2026-11-22T03:45:01Z".parse().unwrap(),
        wall_ns: 1_000,
        outcome,
        disturbed: Vec::new(),
        left: Vec::new(),
        pipes_left: false,
        worker_identity: None,
        placement: None,
    };
    recorder.end_attempt("capture.a", attempt).unwrap();
    recorder
}

fn reopen(path: &Path) -> Recorder {
    let lock = RunLock::take(path).unwrap().expect("nobody writes it");
    let record = RunRecord::load_locked(&lock).unwrap();
    Recorder::reopen(lock, &record).unwrap()
}

#[test]
fn what_was_written_is_read() {
    let root = tempfile::tempdir().unwrap();
    let recorder = record_one(root.path(), Outcome::Ok);
    assert_eq!(recorder.manifest().run, "capture_2026-11-22T03-45-00Z");
    let path = find_run(root.path(), "latest").unwrap();
    let record = RunRecord::load(&path).unwrap();
    assert_eq!(&record.manifest, recorder.manifest());
    assert_eq!(
        record.attempt("capture.a", 1).samples,
        [sample(1), sample(2)]
    );
    assert_eq!(record.attempt("capture.a", 1).wall_ns, Some(1_000));
    assert_eq!(
        fs::read_to_string(path.join("suite.toml")).unwrap(),
        "# the suite\n"
    );
}

#[test]
fn every_outcome_survives_storage() {
    let outcomes = [
        Outcome::Ok,
        Outcome::WorkerFailed {
            kind: FailureKind::ModelLoad,
            message: "no file".to_owned(),
        },
        Outcome::EchoMismatch {
            differences: vec!["threads: 2, 4".to_owned()],
        },
        Outcome::ExitCode { code: 3 },
        Outcome::Signal {
            number: 9,
            name: "SIGKILL".to_owned(),
        },
        Outcome::Timeout {
            phase: anechoic_protocol::Phase::Measure,
            limit_ms: 1_500,
        },
        Outcome::ProtocolMismatch {
            expected: 1,
            found: 2,
        },
        Outcome::ProtocolViolation {
            detail: "two results".to_owned(),
        },
        Outcome::SpawnFailed {
            message: "no such file".to_owned(),
        },
        Outcome::Cancelled {
            phase: anechoic_protocol::Phase::Load,
        },
        Outcome::HostOutOfMemory {
            evidence: MemoryEvidence::Slurm { slurm_job: 7 },
        },
        Outcome::SubmissionFailed {
            message: "Invalid partition".to_owned(),
        },
        Outcome::NodeFailed {
            detail: "NODE_FAIL (NodeDown)".to_owned(),
        },
        Outcome::Requeued {
            how: Interruption::Suspended,
        },
        Outcome::JobCancelled {
            reason: "None".to_owned(),
        },
    ];
    for outcome in outcomes {
        let root = tempfile::tempdir().unwrap();
        let recorder = record_one(root.path(), outcome.clone());
        let record = RunRecord::load(recorder.path()).unwrap();
        assert_eq!(record.manifest.cases[0].attempts[0].outcome, outcome);
        assert!(!outcome.cause().is_empty());
    }
}

#[test]
fn a_second_run_in_the_same_second_gets_its_own_folder() {
    let root = tempfile::tempdir().unwrap();
    let first = record_one(root.path(), Outcome::Ok);
    let second = record_one(root.path(), Outcome::Ok);
    assert_eq!(second.manifest().run, format!("{}-2", first.manifest().run));
    let names: Vec<_> = list_runs(root.path())
        .unwrap()
        .into_iter()
        .map(|r| r.run)
        .collect();
    assert_eq!(
        names,
        [first.manifest().run.clone(), second.manifest().run.clone()]
    );
    let latest = find_run(root.path(), "latest").unwrap();
    assert!(latest.ends_with(&second.manifest().run));
}

#[test]
fn a_line_cut_by_a_crash_is_dropped_when_the_run_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let path = record_one(root.path(), Outcome::Ok).path().to_owned();
    let events = path.join("events.jsonl");
    let whole = fs::read_to_string(&events).unwrap();
    fs::write(&events, format!("{whole}{{\"at\":\"2026-")).unwrap();
    assert_eq!(
        RunRecord::load(&path)
            .unwrap()
            .attempt("capture.a", 1)
            .samples
            .len(),
        2
    );
    let mut recorder = reopen(&path);
    recorder
        .append(RunEvent::RunEnded {
            state: RunState::Complete,
        })
        .unwrap();
    recorder.set_state(RunState::Complete).unwrap();
    let text = fs::read_to_string(&events).unwrap();
    assert!(text.starts_with(&whole) && text.lines().count() == whole.lines().count() + 1);
    assert_eq!(
        RunRecord::load(&path).unwrap().manifest.state,
        RunState::Complete
    );
}

#[test]
fn an_attempt_that_was_only_started_leaves_a_trace() {
    let root = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::create(root.path(), manifest(), "").unwrap();
    recorder.begin_attempt("capture.b", 1).unwrap();
    let traced = |recorder: &Recorder| RunRecord::load(recorder.path()).unwrap().attempts.len();
    assert_eq!(traced(&recorder), 1, "the folder alone tells");
    let case = "capture.b".to_owned();
    recorder
        .append(RunEvent::AttemptStarted {
            case,
            attempt: 1,
            pid: 1,
            containment: Containment::default(),
        })
        .unwrap();
    let record = RunRecord::load(recorder.path()).unwrap();
    assert!(record.attempts.contains_key(&("capture.b".to_owned(), 1)));
    assert!(
        recorder.begin_attempt("capture.b", 1).is_err(),
        "its logs are not written over"
    );
}

#[test]
fn a_folder_that_is_no_longer_the_run_s_gets_no_attempt() {
    let take_away: [fn(&Path); 4] = [
        |run| fs::remove_dir_all(run).unwrap(),
        |run| fs::rename(run, run.with_extension("moved")).unwrap(),
        |run| {
            fs::rename(run, run.with_extension("moved")).unwrap();
            fs::create_dir(run).unwrap();
            fs::write(run.join("events.jsonl"), "").unwrap();
        },
        |run| {
            fs::remove_file(run.join("events.jsonl")).unwrap();
            fs::write(run.join("events.jsonl"), "").unwrap();
        },
    ];
    for take_away in take_away {
        let root = tempfile::tempdir().unwrap();
        let recorder = Recorder::create(root.path(), manifest(), "").unwrap();
        let run = recorder.path().to_owned();
        recorder.begin_attempt("capture.a", 1).unwrap();
        take_away(&run);
        let error = recorder.begin_attempt("capture.b", 1).unwrap_err();
        assert!(matches!(error, RecordError::Gone(_)), "{error}");
        assert!(!run.join("cases/capture.b").exists());
    }
}

#[test]
fn damage_and_newer_versions_are_named() {
    let root = tempfile::tempdir().unwrap();
    let path = record_one(root.path(), Outcome::Ok).path().to_owned();
    let events = path.join("events.jsonl");
    let whole = fs::read_to_string(&events).unwrap();
    fs::write(&events, format!("garbage\n{whole}")).unwrap();
    let message = RunRecord::load(&path).unwrap_err().to_string();
    assert!(message.contains("events.jsonl` line 1"), "{message}");

    let manifest = path.join("run.json");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(
        &manifest,
        text.replacen("\"schema_version\": 1", "\"schema_version\": 99", 1),
    )
    .unwrap();
    let error = RunRecord::load(&path).unwrap_err();
    assert!(
        matches!(error, RecordError::Newer { found: 99, .. }),
        "{error}"
    );
    let listed = list_runs(root.path()).unwrap();
    assert!(
        listed[0].manifest.is_err(),
        "a damaged run is listed, not hidden"
    );
}

#[test]
fn missing_runs_name_what_there_is() {
    let root = tempfile::tempdir().unwrap();
    let message = find_run(root.path(), "nope").unwrap_err().to_string();
    assert!(
        message.contains("`nope`") && message.contains("holds no runs"),
        "{message}"
    );
    record_one(root.path(), Outcome::Ok);
    let message = find_run(root.path(), "nope").unwrap_err().to_string();
    assert!(
        message.contains("capture_2026-11-22T03-45-00Z"),
        "{message}"
    );
}

#[test]
fn a_results_root_that_cannot_be_made_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    let message = Recorder::create(&file, manifest(), "")
        .unwrap_err()
        .to_string();
    assert!(message.contains("create the results folder"), "{message}");
}

#[test]
fn a_file_that_cannot_be_written_is_named_and_not_the_one_that_would_become_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent/file");
    let error = write_atomically(&path, b"text").unwrap_err();
    let text = format!(
        "write `{}`: No such file or directory (os error 2)",
        path.display()
    );
    assert_eq!(error.to_string(), text);
}

#[test]
fn result_json_has_the_documented_figures() {
    let root = tempfile::tempdir().unwrap();
    let recorder = record_one(root.path(), Outcome::Ok);
    let record = RunRecord::load(recorder.path()).unwrap();
    let data = record.attempt("capture.a", 1);
    let value = result_json(&record.manifest, &record.manifest.cases[0], 1, &data);
    assert_eq!(value["mode"], "all-layers");
    assert_eq!(value["capture_layers"], serde_json::json!([0, 1, 2, 3]));
    assert_eq!(value["num_captured_layers"], 4);
    let first = &value["iterations"][0];
    assert_eq!(first["generation_time"], 0.4);
    assert_eq!(first["fetch_time"], 0.05);
    assert_eq!(first["total_time"], 0.45);
    // Two requests of 8 + 4 tokens in 0.4 s.
    assert_eq!(first["throughput_tokens_per_sec"], 60.0);
    // Two requests of 3 decode steps in 0.3 s.
    assert_eq!(first["decode_tokens_per_sec"], 20.0);
    assert_eq!(value["summary"]["n"], 2);
    assert_eq!(value["summary"]["mean_generation_time"], 0.4);
    assert_eq!(value["summary"]["max_fetch_time"], 0.05);

    let lines = result_lines(&record.manifest, &record.manifest.cases[0], 1, &data);
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1]["iteration"], 2);
    assert_eq!(lines[1]["generation_ns"], 400_000_000);
    assert_eq!(lines[1]["model"], "gpt2-tiny");
}

#[test]
fn the_waits_and_readings_of_an_attempt_come_back() {
    let root = tempfile::tempdir().unwrap();
    let mut recorder = Recorder::create(root.path(), manifest(), "").unwrap();
    let (case, attempt) = ("capture.a".to_owned(), 1);
    let wait = Wait {
        waited_ms: 700,
        what: Restless::CpuThrottled { times: 2 },
    };
    let seen = Observation {
        since_spawn_ns: 9,
        worker_cpu_ms: Some(8),
        state: MachineState {
            cpu_busy_ms: Some(7),
            ..MachineState::default()
        },
    };
    let waited = RunEvent::CooledDown {
        case: case.clone(),
        attempt,
        waited_ms: 1_000,
        waits: vec![wait.clone()],
    };
    let observed = RunEvent::Observed {
        case: case.clone(),
        attempt,
        observations: vec![seen.clone()],
        cost_ns: 6,
    };
    for event in [waited, observed] {
        recorder.append(event).unwrap();
    }
    let data = RunRecord::load(recorder.path()).unwrap().attempt(&case, 1);
    assert_eq!((data.waited_ms, data.waits), (1_000, vec![wait]));
    assert_eq!(
        (data.observations, data.observing_ns),
        (vec![seen], Some(6))
    );
}

#[test]
fn events_of_an_earlier_version_have_no_reasons_to_wait() {
    let old = r#"{"at":"2026-11-22T03:45:00Z","event":"cooled-down","case":"capture.a","attempt":1,"waited_ms":5}"#;
    let root = tempfile::tempdir().unwrap();
    let recorder = Recorder::create(root.path(), manifest(), "").unwrap();
    fs::write(recorder.path().join("events.jsonl"), format!("{old}\n")).unwrap();
    let data = RunRecord::load(recorder.path())
        .unwrap()
        .attempt("capture.a", 1);
    assert_eq!(
        (data.waited_ms, data.waits.len(), data.observing_ns),
        (5, 0, None)
    );
}

#[test]
fn a_case_is_made_as_often_as_planned_and_once_more_for_each_ending_that_is_retried() {
    let timeout = || Outcome::Timeout {
        phase: anechoic_protocol::Phase::Measure,
        limit_ms: 1,
    };
    let exit = || Outcome::ExitCode { code: 3 };
    let cancelled = || Outcome::Cancelled {
        phase: anechoic_protocol::Phase::Measure,
    };
    let check = |planned: u32, retries: u32, outcomes: &[Outcome], expected: u32| {
        let mut manifest = manifest();
        manifest.plan.attempts = planned;
        manifest.plan.retries.count = retries;
        let mut case = manifest.cases[0].clone();
        case.attempts = (1..)
            .zip(outcomes)
            .map(|(attempt, outcome)| AttemptRecord {
                attempt,
                started: manifest.started,
                wall_ns: 1,
                outcome: outcome.clone(),
                disturbed: vec![],
                left: vec![],
                pipes_left: false,
                worker_identity: None,
                placement: None,
            })
            .collect();
        assert_eq!(case.unmade(&manifest.plan), expected, "{outcomes:?}");
    };
    check(2, 0, &[], 2);
    check(2, 0, &[Outcome::Ok, timeout()], 0);
    check(2, 0, &[Outcome::Ok, cancelled()], 1);
    check(2, 1, &[timeout()], 2);
    check(2, 1, &[timeout(), timeout()], 1);
    check(2, 1, &[timeout(), timeout(), timeout()], 0);
    check(2, 3, &[timeout(), Outcome::Ok], 1);
    check(2, 3, &[exit(), Outcome::Ok], 0);
    check(1, 3, &[timeout(), cancelled()], 1);
    check(1, 3, &[timeout(), Outcome::Ok], 0);
}

#[test]
fn every_ending_is_read_back_from_the_manifest_and_from_its_event() {
    let disturbance = Disturbance {
        when: Moment::During,
        what: Restless::GpuProcesses { pids: vec![7] },
    };
    let text = || "text".to_owned();
    let phase = anechoic_protocol::Phase::Measure;
    let endings = [
        Outcome::Ok,
        Outcome::WorkerFailed {
            kind: FailureKind::Internal,
            message: text(),
        },
        Outcome::VerificationFailed { detail: text() },
        Outcome::EchoMismatch {
            differences: vec![text()],
        },
        Outcome::ExitCode { code: 3 },
        Outcome::Signal {
            number: 9,
            name: text(),
        },
        Outcome::Timeout { phase, limit_ms: 5 },
        Outcome::HostOutOfMemory {
            evidence: MemoryEvidence::Refused { message: text() },
        },
        Outcome::DeviceOutOfMemory { message: text() },
        Outcome::ProtocolMismatch {
            expected: 1,
            found: 2,
        },
        Outcome::ProtocolViolation { detail: text() },
        Outcome::SpawnFailed { message: text() },
        Outcome::Contaminated {
            disturbances: vec![disturbance.clone()],
            started: true,
        },
        Outcome::Leaked {
            processes: 1,
            held_pipes: true,
        },
        Outcome::Cancelled { phase },
        Outcome::OrchestratorDied { phase },
    ];
    for outcome in endings {
        let record = AttemptRecord {
            attempt: 1,
            started: "2026-11-22T03:45:00Z".parse().unwrap(),
            wall_ns: 1,
            outcome: outcome.clone(),
            disturbed: vec![disturbance.clone()],
            left: vec![],
            pipes_left: true,
            worker_identity: None,
            placement: None,
        };
        let json = serde_json::to_string(&record).unwrap();
        assert_eq!(
            serde_json::from_str::<AttemptRecord>(&json).unwrap(),
            record
        );
        let event = RunEvent::AttemptEnded {
            case: text(),
            attempt: 1,
            outcome,
            wall_ns: 1,
            orchestrator_cpu_ns: 1,
            disturbed: record.disturbed,
            left: vec![],
            pipes_left: true,
            placement: None,
        };
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<RunEvent>(&json).unwrap(), event);
    }
}

#[test]
fn one_attempt_is_written_beside_its_run_and_taken_in() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Recorder::create(root.path(), manifest(), "# the suite\n").unwrap();
    let files = run.begin_attempt("capture.a", 1).unwrap();
    let desk = files.folder.join("desk");
    fs::create_dir(&desk).unwrap();
    assert!(
        Recorder::of_attempt(&desk, manifest()).is_err(),
        "the log has to be there"
    );
    let log = desk.join("events.jsonl");
    fs::write(&log, "").unwrap();
    let mut part = Recorder::of_attempt(&desk, manifest()).unwrap();
    let own = part.begin_attempt("capture.a", 1).unwrap();
    assert_eq!(own.folder, files.folder);
    let stamped = part.append(worker(WorkerEvent::Warning {
        message: "hot".to_owned(),
    }));
    part.set_state(RunState::Complete).unwrap();
    assert!(!desk.join("run.json").exists());
    drop(part);
    let again = Recorder::of_attempt(&desk, manifest());
    assert!(matches!(again, Err(RecordError::Busy(_))), "{again:?}");

    run.absorb(&stamped.unwrap()).unwrap();
    let path = run.path().to_owned();
    assert_eq!(
        fs::read(path.join("events.jsonl")).unwrap(),
        fs::read(log).unwrap()
    );
    drop(run);
    let record = RunRecord::load(&path).unwrap();
    assert_eq!(record.attempt("capture.a", 1).warnings, ["hot"]);
}

#[test]
fn the_machine_of_a_run_is_that_of_its_first_attempt_and_others_make_it_mixed() {
    let root = tempfile::tempdir().unwrap();
    let mut manifest = manifest();
    manifest.settings.executor = Executor::Slurm(SlurmOptions::default());
    let start = |name: &str, cores| Start {
        at: manifest.started,
        by: StartedBy::Run,
        anechoic: String::new(),
        machine: Machine {
            hostname: Some(name.to_owned()),
            physical_cores: cores,
            ..manifest.machine.clone()
        },
        clocks: Clocks {
            gpu_driver: Some("580".to_owned()),
            ..Clocks::default()
        },
        programs: vec![],
        environment: Default::default(),
        suite_file: None,
        timeout_ms: None,
        differences: vec![],
    };
    let (login, a, b) = (start("login", 2), start("a", 8), start("b", 4));
    manifest.starts = vec![login];
    let mut run = Recorder::create(root.path(), manifest.clone(), "").unwrap();
    run.meet(&a);
    assert_eq!(run.manifest().machine, a.machine);
    assert_eq!(run.manifest().starts[0].clocks, a.clocks);
    run.begin_attempt("capture.a", 1).unwrap();
    let record = AttemptRecord {
        attempt: 1,
        started: manifest.started,
        wall_ns: 1,
        outcome: Outcome::Requeued {
            how: Interruption::Preempted,
        },
        disturbed: vec![],
        left: vec![],
        pipes_left: false,
        worker_identity: None,
        placement: Some(Placement {
            slurm_job: Some(7),
            node: Some("a".to_owned()),
            submitted: manifest.started,
            started: Some(manifest.started),
            ended: None,
            queued_ms: 1000,
            beside_ms: 1200,
        }),
    };
    run.end_attempt("capture.a", record.clone()).unwrap();
    run.meet(&a);
    assert!(run.manifest().mixed().is_empty());
    run.meet(&b);
    run.meet(&b);
    assert_eq!(run.manifest().machine, a.machine);
    let expected = ["node was a and is b", "cores was 8 and is 4"];
    assert_eq!(run.manifest().mixed(), expected);
    run.set_state(RunState::Complete).unwrap();
    let path = run.path().to_owned();
    drop(run);
    let read = RunRecord::load(&path).unwrap().manifest;
    assert_eq!(read.cases[0].attempts, [record]);
    assert_eq!(read.settings.executor, manifest.settings.executor);
}

/// The log alone tells where an attempt was made, where `run.json` was not replaced any more.
#[test]
fn the_place_of_an_attempt_is_in_the_log_too() {
    let root = tempfile::tempdir().unwrap();
    let mut run = Recorder::create(root.path(), manifest(), "").unwrap();
    run.begin_attempt("capture.a", 1).unwrap();
    let placement = Placement {
        slurm_job: Some(7),
        node: Some("a".to_owned()),
        submitted: manifest().started,
        started: None,
        ended: None,
        queued_ms: 0,
        beside_ms: 5,
    };
    run.append(RunEvent::AttemptEnded {
        case: "capture.a".to_owned(),
        attempt: 1,
        outcome: Outcome::NodeFailed {
            detail: "gone".to_owned(),
        },
        wall_ns: 0,
        orchestrator_cpu_ns: 0,
        disturbed: vec![],
        left: vec![],
        pipes_left: false,
        placement: Some(Box::new(placement.clone())),
    })
    .unwrap();
    let path = run.path().to_owned();
    drop(run);
    let read = RunRecord::load(&path).unwrap().manifest;
    assert_eq!(read.cases[0].attempts[0].placement, Some(placement));
}
