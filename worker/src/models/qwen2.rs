//! Qwen2 and Qwen2.5: rotary positions, pre-RMSNorm, grouped-query attention with QKV bias, SwiGLU.
//! Parameter paths are those of the published checkpoints.

use anechoic_protocol::{ModelConfig, Qwen2Config, Sharing};
use tch::{Device, Kind, TchError, Tensor};

use super::Observer;
use super::attention::{Visible, attention};
use super::parameters::{linear, linear_side_by_side, tied_head};
use crate::cache::KvCache;
use crate::ops::{Linear, LinearPath};
use crate::weights::{LoadError, Weights};

/// `Qwen2ForCausalLM`.
#[derive(Debug)]
pub struct Qwen2 {
    config: ModelConfig,
    sharing: Sharing,
    embed_tokens: Tensor, // (vocab, hidden)
    rotary: Rotary,
    layers: Vec<DecoderLayer>,
    norm: RmsNorm,
    lm_head: Linear, // hidden → vocab
}

#[derive(Debug)]
struct DecoderLayer {
    input_layernorm: RmsNorm,
    self_attn: Attention,
    post_attention_layernorm: RmsNorm,
    mlp: Mlp,
}

#[derive(Debug)]
struct Attention {
    projection: Projection,
    o_proj: Linear, // hidden → hidden
    heads: i64,
    kv_heads: i64,
    head_dim: i64,
}

/// What attention projects of its input.
#[derive(Debug)]
enum Projection {
    /// hidden → (heads + 2 × kv_heads) × head_dim: `q_proj`, `k_proj` and `v_proj` side by side.
    Qkv(Linear),
    /// `q_proj` alone, where keys and values are another layer's: hidden → hidden.
    Q(Linear),
}

#[derive(Debug)]
struct Mlp {
    gate_up_proj: Linear, // hidden → 2 × intermediate: `gate_proj` and `up_proj` side by side
    down_proj: Linear,    // intermediate → hidden
    intermediate: i64,
}

#[derive(Debug)]
struct RmsNorm {
    weight: Tensor, // (hidden)
    epsilon: f64,
}

/// Rotation angles of the positions that will be used: those of a whole window can take more memory than a layer.
#[derive(Debug)]
struct Rotary {
    cos: Tensor, // (positions, 1, head_dim), both halves the same
    sin: Tensor, // (positions, 1, head_dim), the first half negated
}

/// Where in a forward call a layer stands.
struct Place<'a> {
    layer: u32,
    angles: &'a Angles,
    visible: &'a Visible,
}

/// The angles of one forward call's positions.
struct Angles {
    cos: Tensor, // (t, 1, head_dim)
    sin: Tensor, // (t, 1, head_dim)
}

