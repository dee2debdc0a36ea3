//! The course of a made-up run: the events of its attempts, one after the other, with made-up times.

use std::io::Write;

use anechoic_protocol::{
    Device, DeviceInfo, Echo, Environment, FailureKind, Job, JobResult, PROTOCOL_VERSION,
    PeakMemory, Phase, Verification, WorkerEvent,
};
use anechoic_record::{
    AttemptRecord, MachineState, Manifest, Observation, Outcome, RunEvent, RunState,
    SCHEMA_VERSION, Stamped,
};
use anechoic_suite::Case;
use jiff::{SignedDuration, Timestamp};

use super::{LargeRun, identity, made};
use crate::kills::Draw;

const SECOND: u64 = 1_000_000_000;

/// Writes events, and keeps the time.
pub(super) struct Course<'a, W> {
    run: &'a LargeRun,
    log: W,
    now: Timestamp,
    draw: Draw,
    made: u32,
}

/// An attempt that is being made up.
struct Made<'c> {
    case: &'c Case,
    attempt: u32,
    spawned: Timestamp,
    job: Job,
}

impl<'a, W: Write> Course<'a, W> {
    pub(super) fn new(run: &'a LargeRun, log: W, now: Timestamp) -> Self {
        let draw = Draw(run.seed);
        let made = 0;
        Self {
            run,
            log,
            now,
            draw,
            made,
        }
    }

    pub(super) fn begin(&mut self, manifest: &Manifest) -> std::io::Result<()> {
        self.write(RunEvent::RunStarted {
            schema_version: SCHEMA_VERSION,
            anechoic: manifest.anechoic.clone(),
            run: manifest.run.clone(),
            planned: self.run.cases * self.run.attempts,
        })
    }

    pub(super) fn end(mut self) -> std::io::Result<W> {
        let state = RunState::Complete;
        self.write(RunEvent::RunEnded { state })?;
        Ok(self.log)
    }

    /// The events of one attempt; its record.
    pub(super) fn attempt(&mut self, case: &Case, attempt: u32) -> std::io::Result<AttemptRecord> {
        self.made += 1;
        self.pass(SECOND);
        self.write(RunEvent::CooledDown {
            case: case.id.clone(),
            attempt,
            waited_ms: 1_000,
            waits: Vec::new(),
        })?;
        self.write(RunEvent::AttemptStarted {
            case: case.id.clone(),
            attempt,
            pid: 1_000 + self.made,
            containment: Default::default(),
        })?;
        let made = Made {
            case,
            attempt,
            spawned: self.now,
            job: job(case, attempt),
        };
        let outcome = outcome(self.made);
        self.words(&made, &outcome)?;
        self.close(&made, outcome)
    }

    /// What the worker says.
    fn words(&mut self, made: &Made<'_>, outcome: &Outcome) -> std::io::Result<()> {
        self.hear(made, SECOND / 10, hello())?;
        self.write(RunEvent::JobSent {
            case: made.case.id.clone(),
            attempt: made.attempt,
            job: Box::new(made.job.clone()),
        })?;
        for phase in [Phase::Load, Phase::Verify, Phase::WarmUp] {
            self.hear(made, SECOND / 10, WorkerEvent::Phase { phase })?;
        }
        for done in 1..=2 {
            self.hear(made, SECOND / 10, WorkerEvent::Progress { done, total: 2 })?;
        }
        let phase = Phase::Measure;
        self.hear(made, SECOND / 10, WorkerEvent::Phase { phase })?;
        if outcome.is_ok() {
            return self.samples(made);
        }
        let (kind, message) = (FailureKind::Internal, "as made up".to_owned());
        self.hear(made, SECOND, WorkerEvent::Failed { kind, message })
    }

    fn samples(&mut self, made: &Made<'_>) -> std::io::Result<()> {
        let slower = self.run.slower.iter();
        let of_case: f64 = slower
            .filter(|(case, _)| *case == made.case.id)
            .map(|(_, factor)| factor)
            .product();
        let process = self.run.factor * of_case * self.noise(self.run.noise);
        let each = u64::from(self.run.seconds) * SECOND / u64::from(self.run.iterations + 1);
        for iteration in 1..=self.run.iterations {
            let stretch = process * self.noise(self.run.noise / 2.0);
            let sample = made::sample(&made.case.work, iteration, stretch);
            self.hear(made, each, WorkerEvent::Sample { sample })?;
        }
        let phase = Phase::Stop;
        self.hear(made, SECOND / 100, WorkerEvent::Phase { phase })?;
        let result = Box::new(result(&made.job));
        self.hear(made, SECOND / 100, WorkerEvent::Finished { result })
    }

