//! GPT-2: learned positions, pre-LayerNorm, fused QKV, GELU with tanh, a head that shares the token
//! embedding. Parameter paths are those of the published checkpoints, with or without their
//! `transformer.` prefix.

use anechoic_protocol::{Gpt2Config, ModelConfig};
use tch::{Kind, Tensor};

use super::attention::{Visible, attention};
use super::parameters::{linear, prepare, tied_head};
use crate::cache::KvCache;
use crate::ops::{Linear, LinearPath};
use crate::weights::{LoadError, Weights};

/// `GPT2LMHeadModel`.
#[derive(Debug)]
pub struct Gpt2 {
    config: ModelConfig,
    wte: Tensor, // (vocab, hidden)
    wpe: Tensor, // (window, hidden)
    h: Vec<Block>,
    ln_f: LayerNorm,
    lm_head: Linear, // hidden → vocab
}

#[derive(Debug)]
struct Block {
    ln_1: LayerNorm,
    attn: Attention,
    ln_2: LayerNorm,
    mlp: Mlp,
}

#[derive(Debug)]
struct Attention {
    c_attn: Linear, // hidden → 3 × hidden
    c_proj: Linear, // hidden → hidden
    heads: i64,
    head_dim: i64,
}

#[derive(Debug)]
struct Mlp {
    c_fc: Linear,   // hidden → inner
    c_proj: Linear, // inner → hidden
}

#[derive(Debug)]
struct LayerNorm {
    weight: Tensor, // (hidden)
    bias: Tensor,   // (hidden)
    epsilon: f64,
}

impl Gpt2 {
    /// Reads every parameter.
    pub fn load(config: &Gpt2Config, weights: &mut Weights) -> Result<Self, LoadError> {
        let root = if weights.has("transformer.wte.weight") {
            "transformer."
        } else {
            ""
        };
        let [vocab, window, hidden] =
            [config.vocab_size, config.n_positions, config.n_embd].map(i64::from);
        let embedding = format!("{root}wte.weight");
        let wte = weights.tensor(&embedding, &[vocab, hidden])?;
        let wpe = weights.tensor(&format!("{root}wpe.weight"), &[window, hidden])?;
        let block = |layer| Block::load(config, weights, &format!("{root}h.{layer}"));
        let h = (0..config.n_layer).map(block).collect::<Result<_, _>>()?;
        let ln_f = LayerNorm::load(config, weights, &format!("{root}ln_f"))?;
        let lm_head = if config.tie_word_embeddings {
            tied_head(weights, &embedding, &wte)?
        } else {
            linear(weights, "lm_head", [hidden, vocab], false)?
        };
        weights.finish(is_mask_buffer)?;
        Ok(Self {
            config: ModelConfig::Gpt2(config.clone()),
            wte,
            wpe,
            h,
            ln_f,
            lm_head,
        })
    }

    /// See [`super::Model::forward`].
    pub fn forward(
        &self,
        tokens: &Tensor, // (b, t)
        cache: &mut KvCache,
        after_layer: &mut impl FnMut(u32, &Tensor),
    ) -> Tensor {
        let (past, t) = (cache.position(), tokens.size()[1]);
        let visible = Visible::causal(t, past, self.wte.kind(), self.wte.device());
        let positions = self.wpe.narrow(0, past, t); // (t, hidden)
        let mut x = Tensor::embedding(&self.wte, tokens, -1, false, false) + positions; // (b, t, hidden)
        for (layer, block) in (0..).zip(&self.h) {
            x = block.forward(&x, layer, cache, &visible);
            after_layer(layer, &x);
        }
        cache.advance(t);
        self.ln_f.forward(&x)
    }

    /// See [`super::Model::logits`].
    pub fn logits(&self, hidden: &Tensor) -> Tensor {
        self.lm_head.forward(hidden)
    }

    /// See [`super::Model::linear_path`].
    pub fn linear_path(&self) -> LinearPath {
        self.lm_head.path()
    }

    /// See [`super::Model::kind`].
    pub fn kind(&self) -> Kind {
        self.wte.kind()
    }

    /// The configuration that it was loaded with.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }
}

