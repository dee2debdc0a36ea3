//! A loaded model of any family.

use anechoic_protocol::ModelConfig;
use tch::{Kind, Tensor};

use super::{Gpt2, Qwen2};
use crate::cache::KvCache;
use crate::ops::LinearPath;
use crate::weights::{LoadError, Weights};

/// A loaded model.
#[derive(Debug)]
pub enum Model {
    /// GPT-2.
    Gpt2(Gpt2),
    /// Qwen2 and Qwen2.5.
    Qwen2(Qwen2),
}

impl Model {
    /// Reads every parameter and prepares it for computing. A checkpoint with parameters that the
    /// model does not have is refused: it is another model's. What is computed per position is
    /// computed for `positions` of them.
    pub fn load(
        config: &ModelConfig,
        weights: &mut Weights,
        positions: u32,
    ) -> Result<Self, LoadError> {
        match config {
            ModelConfig::Gpt2(config) => Gpt2::load(config, weights).map(Self::Gpt2),
            ModelConfig::Qwen2(config) => Qwen2::load(config, weights, positions).map(Self::Qwen2),
        }
    }

    /// The residual stream after the final norm, (b, t, hidden), for tokens (b, t) that follow
    /// those in the cache. The cache grows by t positions. `after_layer` sees the residual stream
    /// (b, t, hidden) after every decoder layer.
    pub fn forward(
        &self,
        tokens: &Tensor,
        cache: &mut KvCache,
        after_layer: &mut impl FnMut(u32, &Tensor),
    ) -> Tensor {
        match self {
            Self::Gpt2(model) => model.forward(tokens, cache, after_layer),
            Self::Qwen2(model) => model.forward(tokens, cache, after_layer),
        }
    }

    /// Scores of the next token, (.., vocab), from states after the final norm, (.., hidden).
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        match self {
            Self::Gpt2(model) => model.logits(hidden),
            Self::Qwen2(model) => model.logits(hidden),
        }
    }

    /// The configuration that it was loaded with.
    pub fn config(&self) -> &ModelConfig {
        match self {
            Self::Gpt2(model) => model.config(),
            Self::Qwen2(model) => model.config(),
        }
    }

    /// Type of its parameters.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Gpt2(model) => model.kind(),
            Self::Qwen2(model) => model.kind(),
        }
    }

    /// How its linear layers are computed.
    pub fn linear_path(&self) -> LinearPath {
        match self {
            Self::Gpt2(model) => model.linear_path(),
            Self::Qwen2(model) => model.linear_path(),
        }
    }
}
