//! GPT-2 as one differentiable computation over whole windows: no cache, plain operators. Independent of the model that
//! benchmarks run, and so a check of it.

use anechoic_protocol::{Dtype, Gpt2Config, ModelConfig, ModelSource, Preset, Sharing};
use tch::nn::{Path, VarStore};
use tch::{Device, Tensor};

use crate::weights::{LoadError, Weights};

/// Parameters that decay, and those that do not: biases and norms.
pub(super) const DECAYING: usize = 0;
pub(super) const FREE: usize = 1;

/// A model in training.
#[derive(Debug)]
pub struct Trainee {
    config: Gpt2Config,
    store: VarStore,
    names: Vec<String>,
    wte: Tensor, // (vocab, hidden)
    wpe: Tensor, // (window, hidden)
    h: Vec<Block>,
    ln_f: Pair,
}

#[derive(Debug)]
struct Block {
    ln_1: Pair,
    c_attn: Pair,
    attn_c_proj: Pair,
    ln_2: Pair,
    c_fc: Pair,
    mlp_c_proj: Pair,
}

/// A layer's weight, in a linear layer (in, out), and its bias.
#[derive(Debug)]
struct Pair {
    weight: Tensor,
    bias: Tensor,
}

/// Makes parameters and keeps their names.
struct Maker<'a> {
    start: &'a mut Weights,
    root: &'a str,
    store: &'a VarStore,
    names: Vec<String>,
}

impl Maker<'_> {
    fn parameter(&mut self, name: &str, shape: &[i64]) -> Result<Tensor, LoadError> {
        let value = self.start.tensor(&format!("{}{name}", self.root), shape)?;
        let group = if shape.len() > 1 { DECAYING } else { FREE };
        let (parents, leaf) = name.rsplit_once('.').unwrap_or(("", name));
        let root = self.store.root().set_group(group);
        let path = parents
            .split('.')
            .fold(root, |path: Path<'_>, part| path.sub(part));
        self.names.push(name.to_owned());
        Ok(path.add(leaf, value, true))
    }

    fn pair(&mut self, path: &str, weight: &[i64]) -> Result<Pair, LoadError> {
        let outputs = weight[weight.len() - 1];
        Ok(Pair {
            weight: self.parameter(&format!("{path}.weight"), weight)?,
            bias: self.parameter(&format!("{path}.bias"), &[outputs])?,
        })
    }

    fn block(&mut self, config: &Gpt2Config, layer: u32) -> Result<Block, LoadError> {
        let [hidden, inner] = [config.n_embd, config.inner()].map(i64::from);
        let at = |part: &str| format!("h.{layer}.{part}");
        Ok(Block {
            ln_1: self.pair(&at("ln_1"), &[hidden])?,
            c_attn: self.pair(&at("attn.c_attn"), &[hidden, 3 * hidden])?,
            attn_c_proj: self.pair(&at("attn.c_proj"), &[hidden, hidden])?,
            ln_2: self.pair(&at("ln_2"), &[hidden])?,
            c_fc: self.pair(&at("mlp.c_fc"), &[hidden, inner])?,
            mlp_c_proj: self.pair(&at("mlp.c_proj"), &[inner, hidden])?,
        })
    }
}

impl Trainee {
    /// An untrained model that follows from its seed, with GPT-2's initialisation.
    pub fn new(config: &Gpt2Config, seed: u64) -> Result<Self, LoadError> {
        // The name of a preset says only that values are drawn and not read.
        let name = Preset::Gpt2Tiny;
        let drawn = ModelSource::Preset { name };
        let whole = ModelConfig::Gpt2(config.clone());
        let mut start = Weights::open(&drawn, &whole, Dtype::F32, Device::Cpu, seed)?;
        Self::from_weights(config, &mut start, "")
    }

    /// A model with these parameters, in f32; their names begin with `root`, in checkpoints of this program `transformer.`.
    pub fn from_weights(
        config: &Gpt2Config,
        start: &mut Weights,
        root: &str,
    ) -> Result<Self, LoadError> {
        let store = VarStore::new(Device::Cpu);
        let names = vec![];
        let mut maker = Maker {
            start,
            root,
            store: &store,
            names,
        };
        let [vocab, window, hidden] =
            [config.vocab_size, config.n_positions, config.n_embd].map(i64::from);
        let wte = maker.parameter("wte.weight", &[vocab, hidden])?;
        let wpe = maker.parameter("wpe.weight", &[window, hidden])?;
        let h = (0..config.n_layer)
            .map(|layer| maker.block(config, layer))
            .collect::<Result<_, _>>()?;
        let ln_f = maker.pair("ln_f", &[hidden])?;
        let names = maker.names;
        Ok(Self {
            config: config.clone(),
            store,
            names,
            wte,
            wpe,
            h,
            ln_f,
        })
    }

