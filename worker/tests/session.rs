//! The real worker, spoken to as an orchestrator and as a careless person would.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod common;

use std::io::{BufRead, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anechoic_protocol::{
    Attribution, Benchmark, CaptureMode, CaptureWork, Device, Dtype, FailureKind, Job, ModelSource,
    PROTOCOL_VERSION, Phase, Preset, Probe, Sample, Strategy, WorkerEvent, Workload, decode_line,
    encode_line,
};
use common::{Ran, run, speak};

fn capture_job(mode: CaptureMode, layers: &[u32]) -> Job {
    Job {
        protocol: PROTOCOL_VERSION,
        case: "capture.test".to_owned(),
        attempt: 1,
        device: Device::Cpu,
        threads: 1,
        seed: 3,
        work: Benchmark::Capture(CaptureWork {
            model: ModelSource::Preset {
                name: Preset::Gpt2Tiny,
            },
            dtype: Dtype::F32,
            workload: Workload {
                batch_size: 2,
                prefill_tokens: 9,
                decode_tokens: 5,
                prefill_chunk: 9,
                warmup_iterations: 1,
                iterations: 2,
            },
            mode,
            layers: layers.to_vec(),
            strategy: Strategy::Arena,
            probe: Probe::Full,
            attribution: Attribution::Off,
            fetch_dtype: Dtype::F32,
            fetch_breakdown: false,
        }),
        more: false,
    }
}

fn settings(job: &mut Job) -> &mut CaptureWork {
    match &mut job.work {
        Benchmark::Capture(work) => work,
        other => panic!("not a capture but {other:?}"),
    }
}

/// The samples of a capture job.
fn captures(ran: &Ran) -> Vec<anechoic_protocol::CaptureIteration> {
    let capture = |sample: &&Sample| match sample {
        Sample::Capture(capture) => capture.clone(),
        other => panic!("not a capture but {other:?}"),
    };
    ran.samples().iter().map(capture).collect()
}

#[test]
fn a_job_is_done_in_order_and_echoed() {
    let job = capture_job(CaptureMode::Custom, &[0, 3]);
    let ran = run(&job);
    assert!(matches!(
        ran.events[0],
        WorkerEvent::Hello {
            protocol: PROTOCOL_VERSION,
            ..
        }
    ));
    let phases: Vec<Phase> = ran
        .events
        .iter()
        .filter_map(|event| match event {
            WorkerEvent::Phase { phase } => Some(*phase),
            _ => None,
        })
        .collect();
    use Phase::{Load, Measure, Stop, Verify, WarmUp};
    assert_eq!(phases, [Load, Verify, WarmUp, Measure, Stop]);
    assert_eq!(ran.result().used.0, job);
    assert_eq!(ran.code, Some(0));
    let iterations: Vec<u32> = ran.samples().iter().map(|s| s.iteration()).collect();
    assert_eq!(iterations, [1, 2]);
    for sample in captures(&ran) {
        // Two layers, two requests, 9 + 5 − 1 rows of 64 values of 4 bytes.
        assert_eq!(sample.captured_rows, 2 * 2 * 13);
        assert_eq!(sample.captured_bytes, 2 * 2 * 13 * 64 * 4);
        assert_eq!(sample.generated_tokens, 2 * 5);
        assert!(sample.prefill_ns > 0 && sample.decode_ns > 0 && sample.fetch_ns > 0);
        assert!(sample.generation_ns >= sample.prefill_ns + sample.decode_ns);
    }
    let verification = ran.result().verification.clone().unwrap();
    assert!(verification.compared > 0 && verification.max_relative_error <= verification.tolerance);
}

#[test]
fn every_mode_strategy_probe_and_dtype_runs_and_is_echoed() {
    let check = |change: &dyn Fn(&mut CaptureWork), rows: u64| {
        let mut job = capture_job(CaptureMode::AllLayers, &[0, 1, 2, 3]);
        change(settings(&mut job));
        let ran = run(&job);
        assert_eq!(ran.result().used.0, job);
        for sample in captures(&ran) {
            assert_eq!(sample.captured_rows, rows, "{job:?}");
        }
    };
    let all = 4 * 2 * 13;
    let no_layers = |mode| {
        move |work: &mut CaptureWork| {
            work.mode = mode;
            work.layers.clear();
        }
    };
    check(&no_layers(CaptureMode::Baseline), 0);
    check(&no_layers(CaptureMode::ZeroLayer), 0);
    check(&|work| work.strategy = Strategy::Concat, all);
    check(&|work| work.strategy = Strategy::Buffered(3), all);
    check(&|work| work.probe = Probe::Noop, 0);
    check(&|work| work.probe = Probe::Slice, 0);
    check(&|work| work.probe = Probe::Copy, 0);
    check(&|work| work.dtype = Dtype::Bf16, all);
    check(&|work| work.dtype = Dtype::F16, all);
    check(&|work| work.fetch_dtype = Dtype::F16, all);
    check(&|work| work.mode = CaptureMode::Custom, all);
    let in_parts = |work: &mut CaptureWork| {
        no_layers(CaptureMode::Baseline)(work);
        work.fetch_breakdown = true;
    };
    check(&in_parts, 0);
    check(&|work| work.workload.prefill_chunk = 4, all);
    check(&|work| work.workload.warmup_iterations = 0, all);
    check(&|work| work.workload.decode_tokens = 1, 4 * 2 * 9);
    let qwen = ModelSource::Preset {
        name: Preset::Qwen2Tiny,
    };
    check(&|work| work.model = qwen.clone(), all);
}

#[test]
fn attribution_yields_its_readings() {
    let mut job = capture_job(CaptureMode::AllLayers, &[0, 1, 2, 3]);
    settings(&mut job).attribution = Attribution::Paired;
    settings(&mut job).fetch_breakdown = true;
    for sample in captures(&run(&job)) {
        let pairs = sample.paired.as_ref().unwrap();
        assert_eq!((pairs.on_ns.len(), pairs.off_ns.len()), (4, 4));
        assert_eq!(
            sample.captured_rows,
            4 * 2 * 13,
            "no row comes from a step without capture"
        );
        let parts = sample.fetch_parts.unwrap();
        assert_eq!(
            parts.coalesce_ns + parts.copy_ns + parts.convert_ns,
            sample.fetch_ns
        );
    }
    settings(&mut job).attribution = Attribution::Inside;
    for sample in captures(&run(&job)) {
        let inside = sample.inside_ns.unwrap();
        assert!(0 < inside.prefill_ns && inside.prefill_ns < sample.prefill_ns);
        assert!(0 < inside.decode_ns && inside.decode_ns < sample.decode_ns);
    }
}

#[test]
fn jobs_that_cannot_be_done_say_why() {
    let check = |change: &dyn Fn(&mut Job), kind: FailureKind, words: &str| {
        let mut job = capture_job(CaptureMode::AllLayers, &[0, 1, 2, 3]);
        change(&mut job);
        let ran = run(&job);
        let (found, message) = ran.failure();
        assert_eq!(found, kind, "{message}");
        assert!(message.contains(words), "{message}");
        assert!(ran.samples().is_empty());
    };
    check(
        &|job| job.protocol = 99,
        FailureKind::InvalidJob,
        "protocol 99",
    );
    check(
        &|job| settings(job).layers = vec![4],
        FailureKind::InvalidJob,
        "layer 4",
    );
    check(
        &|job| settings(job).workload.decode_tokens = 0,
        FailureKind::InvalidJob,
        "at least 1",
    );
    check(
        &|job| settings(job).workload.prefill_tokens = 500,
        FailureKind::InvalidJob,
        "window",
    );
    check(
        &|job| job.device = Device::Cuda(77),
        FailureKind::DeviceUnavailable,
        "cuda:77",
    );
    let folder = |path: &str| ModelSource::Folder {
        name: path.to_owned(),
        path: path.to_owned(),
    };
    check(
        &|job| settings(job).model = folder("/nowhere/at/all"),
        FailureKind::ModelLoad,
        "/nowhere/at/all",
    );
}

#[test]
fn a_truncated_checkpoint_is_refused_by_name() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gpt2");
    let folder = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(fixture.join(name), folder.path().join(name)).unwrap();
    }
    let weights = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() - 100]).unwrap();
    let mut job = capture_job(CaptureMode::Baseline, &[]);
    settings(&mut job).model = ModelSource::Folder {
        name: "broken".to_owned(),
        path: folder.path().display().to_string(),
    };
    let ran = run(&job);
    let (kind, message) = ran.failure();
    assert_eq!(kind, FailureKind::ModelLoad);
    assert!(message.contains("model.safetensors"), "{message}");
}

