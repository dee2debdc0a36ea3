//! Model configurations as in a checkpoint's `config.json`.

use serde::{Deserialize, Serialize};

/// A model family with code of its own in the worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Learned positions, LayerNorm, GELU, fused QKV.
    Gpt2,
    /// Rotary positions, RMSNorm, SwiGLU, grouped-query attention, QKV bias.
    Qwen2,
}

impl Family {
    /// Every family; the text is `model_type` in `config.json`.
    pub const ALL: [Self; 2] = [Self::Gpt2, Self::Qwen2];

    /// The `model_type` that `config.json` names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Qwen2 => "qwen2",
        }
    }
}

/// A model's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "model_type", rename_all = "kebab-case")]
pub enum ModelConfig {
    /// GPT-2.
    Gpt2(Gpt2Config),
    /// Qwen2 and Qwen2.5.
    Qwen2(Qwen2Config),
}

/// GPT-2's `config.json`, the keys that change the computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Gpt2Config {
    /// Tokens in the vocabulary.
    pub vocab_size: u32,
    /// The window: positions with a learned embedding.
    pub n_positions: u32,
    /// Width of the residual stream.
    pub n_embd: u32,
    /// Decoder layers.
    pub n_layer: u32,
    /// Attention heads.
    pub n_head: u32,
    /// Width of the MLP; 4 × `n_embd` where absent.
    #[serde(default)]
    pub n_inner: Option<u32>,
    /// Only `gelu_new` is supported.
    #[serde(default = "gelu_new")]
    pub activation_function: String,
    /// LayerNorm's epsilon.
    #[serde(default = "epsilon_1e5")]
    pub layer_norm_epsilon: f64,
    /// Must be true.
    #[serde(default = "yes")]
    pub scale_attn_weights: bool,
    /// Must be false.
    #[serde(default)]
    pub scale_attn_by_inverse_layer_idx: bool,
    /// Whether the head shares the token embedding.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
}

/// Qwen2's `config.json`, the keys that change the computation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Qwen2Config {
    /// Tokens in the vocabulary.
    pub vocab_size: u32,
    /// The window.
    pub max_position_embeddings: u32,
    /// Width of the residual stream.
    pub hidden_size: u32,
    /// Width of the MLP.
    pub intermediate_size: u32,
    /// Decoder layers.
    pub num_hidden_layers: u32,
    /// Query heads.
    pub num_attention_heads: u32,
    /// Key and value heads.
    pub num_key_value_heads: u32,
    /// Only `silu` is supported.
    #[serde(default = "silu")]
    pub hidden_act: String,
    /// RMSNorm's epsilon.
    #[serde(default = "epsilon_1e6")]
    pub rms_norm_eps: f64,
    /// Base of the rotary frequencies, where written by transformers before version 5.
    #[serde(default)]
    pub rope_theta: Option<f64>,
    /// Rotary settings, where written by transformers from version 5 on.
    #[serde(default)]
    pub rope_parameters: Option<RopeParameters>,
    /// Must be absent or of the default type.
    #[serde(default)]
    pub rope_scaling: Option<RopeParameters>,
    /// Must be false.
    #[serde(default)]
    pub use_sliding_window: bool,
    /// Whether the head shares the token embedding.
    #[serde(default)]
    pub tie_word_embeddings: bool,
}

/// Rotary settings in `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RopeParameters {
    /// Base of the frequencies.
    #[serde(default)]
    pub rope_theta: Option<f64>,
    /// Only `default` is supported.
    #[serde(default, alias = "type")]
    pub rope_type: Option<String>,
}

fn gelu_new() -> String {
    "gelu_new".to_owned()
}
fn silu() -> String {
    "silu".to_owned()
}
fn epsilon_1e5() -> f64 {
    1e-5
}
fn epsilon_1e6() -> f64 {
    1e-6
}
fn yes() -> bool {
    true
}

