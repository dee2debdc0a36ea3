//! The KV-cache benchmarks' settings and samples.

pub(crate) mod cost;

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{CacheBytes, Dtype, ModelSource, UnknownName, Version};

/// How attention of a decode step reads the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum AttentionPath {
    /// This project's kernel where the device and the processor have one, else `stock`.
    Best,
    /// libtorch's operators; scales of a quantised cache are folded into scores and probabilities.
    Stock,
    /// libtorch's attention over a cache that is first turned into the model's type, whole, for every token.
    Dequantise,
}

impl AttentionPath {
    /// Every path.
    pub const ALL: [Self; 3] = [Self::Best, Self::Stock, Self::Dequantise];

    /// The path as suites and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Stock => "stock",
            Self::Dequantise => "dequantise",
        }
    }
}

impl FromStr for AttentionPath {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("attention path", text, &Self::ALL, |path| path.as_str())
    }
}

/// A model under one version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VersionedModel {
    /// The model.
    pub model: ModelSource,
    /// Type of weights, activations and unquantised caches.
    pub dtype: Dtype,
    /// The KV-cache version.
    pub version: Version,
    /// How decode attention reads the cache.
    pub attention: AttentionPath,
}

/// What `latency`, `vram`, `phase` and `roofline` do: generate, for each number of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GenerationWork {
    /// The model.
    #[serde(flatten)]
    pub model: VersionedModel,
    /// Requests that run together, as one batch.
    pub batch_size: u32,
    /// Prompt tokens per request.
    pub prompt_length: u32,
    /// T: tokens generated per request, the one that prefill yields included. Several values are measured one after the
    /// other in the same process.
    pub tokens: Vec<u32>,
    /// Runs per T before the first measured one.
    pub warmup_runs: u32,
    /// Measured runs per T.
    pub measured_runs: u32,
}

impl GenerationWork {
    /// Samples of a whole attempt.
    pub fn samples(&self) -> u32 {
        samples(&self.tokens, self.measured_runs)
    }
}

fn samples(tokens: &[u32], runs: u32) -> u32 {
    u32::try_from(tokens.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(runs)
}

/// What `capacity` does: find the largest batch within a memory budget, for each number of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CapacityWork {
    /// The model.
    #[serde(flatten)]
    pub model: VersionedModel,
    /// Prompt tokens per request.
    pub prompt_length: u32,
    /// T: tokens that the cache has room for beside the prompt.
    pub tokens: Vec<u32>,
    /// Memory that the process (on a CPU: its resident set; on a GPU: its tensors) may take.
    pub budget_bytes: u64,
    /// Searches per T.
    pub measured_runs: u32,
}

impl CapacityWork {
    /// Samples of a whole attempt.
    pub fn samples(&self) -> u32 {
        samples(&self.tokens, self.measured_runs)
    }
}

/// Text that quality is measured on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum TextSource {
    /// Text of the synthetic source whose entropy is known; drawn from the job's seed.
    Synthetic,
    /// A UTF-8 file, made into tokens by the `tokenizer.json` of the model's folder.
    File {
        /// What the user called it.
        name: String,
        /// Absolute path.
        path: String,
    },
}

/// What `perplexity` does: score a text through the cache and beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerplexityWork {
    /// The model.
    #[serde(flatten)]
    pub model: VersionedModel,
    /// The text.
    pub text: TextSource,
    /// Tokens of one window; the first of a window is not scored.
    pub window: u32,
    /// Windows, one after the other from the start of the text. A shorter text gives fewer; the sample tells how many.
    pub windows: u32,
    /// Windows that are scored together, as one batch.
    pub batch_size: u32,
    /// Tokens fed per forward call; 1 is token by token. The result must not depend on it.
    pub chunk: u32,
    /// Tokens generated greedily from the first half of each of the first windows, to find where output first differs.
    pub greedy_tokens: u32,
}

/// What a cache holds and has room for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CacheUse {
    /// Bytes allocated.
    pub reserved: CacheBytes,
    /// Bytes that hold tokens, once the last token is fed.
    pub used: CacheBytes,
    /// Values, keys and values alike, that the used bytes stand for: bytes × 8 / elements are bits per element. With
    /// shared layers these are the elements of a cache that shares nothing.
    pub elements: u64,
}

/// One timed generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LatencySample {
    /// From 1, over all T.
    pub iteration: u32,
    /// T.
    pub tokens: u32,
    /// The run at this T, from 1.
    pub run: u32,
    /// From the first prompt token's forward call until the first generated token is known.
    pub prefill_ns: u64,
    /// From then until the last token is known.
    pub decode_ns: u64,
    /// Device idle → generate → device idle.
    pub total_ns: u64,
    /// The same on the device's own clock, between two events; on a GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_ns: Option<u64>,
    /// Tokens generated, over the whole batch.
    pub generated_tokens: u64,
    /// The cache.
    pub cache: CacheUse,
}

