//! When the machine is at rest: rules over readings of its state. Values only: no clock, no files.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anechoic_record::{GpuState, MachineState, Restless};

/// How far the processor's or the GPU's temperature may be above the reference, in thousandths of a degree. One that is
/// further below it becomes the reference.
pub(crate) const TEMPERATURE_TOLERANCE: i64 = 3_000;

/// Thousandths of one CPU that others may always keep busy, or a hypervisor take away.
pub(crate) const LOAD_FLOOR_MILLI: u64 = 250;

/// Thousandths of each CPU that they may take where that is more: a tenth of the machine.
pub(crate) const LOAD_SHARE_MILLI: u64 = 100;

/// Thousandths of the time that some task may wait for memory.
pub(crate) const STALLED_PERMILLE: u64 = 50;

/// Bytes by which the memory in use on the GPU may exceed that before the run.
pub(crate) const GPU_MEMORY_TOLERANCE: u64 = 64 << 20;

/// The shortest time over which a rate is taken: the kernel counts CPU time in steps of 10 ms.
pub(crate) const SHORTEST_SPAN: Duration = Duration::from_millis(200);

/// The machine at one moment, and how much of its CPU time was ours.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    /// When.
    pub(crate) at: Instant,
    /// The machine.
    pub(crate) state: MachineState,
    /// CPU time so far of the orchestrator and of all that it has started.
    pub(crate) ours: Duration,
    /// Live processes that the worker consists of; none while there is no worker.
    pub(crate) pids: BTreeSet<u32>,
}

impl Reading {
    /// Whether it holds counters of which a rate can be taken.
    pub(crate) fn has_rates(&self) -> bool {
        self.state.cpu_busy_ms.is_some() || self.state.memory_stalled_ms.is_some()
    }
}

/// What readings are compared with.
#[derive(Debug, Clone)]
pub(crate) struct Reference {
    /// The state in which the first attempt that may count was made; none before it.
    pub(crate) state: Option<MachineState>,
    /// CPUs whose time is counted as busy or stolen.
    pub(crate) cpus: u32,
}

/// A temperature that has taken the place of a higher one in the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colder {
    /// What has it, for people.
    pub(super) what: &'static str,
    /// Until now, in thousandths of a degree.
    pub(super) before: i64,
    /// From now on.
    pub(super) now: i64,
}

impl Reference {
    /// Takes over the temperatures of a machine that is colder at rest than it was: a run that began hot would meet its
    /// start never again.
    pub(super) fn cool(&mut self, state: &MachineState) -> Vec<Colder> {
        let Some(known) = &mut self.state else {
            return Vec::new();
        };
        let cpu = lower(
            "processor",
            &mut known.cpu_temperature_millicelsius,
            state.cpu_temperature_millicelsius,
        );
        let gpu = match (&mut known.gpu, &state.gpu) {
            (Some(known), Some(now)) => lower(
                "GPU",
                &mut known.temperature_millicelsius,
                now.temperature_millicelsius,
            ),
            (Some(_) | None, _) => None,
        };
        cpu.into_iter().chain(gpu).collect()
    }

    /// Whether waiting is worth while. Who computed on the GPU when the reference was taken is not waited for again.
    pub(super) fn passes_by_waiting(&self, what: &Restless) -> bool {
        match what {
            Restless::GpuProcesses { pids } => {
                let known = processes(self.state.as_ref().and_then(|state| state.gpu.as_ref()));
                pids.iter().any(|pid| !known.contains(pid))
            }
            Restless::CpuTemperature { .. }
            | Restless::GpuTemperature { .. }
            | Restless::CpuLoad { .. }
            | Restless::StolenTime { .. }
            | Restless::MemoryPressure { .. }
            | Restless::CpuFrequencyLimit { .. }
            | Restless::CpuThrottled { .. }
            | Restless::GpuMemory { .. }
            | Restless::GpuThrottled { .. } => true,
        }
    }
}

fn lower(what: &'static str, known: &mut Option<i64>, now: Option<i64>) -> Option<Colder> {
    let (before, now) = ((*known)?, now?);
    let is_colder = before.saturating_sub(now) > TEMPERATURE_TOLERANCE;
    is_colder.then(|| {
        *known = Some(now);
        Colder { what, before, now }
    })
}

/// The processes of the worker over one attempt.
#[derive(Debug, Clone, Default)]
pub(super) struct Own {
    /// All that were seen.
    pub(super) pids: BTreeSet<u32>,
    /// The most that lived at the same time.
    pub(super) most: usize,
}

