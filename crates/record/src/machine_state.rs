//! What the machine was like at one moment: read before, between and during attempts. Integers, and `None` for what
//! cannot be read here.

use serde::{Deserialize, Serialize};

/// The machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineState {
    /// The hottest sensor of the processor.
    pub cpu_temperature_millicelsius: Option<i64>,
    /// The lowest limit of the frequency among the CPUs that may be used.
    pub cpu_frequency_limit_khz: Option<u64>,
    /// The mean frequency of the CPUs that may be used.
    pub cpu_frequency_khz: Option<u64>,
    /// Times that the processor has throttled since the machine was started.
    pub cpu_throttles: Option<u64>,
    /// Time that the CPUs that may be used have been busy together since the machine was started.
    pub cpu_busy_ms: Option<u64>,
    /// Time that a hypervisor has taken from them since then.
    pub cpu_stolen_ms: Option<u64>,
    /// Time that some task has waited for memory since then (`/proc/pressure/memory`).
    pub memory_stalled_ms: Option<u64>,
    /// Memory that can be had without swapping.
    pub available_memory_bytes: Option<u64>,
    /// The GPU that was chosen.
    pub gpu: Option<GpuState>,
}

/// A GPU at one moment, as its driver tells it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct GpuState {
    /// Memory in use, by whomever.
    pub used_memory_bytes: Option<u64>,
    /// Its core.
    pub temperature_millicelsius: Option<i64>,
    /// Clock of its multiprocessors. Low on an idle GPU, which means nothing.
    pub clock_khz: Option<u64>,
    /// Why its clock is held below what it could be; an idle GPU has none.
    pub throttle_reasons: Vec<ThrottleReason>,
    /// Processes that compute on it, as the driver numbers them. In a container these are not the numbers of `/proc`.
    pub compute_processes: Option<Vec<u32>>,
}

/// Why a GPU holds its clock down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleReason {
    /// The software power limit.
    PowerCap,
    /// Hardware slowed it down, for heat or power.
    HardwareSlowdown,
    /// The driver keeps its temperature down.
    SoftwareThermal,
    /// Hardware keeps its temperature down.
    HardwareThermal,
    /// An external power brake.
    PowerBrake,
    /// It is bound to the clock of another GPU.
    SyncBoost,
}

/// A reading during an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// Monotonic time since the worker was started.
    pub since_spawn_ns: u64,
    /// CPU time that the worker and what it started have used so far.
    pub worker_cpu_ms: Option<u64>,
    /// The machine.
    #[serde(flatten)]
    pub state: MachineState,
}