#[test]
fn garbage_in_place_of_a_job() {
    for garbage in [&b"hello?\n"[..], b"{}\n", b"\xff\xfe\n", b"[1,2\n"] {
        let ran = speak(garbage);
        assert!(matches!(ran.events[0], WorkerEvent::Hello { .. }));
        assert_eq!(ran.failure().0, FailureKind::InvalidJob);
    }
}

#[test]
fn closing_standard_input_stops_the_worker() {
    let output = |input: &str| {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anechoic-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(input.as_bytes())
            .unwrap();
        child.wait_with_output().unwrap()
    };
    let nothing = output("");
    assert_eq!(
        nothing.status.code(),
        Some(0),
        "nothing was asked, nothing is wrong"
    );
    assert_eq!(
        nothing.stdout.iter().filter(|&&b| b == b'\n').count(),
        1,
        "hello alone"
    );

    let mut long = capture_job(CaptureMode::Baseline, &[]);
    settings(&mut long).workload.iterations = 1_000_000;
    let stopped = output(&encode_line(&long));
    let last = stopped
        .stdout
        .split(|&b| b == b'\n')
        .rfind(|line| !line.is_empty())
        .unwrap();
    let last: WorkerEvent = decode_line(last).unwrap();
    assert!(
        matches!(
            last,
            WorkerEvent::Failed {
                kind: FailureKind::Stopped,
                ..
            }
        ),
        "{last:?}"
    );
}