impl Own {
    /// Adds those that live now.
    pub(super) fn meet(&mut self, pids: &BTreeSet<u32>) {
        self.pids.extend(pids);
        self.most = self.most.max(pids.len());
    }
}

/// Two readings beside what they are judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judged<'a> {
    /// The run's reference.
    pub(super) reference: &'a Reference,
    /// The first reading of this pause or attempt.
    pub(super) first: &'a Reading,
    /// The one before; rates are taken from it.
    pub(super) earlier: &'a Reading,
    /// The one that is judged.
    pub(super) later: &'a Reading,
}

impl Judged<'_> {
    /// Why the machine is not at rest before an attempt.
    pub(super) fn before(self) -> Vec<Restless> {
        let found = [
            self.cpu_load(),
            self.stolen_time(),
            self.memory_pressure(),
            self.cpu_temperature(),
            self.cpu_frequency_limit(),
            self.cpu_throttled(),
            self.gpu_memory(),
            self.gpu_temperature(),
            self.gpu_processes_before(),
            self.gpu_throttled(),
        ];
        found.into_iter().flatten().collect()
    }

    /// What disturbs an attempt. Its own heat and memory are none of it.
    pub(super) fn during(self, own: &Own) -> Vec<Restless> {
        let found = [
            self.cpu_load(),
            self.stolen_time(),
            self.memory_pressure(),
            self.cpu_frequency_limit(),
            self.cpu_throttled(),
            self.gpu_processes_during(own),
            self.gpu_throttled(),
        ];
        found.into_iter().flatten().collect()
    }

    fn cpu_load(self) -> Option<Restless> {
        let busy = self.grown(|state| state.cpu_busy_ms)?;
        let ours = self.later.ours.saturating_sub(self.earlier.ours);
        let others = busy.saturating_sub(u64::try_from(ours.as_millis()).unwrap_or(u64::MAX));
        let busy_milli = self.permille(others)?;
        let accepted_milli = self.accepted_milli();
        (busy_milli > accepted_milli).then_some(Restless::CpuLoad {
            busy_milli,
            accepted_milli,
        })
    }

    fn stolen_time(self) -> Option<Restless> {
        let stolen_milli = self.permille(self.grown(|state| state.cpu_stolen_ms)?)?;
        let accepted_milli = self.accepted_milli();
        (stolen_milli > accepted_milli).then_some(Restless::StolenTime {
            stolen_milli,
            accepted_milli,
        })
    }

    fn memory_pressure(self) -> Option<Restless> {
        let stalled_permille = self.permille(self.grown(|state| state.memory_stalled_ms)?)?;
        (stalled_permille > STALLED_PERMILLE).then_some(Restless::MemoryPressure {
            stalled_permille,
            accepted_permille: STALLED_PERMILLE,
        })
    }

    fn cpu_temperature(self) -> Option<Restless> {
        let millicelsius = self.later.state.cpu_temperature_millicelsius?;
        let reference_millicelsius = self.start()?.cpu_temperature_millicelsius?;
        is_warmer(millicelsius, reference_millicelsius).then_some(Restless::CpuTemperature {
            millicelsius,
            reference_millicelsius,
        })
    }

    fn cpu_frequency_limit(self) -> Option<Restless> {
        let khz = self.later.state.cpu_frequency_limit_khz?;
        let reference_khz = self.start()?.cpu_frequency_limit_khz?;
        (khz != reference_khz).then_some(Restless::CpuFrequencyLimit { khz, reference_khz })
    }

    fn cpu_throttled(self) -> Option<Restless> {
        let before = self.first.state.cpu_throttles?;
        let times = self.later.state.cpu_throttles?.saturating_sub(before);
        (times > 0).then_some(Restless::CpuThrottled { times })
    }

    fn gpu_memory(self) -> Option<Restless> {
        let bytes = self.gpu()?.used_memory_bytes?;
        let reference_bytes = self.start()?.gpu.as_ref()?.used_memory_bytes?;
        (bytes > reference_bytes.saturating_add(GPU_MEMORY_TOLERANCE)).then_some(
            Restless::GpuMemory {
                bytes,
                reference_bytes,
            },
        )
    }

    fn gpu_temperature(self) -> Option<Restless> {
        let millicelsius = self.gpu()?.temperature_millicelsius?;
        let reference_millicelsius = self.start()?.gpu.as_ref()?.temperature_millicelsius?;
        is_warmer(millicelsius, reference_millicelsius).then_some(Restless::GpuTemperature {
            millicelsius,
            reference_millicelsius,
        })
    }

    /// No worker runs yet: whoever computes is another, also one who did when the run began.
    fn gpu_processes_before(self) -> Option<Restless> {
        let pids = self.gpu()?.compute_processes.clone()?;
        (!pids.is_empty()).then_some(Restless::GpuProcesses { pids })
    }

    /// The worker may be among them; those of the reference were told of before the attempt. In a container the driver
    /// numbers processes otherwise than we do: where it names none of ours, as many as the worker has are taken for it.
    fn gpu_processes_during(self, own: &Own) -> Option<Restless> {
        let known = processes(self.start().and_then(|state| state.gpu.as_ref()));
        let now = self.gpu()?.compute_processes.as_ref()?;
        let allowed = match now.iter().any(|pid| own.pids.contains(pid)) {
            true => 0,
            false => own.most.max(1),
        };
        let is_new = |pid: &&u32| !known.contains(pid) && !own.pids.contains(pid);
        let pids: Vec<_> = now.iter().filter(is_new).copied().collect();
        (pids.len() > allowed).then_some(Restless::GpuProcesses { pids })
    }

    fn gpu_throttled(self) -> Option<Restless> {
        let reasons = &self.gpu()?.throttle_reasons;
        (!reasons.is_empty()).then(|| Restless::GpuThrottled {
            reasons: reasons.clone(),
        })
    }

    fn start(&self) -> Option<&MachineState> {
        self.reference.state.as_ref()
    }

    fn gpu(&self) -> Option<&GpuState> {
        self.later.state.gpu.as_ref()
    }

    fn accepted_milli(self) -> u64 {
        accepted_milli(self.reference.cpus)
    }

    /// How much a counter has grown; one that has gone back has not.
    fn grown(self, counter: impl Fn(&MachineState) -> Option<u64>) -> Option<u64> {
        let before = counter(&self.earlier.state)?;
        Some(counter(&self.later.state)?.saturating_sub(before))
    }

    /// Milliseconds as thousandths of the time between the readings; none where that is too short for a rate.
    fn permille(self, millis: u64) -> Option<u64> {
        let span = self.later.at.saturating_duration_since(self.earlier.at);
        let span_ms = u64::try_from(span.as_millis()).ok()?;
        (span >= SHORTEST_SPAN).then(|| millis.saturating_mul(1000) / span_ms)
    }
}

