//! The closed list of benchmarks a job can ask for. A new benchmark is a new variant.

use serde::{Deserialize, Serialize};

use crate::{
    CapacityWork, CaptureWork, CustomWork, GenerationWork, ModelSource, PerplexityWork,
    UnknownName, VersionedModel,
};

/// What a worker is asked to measure, with every setting resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "benchmark", rename_all = "kebab-case")]
pub enum Benchmark {
    /// Activation capture while generating.
    Capture(CaptureWork),
    /// Time to generate T tokens, prefill and decode apart.
    Latency(GenerationWork),
    /// Memory while generating T tokens.
    Vram(GenerationWork),
    /// Where the time of generating T tokens goes.
    Phase(GenerationWork),
    /// Quality through the cache.
    Perplexity(PerplexityWork),
    /// The largest batch within a memory budget.
    Capacity(CapacityWork),
    /// Generation against the machine's ceilings.
    Roofline(GenerationWork),
    /// Something that a worker of one's own knows how to measure.
    Custom(CustomWork),
}

impl Benchmark {
    /// The name without the settings.
    pub fn name(&self) -> BenchmarkName {
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

    /// Samples that a whole attempt sends.
    pub fn iterations(&self) -> u32 {
        match self {
            Self::Capture(work) => work.workload.iterations,
            Self::Latency(work) | Self::Vram(work) | Self::Phase(work) | Self::Roofline(work) => {
                work.samples()
            }
            Self::Perplexity(_) => 1,
            Self::Capacity(work) => work.samples(),
            Self::Custom(work) => work.iterations,
        }
    }

    /// The model; `None` where the orchestrator knows of none.
    pub fn model(&self) -> Option<&ModelSource> {
        match self {
            Self::Capture(work) => Some(&work.model),
            Self::Latency(work) | Self::Vram(work) | Self::Phase(work) | Self::Roofline(work) => {
                Some(&work.model.model)
            }
            Self::Perplexity(work) => Some(&work.model.model),
            Self::Capacity(work) => Some(&work.model.model),
            Self::Custom(_) => None,
        }
    }

    /// The model under its KV-cache version, in KV-cache benchmarks.
    pub fn versioned(&self) -> Option<&VersionedModel> {
        match self {
            Self::Capture(_) | Self::Custom(_) => None,
            Self::Latency(work) | Self::Vram(work) | Self::Phase(work) | Self::Roofline(work) => {
                Some(&work.model)
            }
            Self::Perplexity(work) => Some(&work.model),
            Self::Capacity(work) => Some(&work.model),
        }
    }
}

/// A benchmark's name, as used in suites, tables and a worker's `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum BenchmarkName {
    /// Activation capture while generating.
    Capture,
    /// Time to generate T tokens, prefill and decode apart.
    Latency,
    /// Memory while generating T tokens.
    Vram,
    /// Where the time of generating T tokens goes.
    Phase,
    /// Quality through the cache.
    Perplexity,
    /// The largest batch within a memory budget.
    Capacity,
    /// Generation against the machine's ceilings.
    Roofline,
    /// Something that a worker of one's own knows how to measure.
    Custom,
}

/// Benchmarks that answer questions of one kind; a case's id starts with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BenchmarkFamily {
    /// Activation capture.
    Capture,
    /// KV-cache versions.
    Kv,
    /// What workers of one's own measure.
    Custom,
}

impl BenchmarkFamily {
    /// The family as ids write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Kv => "kv",
            Self::Custom => "custom",
        }
    }
}

impl BenchmarkName {
    /// Every benchmark, in the order in which lists show them.
    pub const ALL: [Self; 8] = [
        Self::Capture,
        Self::Latency,
        Self::Vram,
        Self::Phase,
        Self::Perplexity,
        Self::Capacity,
        Self::Roofline,
        Self::Custom,
    ];

    /// The name as written in suites.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Latency => "latency",
            Self::Vram => "vram",
            Self::Phase => "phase",
            Self::Perplexity => "perplexity",
            Self::Capacity => "capacity",
            Self::Roofline => "roofline",
            Self::Custom => "custom",
        }
    }

    /// Its family.
    pub fn family(self) -> BenchmarkFamily {
        match self {
            Self::Capture => BenchmarkFamily::Capture,
            Self::Latency
            | Self::Vram
            | Self::Phase
            | Self::Perplexity
            | Self::Capacity
            | Self::Roofline => BenchmarkFamily::Kv,
            Self::Custom => BenchmarkFamily::Custom,
        }
    }
}

impl std::str::FromStr for BenchmarkName {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("benchmark", text, &Self::ALL, Self::as_str)
    }
}
