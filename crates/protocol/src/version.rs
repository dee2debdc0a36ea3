//! The registry of KV-cache versions: what each is called, what it stores and which layers own what they store. A new
//! version is one entry here and, where it stores values in a new way, one more [`Storage`] with its cache in the worker.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Dtype, ModelConfig, UnknownName};

/// A KV-cache version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Version {
    /// No cache: the whole context is computed again for every token.
    V0,
    /// Keys and values in the model's type, written in place.
    V1,
    /// Keys and values as INT8, one scale per row.
    V2,
    /// As v1; the layers of a pair share what the first one stores.
    V3,
    /// As v2 and v3.
    V4,
}

/// What a version does. Combinations that mean nothing cannot be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheDesign {
    /// Nothing is kept from one token to the next.
    Recompute,
    /// Keys and values are kept.
    Cached {
        /// How they are stored.
        storage: Storage,
        /// Which layers store.
        sharing: Sharing,
    },
}

/// How a cache stores keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Storage {
    /// In the model's type.
    Full,
    /// INT8, symmetric, ±127, with one f32 scale per layer, request, head and token, for keys and for values.
    Int8,
}

/// Which layers own keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sharing {
    /// Every layer.
    None,
    /// Even layers; the odd layer of each pair (0, 1), (2, 3), … computes queries alone and reads its owner's keys and
    /// values, in prefill too.
    Pairs,
}

struct Entry {
    name: &'static str,
    description: &'static str,
    design: CacheDesign,
}

const fn cached(storage: Storage, sharing: Sharing) -> CacheDesign {
    CacheDesign::Cached { storage, sharing }
}

impl Version {
    /// Every version, in the order in which lists show them.
    pub const ALL: [Self; 5] = [Self::V0, Self::V1, Self::V2, Self::V3, Self::V4];

    const fn entry(self) -> Entry {
        let (name, description, design) = match self {
            Self::V0 => ("v0", "No cache (baseline)", CacheDesign::Recompute),
            Self::V1 => (
                "v1",
                "KV-cache enabled",
                cached(Storage::Full, Sharing::None),
            ),
            Self::V2 => (
                "v2",
                "KV-cache + INT8 quantization",
                cached(Storage::Int8, Sharing::None),
            ),
            Self::V3 => (
                "v3",
                "KV-cache + cross-layer sharing",
                cached(Storage::Full, Sharing::Pairs),
            ),
            Self::V4 => (
                "v4",
                "KV-cache + INT8 + cross-layer sharing",
                cached(Storage::Int8, Sharing::Pairs),
            ),
        };
        Entry {
            name,
            description,
            design,
        }
    }

    /// The name as suites, results and the command line write it.
    pub const fn as_str(self) -> &'static str {
        self.entry().name
    }

    /// One line for people.
    pub const fn description(self) -> &'static str {
        self.entry().description
    }

    /// What it does.
    pub const fn design(self) -> CacheDesign {
        self.entry().design
    }

    /// Whether anything is kept from one token to the next.
    pub fn use_cache(self) -> bool {
        matches!(self.design(), CacheDesign::Cached { .. })
    }

    /// Whether keys and values are stored in a narrower type than the model's.
    pub fn kv_cache_quant(self) -> bool {
        match self.design() {
            CacheDesign::Recompute => false,
            CacheDesign::Cached { storage, .. } => storage == Storage::Int8,
        }
    }

    /// Whether layers share keys and values.
    pub fn cross_layer_sharing(self) -> bool {
        self.sharing() == Sharing::Pairs
    }

    /// Which layers own keys and values.
    pub fn sharing(self) -> Sharing {
        match self.design() {
            CacheDesign::Recompute => Sharing::None,
            CacheDesign::Cached { sharing, .. } => sharing,
        }
    }

    /// The version with the same sharing that stores in the model's type and so spoils nothing by rounding: what a
    /// quantised version is checked against.
    pub fn unquantised(self) -> Self {
        match self.sharing() {
            Sharing::None => Self::V1,
            Sharing::Pairs => Self::V3,
        }
    }

    /// Bytes that hold `positions` tokens of `batch` requests.
    pub fn cache_bytes(
        self,
        config: &ModelConfig,
        batch: u32,
        positions: u32,
        dtype: Dtype,
    ) -> CacheBytes {
        let CacheDesign::Cached { storage, sharing } = self.design() else {
            return CacheBytes::default();
        };
        let rows = 2 // keys and values
            * u64::from(sharing.owners(config.layers()))
            * u64::from(batch)
            * u64::from(positions)
            * u64::from(config.kv_heads());
        let head_dim = u64::from(config.head_dim());
        match storage {
            Storage::Full => CacheBytes {
                values: rows * head_dim * dtype.size_bytes(),
                scales: 0,
                auxiliary: 0,
            },
            Storage::Int8 => CacheBytes {
                values: rows * head_dim,
                scales: rows * SCALE_BYTES,
                auxiliary: 0,
            },
        }
    }

    /// Bytes of key and value projections that layers without keys and values of their own do not hold: weights and
    /// biases, in the model's type. They are saved from the weights and not from the cache.
    pub fn projection_bytes_saved(self, config: &ModelConfig, dtype: Dtype) -> u64 {
        let borrowers = config.layers() - self.sharing().owners(config.layers());
        let width = u64::from(config.kv_heads()) * u64::from(config.head_dim());
        let per_layer = 2 * (u64::from(config.hidden()) * width + width);
        u64::from(borrowers) * per_layer * dtype.size_bytes()
    }

    /// Why a model cannot be run by this version; `None` when it can.
    pub fn refusal(self, config: &ModelConfig) -> Option<String> {
        let layers = config.layers();
        let is_odd = !layers.is_multiple_of(2);
        (self.cross_layer_sharing() && is_odd).then(|| {
            format!(
                "{} shares keys and values between the layers of pairs, and the model has an odd number of layers, {layers}",
                self.as_str()
            )
        })
    }
}

