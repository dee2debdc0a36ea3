//! How a machine was not at rest, before or during an attempt.

use serde::{Deserialize, Serialize};

use crate::ThrottleReason;

/// A way in which the machine is not at its reference state: what was read, and what is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "restless", rename_all = "kebab-case")]
pub enum Restless {
    /// The processor is warmer than at rest.
    CpuTemperature {
        /// Now.
        millicelsius: i64,
        /// With which an attempt was made at rest; the lowest so far.
        reference_millicelsius: i64,
    },
    /// Others use the CPUs.
    CpuLoad {
        /// CPUs that others kept busy, in thousandths of one.
        busy_milli: u64,
        /// So much is accepted.
        accepted_milli: u64,
    },
    /// A hypervisor takes the CPUs away.
    StolenTime {
        /// CPUs that were taken, in thousandths of one.
        stolen_milli: u64,
        /// So much is accepted.
        accepted_milli: u64,
    },
    /// Tasks wait for memory.
    MemoryPressure {
        /// Thousandths of the time that some task waited.
        stalled_permille: u64,
        /// So much is accepted.
        accepted_permille: u64,
    },
    /// The limit of the CPUs' frequency is another one than at the run's start.
    CpuFrequencyLimit {
        /// Now.
        khz: u64,
        /// At the start of the run.
        reference_khz: u64,
    },
    /// The processor throttled.
    CpuThrottled {
        /// So many times.
        times: u64,
    },
    /// The GPU holds more memory than before the run.
    GpuMemory {
        /// Now.
        bytes: u64,
        /// Before the run.
        reference_bytes: u64,
    },
    /// The GPU is warmer than at rest.
    GpuTemperature {
        /// Now.
        millicelsius: i64,
        /// With which an attempt was made at rest; the lowest so far.
        reference_millicelsius: i64,
    },
    /// Others compute on the GPU.
    GpuProcesses {
        /// Their numbers, as the driver has them.
        pids: Vec<u32>,
    },
    /// The GPU throttled.
    GpuThrottled {
        /// Why.
        reasons: Vec<ThrottleReason>,
    },
}

/// When the machine was not at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before the attempt, when the longest wait had passed.
    Before,
    /// While the worker ran.
    During,
}

/// What makes an attempt doubtful.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disturbance {
    /// When.
    pub when: Moment,
    /// What; of several readings the worst.
    #[serde(flatten)]
    pub what: Restless,
}

/// Why an attempt had to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// How long this was among the reasons.
    pub waited_ms: u64,
    /// As it was read first.
    #[serde(flatten)]
    pub what: Restless,
}

impl Restless {
    /// The name as JSON and tables show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::CpuTemperature { .. } => "cpu-temperature",
            Self::CpuLoad { .. } => "cpu-load",
            Self::StolenTime { .. } => "stolen-time",
            Self::MemoryPressure { .. } => "memory-pressure",
            Self::CpuFrequencyLimit { .. } => "cpu-frequency-limit",
            Self::CpuThrottled { .. } => "cpu-throttled",
            Self::GpuMemory { .. } => "gpu-memory",
            Self::GpuTemperature { .. } => "gpu-temperature",
            Self::GpuProcesses { .. } => "gpu-processes",
            Self::GpuThrottled { .. } => "gpu-throttled",
        }
    }

    /// In a few words, for people.
    pub fn cause(&self) -> String {
        let degrees = |millicelsius: &i64| format!("{:.1} °C", *millicelsius as f64 / 1e3);
        let cpus = |milli: &u64| format!("{:.2}", *milli as f64 / 1e3);
        let percent = |permille: &u64| format!("{:.1} %", *permille as f64 / 10.0);
        let megabytes = |bytes: &u64| format!("{:.0} MB", *bytes as f64 / 1e6);
        let megahertz = |khz: &u64| format!("{:.0} MHz", *khz as f64 / 1e3);
        match self {
            Self::CpuTemperature {
                millicelsius,
                reference_millicelsius,
            } => format!(
                "the processor is at {}, and was at {} at rest",
                degrees(millicelsius),
                degrees(reference_millicelsius)
            ),
            Self::CpuLoad {
                busy_milli,
                accepted_milli,
            } => format!(
                "others keep {} CPUs busy; {} are accepted",
                cpus(busy_milli),
                cpus(accepted_milli)
            ),
            Self::StolenTime {
                stolen_milli,
                accepted_milli,
            } => format!(
                "the hypervisor takes {} CPUs away; {} are accepted",
                cpus(stolen_milli),
                cpus(accepted_milli)
            ),
            Self::MemoryPressure {
                stalled_permille,
                accepted_permille,
            } => format!(
                "tasks wait for memory {} of the time; {} are accepted",
                percent(stalled_permille),
                percent(accepted_permille)
            ),
            Self::CpuFrequencyLimit { khz, reference_khz } => format!(
                "the CPUs' frequency is limited to {}, and was to {} when the run began",
                megahertz(khz),
                megahertz(reference_khz)
            ),
            Self::CpuThrottled { times } => format!("the processor throttled {times} time(s)"),
            Self::GpuMemory {
                bytes,
                reference_bytes,
            } => format!(
                "{} of the GPU's memory are in use, and {} were before the run",
                megabytes(bytes),
                megabytes(reference_bytes)
            ),
            Self::GpuTemperature {
                millicelsius,
                reference_millicelsius,
            } => format!(
                "the GPU is at {}, and was at {} at rest",
                degrees(millicelsius),
                degrees(reference_millicelsius)
            ),
            Self::GpuProcesses { pids } => {
                let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
                format!("others compute on the GPU: process {}", pids.join(", "))
            }
            Self::GpuThrottled { reasons } => {
                let reasons: Vec<_> = reasons.iter().map(|reason| reason.as_str()).collect();
                format!("the GPU throttled: {}", reasons.join(", "))
            }
        }
    }
}

impl Disturbance {
    /// In a few words, for people.
    pub fn cause(&self) -> String {
        match self.when {
            Moment::Before => format!("before: {}", self.what.cause()),
            Moment::During => format!("during: {}", self.what.cause()),
        }
    }
}

impl ThrottleReason {
    /// The reason as people and JSON read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PowerCap => "power-cap",
            Self::HardwareSlowdown => "hardware-slowdown",
            Self::SoftwareThermal => "software-thermal",
            Self::HardwareThermal => "hardware-thermal",
            Self::PowerBrake => "power-brake",
            Self::SyncBoost => "sync-boost",
        }
    }
}
