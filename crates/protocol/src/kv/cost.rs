//! Bytes and floating-point operations of forward passes, counted from the algorithm: what must be moved and multiplied
//! at least, whatever the implementation does.

use serde::{Deserialize, Serialize};

use crate::{Dtype, ModelConfig, Version};

/// Counted work.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cost {
    /// Bytes of weights and cache that are read or written, each once per forward call.
    pub bytes: u64,
    /// Floating-point operations: two per multiply-add of projections, MLPs, attention and head.
    pub flops: u64,
}

impl std::ops::Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            bytes: self.bytes + other.bytes,
            flops: self.flops + other.flops,
        }
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |sum, cost| sum + cost)
    }
}

/// A model under a version, with as many requests.
#[derive(Debug, Clone, Copy)]
pub struct Counted<'a> {
    /// The model.
    pub config: &'a ModelConfig,
    /// Type of weights and unquantised caches.
    pub dtype: Dtype,
    /// The version.
    pub version: Version,
    /// Requests.
    pub batch: u32,
}

impl Counted<'_> {
    /// Prefill of `prompt` tokens: one forward call, and scores of the last token.
    pub fn prefill(&self, prompt: u32) -> Cost {
        self.forward(0, prompt)
    }

    /// The decode steps that generate `tokens` tokens, the first of which prefill has yielded.
    pub fn decode(&self, prompt: u32, tokens: u32) -> Cost {
        (1..tokens)
            .map(|step| self.decode_step(prompt + step - 1))
            .sum()
    }

    /// One step behind `context` tokens that were fed before it.
    pub fn decode_step(&self, context: u32) -> Cost {
        match self.version.use_cache() {
            true => self.forward(context, 1),
            false => self.forward(0, context + 1),
        }
    }

    /// One forward call of `fed` tokens behind `past` cached ones.
    fn forward(&self, past: u32, fed: u32) -> Cost {
        let total = past + fed;
        let cache = |positions| {
            let bytes = self
                .version
                .cache_bytes(self.config, self.batch, positions, self.dtype);
            bytes.total()
        };
        // What was there is read once, what is new is written once; borrowers read their owner's rows again.
        let readers = u64::from(self.config.layers());
        let owners = u64::from(self.version.sharing().owners(self.config.layers()));
        let cached = cache(total) * readers / owners + cache(fed);
        Cost {
            bytes: self.weight_bytes() + cached,
            flops: self.matrix_flops(fed) + self.attention_flops(past, fed),
        }
    }

    /// Matrices that a forward call reads whole: every layer's, and the head's. Embeddings are looked up, not read.
    pub fn weight_bytes(&self) -> u64 {
        (self.layer_weights() + self.head_weights()) * self.dtype.size_bytes()
    }

    /// Values in the matrices of all layers.
    fn layer_weights(&self) -> u64 {
        let (hidden, layers) = (
            u64::from(self.config.hidden()),
            u64::from(self.config.layers()),
        );
        let kv = u64::from(self.config.kv_heads()) * u64::from(self.config.head_dim());
        let owners = u64::from(self.version.sharing().owners(self.config.layers()));
        let mlp = match self.config {
            ModelConfig::Gpt2(config) => 2 * hidden * u64::from(config.inner()),
            ModelConfig::Qwen2(config) => 3 * hidden * u64::from(config.intermediate_size),
        };
        layers * (2 * hidden * hidden + mlp) + owners * 2 * hidden * kv
    }

    fn head_weights(&self) -> u64 {
        u64::from(self.config.vocab()) * u64::from(self.config.hidden())
    }

    /// The layers for every token fed, the head for the last of each request.
    fn matrix_flops(&self, fed: u32) -> u64 {
        let tokens = u64::from(self.batch) * u64::from(fed);
        2 * (tokens * self.layer_weights() + u64::from(self.batch) * self.head_weights())
    }

    /// Scores and sums of values: each query against all that it sees.
    fn attention_flops(&self, past: u32, fed: u32) -> u64 {
        let (past, fed) = (u64::from(past), u64::from(fed));
        let pairs = fed * past + fed * (fed + 1) / 2;
        let width = u64::from(self.config.heads()) * u64::from(self.config.head_dim());
        4 * u64::from(self.batch) * u64::from(self.config.layers()) * width * pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    fn counted(config: &ModelConfig, version: Version) -> Counted<'_> {
        Counted {
            config,
            dtype: Dtype::Bf16,
            version,
            batch: 1,
        }
    }

    #[test]
    fn gpt2_by_hand() {
        let config = Preset::Gpt2.config();
        let layers = 12 * 12 * 768 * 768; // 4 h² of attention and 8 h² of MLP
        let head = 50_257 * 768;
        let step = counted(&config, Version::V1).decode_step(99);
        assert_eq!(step.bytes, (layers + head) * 2 + (100 + 1) * 36_864);
        assert_eq!(step.flops, 2 * (layers + head) + 4 * 12 * 768 * 100);
    }

    #[test]
    fn without_a_cache_a_step_is_a_prefill() {
        let config = Preset::Qwen2Tiny.config();
        let v0 = counted(&config, Version::V0);
        assert_eq!(v0.decode_step(9), v0.prefill(10));
        assert_eq!(v0.decode(4, 3), v0.prefill(5) + v0.prefill(6));
        let v1 = counted(&config, Version::V1);
        assert_eq!(v1.decode(4, 1), Cost::default());
    }

    #[test]
    fn borrowers_read_as_much_and_project_less() {
        let config = Preset::Gpt2.config();
        let [v1, v3] = [Version::V1, Version::V3].map(|v| counted(&config, v).decode_step(99));
        let projections = 6 * 2 * 768 * 768;
        // Half of the layers write their new row.
        assert_eq!(v1.bytes - v3.bytes, projections * 2 + 36_864 / 2);
        assert_eq!(v1.flops - v3.flops, 2 * projections);
    }
}
