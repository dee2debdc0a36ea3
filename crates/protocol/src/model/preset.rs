//! Model shapes known by name. Their weights are random and seeded.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Gpt2Config, ModelConfig, Qwen2Config};
use crate::{Attribution, CaptureMode, Probe};

/// A model shape known by name. Sizes are those of the published checkpoints' `config.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names are the published ones")]
pub enum Preset {
    #[serde(rename = "gpt2")]
    Gpt2,
    #[serde(rename = "gpt2-medium")]
    Gpt2Medium,
    #[serde(rename = "gpt2-large")]
    Gpt2Large,
    #[serde(rename = "gpt2-xl")]
    Gpt2Xl,
    #[serde(rename = "gpt2-tiny")]
    Gpt2Tiny,
    #[serde(rename = "qwen2-0.5b")]
    Qwen2Half,
    #[serde(rename = "qwen2-1.5b")]
    Qwen2OneHalf,
    #[serde(rename = "qwen2-7b")]
    Qwen2Seven,
    #[serde(rename = "qwen2.5-0.5b")]
    Qwen25Half,
    #[serde(rename = "qwen2.5-1.5b")]
    Qwen25OneHalf,
    #[serde(rename = "qwen2.5-3b")]
    Qwen25Three,
    #[serde(rename = "qwen2.5-7b")]
    Qwen25Seven,
    #[serde(rename = "qwen2-tiny")]
    Qwen2Tiny,
}

impl Preset {
    /// Every preset, in the order in which lists show them.
    pub const ALL: [Self; 13] = [
        Self::Gpt2,
        Self::Gpt2Medium,
        Self::Gpt2Large,
        Self::Gpt2Xl,
        Self::Gpt2Tiny,
        Self::Qwen2Half,
        Self::Qwen2OneHalf,
        Self::Qwen2Seven,
        Self::Qwen25Half,
        Self::Qwen25OneHalf,
        Self::Qwen25Three,
        Self::Qwen25Seven,
        Self::Qwen2Tiny,
    ];

    /// The name that suites and the command line use.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gpt2 => "gpt2",
            Self::Gpt2Medium => "gpt2-medium",
            Self::Gpt2Large => "gpt2-large",
            Self::Gpt2Xl => "gpt2-xl",
            Self::Gpt2Tiny => "gpt2-tiny",
            Self::Qwen2Half => "qwen2-0.5b",
            Self::Qwen2OneHalf => "qwen2-1.5b",
            Self::Qwen2Seven => "qwen2-7b",
            Self::Qwen25Half => "qwen2.5-0.5b",
            Self::Qwen25OneHalf => "qwen2.5-1.5b",
            Self::Qwen25Three => "qwen2.5-3b",
            Self::Qwen25Seven => "qwen2.5-7b",
            Self::Qwen2Tiny => "qwen2-tiny",
        }
    }

    /// The shape.
    pub fn config(self) -> ModelConfig {
        match self {
            Self::Gpt2 => gpt2(768, 12, 12),
            Self::Gpt2Medium => gpt2(1024, 24, 16),
            Self::Gpt2Large => gpt2(1280, 36, 20),
            Self::Gpt2Xl => gpt2(1600, 48, 25),
            Self::Gpt2Tiny => ModelConfig::Gpt2(Gpt2Config {
                vocab_size: 257,
                n_positions: 128,
                ..Gpt2Config::sized(64, 4, 4)
            }),
            Self::Qwen25Half => qwen2(Qwen2Config::sized(896, 4864, 24, 14, 2)),
            Self::Qwen2Half => qwen2(long(Qwen2Config::sized(896, 4864, 24, 14, 2))),
            Self::Qwen2OneHalf | Self::Qwen25OneHalf => {
                qwen2(long(Qwen2Config::sized(1536, 8960, 28, 12, 2)))
            }
            Self::Qwen25Three => qwen2(Qwen2Config::sized(2048, 11008, 36, 16, 2)),
            Self::Qwen2Seven | Self::Qwen25Seven => qwen2(Qwen2Config {
                vocab_size: 152_064,
                tie_word_embeddings: false,
                ..long(Qwen2Config::sized(3584, 18944, 28, 28, 4))
            }),
            Self::Qwen2Tiny => qwen2(Qwen2Config {
                vocab_size: 257,
                max_position_embeddings: 256,
                ..Qwen2Config::sized(64, 160, 4, 4, 2)
            }),
        }
    }
}

fn gpt2(hidden: u32, layers: u32, heads: u32) -> ModelConfig {
    ModelConfig::Gpt2(Gpt2Config::sized(hidden, layers, heads))
}

/// With the window of the checkpoints that were trained for 128 Ki positions.
fn long(config: Qwen2Config) -> Qwen2Config {
    Qwen2Config {
        max_position_embeddings: 131_072,
        ..config
    }
}

fn qwen2(config: Qwen2Config) -> ModelConfig {
    ModelConfig::Qwen2(config)
}

impl FromStr for Preset {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("model preset", text, &Self::ALL, |preset| preset.as_str())
    }
}

/// A name that is not in a closed list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a known {what}; accepted are {accepted}")]
pub struct UnknownName {
    /// What kind of thing was looked up.
    pub what: &'static str,
    /// The name given.
    pub name: String,
    /// The accepted names, for people.
    pub accepted: String,
}

impl UnknownName {
    /// Finds `name` among `all`, or says what would have been accepted.
    pub fn look_up<T: Copy>(
        what: &'static str,
        name: &str,
        all: &[T],
        as_str: impl Fn(T) -> &'static str,
    ) -> Result<T, Self> {
        let found = all.iter().copied().find(|&item| as_str(item) == name);
        found.ok_or_else(|| Self {
            what,
            name: name.to_owned(),
            accepted: all
                .iter()
                .map(|&item| format!("`{}`", as_str(item)))
                .collect::<Vec<_>>()
                .join(", "),
        })
    }
}

impl FromStr for CaptureMode {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("capture mode", text, &Self::ALL, |mode| mode.as_str())
    }
}

impl FromStr for Probe {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("probe", text, &Self::ALL, |probe| probe.as_str())
    }
}

impl FromStr for Attribution {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("attribution", text, &Self::ALL, |kind| kind.as_str())
    }
}
