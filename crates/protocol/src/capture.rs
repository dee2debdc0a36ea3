//! The capture benchmark's settings and samples.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Dtype, ModelSource};

/// How much is generated, how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Workload {
    /// Requests that run together, as one batch.
    pub batch_size: u32,
    /// Prompt tokens per request.
    pub prefill_tokens: u32,
    /// Generated tokens per request, the one that prefill yields included.
    pub decode_tokens: u32,
    /// Prompt tokens fed per forward call; `prefill_tokens` where the prompt is fed whole.
    pub prefill_chunk: u32,
    /// Iterations before the first measured one.
    pub warmup_iterations: u32,
    /// Measured iterations.
    pub iterations: u32,
}

impl Workload {
    /// Positions that pass through the model per request: the last sampled token is never fed back.
    pub fn positions(&self) -> u32 {
        self.prefill_tokens + self.decode_tokens - 1
    }
}

/// Which part of the capture machinery runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CaptureMode {
    /// No machinery of any kind in the model.
    Baseline,
    /// Machinery on, no layer selected.
    ZeroLayer,
    /// Every decoder layer.
    AllLayers,
    /// The layers named.
    Custom,
}

impl CaptureMode {
    /// Every mode, in the order in which lists show them.
    pub const ALL: [Self; 4] = [
        Self::Baseline,
        Self::ZeroLayer,
        Self::AllLayers,
        Self::Custom,
    ];

    /// The mode as suites and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::ZeroLayer => "zero-layer",
            Self::AllLayers => "all-layers",
            Self::Custom => "custom",
        }
    }
}

/// How captured rows are stored while generating. Written `concat`, `buffered:N` or `arena`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub enum Strategy {
    /// One concatenation per token, layer and request.
    Concat,
    /// Rows are kept in a list and concatenated every this many tokens.
    Buffered(u32),
    /// One preallocated block, one bulk copy per layer and step.
    Arena,
}

/// A strategy that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a capture strategy; accepted are `arena`, `concat` and `buffered:N` with N from 1"
)]
pub struct StrategyParseError(pub String);

impl FromStr for Strategy {
    type Err = StrategyParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || StrategyParseError(text.to_owned());
        match text {
            "concat" => Ok(Self::Concat),
            "arena" => Ok(Self::Arena),
            "buffered" => Ok(Self::Buffered(32)),
            other => {
                let tokens = other.strip_prefix("buffered:").ok_or_else(unknown)?;
                match tokens.parse() {
                    Ok(tokens) if tokens > 0 => Ok(Self::Buffered(tokens)),
                    _ => Err(unknown()),
                }
            }
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Concat => f.write_str("concat"),
            Self::Buffered(tokens) => write!(f, "buffered:{tokens}"),
            Self::Arena => f.write_str("arena"),
        }
    }
}

impl TryFrom<String> for Strategy {
    type Error = StrategyParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Strategy> for String {
    fn from(strategy: Strategy) -> Self {
        strategy.to_string()
    }
}

/// How far the machinery goes for a selected layer, to attribute its cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// Called, does nothing.
    Noop,
    /// Slices the rows out, copies nothing.
    Slice,
    /// Copies the rows, stores nothing.
    Copy,
    /// Copies and stores: the real capture.
    Full,
}

impl Probe {
    /// Every probe, from the least work to the most.
    pub const ALL: [Self; 4] = [Self::Noop, Self::Slice, Self::Copy, Self::Full];

    /// The probe as suites and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Noop => "noop",
            Self::Slice => "slice",
            Self::Copy => "copy",
            Self::Full => "full",
        }
    }
}

/// Extra clock readings inside generation, to find a cost that is smaller than the noise between runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Attribution {
    /// None: generation is timed as a whole.
    Off,
    /// The clock is read around every call into the capture machinery (CPU only).
    Inside,
    /// Every decode step runs twice at the same position, once with capture and once without, in alternating order.
    Paired,
}

impl Attribution {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Off, Self::Inside, Self::Paired];

    /// The kind as suites and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Inside => "inside",
            Self::Paired => "paired",
        }
    }
}

/// One capture configuration with everything resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaptureWork {
    /// The model.
    pub model: ModelSource,
    /// Type of weights, activations and captured rows.
    pub dtype: Dtype,
    /// Sizes and repetitions.
    pub workload: Workload,
    /// Which part of the machinery runs.
    pub mode: CaptureMode,
    /// The captured layers, ascending; empty for `baseline` and `zero-layer`.
    pub layers: Vec<u32>,
    /// How rows are stored.
    pub strategy: Strategy,
    /// How far the machinery goes.
    pub probe: Probe,
    /// Extra clock readings.
    pub attribution: Attribution,
    /// Type that fetched rows are converted to.
    pub fetch_dtype: Dtype,
    /// Whether fetch is timed in parts.
    pub fetch_breakdown: bool,
}

impl CaptureWork {
    /// Rows per request and captured layer that a correct run stores; other counts fail the case.
    pub fn expected_rows(&self) -> u64 {
        match (self.mode, self.probe) {
            (CaptureMode::AllLayers | CaptureMode::Custom, Probe::Full) => {
                u64::from(self.workload.positions())
            }
            _ => 0,
        }
    }
}

/// The raw measurements of one iteration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaptureIteration {
    /// From 1.
    pub iteration: u32,
    /// From the first prompt token's forward call until the first generated token is known.
    pub prefill_ns: u64,
    /// From then until the last token is known.
    pub decode_ns: u64,
    /// Device idle → generate → device idle. Holds prefill and decode.
    pub generation_ns: u64,
    /// From captured rows on the device to one host tensor per request and layer.
    pub fetch_ns: u64,
    /// The parts of fetch, where the job asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch_parts: Option<FetchParts>,
    /// Tokens generated, over the whole batch.
    pub generated_tokens: u64,
    /// Rows fetched, over all requests and layers.
    pub captured_rows: u64,
    /// Bytes fetched.
    pub captured_bytes: u64,
    /// Resident set of the worker after the iteration.
    pub resident_bytes: u64,
    /// Time inside the machinery during prefill and decode, with [`Attribution::Inside`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside_ns: Option<InsideTimes>,
    /// Step by step times, with [`Attribution::Paired`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<PairedSteps>,
}

impl CaptureIteration {
    /// Generation and fetch.
    pub fn total_ns(&self) -> u64 {
        self.generation_ns + self.fetch_ns
    }
}

/// Time inside the capture machinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InsideTimes {
    /// During prefill.
    pub prefill_ns: u64,
    /// During decode.
    pub decode_ns: u64,
}

/// The parts of fetch, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FetchParts {
    /// Gathering a request's rows of a layer into one tensor.
    pub coalesce_ns: u64,
    /// Copying to host memory of its own.
    pub copy_ns: u64,
    /// Converting to the fetch dtype.
    pub convert_ns: u64,
}

/// Decode steps that ran twice at the same position; `on_ns[i]` and `off_ns[i]` belong together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PairedSteps {
    /// With capture.
    pub on_ns: Vec<u64>,
    /// Without.
    pub off_ns: Vec<u64>,
}