/// Bytes of one INT8 row's scale, an f32.
pub const SCALE_BYTES: u64 = 4;

impl Sharing {
    /// How many of `layers` own keys and values.
    pub fn owners(self, layers: u32) -> u32 {
        match self {
            Self::None => layers,
            Self::Pairs => layers.div_ceil(2),
        }
    }

    /// The layer whose keys and values `layer` reads.
    pub fn owner(self, layer: u32) -> u32 {
        match self {
            Self::None => layer,
            Self::Pairs => layer - layer % 2,
        }
    }

    /// Whether `layer` computes keys and values.
    pub fn owns(self, layer: u32) -> bool {
        self.owner(layer) == layer
    }
}

/// Bytes of a cache by what they hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CacheBytes {
    /// Keys and values.
    pub values: u64,
    /// Scales of quantised rows.
    pub scales: u64,
    /// Weights that the cache needs beside the model's.
    pub auxiliary: u64,
}

impl CacheBytes {
    /// All of them.
    pub fn total(self) -> u64 {
        self.values + self.scales + self.auxiliary
    }
}

impl FromStr for Version {
    type Err = UnknownName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        UnknownName::look_up("KV-cache version", text, &Self::ALL, |version| {
            version.as_str()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Preset;

    #[test]
    fn flags_follow_from_the_design() {
        let flags = Version::ALL.map(|v| {
            (
                v.as_str(),
                v.use_cache(),
                v.kv_cache_quant(),
                v.cross_layer_sharing(),
            )
        });
        assert_eq!(
            flags,
            [
                ("v0", false, false, false),
                ("v1", true, false, false),
                ("v2", true, true, false),
                ("v3", true, false, true),
                ("v4", true, true, true),
            ]
        );
    }

    #[test]
    fn names_are_read_back() {
        for version in Version::ALL {
            assert_eq!(version.as_str().parse(), Ok(version));
        }
        assert_eq!(
            "v9".parse::<Version>().unwrap_err().to_string(),
            "`v9` is not a known KV-cache version; accepted are `v0`, `v1`, `v2`, `v3`, `v4`"
        );
    }

    #[test]
    fn bytes_of_gpt2_by_hand() {
        // 12 layers × (keys, values) × 12 heads × 64: 18 432 values per token, and 288 rows.
        let config = Preset::Gpt2.config();
        let per_token = |version: Version| version.cache_bytes(&config, 1, 1, Dtype::Bf16);
        assert_eq!(per_token(Version::V0).total(), 0);
        assert_eq!(per_token(Version::V1).total(), 36_864);
        assert_eq!(per_token(Version::V2).total(), 18_432 + 288 * 4);
        assert_eq!(per_token(Version::V3).total(), 36_864 / 2);
        assert_eq!(per_token(Version::V4).total(), (18_432 + 288 * 4) / 2);
        let batch = Version::V2.cache_bytes(&config, 3, 7, Dtype::Bf16);
        assert_eq!((batch.values, batch.scales), (18_432 * 21, 288 * 4 * 21));
    }

    #[test]
    fn grouped_heads_store_what_they_have() {
        // 4 layers × 2 × 2 key-value heads × 16.
        let config = Preset::Qwen2Tiny.config();
        let bytes = |version: Version| version.cache_bytes(&config, 1, 1, Dtype::F32).total();
        assert_eq!(bytes(Version::V1), 4 * 2 * 2 * 16 * 4);
        assert_eq!(bytes(Version::V4), 2 * 2 * 2 * (16 + 4));
    }

    #[test]
    fn borrowers_hold_no_projections() {
        let config = Preset::Gpt2.config();
        let saved = |version: Version| version.projection_bytes_saved(&config, Dtype::Bf16);
        assert_eq!(saved(Version::V2), 0);
        assert_eq!(saved(Version::V3), 6 * (768 * 1536 + 1536) * 2);
        assert_eq!(
            (0..6).map(|l| Sharing::Pairs.owner(l)).collect::<Vec<_>>(),
            [0, 0, 2, 2, 4, 4]
        );
    }
}