    fn close(&mut self, made: &Made<'_>, outcome: Outcome) -> std::io::Result<AttemptRecord> {
        self.pass(SECOND / 20);
        let wall_ns = since(made.spawned, self.now);
        self.write(RunEvent::Observed {
            case: made.case.id.clone(),
            attempt: made.attempt,
            observations: (0..=wall_ns / SECOND).map(observation).collect(),
            cost_ns: 1_000_000,
        })?;
        self.write(RunEvent::AttemptEnded {
            case: made.case.id.clone(),
            attempt: made.attempt,
            outcome: outcome.clone(),
            wall_ns,
            orchestrator_cpu_ns: 3_000_000,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            placement: None,
        })?;
        Ok(AttemptRecord {
            attempt: made.attempt,
            started: made.spawned,
            wall_ns,
            outcome,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            worker_identity: Some(identity()),
            placement: None,
        })
    }

    fn hear(&mut self, made: &Made<'_>, ns: u64, message: WorkerEvent) -> std::io::Result<()> {
        self.pass(ns);
        self.write(RunEvent::Worker {
            case: made.case.id.clone(),
            attempt: made.attempt,
            since_spawn_ns: since(made.spawned, self.now),
            message,
        })
    }

    fn pass(&mut self, ns: u64) {
        self.now += SignedDuration::from_nanos(ns.cast_signed());
    }

    fn write(&mut self, event: RunEvent) -> std::io::Result<()> {
        let at = self.now;
        serde_json::to_writer(&mut self.log, &Stamped { at, event })?;
        self.log.write_all(b"\n")
    }

    /// A factor about 1, with this standard deviation.
    fn noise(&mut self, size: f64) -> f64 {
        1.0 + size * self.draw.normal()
    }
}

/// Now and then one fails.
fn outcome(number: u32) -> Outcome {
    let (kind, message) = (FailureKind::Internal, "as made up".to_owned());
    match number % 97 {
        0 => Outcome::WorkerFailed { kind, message },
        _ => Outcome::Ok,
    }
}

fn hello() -> WorkerEvent {
    WorkerEvent::Hello {
        protocol: PROTOCOL_VERSION,
        worker: identity(),
        torch: Some("2.11.0".to_owned()),
        devices: vec![DeviceInfo {
            device: Device::Cpu,
            description: "a made-up CPU".to_owned(),
            total_memory_bytes: None,
        }],
        benchmarks: anechoic_protocol::BenchmarkName::ALL.to_vec(),
        several_jobs: false,
    }
}

fn job(case: &Case, attempt: u32) -> Job {
    Job {
        protocol: PROTOCOL_VERSION,
        case: case.id.clone(),
        attempt,
        device: Device::Cpu,
        threads: case.threads.unwrap_or(1),
        seed: case.seed,
        work: case.work.clone(),
        more: false,
    }
}

fn result(job: &Job) -> JobResult {
    JobResult {
        used: Echo(job.clone()),
        model: None,
        environment: Environment {
            torch: Some("2.11.0".to_owned()),
            device: Device::Cpu,
            linear_path: Some("rows-avx2".to_owned()),
            attention_path: Some("fused-avx2".to_owned()),
            cpu_capability: Some("AVX2".to_owned()),
        },
        verification: Some(Verification {
            method: "made up".to_owned(),
            compared: 1,
            max_relative_error: 0.0,
            tolerance: 1e-4,
        }),
        memory: PeakMemory {
            peak_resident_bytes: 1 << 30,
            peak_device_bytes: None,
            capture_bytes: 0,
            resident_at_start_bytes: None,
            resident_at_end_bytes: None,
        },
        phases: Vec::new(),
    }
}

/// The machine after so many seconds.
fn observation(second: u64) -> Observation {
    Observation {
        since_spawn_ns: second * SECOND,
        worker_cpu_ms: Some(second * 990),
        state: MachineState {
            cpu_temperature_millicelsius: Some(50_000 + 100 * (second % 50).cast_signed()),
            cpu_busy_ms: Some(1_000_000 + second * 1_020),
            cpu_stolen_ms: Some(500 + second * 2),
            memory_stalled_ms: Some(7),
            available_memory_bytes: Some(20 << 30),
            ..MachineState::default()
        },
    }
}

fn since(earlier: Timestamp, later: Timestamp) -> u64 {
    let passed = later.duration_since(earlier).as_nanos();
    u64::try_from(passed).expect("time passes forwards")
}
