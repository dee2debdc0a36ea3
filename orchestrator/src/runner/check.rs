//! What the orchestrator checks in a worker's messages before it believes them. Pure.

mod cache;
mod capture;
mod custom;
mod kv;
#[cfg(test)]
mod kv_tests;

use anechoic_protocol::{
    Benchmark, BenchmarkName, DeviceInfo, FailureKind, Job, JobResult, Sample, Verification,
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
    findings(&job.work, sample).verdict(iteration)
}

/// What is wrong with a sample's values.
#[derive(Debug, Default, PartialEq, Eq)]
struct Findings {
    /// Counts that do not fit the job.
    differing: Vec<String>,
    /// Values that no measurement can have.
    impossible: Vec<String>,
}

impl Findings {
    fn verdict(self, iteration: u32) -> Option<Outcome> {
        let named = |what: &String| format!("sample {iteration}: {what}");
        if let Some(what) = self.impossible.first() {
            return Some(violation(named(what)));
        }
        let differences: Vec<_> = self.differing.iter().map(named).collect();
        (!differences.is_empty()).then_some(Outcome::EchoMismatch { differences })
    }

    fn differing(differing: Vec<String>) -> Self {
        Self {
            differing,
            impossible: Vec::new(),
        }
    }

    fn impossible(what: String) -> Self {
        Self {
            differing: Vec::new(),
            impossible: vec![what],
        }
    }
}

fn findings(work: &Benchmark, sample: &Sample) -> Findings {
    use Benchmark as Work;
    match (work, sample) {
        (Work::Capture(work), Sample::Capture(sample)) => {
            Findings::differing(capture::differences(work, sample))
        }
        (Work::Latency(work), Sample::Latency(sample)) => kv::latency(work, sample),
        (Work::Vram(work), Sample::Vram(sample)) => kv::vram(work, sample),
        (Work::Phase(work), Sample::Phase(sample)) => kv::phase(work, sample),
        (Work::Perplexity(work), Sample::Perplexity(sample)) => kv::perplexity(work, sample),
        (Work::Capacity(work), Sample::Capacity(sample)) => kv::capacity(work, sample),
        (Work::Roofline(work), Sample::Roofline(sample)) => kv::roofline(work, sample),
        (Work::Custom(_), Sample::Custom(sample)) => custom::findings(sample),
        (
            Work::Capture(_)
            | Work::Latency(_)
            | Work::Vram(_)
            | Work::Phase(_)
            | Work::Perplexity(_)
            | Work::Capacity(_)
            | Work::Roofline(_)
            | Work::Custom(_),
            other,
        ) => Findings::impossible(format!(
            "it is one of `{}`, and the job is `{}`",
            other.benchmark().as_str(),
            work.name().as_str()
        )),
    }
}

/// Names with the expected and the found number, where these differ.
fn differing(counts: &[(&str, u64, u64)]) -> Vec<String> {
    let differing = counts.iter().filter(|(_, expected, got)| expected != got);
    differing
        .map(|(name, expected, got)| format!("{name}: expected {expected}, got {got}"))
        .collect()
}

/// The verdict over a result after these samples; `None` when it is as it must be.
pub(crate) fn bad_result(job: &Job, samples: &[Sample], result: &JobResult) -> Option<Outcome> {
    let (seen, planned) = (samples.len(), job.work.iterations());
    if seen != planned as usize {
        return Some(violation(format!(
            "it finished after {seen} of {planned} samples"
        )));
    }
    bad_echo(job, samples, result).or_else(|| unverified(result.verification.as_ref()))
}

/// The verdict over what a result and these samples tell of the settings used; `None` when they are the job's.
pub(crate) fn bad_echo(job: &Job, samples: &[Sample], result: &JobResult) -> Option<Outcome> {
    let mut differences = differences(job, &result.used.0);
    if differences.is_empty() {
        match cache::differences(&job.work, samples, result.model.as_ref()) {
            Ok(found) => differences = found,
            Err(missing) => return Some(violation(missing)),
        }
    }
    (!differences.is_empty()).then_some(Outcome::EchoMismatch { differences })
}

/// Timings count only where something was compared and found equal.
pub(crate) fn unverified(verification: Option<&Verification>) -> Option<Outcome> {
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
    (!acceptable).then(|| Outcome::VerificationFailed {
        detail: format!(
            "{}: an error of {error} was found, and {tolerance} is accepted",
            verification.method
        ),
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
        _ if is_same(asked, used) => {}
        _ => found.push(format!("{path}: asked {asked}, used {used}")),
    }
}

/// JSON knows one kind of number: some languages write `1.0` as `1`.
fn is_same(asked: &Value, used: &Value) -> bool {
    match (asked, used) {
        (Value::Number(asked), Value::Number(used)) if asked.is_f64() != used.is_f64() => {
            asked.as_f64() == used.as_f64()
        }
        _ => asked == used,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::lifecycle_tests::fixture::{job, result, sample};
    use anechoic_protocol::{CaptureMode, Device};

    fn both(job: &Job) -> [Sample; 2] {
        [1, 2].map(|iteration| sample(job, iteration))
    }

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
        assert_eq!(bad_result(&job, &both(&job), &result(&job)), None);
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
        let found = detail(bad_result(&job, &both(&job), &other));
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
        assert!(
            detail(bad_result(&job, &both(&job)[..1], &result(&job)))
                .contains("after 1 of 2 samples")
        );
    }

    #[test]
    fn results_that_nothing_vouches_for_do_not_count() {
        let job = job();
        let check = |change: fn(&mut Option<Verification>), expected: &str| {
            let mut result = result(&job);
            change(&mut result.verification);
            let found = detail(bad_result(&job, &both(&job), &result));
            assert!(found.contains(expected), "{found}");
        };
        let violation = "worker broke the protocol: it finished";
        let differs = "verification failed: full pass: an error of";
        fn error(verification: &mut Option<Verification>, error: f64) {
            verification.as_mut().unwrap().max_relative_error = error;
        }
        check(|_| {}, "fine");
        let missing = format!("{violation} without a verification");
        check(|v| *v = None, &missing);
        let empty = format!("{violation} although its verification compared nothing");
        check(|v| v.as_mut().unwrap().compared = 0, &empty);
        check(|v| error(v, 0.5), &format!("{differs} 0.5"));
        check(|v| error(v, f64::NAN), &format!("{differs} NaN"));
        check(|v| error(v, -1e-9), &format!("{differs} -0.000000001"));
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