#[test]
fn nothing_follows_the_result_when_standard_input_closes_at_that_moment() {
    for _ in 0..5 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_anechoic-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let job = capture_job(CaptureMode::Baseline, &[]);
        stdin.write_all(encode_line(&job).as_bytes()).unwrap();
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let last = lines
            .by_ref()
            .map(Result::unwrap)
            .find(|line| line.contains("\"finished\""));
        drop(stdin);
        assert!(last.is_some());
        assert_eq!(
            lines.map(Result::unwrap).collect::<Vec<_>>(),
            Vec::<String>::new()
        );
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_stored_job_runs_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("job.json");
    let job = capture_job(CaptureMode::ZeroLayer, &[]);
    std::fs::write(&path, serde_json::to_string_pretty(&job).unwrap()).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_anechoic-worker"))
        .arg("--job")
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success());
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("\"finished\"")
    );
}

/// The job with a name, and whether another follows it.
fn named(case: &str, more: bool) -> Job {
    Job {
        case: case.to_owned(),
        more,
        ..capture_job(CaptureMode::AllLayers, &[0, 1, 2, 3])
    }
}

fn is_result(event: &WorkerEvent) -> bool {
    matches!(event, WorkerEvent::Finished { .. })
}

#[test]
fn two_jobs_in_one_process() {
    let input = encode_line(&named("first", true)) + &encode_line(&named("second", false));
    let ran = speak(input.as_bytes());
    assert_eq!(ran.code, Some(0));
    assert!(matches!(
        ran.events[0],
        WorkerEvent::Hello {
            several_jobs: true,
            ..
        }
    ));
    let jobs: Vec<&[WorkerEvent]> = ran.events[1..].split_inclusive(is_result).collect();
    assert_eq!(jobs.len(), 2);
    let told = jobs.iter().map(|events| {
        let phases = events
            .iter()
            .filter(|event| matches!(event, WorkerEvent::Phase { .. }))
            .count();
        let samples = events
            .iter()
            .filter(|event| matches!(event, WorkerEvent::Sample { .. }))
            .count();
        let Some(WorkerEvent::Finished { result }) = events.last() else {
            panic!("no result")
        };
        (phases, samples, result)
    });
    let told: Vec<_> = told.collect();
    for ((phases, samples, result), (case, more)) in
        told.iter().zip([("first", true), ("second", false)])
    {
        assert_eq!((*phases, *samples), (5, 2));
        assert_eq!(result.used.0, named(case, more));
        let memory = &result.memory;
        assert!(memory.resident_at_start_bytes.unwrap() > 0);
        assert!(memory.peak_resident_bytes >= memory.resident_at_start_bytes.unwrap());
        assert_eq!(memory.resident_at_end_bytes.is_some(), more);
    }
    let end = told[0].2.memory.resident_at_end_bytes.unwrap();
    let start = told[1].2.memory.resident_at_start_bytes.unwrap();
    assert!(end.abs_diff(start) < 4 << 20, "{end} and {start}");
}

