//! When the machine is at rest: rules over readings of its state. Values only: no clock, no files.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anechoic_record::{GpuState, MachineState, Restless};

/// How far the processor's or the GPU's temperature may be from that at the run's start, in thousandths of a degree.
pub(crate) const TEMPERATURE_TOLERANCE: u64 = 3_000;

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
    /// Live processes that the orchestrator has started, or that these have.
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
    /// The state in which the run's first attempt was made; none before it.
    pub(crate) state: Option<MachineState>,
    /// Logical CPUs of the machine.
    pub(crate) cpus: u32,
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
    pub(super) fn during(self) -> Vec<Restless> {
        let found = [
            self.cpu_load(),
            self.stolen_time(),
            self.memory_pressure(),
            self.cpu_frequency_limit(),
            self.cpu_throttled(),
            self.gpu_processes_during(),
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
        is_off(millicelsius, reference_millicelsius).then_some(Restless::CpuTemperature {
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
        is_off(millicelsius, reference_millicelsius).then_some(Restless::GpuTemperature {
            millicelsius,
            reference_millicelsius,
        })
    }

    /// No worker runs yet: any process that was not there at the run's start is another's.
    fn gpu_processes_before(self) -> Option<Restless> {
        let known = processes(self.start()?.gpu.as_ref());
        let pids = self.new_gpu_processes(&known)?;
        (!pids.is_empty()).then_some(Restless::GpuProcesses { pids })
    }

    /// The worker may be among them. In a container the driver numbers processes otherwise than we do: where it
    /// names none of ours, one new process is taken for the worker.
    fn gpu_processes_during(self) -> Option<Restless> {
        let mut known = processes(self.start().and_then(|state| state.gpu.as_ref()));
        known.extend(processes(self.first.state.gpu.as_ref()));
        let own = &self.later.pids;
        let now = self.gpu()?.compute_processes.as_ref()?;
        let allowed = usize::from(!now.iter().any(|pid| own.contains(pid)));
        known.extend(own);
        let pids = self.new_gpu_processes(&known)?;
        (pids.len() > allowed).then_some(Restless::GpuProcesses { pids })
    }

    fn new_gpu_processes(self, known: &BTreeSet<u32>) -> Option<Vec<u32>> {
        let now = self.gpu()?.compute_processes.as_ref()?;
        Some(
            now.iter()
                .copied()
                .filter(|pid| !known.contains(pid))
                .collect(),
        )
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
        LOAD_FLOOR_MILLI.max(u64::from(self.reference.cpus) * LOAD_SHARE_MILLI)
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

fn is_off(now: i64, reference: i64) -> bool {
    now.abs_diff(reference) > TEMPERATURE_TOLERANCE
}

fn processes(gpu: Option<&GpuState>) -> BTreeSet<u32> {
    let listed = gpu.and_then(|gpu| gpu.compute_processes.as_ref());
    listed.into_iter().flatten().copied().collect()
}

/// Whether a machine that waits comes to rest from this. One that is colder than at the start does not warm up by itself.
pub(super) fn passes_by_waiting(what: &Restless) -> bool {
    match what {
        Restless::CpuTemperature {
            millicelsius,
            reference_millicelsius,
        }
        | Restless::GpuTemperature {
            millicelsius,
            reference_millicelsius,
        } => millicelsius > reference_millicelsius,
        Restless::CpuLoad { .. }
        | Restless::StolenTime { .. }
        | Restless::MemoryPressure { .. }
        | Restless::CpuFrequencyLimit { .. }
        | Restless::CpuThrottled { .. }
        | Restless::GpuMemory { .. }
        | Restless::GpuProcesses { .. }
        | Restless::GpuThrottled { .. } => true,
    }
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
