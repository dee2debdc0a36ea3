//! What was read of the machine, before anything is judged. `None` stands for what cannot be read here.

use std::path::PathBuf;

use anechoic_protocol::Device;
use anechoic_record::{GpuState, Machine, MachineState};
use anechoic_suite::Requirements;

use crate::probe::{Card, Policy};
use crate::runner::Greeting;

/// Everything that the checks look at.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) machine: Machine,
    /// At the end of [`Facts::interval`].
    pub(crate) state: MachineState,
    pub(crate) interval: Interval,
    pub(crate) cpu: CpuFacts,
    pub(crate) kernel: KernelFacts,
    pub(crate) memory: MemoryFacts,
    pub(crate) group: GroupFacts,
    pub(crate) processes: ProcessFacts,
    pub(crate) gpu: GpuFacts,
    pub(crate) place: PlaceFacts,
    pub(crate) worker: WorkerFacts,
    pub(crate) device: DeviceFacts,
    /// Of the suite; the default without one.
    pub(crate) requirements: Requirements,
    /// What would run, or what the suite names that is not here; nothing without a suite.
    pub(crate) suite: Option<Result<String, String>>,
}

/// What happened while the doctor slept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interval {
    pub(crate) length_ms: u64,
    /// CPUs whose time is counted: those that may be used, where the kernel tells them apart.
    pub(crate) cpus: u32,
    /// CPUs that were busy, in thousandths of one; the doctor sleeps meanwhile.
    pub(crate) busy_milli: Option<u64>,
    /// CPUs that a hypervisor took, in thousandths of one.
    pub(crate) stolen_milli: Option<u64>,
    /// Thousandths of the time that some task waited for memory.
    pub(crate) stalled_permille: Option<u64>,
    /// Times that the processor throttled.
    pub(crate) throttles: Option<u64>,
    /// Times that the control group was held back for its quota.
    pub(crate) quota_throttles: Option<u64>,
    /// The busiest processes, the busiest first.
    pub(crate) busiest: Vec<Busy>,
}

/// A process that used CPU time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Busy {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// CPUs, in thousandths of one.
    pub(crate) milli: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct CpuFacts {
    pub(crate) policies: Vec<Policy>,
    /// Whether clocks may rise above the nominal one for a while.
    pub(crate) boost: Option<bool>,
    /// Whether cores run several threads.
    pub(crate) smt: Option<bool>,
    /// Whether the processor says that a hypervisor is below it.
    pub(crate) hypervisor: bool,
    /// CPUs that are online.
    pub(crate) online: u32,
    /// `isolcpus`, as the kernel lists them; empty where there are none.
    pub(crate) isolated: String,
    /// The lowest of the temperatures that sensors call critical or high.
    pub(crate) critical_millicelsius: Option<i64>,
    /// Whether a battery feeds the machine.
    pub(crate) on_battery: Option<bool>,
    /// Of all time that CPUs could have had since the start, so much was taken by a hypervisor.
    pub(crate) stolen_permille_since_start: Option<u64>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct KernelFacts {
    /// `kernel.randomize_va_space`.
    pub(crate) randomisation: Option<u32>,
    pub(crate) clock_source: Option<String>,
    /// `always`, `madvise` or `never`.
    pub(crate) huge_pages: Option<String>,
    pub(crate) numa_balancing: Option<bool>,
    pub(crate) numa_nodes: usize,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryFacts {
    pub(crate) swap_bytes: Option<u64>,
    pub(crate) swap_free_bytes: Option<u64>,
    pub(crate) swappiness: Option<u32>,
}

/// The control groups that this process is in.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupFacts {
    /// CPUs that the quota allows, in thousandths of one; the lowest of all groups above.
    pub(crate) quota_milli: Option<u64>,
    /// Times that the group was held back for its quota.
    pub(crate) quota_throttles: Option<u64>,
    /// The lowest limit of all groups above.
    pub(crate) memory_limit_bytes: Option<u64>,
    /// What the group with that limit holds.
    pub(crate) memory_used_bytes: Option<u64>,
    /// The group of version 2, where there is one.
    pub(crate) unified: Option<UnifiedGroup>,
}

/// A control group of version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UnifiedGroup {
    pub(crate) path: PathBuf,
    /// Whether groups can be made below it.
    pub(crate) writable: bool,
    /// Controllers that it has.
    pub(crate) controllers: Vec<String>,
}

/// Processes that have to do with `anechoic`.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProcessFacts {
    /// Orchestrators that have a worker now.
    pub(crate) runs: Vec<Related>,
    /// Workers, and what they started, whose orchestrator is gone.
    pub(crate) leftovers: Vec<Related>,
}

/// A process, and the attempt that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Related {
    pub(crate) pid: u32,
    pub(crate) name: String,
    /// `run/case/attempt`.
    pub(crate) attempt: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct GpuFacts {
    /// GPUs that CUDA would show.
    pub(crate) visible: u32,
    /// Whether all GPUs are alike, or CUDA counts them by their place.
    pub(crate) numbering_is_certain: bool,
    /// The driver's version, or why there is none to ask.
    pub(crate) driver: Option<Result<Option<String>, String>>,
    /// The GPU of the device, or why it does not answer.
    pub(crate) chosen: Option<Result<ChosenGpu, String>>,
}

/// The GPU that would be measured.
#[derive(Debug, Clone, Default)]
pub(crate) struct ChosenGpu {
    pub(crate) card: Card,
    pub(crate) state: GpuState,
}

/// Where results would be written.
#[derive(Debug, Clone)]
pub(crate) struct PlaceFacts {
    pub(crate) folder: PathBuf,
    /// Why nothing can be written there.
    pub(crate) refused: Option<String>,
    pub(crate) free_bytes: Option<u64>,
    pub(crate) lock: LockFacts,
}

/// The lock of the device.
#[derive(Debug, Clone)]
pub(crate) enum LockFacts {
    Free(PathBuf),
    Held {
        path: PathBuf,
        holder: String,
    },
    /// There is no folder for it.
    Refused(String),
}

/// What became of asking the worker.
#[derive(Debug, Clone)]
pub(crate) enum WorkerFacts {
    /// There is no such program.
    Absent(String),
    /// It was asked.
    Asked { path: PathBuf, greeting: Greeting },
    /// It is there and was not started: somebody measures on the device.
    Spared(PathBuf),
    /// Every case of the suite has its own.
    NotNeeded,
}

/// The device that a run would use.
#[derive(Debug, Clone)]
pub(crate) enum DeviceFacts {
    Chosen(Device),
    /// `auto` took the CPU, because a worker does not offer the GPU.
    PassedOver(Device),
    Refused(String),
}

impl DeviceFacts {
    /// The device that would be measured.
    pub(crate) fn device(&self) -> Device {
        match self {
            Self::Chosen(device) | Self::PassedOver(device) => *device,
            Self::Refused(_) => Device::Cpu,
        }
    }
}
