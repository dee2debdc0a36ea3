//! The life of a worker: hello, then for each job load, verify, warm-up, measure, stop. The only place that knows the
//! order of phases, and the one place that turns a torch error or a panic into a failure report.

use std::any::Any;
use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use anechoic_protocol::{
    BenchmarkFamily, BenchmarkName, Echo, Environment, FailureKind, Job, JobResult,
    PROTOCOL_VERSION, PeakMemory, Phase, PhaseSpan, WorkerEvent, WorkerIdentity, decode_line,
};

use crate::benchmarks::{self, BenchmarkError, Measure, is_out_of_memory, panic_text};
use crate::clock::{self, Mark};
use crate::device::{self, DeviceError, Place};
use crate::emit::Emitter;
use crate::input::Jobs;
use crate::memory;
use crate::ops::{self, OpsError};
use crate::slow_down::{SlowDown, Stretch};

/// Why a session ends without a result.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error("read the job: {0}")]
    Job(String),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Benchmark(#[from] BenchmarkError),
    #[error(transparent)]
    Ops(#[from] OpsError),
    #[error("{0}")]
    Panicked(String),
}

/// Where jobs come from.
pub enum JobSource {
    /// Lines on standard input, which is watched: when it closes, the worker stops.
    Stdin,
    /// The text of a file, for running a job by hand.
    Text(String),
}

/// Whether a job finds the process as it was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    First,
    AfterOthers,
}

/// Does a job, and those that it says follow it, slowed down where that is asked for, and ends the process.
pub fn run(emitter: Emitter, source: JobSource, slowed: Option<SlowDown>) -> ! {
    let emitter = Arc::new(emitter);
    emitter.emit(&hello());
    let mut jobs = match source {
        JobSource::Stdin => Jobs::watch(&emitter),
        JobSource::Text(text) => Jobs::given(&emitter, text),
    };
    let mut position = Position::First;
    loop {
        let work = || do_next(&mut jobs, position, slowed.as_ref(), &emitter);
        match catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic))) {
            Ok((result, true)) => emitter.finish_one(result),
            Ok((result, false)) => emitter.finish(result),
            Err(error) => emitter.fail(error.kind(), &error.text()),
        }
        position = Position::AfterOthers;
    }
}

/// Never without a word: the warning is in every report of the result.
fn slow_down(slowed: Option<&SlowDown>, job: &Job, emitter: &Emitter) {
    let by = slowed.and_then(|slowed| slowed.of_case(&job.case));
    if let Some(by) = by {
        let message = by.warning();
        emitter.emit(&WorkerEvent::Warning { message });
    }
    // Also where it is none: an earlier job of the process may have been slowed down.
    clock::stretch(by.unwrap_or(Stretch::NONE));
}

/// The result of the next job, and whether another follows.
fn do_next(
    jobs: &mut Jobs,
    position: Position,
    slowed: Option<&SlowDown>,
    emitter: &Emitter,
) -> Result<(JobResult, bool), SessionError> {
    let line = jobs.next();
    let job = understood(&line.map_err(|e| SessionError::Job(e.to_string()))?)?;
    if !job.more {
        jobs.close();
    }
    let resident_at_start = memory::resident_bytes();
    if let (Err(error), true) = (
        memory::begin_job(),
        job.more || position == Position::AfterOthers,
    ) {
        let message = format!(
            "the peak of resident memory is that of the whole process: counting it anew for a job failed: {error}"
        );
        emitter.emit(&WorkerEvent::Warning { message });
    }
    slow_down(slowed, &job, emitter);
    let mut result = carry_out(&job, emitter)?;
    // Everything that the job loaded is dropped by now.
    result.memory.resident_at_start_bytes = told(resident_at_start);
    result.memory.resident_at_end_bytes = told(memory::resident_bytes()).filter(|_| job.more);
    Ok((result, job.more))
}

/// Nothing where the kernel does not tell.
fn told(bytes: u64) -> Option<u64> {
    (bytes > 0).then_some(bytes)
}

fn hello() -> WorkerEvent {
    WorkerEvent::Hello {
        protocol: PROTOCOL_VERSION,
        worker: WorkerIdentity {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        },
        torch: Some(ops::torch_version()),
        devices: device::list(),
        benchmarks: offered(),
        several_jobs: true,
    }
}

/// Everything that has a name and a meaning of its own.
fn offered() -> Vec<BenchmarkName> {
    let all = BenchmarkName::ALL.into_iter();
    all.filter(|name| name.family() != BenchmarkFamily::Custom)
        .collect()
}

fn understood(line: &[u8]) -> Result<Job, SessionError> {
    let job: Job = decode_line(line).map_err(|e| SessionError::Job(e.to_string()))?;
    if job.protocol != PROTOCOL_VERSION {
        let found = job.protocol;
        let text = format!("it is of protocol {found}, this worker speaks {PROTOCOL_VERSION}");
        return Err(SessionError::Job(text));
    }
    Ok(job)
}

