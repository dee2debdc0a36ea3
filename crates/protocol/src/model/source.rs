//! Where weights come from and their type.

use serde::{Deserialize, Serialize};

use super::{Preset, UnknownName};

/// Where a model's shape and weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum ModelSource {
    /// A known shape with seeded random weights.
    Preset {
        /// Its name.
        name: Preset,
    },
    /// A Hugging Face checkpoint folder.
    Folder {
        /// What the user called it.
        name: String,
        /// Absolute path of the folder with `config.json`.
        path: String,
    },
}

impl ModelSource {
    /// The name for tables.
    pub fn name(&self) -> &str {
        match self {
            Self::Preset { name } => name.as_str(),
            Self::Folder { name, .. } => name,
        }
    }
}

/// Type of weights and activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Dtype {
    /// IEEE single precision.
    F32,
    /// bfloat16.
    Bf16,
    /// IEEE half precision.
    F16,
}

impl Dtype {
    /// Every type.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::F16];

    /// The type as suites and the command line write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Bytes of one value.
    pub fn size_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::Bf16 | Self::F16 => 2,
        }
    }
}

impl std::str::FromStr for Dtype {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("dtype", text, &Self::ALL, |dtype| dtype.as_str())
    }
}
