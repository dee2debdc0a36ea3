//! GPT-2: learned positions, pre-LayerNorm, fused QKV, GELU with tanh, a head that shares the token
//! embedding. Parameter paths are those of the published checkpoints, with or without their
//! `transformer.` prefix.

use anechoic_protocol::{Gpt2Config, ModelConfig, Sharing};
use tch::{Kind, Tensor};

use super::Observer;
use super::attention::{Visible, attention};
use super::parameters::{linear, prepare, tied_head};
use crate::cache::KvCache;
use crate::ops::{Linear, LinearPath, gelu_new};
use crate::weights::{LoadError, Weights};

/// `GPT2LMHeadModel`.
#[derive(Debug)]
pub struct Gpt2 {
    config: ModelConfig,
    sharing: Sharing,
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
    c_attn: Projection,
    c_proj: Linear, // hidden → hidden
    heads: i64,
    head_dim: i64,
}

/// What attention projects of its input.
#[derive(Debug)]
enum Projection {
    /// Queries, keys and values: hidden → 3 × hidden.
    Qkv(Linear),
    /// Queries alone, where keys and values are another layer's: hidden → hidden.
    Q(Linear),
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
    pub fn load(
        config: &Gpt2Config,
        weights: &mut Weights,
        sharing: Sharing,
    ) -> Result<Self, LoadError> {
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
        let block = |layer| {
            let path = format!("{root}h.{layer}");
            Block::load(config, weights, &path, sharing.owns(layer))
        };
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
            sharing,
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
        observer: &mut impl Observer,
    ) -> Tensor {
        let (past, t) = (cache.past(), tokens.size()[1]);
        let visible = Visible::causal(t, past, self.wte.kind(), self.wte.device());
        let positions = self.wpe.narrow(0, past, t); // (t, hidden)
        let mut x = Tensor::embedding(&self.wte, tokens, -1, false, false) + positions; // (b, t, hidden)
        observer.embedded(&x);
        for (layer, block) in (0..).zip(&self.h) {
            x = block.forward(&x, layer, cache, &visible, observer);
            observer.layer_done(layer, &x);
        }
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

    /// See [`super::Model::sharing`].
    pub fn sharing(&self) -> Sharing {
        self.sharing
    }

    /// The configuration that it was loaded with.
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }
}

impl Block {
    fn load(
        config: &Gpt2Config,
        weights: &mut Weights,
        path: &str,
        owns: bool,
    ) -> Result<Self, LoadError> {
        Ok(Self {
            ln_1: LayerNorm::load(config, weights, &format!("{path}.ln_1"))?,
            attn: Attention::load(config, weights, &format!("{path}.attn"), owns)?,
            ln_2: LayerNorm::load(config, weights, &format!("{path}.ln_2"))?,
            mlp: Mlp::load(config, weights, &format!("{path}.mlp"))?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        layer: u32,
        cache: &mut KvCache,
        visible: &Visible,
        observer: &mut impl Observer,
    ) -> Tensor {
        let x = x + self
            .attn
            .forward(&self.ln_1.forward(x), layer, cache, visible);
        observer.attended(layer, &x);
        let mlp = self.mlp.forward(&self.ln_2.forward(&x));
        x + mlp // (b, t, hidden)
    }
}

impl Attention {
    fn load(
        config: &Gpt2Config,
        weights: &mut Weights,
        path: &str,
        owns: bool,
    ) -> Result<Self, LoadError> {
        let [hidden, heads] = [config.n_embd, config.n_head].map(i64::from);
        Ok(Self {
            c_attn: Projection::load(weights, &format!("{path}.c_attn"), hidden, owns)?,
            c_proj: conv1d(weights, &format!("{path}.c_proj"), [hidden, hidden])?,
            heads,
            head_dim: hidden / heads,
        })
    }

    fn forward(&self, x: &Tensor, layer: u32, cache: &mut KvCache, visible: &Visible) -> Tensor {
        let (b, t, _) = x.size3().expect("the residual stream is (b, t, hidden)");
        let heads = |x: &Tensor, parts: i64| x.view([b, t, parts, self.heads, self.head_dim]);
        let split = |x: &Tensor, i| x.select(2, i).transpose(1, 2); // (b, heads, t, head_dim)
        let q = match &self.c_attn {
            Projection::Qkv(c_attn) => {
                let qkv = heads(&c_attn.forward(x), 3);
                cache.append(layer, &split(&qkv, 1), &split(&qkv, 2));
                split(&qkv, 0)
            }
            Projection::Q(c_attn) => split(&heads(&c_attn.forward(x), 1), 0),
        };
        let rows = cache.read(layer); // (b, heads, past + t, head_dim)
        self.c_proj.forward(&attention(&q, &rows, visible)) // (b, t, hidden)
    }
}

impl Projection {
    /// The checkpoint holds all three side by side; a layer that borrows keeps the queries' part.
    fn load(weights: &mut Weights, path: &str, hidden: i64, owns: bool) -> Result<Self, LoadError> {
        if owns {
            return conv1d(weights, path, [hidden, 3 * hidden]).map(Self::Qkv);
        }
        let (weight, bias) = conv1d_parameters(weights, path, [hidden, 3 * hidden])?;
        // In memory of its own: a view would keep the rest.
        let queries = |all: &Tensor| {
            let part = all.narrow(0, 0, hidden);
            let mut own = weights.empty(path, &part.size())?;
            own.f_copy_(&part).map_err(LoadError::torch(path))?;
            Ok::<_, LoadError>(own)
        };
        prepare(path, queries(&weight)?, Some(queries(&bias)?)).map(Self::Q)
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
    let (weight, bias) = conv1d_parameters(weights, path, [inputs, outputs])?;
    prepare(path, weight, Some(bias))
}

/// Weight (out, in) and bias (out).
fn conv1d_parameters(
    weights: &mut Weights,
    path: &str,
    [inputs, outputs]: [i64; 2],
) -> Result<(Tensor, Tensor), LoadError> {
    let weight = weights.empty(path, &[outputs, inputs])?;
    weights.read_into(&format!("{path}.weight"), &weight.tr())?;
    let bias = weights.tensor(&format!("{path}.bias"), &[outputs])?;
    Ok((weight, bias))
}

/// Old checkpoints carry the causal mask as buffers.
fn is_mask_buffer(tensor: &str) -> bool {
    tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias")
}