#[test]
fn a_large_job_before_does_not_count_in_the_peak_of_a_small_one() {
    let mut large = named("large", true);
    settings(&mut large).model = ModelSource::Preset { name: Preset::Gpt2 };
    settings(&mut large).layers = (0..12).collect();
    settings(&mut large).workload.iterations = 1;
    settings(&mut large).workload.warmup_iterations = 0;
    let ran = speak((encode_line(&large) + &encode_line(&named("small", false))).as_bytes());
    let peaks: Vec<u64> = (ran.events.iter())
        .filter_map(|event| match event {
            WorkerEvent::Finished { result } => Some(result.memory.peak_resident_bytes),
            _ => None,
        })
        .collect();
    assert!(peaks[0] > 500 << 20 && peaks[1] < 400 << 20, "{peaks:?}");
}

#[test]
fn a_second_job_that_is_none_fails_alone() {
    for second in ["hello?\n", "{}\n"] {
        let ran = speak((encode_line(&named("first", true)) + second).as_bytes());
        assert_eq!(
            ran.events.iter().filter(|event| is_result(event)).count(),
            1
        );
        assert_eq!(ran.failure().0, FailureKind::InvalidJob);
    }
}

#[test]
fn closing_standard_input_between_jobs_ends_the_worker_and_within_one_stops_it() {
    let start = || {
        Command::new(env!("CARGO_BIN_EXE_anechoic-worker"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let until_result = |child: &mut std::process::Child| {
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines();
        let found = lines
            .by_ref()
            .any(|line| line.unwrap().contains("\"finished\""));
        assert!(found);
        lines
    };
    let mut child = start();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(encode_line(&named("first", true)).as_bytes())
        .unwrap();
    let lines = until_result(&mut child);
    drop(stdin);
    assert_eq!(lines.count(), 0, "nothing follows the result");
    assert_eq!(child.wait().unwrap().code(), Some(0));

    let mut child = start();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(encode_line(&named("first", true)).as_bytes())
        .unwrap();
    let lines = until_result(&mut child);
    let mut long = named("second", true);
    settings(&mut long).workload.iterations = 1_000_000;
    stdin.write_all(encode_line(&long).as_bytes()).unwrap();
    // The second job is at work.
    let mut lines = lines.map(Result::unwrap);
    assert!(lines.any(|line| line.contains("\"measure\"")));
    drop(stdin);
    let last = lines.last().unwrap();
    assert!(
        last.contains("\"failed\"") && last.contains("\"stopped\""),
        "{last}"
    );
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