impl Qwen2 {
    /// Reads every parameter. Forward calls can reach up to `positions`.
    pub fn load(
        config: &Qwen2Config,
        weights: &mut Weights,
        positions: u32,
        sharing: Sharing,
    ) -> Result<Self, LoadError> {
        let [vocab, hidden] = [config.vocab_size, config.hidden_size].map(i64::from);
        let embedding = "model.embed_tokens.weight";
        let embed_tokens = weights.tensor(embedding, &[vocab, hidden])?;
        let positions = positions.min(config.max_position_embeddings);
        let rotary = Rotary::new(config, positions, weights.kind(), weights.device())
            .map_err(LoadError::torch("rotary"))?;
        let layer = |layer| {
            let path = format!("model.layers.{layer}");
            DecoderLayer::load(config, weights, &path, sharing.owns(layer))
        };
        let layers = (0..config.num_hidden_layers)
            .map(layer)
            .collect::<Result<_, _>>()?;
        let norm = RmsNorm::load(config, weights, "model.norm")?;
        let lm_head = if config.tie_word_embeddings {
            tied_head(weights, embedding, &embed_tokens)?
        } else {
            linear(weights, "lm_head", [hidden, vocab], false)?
        };
        weights.finish(|tensor| is_rotary_buffer(tensor) || is_borrowed(tensor, sharing))?;
        let config = ModelConfig::Qwen2(config.clone());
        Ok(Self {
            config,
            sharing,
            embed_tokens,
            rotary,
            layers,
            norm,
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
        let visible = Visible::causal(
            t,
            past,
            self.embed_tokens.kind(),
            self.embed_tokens.device(),
        );
        let angles = self.rotary.at(past, t);
        let mut x = Tensor::embedding(&self.embed_tokens, tokens, -1, false, false); // (b, t, hidden)
        observer.embedded(&x);
        for (index, layer) in (0..).zip(&self.layers) {
            let place = Place {
                layer: index,
                angles: &angles,
                visible: &visible,
            };
            x = layer.forward(&x, &place, cache, observer);
            observer.layer_done(index, &x);
        }
        self.norm.forward(&x)
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
        self.embed_tokens.kind()
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

impl DecoderLayer {
    fn load(
        config: &Qwen2Config,
        weights: &mut Weights,
        path: &str,
        owns: bool,
    ) -> Result<Self, LoadError> {
        let norm =
            |weights: &mut Weights, name| RmsNorm::load(config, weights, &format!("{path}.{name}"));
        Ok(Self {
            input_layernorm: norm(weights, "input_layernorm")?,
            self_attn: Attention::load(config, weights, &format!("{path}.self_attn"), owns)?,
            post_attention_layernorm: norm(weights, "post_attention_layernorm")?,
            mlp: Mlp::load(config, weights, &format!("{path}.mlp"))?,
        })
    }

    fn forward(
        &self,
        x: &Tensor,
        place: &Place<'_>,
        cache: &mut KvCache,
        observer: &mut impl Observer,
    ) -> Tensor {
        let x = x + self
            .self_attn
            .forward(&self.input_layernorm.forward(x), place, cache);
        observer.attended(place.layer, &x);
        let mlp = self.mlp.forward(&self.post_attention_layernorm.forward(&x));
        x + mlp // (b, t, hidden)
    }
}

impl Attention {
    fn load(
        config: &Qwen2Config,
        weights: &mut Weights,
        path: &str,
        owns: bool,
    ) -> Result<Self, LoadError> {
        let [hidden, heads, kv_heads] = [
            config.hidden_size,
            config.num_attention_heads,
            config.num_key_value_heads,
        ]
        .map(i64::from);
        let head_dim = hidden / heads;
        let [q, k, v] = ["q_proj", "k_proj", "v_proj"].map(|name| format!("{path}.{name}"));
        let parts = [
            (q.as_str(), hidden),
            (k.as_str(), kv_heads * head_dim),
            (v.as_str(), kv_heads * head_dim),
        ];
        let projection = match owns {
            true => Projection::Qkv(linear_side_by_side(weights, &parts, hidden, true)?),
            false => Projection::Q(linear(weights, &q, [hidden, hidden], true)?),
        };
        Ok(Self {
            projection,
            o_proj: linear(weights, &format!("{path}.o_proj"), [hidden, hidden], false)?,
            heads,
            kv_heads,
            head_dim,
        })
    }

    fn forward(&self, x: &Tensor, place: &Place<'_>, cache: &mut KvCache) -> Tensor {
        let (b, t, _) = x.size3().expect("the residual stream is (b, t, hidden)");
        let (heads, kv_heads) = (self.heads, self.kv_heads);
        let split = |x: &Tensor| x.view([b, t, -1, self.head_dim]); // (b, t, any heads, head_dim)
        let q = match &self.projection {
            Projection::Qkv(proj) => {
                let qkv = split(&proj.forward(x));
                let qk = qkv.narrow(2, 0, heads + kv_heads);
                let qk = place.angles.rotate(&qk).transpose(1, 2); // (b, heads + kv_heads, t, head_dim)
                let v = qkv.narrow(2, heads + kv_heads, kv_heads).transpose(1, 2); // (b, kv_heads, t, head_dim)
                cache.append(place.layer, &qk.narrow(1, heads, kv_heads), &v);
                qk.narrow(1, 0, heads)
            }
            Projection::Q(proj) => {
                let q = split(&proj.forward(x));
                place.angles.rotate(&q).transpose(1, 2)
            }
        }; // (b, heads, t, head_dim)
        let rows = cache.read(place.layer); // (b, kv_heads, past + t, head_dim)
        self.o_proj.forward(&attention(&q, &rows, place.visible)) // (b, t, hidden)
    }
}

impl Mlp {
    fn load(config: &Qwen2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        let [hidden, intermediate] = [config.hidden_size, config.intermediate_size].map(i64::from);
        let [gate, up] = ["gate_proj", "up_proj"].map(|name| format!("{path}.{name}"));
        let parts = [(gate.as_str(), intermediate), (up.as_str(), intermediate)];
        Ok(Self {
            gate_up_proj: linear_side_by_side(weights, &parts, hidden, false)?,
            down_proj: linear(
                weights,
                &format!("{path}.down_proj"),
                [intermediate, hidden],
                false,
            )?,
            intermediate,
        })
    }

    fn forward(&self, x: &Tensor) -> Tensor {
        let gate_up = self.gate_up_proj.forward(x); // (b, t, 2 × intermediate)
        let gate = gate_up.narrow(-1, 0, self.intermediate).silu();
        let up = gate_up.narrow(-1, self.intermediate, self.intermediate);
        self.down_proj.forward(&(gate * up)) // (b, t, hidden)
    }
}

impl RmsNorm {
    fn load(config: &Qwen2Config, weights: &mut Weights, path: &str) -> Result<Self, LoadError> {
        let weight = weights.tensor(&format!("{path}.weight"), &[i64::from(config.hidden_size)])?;
        Ok(Self {
            weight,
            epsilon: config.rms_norm_eps,
        })
    }

    /// In f32, rounded to the model's type before the weight is applied, as in the reference
    /// implementation.
    fn forward(&self, x: &Tensor) -> Tensor {
        let wide = x.to_kind(Kind::Float);
        let mut scale = wide.square().mean_dim(-1, true, Kind::Float); // (b, t, 1)
        let _ = scale.g_add_scalar_(self.epsilon).rsqrt_();
        (wide * scale).to_kind(x.kind()) * &self.weight
    }
}

impl Rotary {
    /// Computed in f32, kept in the model's type: the rotation itself is rounded as in the
    /// reference implementation.
    fn new(
        config: &Qwen2Config,
        positions: u32,
        kind: Kind,
        device: Device,
    ) -> Result<Self, TchError> {
        let f32 = (Kind::Float, Device::Cpu);
        let head_dim = i64::from(config.hidden_size / config.num_attention_heads);
        let exponents = Tensor::f_arange_start_step(0, head_dim, 2, f32)?.f_div_scalar(head_dim)?;
        let frequencies = Tensor::f_pow_scalar(config.rope_base(), &exponents)?.f_reciprocal()?; // (head_dim / 2)
        let positions = Tensor::f_arange(i64::from(positions), f32)?;
        let angles = positions.f_outer(&frequencies)?.f_unsqueeze(1)?; // (positions, 1, head_dim / 2)
        let (cos, sin) = (angles.f_cos()?, angles.f_sin()?);
        Ok(Self {
            cos: Tensor::f_cat(&[&cos, &cos], -1)?
                .f_to_kind(kind)?
                .f_to_device(device)?,
            sin: Tensor::f_cat(&[&sin.f_neg()?, &sin], -1)?
                .f_to_kind(kind)?
                .f_to_device(device)?,
        })
    }

    fn at(&self, position: i64, t: i64) -> Angles {
        Angles {
            cos: self.cos.narrow(0, position, t),
            sin: self.sin.narrow(0, position, t),
        }
    }
}

impl Angles {
    /// Rotates x, (b, t, any heads, head_dim), by its positions: value i turns together with value
    /// i + head_dim / 2.
    fn rotate(&self, x: &Tensor) -> Tensor {
        let half = self.cos.size()[2] / 2;
        let partner = x.roll(half, -1);
        x * &self.cos + partner * &self.sin
    }
}

/// Whether it is a projection of a layer that reads another one's keys and values.
fn is_borrowed(tensor: &str, sharing: Sharing) -> bool {
    let mut parts = tensor.rsplit('.'); // model.layers.N.self_attn.k_proj.weight
    let projection = parts.nth(1).unwrap_or_default();
    let layer = parts.nth(1).and_then(|layer| layer.parse().ok());
    matches!(projection, "k_proj" | "v_proj") && layer.is_some_and(|layer| !sharing.owns(layer))
}

/// Old checkpoints carry the frequencies as buffers.
fn is_rotary_buffer(tensor: &str) -> bool {
    tensor.ends_with(".rotary_emb.inv_freq")
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::Preset;

    use super::*;

    fn rotary(positions: u32) -> Rotary {
        let ModelConfig::Qwen2(config) = Preset::Qwen2Tiny.config() else {
            panic!("qwen2-tiny is a Qwen2");
        };
        Rotary::new(&config, positions, Kind::Float, Device::Cpu).unwrap()
    }

    #[test]
    fn angles_take_memory_for_the_positions_in_use_alone() {
        let (few, window) = (rotary(5), rotary(256));
        assert_eq!(few.cos.size()[0], 5);
        for (few, window) in [(few.cos, window.cos), (few.sin, window.sin)] {
            assert!(few.equal(&window.narrow(0, 0, 5)));
        }
    }
}
