//! What a worker says, one line each.

use serde::{Deserialize, Serialize};

use crate::{
    BenchmarkName, CapacitySample, CaptureIteration, CustomSample, Device, DeviceInfo, Dtype,
    FailureKind, Job, LatencySample, ModelConfig, PerplexitySample, PhaseSample, RooflineSample,
    VramSample,
};

/// A line on a worker's standard output.
///
/// `hello` comes first, `finished` or `failed` exactly once and last. Unknown fields are ignored,
/// unknown types are a protocol violation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum WorkerEvent {
    /// The worker is up and waits for its job.
    Hello {
        /// Protocol version that the worker speaks.
        protocol: u32,
        /// Who it is.
        worker: WorkerIdentity,
        /// libtorch's version, for workers that have one.
        #[serde(default)]
        torch: Option<String>,
        /// What it can compute on.
        #[serde(default)]
        devices: Vec<DeviceInfo>,
        /// What it can measure.
        benchmarks: Vec<BenchmarkName>,
        /// Whether it carries out several jobs in one process, where a job says that more follow. Workers that do not know
        /// of this offer nothing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        several_jobs: bool,
    },
    /// A phase begins.
    Phase {
        /// Which one.
        phase: Phase,
    },
    /// An iteration of the current phase is done.
    Progress {
        /// Iterations done in this phase.
        done: u32,
        /// Iterations of this phase.
        total: u32,
    },
    /// Raw measurements of one iteration.
    Sample {
        /// The measurements.
        sample: Sample,
    },
    /// Something a reader of the result should know.
    Warning {
        /// A sentence.
        message: String,
    },
    /// The work is done and verified.
    Finished {
        /// Everything but the samples.
        result: Box<JobResult>,
    },
    /// The work cannot be done.
    Failed {
        /// Why.
        kind: FailureKind,
        /// For people.
        message: String,
    },
}

/// A worker's name and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WorkerIdentity {
    /// The program's name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// The steps of an attempt, in order. Fetch is a timed part of each measured iteration and not a phase
/// of its own: announcing it would wake the orchestrator between two timed regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// From spawn until the job is accepted.
    Start,
    /// Weights and buffers.
    Load,
    /// The worker checks its result against an independent computation.
    Verify,
    /// Iterations that are not measured.
    WarmUp,
    /// Measured iterations.
    Measure,
    /// Leaving.
    Stop,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 6] = [
        Self::Start,
        Self::Load,
        Self::Verify,
        Self::WarmUp,
        Self::Measure,
        Self::Stop,
    ];

    /// The phase as people and JSON read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::Verify => "verify",
            Self::WarmUp => "warm-up",
            Self::Measure => "measure",
            Self::Stop => "stop",
        }
    }
}

/// Raw measurements of one iteration, by benchmark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "benchmark", rename_all = "kebab-case")]
pub enum Sample {
    /// Activation capture.
    Capture(CaptureIteration),
    /// A timed generation.
    Latency(LatencySample),
    /// Memory of a generation.
    Vram(VramSample),
    /// A generation taken apart.
    Phase(PhaseSample),
    /// Quality on a text.
    Perplexity(PerplexitySample),
    /// The largest batch within a budget.
    Capacity(CapacitySample),
    /// A generation against the machine's ceilings.
    Roofline(RooflineSample),
    /// An iteration of a worker of one's own.
    Custom(CustomSample),
}

impl Sample {
    /// The iteration it belongs to, from 1.
    pub fn iteration(&self) -> u32 {
        match self {
            Self::Capture(iteration) => iteration.iteration,
            Self::Latency(sample) => sample.iteration,
            Self::Vram(sample) => sample.iteration,
            Self::Phase(sample) => sample.iteration,
            Self::Perplexity(sample) => sample.iteration,
            Self::Capacity(sample) => sample.iteration,
            Self::Roofline(sample) => sample.iteration,
            Self::Custom(sample) => sample.iteration,
        }
    }

    /// The benchmark that yields it.
    pub fn benchmark(&self) -> BenchmarkName {
        match self {
            Self::Capture(_) => BenchmarkName::Capture,
            Self::Latency(_) => BenchmarkName::Latency,
            Self::Vram(_) => BenchmarkName::Vram,
            Self::Phase(_) => BenchmarkName::Phase,
            Self::Perplexity(_) => BenchmarkName::Perplexity,
            Self::Capacity(_) => BenchmarkName::Capacity,
            Self::Roofline(_) => BenchmarkName::Roofline,
            Self::Custom(_) => BenchmarkName::Custom,
        }
    }
}

/// What a worker tells at the end, beside the samples it has sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct JobResult {
    /// The settings that were in force; the orchestrator refuses a result whose echo differs from the job.
    pub used: Echo,
    /// What was loaded.
    pub model: Option<ModelFacts>,
    /// With what it computed.
    pub environment: Environment,
    /// How the result was checked, where the benchmark has a check.
    pub verification: Option<Verification>,
    /// Memory of the process during the job.
    pub memory: PeakMemory,
    /// How long each phase took; empty where the worker does not tell.
    #[serde(default)]
    pub phases: Vec<PhaseSpan>,
}

/// The job as the worker carried it out, read back from what it really used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Echo(pub Job);

/// Facts about a loaded model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelFacts {
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Number of parameters, tied ones once.
    pub parameters: u64,
    /// Bytes of the parameters in their type, tied ones once.
    pub weight_bytes: u64,
    /// Bytes of KV cache that the workload reserves; of the largest, where it has several.
    pub kv_cache_bytes: u64,
    /// Bytes of key and value projections that this KV-cache version does not hold.
    #[serde(default)]
    pub projection_bytes_saved: u64,
    /// Type of the weights.
    pub dtype: Dtype,
    /// The model's window and head sizes, for readers that count work themselves.
    #[serde(default)]
    pub config: Option<ModelConfig>,
}

/// What the worker computed with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Environment {
    /// libtorch's version.
    pub torch: Option<String>,
    /// The device in words.
    pub device: Device,
    /// Path that linear layers took, e.g. `rows-avx2`, `prepacked` or `plain`.
    pub linear_path: Option<String>,
    /// Path that attention of decode steps took, e.g. `fused-avx2`, `stock` or `dequantise`.
    #[serde(default)]
    pub attention_path: Option<String>,
    /// Instruction set that libtorch chose, e.g. `AVX2`.
    pub cpu_capability: Option<String>,
}

/// The outcome of the verify phase; a case that fails it has no timing at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verification {
    /// What was compared with what.
    pub method: String,
    /// Values compared.
    pub compared: u64,
    /// Largest absolute difference found, relative to the largest absolute value of the reference.
    pub max_relative_error: f64,
    /// Largest difference accepted.
    pub tolerance: f64,
}

/// Memory of the worker while it did one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PeakMemory {
    /// Peak resident set (`VmHWM`) since the job began.
    pub peak_resident_bytes: u64,
    /// Peak of device memory allocated from warm-up on, on a GPU; in `vram` and `capacity`, which count it anew for each
    /// run, that of the last.
    pub peak_device_bytes: Option<u64>,
    /// Bytes that hold captured rows at their peak; 0 where nothing is captured.
    #[serde(default)]
    pub capture_bytes: u64,
    /// Resident set before the job loaded anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_at_start_bytes: Option<u64>,
    /// Resident set after everything that the job loaded was dropped; told where another job follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_at_end_bytes: Option<u64>,
}

/// The length of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhaseSpan {
    /// Which one.
    pub phase: Phase,
    /// How long.
    pub duration_ns: u64,
}