impl Block {
    fn load(config: &Gpt2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        Ok(Self {
            ln_1: LayerNorm::load(config, weights, &format!("{path}.ln_1"))?,
            attn: Attention::load(config, weights, &format!("{path}.attn"))?,
            ln_2: LayerNorm::load(config, weights, &format!("{path}.ln_2"))?,
            mlp: Mlp::load(config, weights, &format!("{path}.mlp"))?,
        })
    }

    fn forward(&self, x: &Tensor, layer: u32, cache: &mut KvCache, visible: &Visible) -> Tensor {
        let x = x + self
            .attn
            .forward(&self.ln_1.forward(x), layer, cache, visible);
        let mlp = self.mlp.forward(&self.ln_2.forward(&x));
        x + mlp // (b, t, hidden)
    }
}

impl Attention {
    fn load(config: &Gpt2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        let [hidden, heads] = [config.n_embd, config.n_head].map(i64::from);
        Ok(Self {
            c_attn: conv1d(weights, &format!("{path}.c_attn"), [hidden, 3 * hidden])?,
            c_proj: conv1d(weights, &format!("{path}.c_proj"), [hidden, hidden])?,
            heads,
            head_dim: hidden / heads,
        })
    }

    fn forward(&self, x: &Tensor, layer: u32, cache: &mut KvCache, visible: &Visible) -> Tensor {
        let (b, t, _) = x.size3().expect("the residual stream is (b, t, hidden)");
        let qkv = self
            .c_attn
            .forward(x)
            .view([b, t, 3, self.heads, self.head_dim]);
        let split = |i| qkv.select(2, i).transpose(1, 2); // (b, heads, t, head_dim)
        let (k, v) = cache.append(layer, &split(1), &split(2)); // (b, heads, past + t, head_dim)
        self.c_proj.forward(&attention(&split(0), &k, &v, visible)) // (b, t, hidden)
    }
}

impl Mlp {
    fn load(config: &Gpt2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        let [hidden, inner] = [config.n_embd, config.inner()].map(i64::from);
        Ok(Self {
            c_fc: conv1d(weights, &format!("{path}.c_fc"), [hidden, inner])?,
            c_proj: conv1d(weights, &format!("{path}.c_proj"), [inner, hidden])?,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        self.c_proj.forward(&gelu_new(&self.c_fc.forward(x))) // (b, t, hidden)
    }
}

impl LayerNorm {
    fn load(config: &Gpt2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        let hidden = [i64::from(config.n_embd)];
        Ok(Self {
            weight: weights.tensor(&format!("{path}.weight"), &hidden)?,
            bias: weights.tensor(&format!("{path}.bias"), &hidden)?,
            epsilon: config.layer_norm_epsilon,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let hidden = self.weight.size();
        x.layer_norm(
            hidden,
            Some(&self.weight),
            Some(&self.bias),
            self.epsilon,
            false,
        )
    }
}

/// GPT-2 stores its linear layers as (in, out); they are turned while they are read.
fn conv1d(
    weights: &mut Weights,
    path: &str,
    [inputs, outputs]: [i64; 2],
) -> Result<Linear, LoadError> {
    let weight = weights.empty(path, &[outputs, inputs])?;
    weights.read_into(&format!("{path}.weight"), &weight.tr())?;
    let bias = weights.tensor(&format!("{path}.bias"), &[outputs])?;
    prepare(path, weight, Some(bias))
}

/// 0.5 · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))). In half precision every step is rounded on
/// its own, as in the reference implementation: libtorch's fused kernel rounds once, and greedy
/// tokens then differ after some steps.
fn gelu_new(x: &Tensor) -> Tensor {
    const SQRT_2_OVER_PI: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
    if x.kind() == Kind::Float {
        return x.gelu("tanh");
    }
    let mut y = x.pow_tensor_scalar(3.0);
    let _ = y.g_mul_scalar_(0.044715);
    let _ = y.g_add_(x);
    let _ = y.g_mul_scalar_(SQRT_2_OVER_PI).tanh_();
    let _ = y.g_add_scalar_(1.0);
    (x * 0.5).g_mul_(&y)
}

/// Old checkpoints carry the causal mask as buffers.
fn is_mask_buffer(tensor: &str) -> bool {
    tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias")
}