/// Why a `config.json` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelConfigError {
    /// Not JSON, or a needed key is missing or of the wrong type.
    #[error("not a usable config.json: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// No `model_type`.
    #[error("the config.json names no `model_type`")]
    NoModelType,
    /// A family without code here.
    #[error("model_type `{0}` is not supported; accepted are `gpt2` and `qwen2`")]
    UnsupportedFamily(String),
    /// A variant of a family that the code does not compute.
    #[error("`{key}` is {found}; only {accepted} is supported")]
    UnsupportedSetting {
        /// The key in `config.json`.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would work.
        accepted: &'static str,
    },
    /// Sizes that contradict each other.
    #[error("the sizes do not fit together: {0}")]
    Impossible(String),
}

impl Gpt2Config {
    /// A published GPT-2 shape.
    pub fn sized(n_embd: u32, n_layer: u32, n_head: u32) -> Self {
        Self {
            vocab_size: 50_257,
            n_positions: 1024,
            n_embd,
            n_layer,
            n_head,
            n_inner: None,
            activation_function: gelu_new(),
            layer_norm_epsilon: 1e-5,
            scale_attn_weights: true,
            scale_attn_by_inverse_layer_idx: false,
            tie_word_embeddings: true,
        }
    }

    /// Width of the MLP.
    pub fn inner(&self) -> u32 {
        self.n_inner.unwrap_or(4 * self.n_embd)
    }
}

impl Qwen2Config {
    /// A published Qwen2 shape, with the sizes that the small ones share.
    pub fn sized(hidden: u32, intermediate: u32, layers: u32, heads: u32, kv_heads: u32) -> Self {
        Self {
            vocab_size: 151_936,
            max_position_embeddings: 32_768,
            hidden_size: hidden,
            intermediate_size: intermediate,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: kv_heads,
            hidden_act: silu(),
            rms_norm_eps: 1e-6,
            rope_theta: Some(1_000_000.0),
            rope_parameters: None,
            rope_scaling: None,
            use_sliding_window: false,
            tie_word_embeddings: true,
        }
    }

    /// Base of the rotary frequencies; 10 000 where `config.json` names none.
    pub fn rope_base(&self) -> f64 {
        let nested = self
            .rope_parameters
            .as_ref()
            .and_then(|rope| rope.rope_theta);
        self.rope_theta.or(nested).unwrap_or(10_000.0)
    }
}

impl ModelConfig {
    /// Reads and checks the text of a `config.json`.
    pub fn from_json(text: &str) -> Result<Self, ModelConfigError> {
        #[derive(Deserialize)]
        struct Head {
            model_type: Option<String>,
        }
        let head: Head = serde_json::from_str(text)?;
        let model_type = head.model_type.ok_or(ModelConfigError::NoModelType)?;
        let config = match Family::ALL.iter().find(|f| f.as_str() == model_type) {
            Some(Family::Gpt2) => Self::Gpt2(serde_json::from_str(text)?),
            Some(Family::Qwen2) => Self::Qwen2(serde_json::from_str(text)?),
            None => return Err(ModelConfigError::UnsupportedFamily(model_type)),
        };
        config.check()?;
        Ok(config)
    }

    /// The family.
    pub fn family(&self) -> Family {
        match self {
            Self::Gpt2(_) => Family::Gpt2,
            Self::Qwen2(_) => Family::Qwen2,
        }
    }

