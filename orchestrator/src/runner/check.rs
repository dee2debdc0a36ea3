//! What the orchestrator checks in a worker's messages before it believes them. Pure.

use anechoic_protocol::{
    Attribution, Benchmark, BenchmarkName, CaptureIteration, CaptureMode, CaptureWork, DeviceInfo,
    FailureKind, Job, JobResult, Sample, Verification,
};
use anechoic_record::Outcome;
use serde_json::Value;

/// Why a worker whose hello is fine still cannot do the job; `None` when it can.
pub(crate) fn unable(
    job: &Job,
    devices: &[DeviceInfo],
    benchmarks: &[BenchmarkName],
) -> Option<Outcome> {
    let wanted = job.work.name();
    if !benchmarks.contains(&wanted) {
        return Some(Outcome::WorkerFailed {
            kind: FailureKind::InvalidJob,
            message: format!("the worker offers no benchmark `{}`", wanted.as_str()),
        });
    }
    // A worker that lists no device leaves the question to the job.
    if devices.is_empty() || devices.iter().any(|d| d.device == job.device) {
        return None;
    }
    let seen: Vec<_> = devices.iter().map(|d| d.device.to_string()).collect();
    Some(Outcome::WorkerFailed {
        kind: FailureKind::DeviceUnavailable,
        message: format!(
            "the job needs {}, the worker sees {}",
            job.device,
            seen.join(", ")
        ),
    })
}

/// The verdict over a sample that comes after `seen` others; `None` when it is as it must be.
pub(crate) fn bad_sample(job: &Job, seen: u32, sample: &Sample) -> Option<Outcome> {
    let (next, planned) = (seen + 1, job.work.iterations());
    let iteration = sample.iteration();
    if next > planned {
        return Some(violation(format!(
            "it sent a sample after the {planned} of the job"
        )));
    }
    if iteration != next {
        return Some(violation(format!(
            "it sent sample {iteration} where {next} was due"
        )));
    }
    let differences = match (&job.work, sample) {
        (Benchmark::Capture(work), Sample::Capture(sample)) => capture_differences(work, sample),
        _ => Vec::new(),
    };
    (!differences.is_empty()).then_some(Outcome::EchoMismatch { differences })
}

fn capture_differences(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let found = differing_counts(work, sample)
        .into_iter()
        .chain(differing_readings(work, sample));
    found
        .map(|what| format!("sample {}: {what}", sample.iteration))
        .collect()
}

fn differing_counts(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let batch = u64::from(work.workload.batch_size);
    let rows = work.expected_rows() * batch * work.layers.len() as u64;
    let tokens = batch * u64::from(work.workload.decode_tokens);
    let mut counts = vec![
        ("captured_rows", rows, sample.captured_rows),
        ("generated_tokens", tokens, sample.generated_tokens),
    ];
    if let Some(paired) = &sample.paired {
        let steps = u64::from(work.workload.decode_tokens.saturating_sub(1));
        counts.push(("paired.on_ns", steps, paired.on_ns.len() as u64));
        counts.push(("paired.off_ns", steps, paired.off_ns.len() as u64));
    }
    let differing = counts.iter().filter(|(_, expected, got)| expected != got);
    differing
        .map(|(name, expected, got)| format!("{name}: expected {expected}, got {got}"))
        .collect()
}

/// Extra clock readings come exactly where the job asks for them. A baseline has no fetch to take apart.
fn differing_readings(work: &CaptureWork, sample: &CaptureIteration) -> Vec<String> {
    let in_parts = work.fetch_breakdown && work.mode != CaptureMode::Baseline;
    let readings = [
        ("fetch_parts", in_parts, sample.fetch_parts.is_some()),
        (
            "inside_ns",
            work.attribution == Attribution::Inside,
            sample.inside_ns.is_some(),
        ),
        (
            "paired",
            work.attribution == Attribution::Paired,
            sample.paired.is_some(),
        ),
    ];
    let differing = readings.iter().filter(|(_, asked, there)| asked != there);
    differing
        .map(|(name, asked, _)| match asked {
            true => format!("{name}: asked for, and absent"),
            false => format!("{name}: not asked for, and there"),
        })
        .collect()
}

/// The verdict over a result after `seen` samples; `None` when it is as it must be.
pub(crate) fn bad_result(job: &Job, seen: u32, result: &JobResult) -> Option<Outcome> {
    let planned = job.work.iterations();
    if seen != planned {
        return Some(violation(format!(
            "it finished after {seen} of {planned} samples"
        )));
    }
    let differences = differences(job, &result.used.0);
    if !differences.is_empty() {
        return Some(Outcome::EchoMismatch { differences });
    }
    unverified(result.verification.as_ref())
}