/// Tells phases and how long each took.
struct Phases<'a> {
    emitter: &'a Emitter,
    spans: Vec<PhaseSpan>,
}

impl Phases<'_> {
    fn during<T>(&mut self, phase: Phase, work: impl FnOnce() -> T) -> T {
        self.emitter.phase(phase);
        let start = Mark::now();
        let value = work();
        let duration_ns = start.elapsed_ns();
        self.spans.push(PhaseSpan { phase, duration_ns });
        value
    }
}

fn carry_out(job: &Job, emitter: &Emitter) -> Result<JobResult, SessionError> {
    let place = Place::open(job.device)?;
    tch::set_num_threads(i32::try_from(job.threads).unwrap_or(i32::MAX));
    let _inference = ops::InferenceMode::enter();
    let spans = Vec::new();
    let mut phases = Phases { emitter, spans };
    let mut benchmark = phases.during(Phase::Load, || benchmarks::load(place, job))?;
    let verification = phases.during(Phase::Verify, || benchmark.verify())?;
    // So that the peak is that of the workload, and not of reading or checking.
    ops::reset_peak_device_bytes(place.torch())?;
    phases.during(Phase::WarmUp, || warm_up(&mut *benchmark, emitter))?;
    let samples = job.work.iterations();
    phases.during(Phase::Measure, || {
        measure(&mut *benchmark, samples, emitter)
    })?;
    emitter.phase(Phase::Stop);
    let circumstances = benchmark.circumstances();
    Ok(JobResult {
        used: Echo(benchmark.echo(job)),
        model: Some(circumstances.model),
        environment: Environment {
            torch: Some(ops::torch_version()),
            device: job.device,
            linear_path: Some(circumstances.linear_path),
            attention_path: circumstances.attention_path,
            cpu_capability: Some(ops::cpu_capability()),
        },
        verification: Some(verification),
        memory: PeakMemory {
            peak_resident_bytes: memory::job_peak_resident_bytes(),
            peak_device_bytes: ops::peak_device_bytes(place.torch()),
            capture_bytes: circumstances.capture_bytes,
            resident_at_start_bytes: None,
            resident_at_end_bytes: None,
        },
        phases: phases.spans,
    })
}

fn warm_up(benchmark: &mut dyn Measure, emitter: &Emitter) -> Result<(), BenchmarkError> {
    let total = benchmark.warmups();
    for done in 1..=total {
        benchmark.warm_up()?;
        emitter.emit(&WorkerEvent::Progress { done, total });
    }
    Ok(())
}

fn measure(
    benchmark: &mut dyn Measure,
    total: u32,
    emitter: &Emitter,
) -> Result<(), BenchmarkError> {
    for _ in 0..total {
        let sample = benchmark.sample()?;
        emitter.emit(&WorkerEvent::Sample { sample });
    }
    Ok(())
}

fn panicked(panic: &(dyn Any + Send)) -> SessionError {
    SessionError::Panicked(panic_text(panic))
}

impl SessionError {
    fn kind(&self) -> FailureKind {
        let text = self.text();
        if is_out_of_memory(&text) {
            return match text.contains("CUDA") {
                true => FailureKind::DeviceOutOfMemory,
                false => FailureKind::OutOfMemory,
            };
        }
        match self {
            Self::Job(_) | Self::Benchmark(BenchmarkError::Job(_)) => FailureKind::InvalidJob,
            Self::Device(_) => FailureKind::DeviceUnavailable,
            Self::Benchmark(BenchmarkError::Load(_)) => FailureKind::ModelLoad,
            Self::Benchmark(BenchmarkError::Cache(_)) => FailureKind::InvalidJob,
            Self::Benchmark(BenchmarkError::Rows(_)) => FailureKind::OutOfMemory,
            Self::Benchmark(BenchmarkError::Verification(_) | BenchmarkError::Unequal(_)) => {
                FailureKind::Verification
            }
            Self::Ops(_) | Self::Panicked(_) | Self::Benchmark(BenchmarkError::Device(_)) => {
                FailureKind::Internal
            }
        }
    }

    /// The whole chain, each part once.
    fn text(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_sorted_by_cause() {
        let check = |error: SessionError, expected: FailureKind| {
            assert_eq!(error.kind(), expected, "{}", error.text());
        };
        let panic = |text: &str| SessionError::Panicked(text.to_owned());
        check(panic("index out of bounds"), FailureKind::Internal);
        check(
            panic("CUDA out of memory. Tried to allocate 2 GiB"),
            FailureKind::DeviceOutOfMemory,
        );
        check(
            panic(
                "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried",
            ),
            FailureKind::OutOfMemory,
        );
        check(SessionError::Job("x".to_owned()), FailureKind::InvalidJob);
        let wrong = BenchmarkError::Verification("rows differ".to_owned());
        check(wrong.into(), FailureKind::Verification);
    }
}