    /// Decoder layers.
    pub fn layers(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.n_layer,
            Self::Qwen2(config) => config.num_hidden_layers,
        }
    }

    /// Width of the residual stream.
    pub fn hidden(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.n_embd,
            Self::Qwen2(config) => config.hidden_size,
        }
    }

    /// Tokens in the vocabulary.
    pub fn vocab(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.vocab_size,
            Self::Qwen2(config) => config.vocab_size,
        }
    }

    /// Positions that the model can take.
    pub fn window(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.n_positions,
            Self::Qwen2(config) => config.max_position_embeddings,
        }
    }

    /// Query heads.
    pub fn heads(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.n_head,
            Self::Qwen2(config) => config.num_attention_heads,
        }
    }

    /// Key and value heads.
    pub fn kv_heads(&self) -> u32 {
        match self {
            Self::Gpt2(config) => config.n_head,
            Self::Qwen2(config) => config.num_key_value_heads,
        }
    }

    /// Width of one head.
    pub fn head_dim(&self) -> u32 {
        self.hidden() / self.heads()
    }

    /// Number of parameters, tied ones once.
    pub fn parameters(&self) -> u64 {
        let (hidden, layers, vocab) = (
            u64::from(self.hidden()),
            u64::from(self.layers()),
            u64::from(self.vocab()),
        );
        match self {
            Self::Gpt2(config) => {
                let inner = u64::from(config.inner());
                let attention = hidden * 3 * hidden + 3 * hidden + hidden * hidden + hidden;
                let mlp = hidden * inner + inner + inner * hidden + hidden;
                let block = attention + mlp + 4 * hidden;
                let embeddings = (vocab + u64::from(config.n_positions)) * hidden;
                let head = if config.tie_word_embeddings {
                    0
                } else {
                    vocab * hidden
                };
                embeddings + layers * block + 2 * hidden + head
            }
            Self::Qwen2(config) => {
                let kv = u64::from(config.num_key_value_heads) * u64::from(self.head_dim());
                let attention = 2 * hidden * hidden + hidden + 2 * (hidden * kv + kv);
                let mlp = 3 * hidden * u64::from(config.intermediate_size);
                let block = attention + mlp + 2 * hidden;
                let head = if config.tie_word_embeddings {
                    0
                } else {
                    vocab * hidden
                };
                vocab * hidden + layers * block + hidden + head
            }
        }
    }

    /// Bytes of a full-precision KV cache: `2 × layers × batch × positions × kv_heads × head_dim` values.
    pub fn kv_cache_bytes(&self, batch: u32, positions: u32, dtype: crate::Dtype) -> u64 {
        let per_position = u64::from(self.kv_heads()) * u64::from(self.head_dim());
        2 * u64::from(self.layers())
            * u64::from(batch)
            * u64::from(positions)
            * per_position
            * dtype.size_bytes()
    }

    fn check(&self) -> Result<(), ModelConfigError> {
        let sizes = [
            self.layers(),
            self.hidden(),
            self.vocab(),
            self.window(),
            self.heads(),
            self.kv_heads(),
        ];
        if sizes.contains(&0) {
            return Err(ModelConfigError::Impossible("a size is zero".to_owned()));
        }
        if !self.hidden().is_multiple_of(self.heads()) {
            let (hidden, heads) = (self.hidden(), self.heads());
            let text = format!("a width of {hidden} cannot be shared by {heads} heads");
            return Err(ModelConfigError::Impossible(text));
        }
        if !self.heads().is_multiple_of(self.kv_heads()) {
            let (heads, kv) = (self.heads(), self.kv_heads());
            let text = format!("{heads} query heads cannot be grouped over {kv} key-value heads");
            return Err(ModelConfigError::Impossible(text));
        }
        match self {
            Self::Gpt2(config) => config.check(),
            Self::Qwen2(config) => config.check(),
        }
    }
}

fn only(
    key: &'static str,
    ok: bool,
    found: impl ToString,
    accepted: &'static str,
) -> Result<(), ModelConfigError> {
    if ok {
        return Ok(());
    }
    let found = format!("`{}`", found.to_string());
    Err(ModelConfigError::UnsupportedSetting {
        key,
        found,
        accepted,
    })
}