/// Whose memory a figure tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum MemorySource {
    /// The resident set of the worker process.
    ResidentSet,
    /// libtorch's allocator on the device: bytes that tensors hold.
    DeviceAllocator,
}

/// Memory of one generation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VramSample {
    /// From 1, over all T.
    pub iteration: u32,
    /// T.
    pub tokens: u32,
    /// The run at this T, from 1.
    pub run: u32,
    /// Whose memory the next two tell.
    pub source: MemorySource,
    /// Held before the cache is made: the weights, and on a CPU the whole program.
    pub baseline_bytes: u64,
    /// The most that was held while the cache was made and filled.
    pub peak_bytes: u64,
    /// The most that the device's allocator had reserved; on a GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved_bytes: Option<u64>,
    /// Tokens generated, over the whole batch.
    pub generated_tokens: u64,
    /// The cache, exact.
    pub cache: CacheUse,
}

/// Where the time of forward passes went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhaseTimes {
    /// Token and position embedding.
    pub embedding_ns: u64,
    /// Attention of all layers with its norm, projections, cache and residual.
    pub attention_ns: u64,
    /// MLPs of all layers with their norm and residual.
    pub mlp_ns: u64,
    /// The final norm and the output projection.
    pub head_ns: u64,
    /// The rest: choosing the token, and what lies between calls.
    pub other_ns: u64,
    /// All of it.
    pub total_ns: u64,
}

/// One generation taken apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PhaseSample {
    /// From 1, over all T.
    pub iteration: u32,
    /// T.
    pub tokens: u32,
    /// The run at this T, from 1.
    pub run: u32,
    /// The prompt.
    pub prefill: PhaseTimes,
    /// All tokens after it.
    pub decode: PhaseTimes,
    /// Tokens generated, over the whole batch.
    pub generated_tokens: u64,
}

/// Work counted from the algorithm, and the time that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RooflinePoint {
    /// Time.
    pub time_ns: u64,
    /// Bytes that must be read or written at least.
    pub bytes: u64,
    /// Floating-point operations.
    pub flops: u64,
}

/// One generation against the machine's ceilings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RooflineSample {
    /// From 1, over all T.
    pub iteration: u32,
    /// T.
    pub tokens: u32,
    /// The run at this T, from 1.
    pub run: u32,
    /// The prompt.
    pub prefill: RooflinePoint,
    /// All tokens after it.
    pub decode: RooflinePoint,
    /// What the device reads from its memory, bytes per second, measured in this process beside the generation.
    pub read_bytes_per_s: u64,
    /// What the device multiplies in matrices of the job's type, operations per second, measured likewise.
    pub matrix_flops_per_s: u64,
    /// Tokens generated, over the whole batch.
    pub generated_tokens: u64,
}

/// A batch that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CapacityProbe {
    /// Its size.
    pub batch: u32,
    /// The most memory that was held; absent where the device refused.
    pub peak_bytes: Option<u64>,
    /// Whether that is within the budget.
    pub fits: bool,
}

/// The largest batch within a memory budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CapacitySample {
    /// From 1, over all T.
    pub iteration: u32,
    /// T.
    pub tokens: u32,
    /// The search at this T, from 1.
    pub run: u32,
    /// Whose memory was looked at.
    pub source: MemorySource,
    /// The largest batch that fitted; 0 where not even one request did.
    pub batch: u32,
    /// Every batch that was tried, in order.
    pub probes: Vec<CapacityProbe>,
    /// Bytes of cache per request.
    pub cache_bytes_per_request: u64,
}

/// How far one distribution of the next token lies from another, over all scored positions, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Divergence {
    /// Mean.
    pub mean: f64,
    /// The value that 99 % of positions do not exceed.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// What one window scored; sums over its scored tokens, in nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WindowLoss {
    /// Tokens scored.
    pub tokens: u32,
    /// Through the cache.
    pub loss: f64,
    /// With teacher forcing: one pass over the window, no cache.
    pub teacher_forced_loss: f64,
    /// Through v1's cache, in the same process.
    pub reference_loss: f64,
    /// Under the source itself, where the text comes from one: no model can do better in the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_loss: Option<f64>,
}

/// The quality of a version on a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PerplexitySample {
    /// 1.
    pub iteration: u32,
    /// Every window.
    pub windows: Vec<WindowLoss>,
    /// Kullback-Leibler divergence from v1's distribution to this version's.
    pub divergence: Divergence,
    /// Positions whose most likely token is v1's.
    pub same_top_tokens: u64,
    /// Per greedy continuation, the first token that differs from v1's, from 1; absent where none does.
    pub first_divergence: Vec<Option<u32>>,
    /// Entropy rate of the source, nats per token, where the text comes from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_entropy: Option<f64>,
    /// The cache of one batch of windows.
    pub cache: CacheUse,
}
