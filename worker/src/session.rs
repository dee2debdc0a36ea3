//! The life of a worker: hello, job, load, verify, warm-up, measure, stop. The only place that knows the
//! order of phases, and the one place that turns a torch error or a panic into a failure report.

use std::any::Any;
use std::error::Error;
use std::io::{BufRead, Read};
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
use crate::memory::process_peak_resident_bytes;
use crate::ops::{self, OpsError};
use crate::slow_down::SlowDown;

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

/// Where the job comes from.
pub enum JobSource {
    /// A line on standard input, which is watched: when it closes, the worker stops.
    Stdin,
    /// The text of a file, for running a job by hand.
    Text(String),
}

/// Runs one job, slowed down where that is asked for, and ends the process.
pub fn run(emitter: Emitter, source: JobSource, slowed: Option<SlowDown>) -> ! {
    let emitter = Arc::new(emitter);
    emitter.emit(&hello());
    let work = || match receive(source, &emitter)? {
        Some(job) => {
            slow_down(slowed.as_ref(), &job, &emitter);
            carry_out(&job, &emitter).map(Some)
        }
        None => Ok(None),
    };
    match catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic))) {
        Ok(Some(result)) => emitter.finish(result),
        // Closed without a job: nothing was asked.
        Ok(None) => ops::exit_at_once(0),
        Err(error) => emitter.fail(error.kind(), &error.text()),
    }
}

/// Never without a word: the warning is in every report of the result.
fn slow_down(slowed: Option<&SlowDown>, job: &Job, emitter: &Emitter) {
    if let Some(by) = slowed.and_then(|slowed| slowed.of_case(&job.case)) {
        let message = by.warning();
        emitter.emit(&WorkerEvent::Warning { message });
        clock::stretch(by);
    }
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
    }
}

/// Everything that has a name and a meaning of its own.
fn offered() -> Vec<BenchmarkName> {
    let all = BenchmarkName::ALL.into_iter();
    all.filter(|name| name.family() != BenchmarkFamily::Custom)
        .collect()
}

fn receive(source: JobSource, emitter: &Arc<Emitter>) -> Result<Option<Job>, SessionError> {
    let text = match source {
        JobSource::Text(text) => text,
        JobSource::Stdin => match first_line()? {
            Some(line) => {
                stop_when_stdin_closes(Arc::clone(emitter));
                line
            }
            None => return Ok(None),
        },
    };
    let job: Job = decode_line(text.as_bytes()).map_err(|e| SessionError::Job(e.to_string()))?;
    if job.protocol != PROTOCOL_VERSION {
        let found = job.protocol;
        let text = format!("it is of protocol {found}, this worker speaks {PROTOCOL_VERSION}");
        return Err(SessionError::Job(text));
    }
    Ok(Some(job))
}

fn first_line() -> Result<Option<String>, SessionError> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    match read.map_err(|e| SessionError::Job(e.to_string()))? {
        0 => Ok(None),
        _ => Ok(Some(line)),
    }
}

/// A thread that sleeps in `read` until the orchestrator closes the pipe.
fn stop_when_stdin_closes(emitter: Arc<Emitter>) {
    std::thread::spawn(move || {
        let mut ignored = [0; 256];
        while std::io::stdin().read(&mut ignored).is_ok_and(|n| n > 0) {}
        emitter.fail(
            FailureKind::Stopped,
            "standard input was closed before the result",
        );
    });
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
            peak_resident_bytes: process_peak_resident_bytes(),
            peak_device_bytes: ops::peak_device_bytes(place.torch()),
            capture_bytes: circumstances.capture_bytes,
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