impl Gpt2Config {
    fn check(&self) -> Result<(), ModelConfigError> {
        let activation = &self.activation_function;
        only(
            "activation_function",
            activation == "gelu_new",
            activation,
            "`gelu_new`",
        )?;
        only(
            "scale_attn_weights",
            self.scale_attn_weights,
            "false",
            "`true`",
        )?;
        let by_layer = self.scale_attn_by_inverse_layer_idx;
        only(
            "scale_attn_by_inverse_layer_idx",
            !by_layer,
            "true",
            "`false`",
        )
    }
}

impl Qwen2Config {
    fn check(&self) -> Result<(), ModelConfigError> {
        only(
            "hidden_act",
            self.hidden_act == "silu",
            &self.hidden_act,
            "`silu`",
        )?;
        only(
            "use_sliding_window",
            !self.use_sliding_window,
            "true",
            "`false`",
        )?;
        for rope in [&self.rope_parameters, &self.rope_scaling]
            .into_iter()
            .flatten()
        {
            let rope_type = rope.rope_type.as_deref().unwrap_or("default");
            only("rope_type", rope_type == "default", rope_type, "`default`")?;
        }
        let head_dim = self.hidden_size / self.num_attention_heads;
        only(
            "head_dim",
            head_dim.is_multiple_of(2),
            head_dim,
            "an even number",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn published_parameter_counts() {
        let check = |preset: Preset, expected: u64| {
            assert_eq!(
                preset.config().parameters(),
                expected,
                "{}",
                preset.as_str()
            );
        };
        check(Preset::Gpt2, 124_439_808);
        check(Preset::Gpt2Medium, 354_823_168);
        check(Preset::Gpt2Large, 774_030_080);
        check(Preset::Gpt2Xl, 1_557_611_200);
        check(Preset::Qwen25Half, 494_032_768);
        check(Preset::Qwen25OneHalf, 1_543_714_304);
        check(Preset::Qwen25Three, 3_085_938_688);
        check(Preset::Qwen25Seven, 7_615_616_512);
    }

    #[test]
    fn presets_pass_their_own_check_and_round_trip() {
        for preset in Preset::ALL {
            let text = serde_json::to_string(&preset.config()).unwrap();
            assert_eq!(ModelConfig::from_json(&text).unwrap(), preset.config());
            let name = serde_json::to_string(&preset).unwrap();
            assert_eq!(name, format!("\"{}\"", preset.as_str()));
        }
    }

    #[test]
    fn unsupported_configs_are_named() {
        let check = |text: &str, expected: &str| {
            let message = ModelConfig::from_json(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        let qwen = |extra: &str| {
            format!(
                r#"{{"model_type":"qwen2","vocab_size":10,"max_position_embeddings":8,"hidden_size":8,
                "intermediate_size":8,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":1{extra}}}"#
            )
        };
        assert!(ModelConfig::from_json(&qwen("")).is_ok());
        check("{}", "names no `model_type`");
        check("not json", "not a usable config.json");
        check(
            r#"{"model_type":"llama"}"#,
            "`llama` is not supported; accepted are `gpt2` and `qwen2`",
        );
        check(r#"{"model_type":"gpt2"}"#, "missing field");
        check(&qwen(r#","use_sliding_window":true"#), "use_sliding_window");
        check(
            &qwen(r#","rope_scaling":{"type":"yarn"}"#),
            "`rope_type` is `yarn`",
        );
        check(
            &qwen(r#","hidden_act":"gelu""#),
            "`hidden_act` is `gelu`; only `silu`",
        );
    }

    #[test]
    fn byte_floor_of_the_nominal_workload() {
        // Qwen2.5-3B, bf16, all 36 layers: 147,456 B per token position; batch 32 × 639 positions = 3.015 GB.
        let config = Preset::Qwen25Three.config();
        let per_position = u64::from(config.layers()) * u64::from(config.hidden()) * 2;
        assert_eq!(per_position, 147_456);
        assert_eq!(per_position * 32 * 639, 3_015_180_288);
    }
}
