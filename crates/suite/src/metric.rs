//! What can be compared: the quantities that samples hold, with their units and which way is better.

use std::fmt;
use std::str::FromStr;

use anechoic_protocol::{BenchmarkName, is_custom_name};
use serde::{Deserialize, Serialize};

/// A quantity that a benchmark yields. Written as in [`Metric::name`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Metric {
    /// All of an iteration; of capture, generation and fetch.
    TotalTime,
    /// Until the first token is known.
    PrefillTime,
    /// All tokens after it.
    DecodeTime,
    /// Prefill and decode.
    GenerationTime,
    /// Bringing captured rows to the host.
    FetchTime,
    /// Embedding, of prefill and decode.
    EmbeddingTime,
    /// Attention, of prefill and decode.
    AttentionTime,
    /// MLPs, of prefill and decode.
    MlpTime,
    /// The output projection, of prefill and decode.
    HeadTime,
    /// The most memory that was held, as `vram` tells it.
    PeakMemory,
    /// Bytes of the KV cache that hold tokens.
    CacheBytes,
    /// Peak resident set of the worker: one value per process.
    PeakResident,
    /// Perplexity through the cache.
    Perplexity,
    /// The largest batch within a budget.
    MaxBatch,
    /// A value that a worker of one's own named.
    Value(String),
}

/// What a metric is about, which says the unit and which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MetricKind {
    /// Seconds; less is better.
    Time,
    /// Bytes; less is better.
    Memory,
    /// Perplexity; less is better.
    Quality,
    /// Requests that fit; more is better.
    Capacity,
    /// A worker's own value; which way is better is not known.
    Own,
}

impl Metric {
    /// Every metric that has a name of its own.
    pub const NAMED: [Self; 14] = [
        Self::TotalTime,
        Self::PrefillTime,
        Self::DecodeTime,
        Self::GenerationTime,
        Self::FetchTime,
        Self::EmbeddingTime,
        Self::AttentionTime,
        Self::MlpTime,
        Self::HeadTime,
        Self::PeakMemory,
        Self::CacheBytes,
        Self::PeakResident,
        Self::Perplexity,
        Self::MaxBatch,
    ];

    /// The name as JSON, tables and the command line show it: `total-time`, `value.NAME`.
    pub fn name(&self) -> String {
        let name = match self {
            Self::TotalTime => "total-time",
            Self::PrefillTime => "prefill-time",
            Self::DecodeTime => "decode-time",
            Self::GenerationTime => "generation-time",
            Self::FetchTime => "fetch-time",
            Self::EmbeddingTime => "embedding-time",
            Self::AttentionTime => "attention-time",
            Self::MlpTime => "mlp-time",
            Self::HeadTime => "head-time",
            Self::PeakMemory => "peak-memory",
            Self::CacheBytes => "cache-bytes",
            Self::PeakResident => "peak-resident",
            Self::Perplexity => "perplexity",
            Self::MaxBatch => "max-batch",
            Self::Value(name) => return format!("{VALUE}{name}"),
        };
        name.to_owned()
    }

    /// What it is about.
    pub fn kind(&self) -> MetricKind {
        match self {
            Self::TotalTime
            | Self::PrefillTime
            | Self::DecodeTime
            | Self::GenerationTime
            | Self::FetchTime
            | Self::EmbeddingTime
            | Self::AttentionTime
            | Self::MlpTime
            | Self::HeadTime => MetricKind::Time,
            Self::PeakMemory | Self::CacheBytes | Self::PeakResident => MetricKind::Memory,
            Self::Perplexity => MetricKind::Quality,
            Self::MaxBatch => MetricKind::Capacity,
            Self::Value(_) => MetricKind::Own,
        }
    }

    /// Whether cases of this benchmark can have it. Some have it for certain settings alone: fetching where something is
    /// captured, decoding where there is more than one token, a worker's own value where it sends that.
    pub fn is_of(&self, benchmark: BenchmarkName) -> bool {
        use BenchmarkName::{
            Capacity, Capture, Custom, Latency, Perplexity, Phase, Roofline, Vram,
        };
        match self {
            Self::TotalTime => matches!(benchmark, Capture | Latency | Phase | Custom),
            Self::PrefillTime | Self::DecodeTime => {
                matches!(benchmark, Capture | Latency | Roofline)
            }
            Self::GenerationTime | Self::FetchTime => benchmark == Capture,
            Self::EmbeddingTime | Self::AttentionTime | Self::MlpTime | Self::HeadTime => {
                benchmark == Phase
            }
            Self::PeakMemory => benchmark == Vram,
            Self::CacheBytes => benchmark == Latency,
            Self::PeakResident => true,
            Self::Perplexity => benchmark == Perplexity,
            Self::MaxBatch => benchmark == Capacity,
            Self::Value(_) => benchmark == Custom,
        }
    }

    /// Whether a process has one value of it, and not one per iteration.
    pub fn is_of_process(&self) -> bool {
        *self == Self::PeakResident
    }

    /// The one that a benchmark is about first.
    pub fn primary(benchmark: BenchmarkName) -> Self {
        match benchmark {
            BenchmarkName::Capture
            | BenchmarkName::Latency
            | BenchmarkName::Phase
            | BenchmarkName::Custom => Self::TotalTime,
            BenchmarkName::Roofline => Self::DecodeTime,
            BenchmarkName::Vram => Self::PeakMemory,
            BenchmarkName::Perplexity => Self::Perplexity,
            BenchmarkName::Capacity => Self::MaxBatch,
        }
    }
}

/// What the name of a worker's own value begins with.
const VALUE: &str = "value.";

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// A metric that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is not a metric; accepted are {accepted}")]
pub struct UnknownMetric {
    found: String,
    accepted: String,
}

impl FromStr for Metric {
    type Err = UnknownMetric;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(name) = text.strip_prefix(VALUE).filter(|name| is_custom_name(name)) {
            return Ok(Self::Value(name.to_owned()));
        }
        let named = Self::NAMED.into_iter().find(|metric| metric.name() == text);
        named.ok_or_else(|| {
            let names = Self::NAMED.map(|metric| format!("`{metric}`"));
            UnknownMetric {
                found: text.to_owned(),
                accepted: format!("{} and `{VALUE}NAME`", names.join(", ")),
            }
        })
    }
}

impl TryFrom<String> for Metric {
    type Error = UnknownMetric;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Metric> for String {
    fn from(metric: Metric) -> Self {
        metric.name()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_benchmark_has_its_first_metric() {
        for benchmark in BenchmarkName::ALL {
            assert!(Metric::primary(benchmark).is_of(benchmark), "{benchmark:?}");
        }
    }

    #[test]
    fn names_are_read_back() {
        let own = Metric::Value("tokens_per_second".to_owned());
        for metric in Metric::NAMED.into_iter().chain([own]) {
            assert_eq!(metric.name().parse(), Ok(metric));
        }
        for text in ["", "time", "value.", "value.a b"] {
            let error = text.parse::<Metric>().unwrap_err().to_string();
            assert!(error.contains("`total-time`"), "{error}");
        }
    }
}
