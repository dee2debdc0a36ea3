//! The messages between `anechoic` and a worker, their version and their framing, and what both
//! sides must agree on about models. No input, no output, no clocks.

mod benchmark;
mod capture;
mod custom;
mod device;
mod event;
mod failure;
mod frame;
mod job;
mod kv;
mod layers;
mod model;
#[cfg(feature = "schema")]
pub mod schema;
mod version;

pub use benchmark::{Benchmark, BenchmarkFamily, BenchmarkName};
pub use capture::{
    Attribution, CaptureIteration, CaptureMode, CaptureWork, FetchParts, InsideTimes, PairedSteps,
    Probe, Strategy, StrategyParseError, Workload,
};
pub use custom::{CUSTOM_NAME, CustomSample, CustomWork, Decimal, Parameter, is_custom_name};
pub use device::{Device, DeviceInfo, DeviceParseError};
pub use event::{
    Echo, Environment, JobResult, ModelFacts, PeakMemory, Phase, PhaseSpan, Sample, Verification,
    WorkerEvent, WorkerIdentity,
};
pub use failure::FailureKind;
pub use frame::{FrameError, MAX_LINE_BYTES, decode_line, encode_line};
pub use job::Job;
pub use kv::cost::{Cost, Counted};
pub use kv::{
    AttentionPath, CacheUse, CapacityProbe, CapacitySample, CapacityWork, Divergence,
    GenerationWork, LatencySample, MemorySource, PerplexitySample, PerplexityWork, PhaseSample,
    PhaseTimes, RooflinePoint, RooflineSample, TextSource, VersionedModel, VramSample, WindowLoss,
};
pub use layers::{LayerSelection, LayerSelectionError};
pub use model::{
    Dtype, Family, Gpt2Config, ModelConfig, ModelConfigError, ModelSource, Preset, Qwen2Config,
    RopeParameters, UnknownName,
};

pub use version::{CacheBytes, CacheDesign, SCALE_BYTES, Sharing, Storage, Version};

/// Version of the worker protocol that this build speaks. A worker of another version is refused.
pub const PROTOCOL_VERSION: u32 = 1;
