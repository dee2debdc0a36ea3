//! Reads the machine before and while a worker runs, at most once a second, and keeps the readings in memory: nothing
//! is written while a worker measures.

use std::collections::BTreeSet;
use std::future::pending;
use std::time::{Duration, Instant};

use anechoic_record::{Disturbance, MachineState, Manifest, Observation};
use tokio::time::sleep_until;

use super::cpu_time::{descendants, ended_children, own_cpu_time};
use super::rest::{Reading, Reference};
use super::watch::{Kept, Watch};
use crate::probe::MachineProbe;

/// Time between readings while a worker runs.
const PERIOD: Duration = Duration::from_secs(1);

/// Turns the readings while a worker runs off where it is `off`: to measure what they cost.
const SWITCH: &str = "ANECHOIC_SAMPLER";

/// Reads the machine over a run.
#[derive(Debug)]
pub(crate) struct Sampler {
    probe: MachineProbe,
    /// What readings are judged by.
    pub(super) reference: Reference,
    is_on: bool,
    /// Processes that run beside workers, such as the guard.
    beside: BTreeSet<u32>,
    before: Vec<Disturbance>,
    attempt: Option<Attempt>,
}

/// Whose CPU time is not the attempt's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CpuTime {
    /// All that was started before this worker.
    OfWorkersBefore,
    /// As that, and this worker's own so far.
    OfJobsBefore,
}

/// The readings of the attempt that is being made.
#[derive(Debug)]
struct Attempt {
    worker: u32,
    spawned: Instant,
    /// CPU time that was used before this attempt.
    earlier_workers: Duration,
    due: Option<Instant>,
    watch: Watch,
    kept: Kept,
    last: Option<Observation>,
    cost: Duration,
}

/// What was seen of the machine during an attempt.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The readings, in order; none where none were to be taken.
    pub(super) observations: Vec<Observation>,
    /// CPU time that they took.
    pub(super) cost: Duration,
    /// What disturbed the attempt, before or during it.
    pub(super) disturbed: Vec<Disturbance>,
}

impl Sampler {
    /// For the device and machine of this run.
    pub(crate) fn for_run(manifest: &Manifest) -> Self {
        let probe = MachineProbe::of(manifest.settings.device);
        Self {
            reference: Reference {
                state: None,
                cpus: probe.cpus(),
            },
            probe,
            is_on: std::env::var_os(SWITCH).is_none_or(|value| value != "off"),
            beside: BTreeSet::new(),
            before: Vec::new(),
            attempt: None,
        }
    }

    /// Begins with a state of rest that was found earlier.
    pub(crate) fn with_rest(mut self, state: Option<MachineState>) -> Self {
        self.reference.state = state;
        self
    }

    /// The state of rest that attempts from now on are judged by.
    pub(crate) fn rest(&self) -> Option<&MachineState> {
        self.reference.state.as_ref()
    }

    /// The machine now.
    pub(super) fn read(&mut self) -> Reading {
        let worker = self.attempt.as_ref().map(|attempt| attempt.worker);
        self.read_with(worker).0
    }

    /// Also the CPU time of all that was started.
    fn read_with(&mut self, worker: Option<u32>) -> (Reading, Duration) {
        let state = self.probe.read();
        let mut started = descendants(worker);
        match worker {
            Some(_) => started.pids.retain(|pid| !self.beside.contains(pid)),
            None => self.beside = std::mem::take(&mut started.pids),
        }
        let reading = Reading {
            at: Instant::now(),
            state,
            ours: own_cpu_time() + started.time,
            pids: started.pids,
        };
        (reading, started.time)
    }

    /// Notes what the gate found, for the attempt that follows.
    pub(super) fn expect(&mut self, before: Vec<Disturbance>) {
        self.before = before;
    }

    /// The worker has been started.
    pub(super) fn begin(&mut self, worker: u32, spawned: Instant) {
        self.watch(worker, spawned, CpuTime::OfWorkersBefore);
    }

    fn watch(&mut self, worker: u32, spawned: Instant, earlier: CpuTime) {
        if !self.is_on {
            return;
        }
        let before = own_cpu_time();
        let ended = ended_children();
        let (first, started) = self.read_with(Some(worker));
        let earlier_workers = match earlier {
            CpuTime::OfWorkersBefore => ended,
            CpuTime::OfJobsBefore => started,
        };
        let mut attempt = Attempt {
            worker,
            spawned,
            earlier_workers,
            due: Some(first.at + PERIOD),
            watch: Watch::new(self.reference.clone(), first.clone()),
            kept: Kept::default(),
            last: None,
            cost: Duration::ZERO,
        };
        attempt.kept.push(attempt.observation(&first, started));
        attempt.cost = own_cpu_time().saturating_sub(before);
        self.attempt = Some(attempt);
    }

    /// A worker that has been measured goes on with another job.
    pub(super) fn go_on(&mut self, worker: u32, began: Instant) {
        self.watch(worker, began, CpuTime::OfJobsBefore);
    }

    /// Waits until a reading is due. May be cancelled without loss.
    pub(super) async fn due(&self) {
        match self.attempt.as_ref().and_then(|attempt| attempt.due) {
            Some(due) => sleep_until(due.into()).await,
            None => pending().await,
        }
    }

    /// A reading while the worker runs.
    pub(super) fn sample(&mut self) {
        if let Some(attempt) = self.take_reading() {
            attempt.due = Some(Instant::now() + PERIOD);
            if let Some(last) = attempt.last.take() {
                attempt.kept.push(last);
            }
        }
    }

    /// The last reading: the worker has ended.
    pub(super) fn end(&mut self) {
        if let Some(attempt) = self.take_reading() {
            attempt.due = None;
        }
    }

    fn take_reading(&mut self) -> Option<&mut Attempt> {
        let worker = self.attempt.as_ref()?.worker;
        let before = own_cpu_time();
        let (reading, started) = self.read_with(Some(worker));
        let attempt = self.attempt.as_mut()?;
        attempt.last = Some(attempt.observation(&reading, started));
        attempt.watch.observe(reading);
        attempt.cost += own_cpu_time().saturating_sub(before);
        Some(attempt)
    }

    /// Hands over all that was seen.
    pub(super) fn finish(&mut self) -> Seen {
        let before = std::mem::take(&mut self.before);
        let Some(attempt) = self.attempt.take() else {
            return Seen {
                disturbed: before,
                ..Seen::default()
            };
        };
        Seen {
            observations: attempt.kept.close(attempt.last),
            cost: attempt.cost,
            disturbed: before
                .into_iter()
                .chain(attempt.watch.disturbances())
                .collect(),
        }
    }
}

impl Attempt {
    fn observation(&self, reading: &Reading, started: Duration) -> Observation {
        let since_spawn = reading.at.saturating_duration_since(self.spawned);
        let worker = started.saturating_sub(self.earlier_workers);
        Observation {
            since_spawn_ns: u64::try_from(since_spawn.as_nanos()).unwrap_or(u64::MAX),
            worker_cpu_ms: u64::try_from(worker.as_millis()).ok(),
            state: reading.state.clone(),
        }
    }
}