/// Timings count only where something was compared and found equal.
fn unverified(verification: Option<&Verification>) -> Option<Outcome> {
    let Some(verification) = verification else {
        return Some(violation("it finished without a verification".to_owned()));
    };
    if verification.compared == 0 {
        return Some(violation(
            "it finished although its verification compared nothing".to_owned(),
        ));
    }
    let (error, tolerance) = (verification.max_relative_error, verification.tolerance);
    // NaN is in no range.
    let acceptable = (0.0..=tolerance).contains(&error);
    (!acceptable).then(|| {
        violation(format!(
            "it finished although its verification found an error of {error}, with {tolerance} accepted"
        ))
    })
}

pub(crate) fn violation(detail: String) -> Outcome {
    Outcome::ProtocolViolation { detail }
}

/// The settings in which two jobs differ: dotted path, asked, used.
fn differences(asked: &Job, used: &Job) -> Vec<String> {
    let value = |job: &Job| serde_json::to_value(job).expect("jobs always serialise");
    let mut found = Vec::new();
    compare("", &value(asked), &value(used), &mut found);
    found
}

fn compare(path: &str, asked: &Value, used: &Value, found: &mut Vec<String>) {
    match (asked, used) {
        (Value::Object(a), Value::Object(u)) => {
            let added = u.keys().filter(|key| !a.contains_key(*key));
            for key in a.keys().chain(added) {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                let of = |map: &serde_json::Map<_, _>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(&path, &of(a), &of(u), found);
            }
        }
        _ if asked == used => {}
        _ => found.push(format!("{path}: asked {asked}, used {used}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::lifecycle_tests::fixture::{job, result, sample};
    use anechoic_protocol::{CaptureMode, Device, FetchParts, InsideTimes, PairedSteps};

    fn detail(outcome: Option<Outcome>) -> String {
        match outcome {
            None => "fine".to_owned(),
            Some(outcome) => outcome.cause(),
        }
    }

    #[test]
    fn a_faithful_worker_passes() {
        let job = job();
        assert_eq!(bad_sample(&job, 0, &sample(&job, 1)), None);
        assert_eq!(bad_result(&job, 2, &result(&job)), None);
    }

    #[test]
    fn samples_out_of_order_or_number_are_violations() {
        let job = job();
        let check = |seen, iteration, expected: &str| {
            let found = detail(bad_sample(&job, seen, &sample(&job, iteration)));
            assert!(found.contains(expected), "{found}");
        };
        check(0, 2, "sample 2 where 1 was due");
        check(1, 1, "sample 1 where 2 was due");
        check(2, 3, "after the 2 of the job");
    }

    #[test]
    fn missing_rows_and_tokens_are_named() {
        let job = job();
        let Sample::Capture(mut short) = sample(&job, 1) else {
            unreachable!("the job is a capture");
        };
        short.captured_rows -= 1;
        short.generated_tokens = 0;
        let found = detail(bad_sample(&job, 0, &Sample::Capture(short)));
        assert!(
            found.contains("sample 1: captured_rows: expected 28, got 27"),
            "{found}"
        );
        assert!(
            found.contains("generated_tokens: expected 6, got 0"),
            "{found}"
        );
    }

    #[test]
    fn other_settings_are_named_with_their_path() {
        let job = job();
        let mut other = result(&job);
        other.used.0.threads = 1;
        let Benchmark::Capture(work) = &mut other.used.0.work else {
            unreachable!("the job is a capture");
        };
        work.workload.batch_size = 1;
        work.mode = CaptureMode::AllLayers;
        let found = detail(bad_result(&job, 2, &other));
        for expected in [
            "threads: asked 2, used 1",
            "work.workload.batch_size: asked 2, used 1",
            "work.mode: asked \"custom\", used \"all-layers\"",
        ] {
            assert!(found.contains(expected), "{found}");
        }
    }

    #[test]
    fn too_few_samples_are_a_violation() {
        let job = job();
        assert!(detail(bad_result(&job, 1, &result(&job))).contains("after 1 of 2 samples"));
    }

    #[test]
    fn results_that_nothing_vouches_for_are_violations() {
        let job = job();
        let check = |change: fn(&mut Option<Verification>), expected: &str| {
            let mut result = result(&job);
            change(&mut result.verification);
            let found = detail(bad_result(&job, 2, &result));
            assert!(found.contains(expected), "{found}");
        };
        fn error(verification: &mut Option<Verification>, error: f64) {
            verification.as_mut().unwrap().max_relative_error = error;
        }
        check(|_| {}, "fine");
        check(|v| *v = None, "without a verification");
        check(|v| v.as_mut().unwrap().compared = 0, "compared nothing");
        check(|v| error(v, 0.5), "error of 0.5");
        check(|v| error(v, f64::NAN), "error of NaN");
        check(|v| error(v, -1e-9), "error of -0.000000001");
    }

    #[test]
    fn extra_readings_come_where_they_are_asked_for_and_nowhere_else() {
        let inside = InsideTimes {
            prefill_ns: 1,
            decode_ns: 1,
        };
        let parts = FetchParts {
            coalesce_ns: 1,
            copy_ns: 1,
            convert_ns: 1,
        };
        let pairs = |on: usize, off: usize| PairedSteps {
            on_ns: vec![1; on],
            off_ns: vec![1; off],
        };
        let check = |ask: fn(&mut CaptureWork), answer: CaptureIteration, expected: &[&str]| {
            let mut job = job();
            let Benchmark::Capture(work) = &mut job.work else {
                unreachable!("it is a capture")
            };
            ask(work);
            let Benchmark::Capture(work) = &job.work else {
                unreachable!("it is a capture")
            };
            let expected: Vec<_> = expected.iter().map(|e| format!("sample 1: {e}")).collect();
            assert_eq!(capture_differences(work, &answer), expected);
        };
        let Sample::Capture(plain) = sample(&job(), 1) else {
            unreachable!("it is a capture")
        };
        let mut with_inside = plain.clone();
        with_inside.inside_ns = Some(inside);
        let mut with_parts = plain.clone();
        with_parts.fetch_parts = Some(parts);
        let paired = |on, off| CaptureIteration {
            paired: Some(pairs(on, off)),
            ..plain.clone()
        };
        let ask_inside = |work: &mut CaptureWork| work.attribution = Attribution::Inside;
        let ask_pairs = |work: &mut CaptureWork| work.attribution = Attribution::Paired;
        let ask_parts = |work: &mut CaptureWork| work.fetch_breakdown = true;

        check(ask_inside, with_inside.clone(), &[]);
        check(
            ask_inside,
            plain.clone(),
            &["inside_ns: asked for, and absent"],
        );
        check(
            |_| {},
            with_inside,
            &["inside_ns: not asked for, and there"],
        );
        check(ask_parts, with_parts.clone(), &[]);
        check(
            ask_parts,
            plain.clone(),
            &["fetch_parts: asked for, and absent"],
        );
        check(
            |_| {},
            with_parts,
            &["fetch_parts: not asked for, and there"],
        );
        check(ask_pairs, paired(2, 2), &[]);
        check(ask_pairs, plain.clone(), &["paired: asked for, and absent"]);
        check(|_| {}, paired(2, 2), &["paired: not asked for, and there"]);
        check(
            ask_pairs,
            paired(1, 2),
            &["paired.on_ns: expected 2, got 1"],
        );
        check(
            ask_pairs,
            paired(2, 3),
            &["paired.off_ns: expected 2, got 3"],
        );
    }

    #[test]
    fn a_baseline_has_no_fetch_to_take_apart() {
        let mut job = job();
        let Benchmark::Capture(work) = &mut job.work else {
            unreachable!("it is a capture")
        };
        work.mode = CaptureMode::Baseline;
        work.layers.clear();
        work.fetch_breakdown = true;
        assert_eq!(bad_sample(&job, 0, &sample(&job, 1)), None);
    }

    #[test]
    fn a_worker_that_cannot_do_the_job_is_told_apart() {
        let mut job = job();
        let cpu = DeviceInfo {
            device: Device::Cpu,
            description: "cpu".into(),
            total_memory_bytes: None,
        };
        let all = [BenchmarkName::Capture];
        assert_eq!(unable(&job, std::slice::from_ref(&cpu), &all), None);
        assert_eq!(unable(&job, &[], &all), None);
        assert!(detail(unable(&job, &[], &[])).contains("no benchmark `capture`"));
        job.device = Device::Cuda(0);
        assert!(detail(unable(&job, &[cpu], &all)).contains("needs cuda:0, the worker sees cpu"));
    }
}