/// Thousandths of one CPU that others may keep busy where the time of so many CPUs is counted.
pub(crate) fn accepted_milli(cpus: u32) -> u64 {
    LOAD_FLOOR_MILLI.max(u64::from(cpus) * LOAD_SHARE_MILLI)
}

fn is_warmer(now: i64, reference: i64) -> bool {
    now.saturating_sub(reference) > TEMPERATURE_TOLERANCE
}

fn processes(gpu: Option<&GpuState>) -> BTreeSet<u32> {
    let listed = gpu.and_then(|gpu| gpu.compute_processes.as_ref());
    listed.into_iter().flatten().copied().collect()
}

/// Whether this is a temperature, which a fixed pause alone does not promise to bring back.
pub(super) fn is_temperature(what: &Restless) -> bool {
    match what {
        Restless::CpuTemperature { .. } | Restless::GpuTemperature { .. } => true,
        Restless::CpuLoad { .. }
        | Restless::StolenTime { .. }
        | Restless::MemoryPressure { .. }
        | Restless::CpuFrequencyLimit { .. }
        | Restless::CpuThrottled { .. }
        | Restless::GpuMemory { .. }
        | Restless::GpuProcesses { .. }
        | Restless::GpuThrottled { .. } => false,
    }
}

/// How far from rest, comparable among readings of one kind.
pub(super) fn severity(what: &Restless) -> u64 {
    match what {
        Restless::CpuTemperature {
            millicelsius,
            reference_millicelsius,
        }
        | Restless::GpuTemperature {
            millicelsius,
            reference_millicelsius,
        } => millicelsius.abs_diff(*reference_millicelsius),
        Restless::CpuLoad { busy_milli, .. } => *busy_milli,
        Restless::StolenTime { stolen_milli, .. } => *stolen_milli,
        Restless::MemoryPressure {
            stalled_permille, ..
        } => *stalled_permille,
        Restless::CpuFrequencyLimit { khz, reference_khz } => khz.abs_diff(*reference_khz),
        Restless::CpuThrottled { times } => *times,
        Restless::GpuMemory { bytes, .. } => *bytes,
        Restless::GpuProcesses { pids } => pids.len() as u64,
        Restless::GpuThrottled { reasons } => reasons.len() as u64,
    }
}
