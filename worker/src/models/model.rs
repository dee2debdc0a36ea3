//! A loaded model of any family.

use anechoic_protocol::{ModelConfig, Sharing};
use tch::{Kind, Tensor};

use super::{Gpt2, Observer, Qwen2};
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
    /// computed for `positions` of them. Layers that own no keys and values under `sharing` hold no
    /// projections for them.
    pub fn load(
        config: &ModelConfig,
        weights: &mut Weights,
        positions: u32,
        sharing: Sharing,
    ) -> Result<Self, LoadError> {
        match config {
            ModelConfig::Gpt2(config) => Gpt2::load(config, weights, sharing).map(Self::Gpt2),
            ModelConfig::Qwen2(config) => {
                Qwen2::load(config, weights, positions, sharing).map(Self::Qwen2)
            }
        }
    }

    /// The residual stream after the final norm, (b, t, hidden), for tokens (b, t) that follow
    /// those in the cache. The cache grows by t positions. Without a cache, all of the context is
    /// computed, and that is what `observer` sees.
    pub fn forward(
        &self,
        tokens: &Tensor,
        cache: &mut KvCache,
        observer: &mut impl Observer,
    ) -> Tensor {
        let t = tokens.size()[1];
        let fed = cache.feed(tokens); // (b, t), or all of the context
        let states = match self {
            Self::Gpt2(model) => model.forward(&fed, cache, observer),
            Self::Qwen2(model) => model.forward(&fed, cache, observer),
        };
        cache.advance(t);
        let context = states.size()[1];
        match context == t {
            true => states,
            false => states.narrow(1, context - t, t),
        }
    }

    /// Scores of the next token, (.., vocab), from states after the final norm, (.., hidden).
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        match self {
            Self::Gpt2(model) => model.logits(hidden),
            Self::Qwen2(model) => model.logits(hidden),
        }
    }

    /// Which layers hold projections for keys and values.
    pub fn sharing(&self) -> Sharing {
        match self {
            Self::Gpt2(model) => model.sharing(),
            Self::Qwen2(model) => model.sharing(),
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