    /// Scores of the next token, (b, t, vocab), for windows of tokens (b, t). With [`Sharing::Pairs`] the odd layer of
    /// each pair attends to its even partner's keys and values.
    pub fn logits(&self, tokens: &Tensor, sharing: Sharing) -> Tensor {
        let t = tokens.size()[1];
        let mut x =
            Tensor::embedding(&self.wte, tokens, -1, false, false) + self.wpe.narrow(0, 0, t);
        let mut kept = None;
        for (layer, block) in (0..).zip(&self.h) {
            let owned = if sharing.owns(layer) {
                None
            } else {
                kept.take()
            };
            let (after, kv) = block.forward(
                &x,
                owned,
                i64::from(self.config.n_head),
                self.config.layer_norm_epsilon,
            );
            (x, kept) = (after, Some(kv));
        }
        self.ln_f
            .norm(&x, self.config.layer_norm_epsilon)
            .matmul(&self.wte.tr())
    }

    /// Mean loss in nats of every token but a window's first, a scalar that can be differentiated.
    pub fn loss(&self, tokens: &Tensor, sharing: Sharing) -> Tensor {
        let t = tokens.size()[1];
        let logits = self.logits(&tokens.narrow(1, 0, t - 1), sharing); // (b, t − 1, vocab)
        let expected = tokens.narrow(1, 1, t - 1).flatten(0, 1);
        logits.flatten(0, 1).cross_entropy_for_logits(&expected)
    }

    /// The parameters with their published names, in the model's order.
    pub fn parameters(&self) -> Vec<(String, Tensor)> {
        let mut named = self.store.variables();
        let value = |name: &String| {
            (
                name.clone(),
                named.remove(name).expect("every name was added"),
            )
        };
        self.names.iter().map(value).collect()
    }

    /// The shape.
    pub fn config(&self) -> &Gpt2Config {
        &self.config
    }

    pub(super) fn store(&self) -> &VarStore {
        &self.store
    }
}

impl Block {
    /// The residual stream after the block, (b, t, hidden), and keys and values that it attended to, each (b, heads, t,
    /// head_dim). Keys and values of another layer take the place of its own.
    fn forward(
        &self,
        x: &Tensor,
        borrowed: Option<[Tensor; 2]>,
        heads: i64,
        epsilon: f64,
    ) -> (Tensor, [Tensor; 2]) {
        let normed = self.ln_1.norm(x, epsilon);
        let (b, t, hidden) = x.size3().expect("the residual stream is (b, t, hidden)");
        let split = |part: i64| {
            let states = self.c_attn.columns(part * hidden, hidden).linear(&normed);
            states.view([b, t, heads, hidden / heads]).transpose(1, 2) // (b, heads, t, head_dim)
        };
        let [k, v] = borrowed.unwrap_or_else(|| [split(1), split(2)]);
        let attended = Tensor::scaled_dot_product_attention(
            &split(0),
            &k,
            &v,
            None::<&Tensor>,
            0.0,
            true,
            None,
            false,
        );
        let x = x + self
            .attn_c_proj
            .linear(&attended.transpose(1, 2).flatten(2, 3));
        let inner = self.c_fc.linear(&self.ln_2.norm(&x, epsilon)).gelu("tanh");
        (&x + self.mlp_c_proj.linear(&inner), [k, v])
    }
}

impl Pair {
    fn norm(&self, x: &Tensor, epsilon: f64) -> Tensor {
        x.layer_norm(
            self.weight.size(),
            Some(&self.weight),
            Some(&self.bias),
            epsilon,
            false,
        )
    }

    fn linear(&self, x: &Tensor) -> Tensor {
        x.linear(&self.weight.tr(), Some(&self.bias))
    }

    /// A linear layer of some of the outputs.
    fn columns(&self, first: i64, count: i64) -> Self {
        Self {
            weight: self.weight.narrow(1, first, count),
            bias: self.bias.narrow(0, first, count),
        }
    }
}
