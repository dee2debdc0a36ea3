//! The interface that models use: append keys and values of a layer, read what a layer may see. Which layers own rows,
//! and where the next one goes, is known here; how rows are stored is not.

use anechoic_protocol::{
    AttentionPath, CacheBytes, CacheDesign, CacheUse, Dtype, ModelConfig, Sharing, Storage, Version,
};
use tch::{Device, TchError, Tensor};

use super::full::FullCache;
use super::int8::Int8Cache;
use super::recompute::Recompute;
use crate::ops::Int8Rows;
use crate::weights::kind;

/// What a cache is made for.
#[derive(Debug, Clone, Copy)]
pub struct CacheSpec {
    /// The version.
    pub version: Version,
    /// Requests.
    pub batch: u32,
    /// Tokens per request, at most.
    pub positions: u32,
    /// Type of unquantised keys and values.
    pub dtype: Dtype,
    /// How attention of one query will read the rows.
    pub attention: AttentionPath,
}

/// Keys and values of every layer under one KV-cache version.
#[derive(Debug)]
pub struct KvCache {
    store: Store,
    sharing: Sharing,
    attention: AttentionPath,
    /// Values of one token of all requests and layers, keys and values alike, were none shared.
    elements_per_position: u64,
    positions: i64,
    position: i64,
    /// Tokens that the forward call under way has written.
    writing: i64,
    widest: i64,
}

#[derive(Debug)]
enum Store {
    Recompute(Recompute),
    Full(FullCache),
    Int8(Int8Cache),
}

/// The rows that a layer may see, and how attention of one query is to read them.
#[derive(Debug)]
pub struct Rows {
    /// The rows.
    pub stored: Stored,
    /// How to read them.
    pub attention: AttentionPath,
}

/// Rows as they are stored.
#[derive(Debug)]
pub enum Stored {
    /// In the model's type, both (batch, kv_heads, len, head_dim).
    Full {
        /// Keys.
        keys: Tensor,
        /// Values.
        values: Tensor,
    },
    /// Quantised.
    Int8 {
        /// Keys.
        keys: Int8Rows,
        /// Values.
        values: Int8Rows,
    },
}

/// Why there is no cache. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// More positions than the model can take.
    #[error("make a cache of {positions} positions: the model's window is {window}")]
    BeyondWindow {
        /// Positions asked for.
        positions: u32,
        /// Positions that the model can take.
        window: u32,
    },
    /// The version does not fit the model.
    #[error("make a cache: {0}")]
    Unfit(String),
    /// The device refused the memory.
    #[error("allocate {bytes} bytes for a cache of {batch} × {positions} positions")]
    Allocate {
        /// Size of the whole cache.
        bytes: u64,
        /// Requests.
        batch: u32,
        /// Positions per request.
        positions: u32,
        /// What libtorch said.
        source: TchError,
    },
}

impl KvCache {
    /// An empty cache. All of its memory is touched here, so that no page is faulted in while something is measured.
    pub fn new(spec: &CacheSpec, config: &ModelConfig, device: Device) -> Result<Self, CacheError> {
        let (positions, window) = (spec.positions, config.window());
        if positions > window {
            return Err(CacheError::BeyondWindow { positions, window });
        }
        if let Some(reason) = spec.version.refusal(config) {
            return Err(CacheError::Unfit(reason));
        }
        let store = Store::new(spec, config, device).map_err(|source| CacheError::Allocate {
            bytes: spec
                .version
                .cache_bytes(config, spec.batch, positions, spec.dtype)
                .total(),
            batch: spec.batch,
            positions,
            source,
        })?;
        let per_row = u64::from(config.kv_heads()) * u64::from(config.head_dim());
        Ok(Self {
            store,
            sharing: spec.version.sharing(),
            attention: spec.attention,
            elements_per_position: 2 * u64::from(config.layers()) * u64::from(spec.batch) * per_row,
            positions: i64::from(positions),
            position: 0,
            writing: 0,
            widest: 0,
        })
    }

    /// A v1 cache: in the model's type, with a part for every layer.
    pub fn full(
        config: &ModelConfig,
        batch: u32,
        positions: u32,
        dtype: Dtype,
        device: Device,
    ) -> Result<Self, CacheError> {
        let spec = CacheSpec {
            version: Version::V1,
            batch,
            positions,
            dtype,
            attention: AttentionPath::Best,
        };
        Self::new(&spec, config, device)
    }

    /// What a forward call has to be fed for `tokens`, (batch, t), to be understood: these alone where the rest is cached,
    /// else all of the context.
    pub fn feed(&mut self, tokens: &Tensor) -> Tensor {
        let position = self.position;
        match &mut self.store {
            Store::Recompute(recompute) => recompute.feed(position, tokens),
            Store::Full(_) | Store::Int8(_) => tokens.shallow_clone(),
        }
    }

    /// Tokens that need not be fed again: the position of the first one fed.
    pub fn past(&self) -> i64 {
        match &self.store {
            Store::Recompute(_) => 0,
            Store::Full(_) | Store::Int8(_) => self.position,
        }
    }

    /// Writes an owner's keys and values, both (batch, kv_heads, t, head_dim), behind those that are there.
    /// [`KvCache::advance`] makes room for the next tokens once every layer has written.
    ///
    /// # Panics
    /// When the cache is full: it was made for fewer tokens than are generated. When the layer owns no rows.
    pub fn append(&mut self, layer: u32, keys: &Tensor, values: &Tensor) {
        let t = keys.size()[2];
        let (past, end) = (self.past(), self.past() + t);
        assert!(
            end <= self.positions,
            "the cache has {} positions, and {end} are needed",
            self.positions
        );
        assert!(self.sharing.owns(layer), "layer {layer} owns no rows");
        self.writing = t;
        let owner = self.owner_index(layer);
        match &mut self.store {
            Store::Recompute(recompute) => recompute.write(keys, values),
            Store::Full(cache) => cache.write(owner, past, keys, values),
            Store::Int8(cache) => cache.write(owner, past, keys, values),
        }
    }

    /// All rows that a layer may see, those of the forward call under way included, as views. A layer that owns none reads
    /// its owner's.
    pub fn read(&self, layer: u32) -> Rows {
        let (owner, len) = (self.owner_index(layer), self.past() + self.writing);
        let stored = match &self.store {
            Store::Recompute(recompute) => in_full(recompute.read()),
            Store::Full(cache) => in_full(cache.read(owner, len)),
            Store::Int8(cache) => {
                let (keys, values) = cache.read(owner, len);
                Stored::Int8 { keys, values }
            }
        };
        Rows {
            stored,
            attention: self.attention,
        }
    }

    /// Where the owner of a layer's rows stands among the owners.
    fn owner_index(&self, layer: u32) -> usize {
        self.sharing.owners(self.sharing.owner(layer)) as usize
    }

    /// Counts `t` tokens as written.
    pub fn advance(&mut self, t: i64) {
        self.position += t;
        self.writing = 0;
        self.widest = self.widest.max(t);
        if let Store::Recompute(recompute) = &mut self.store {
            recompute.end_forward();
        }
    }

    /// The most tokens that came at once since everything was forgotten.
    pub fn widest(&self) -> i64 {
        self.widest
    }

    /// Tokens that are understood: the position of the next one.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Counts everything before `position` as written, whatever it holds: to see what a full cache takes.
    ///
    /// # Panics
    /// When the cache is shorter.
    pub fn skip_to(&mut self, position: i64) {
        assert!(position <= self.positions, "the cache is shorter");
        self.position = position;
    }

    /// Forgets the last `n` tokens.
    ///
    /// # Panics
    /// When fewer have been written.
    pub fn rewind(&mut self, n: i64) {
        assert!(
            n <= self.position,
            "cannot forget {n} of {} tokens",
            self.position
        );
        self.position -= n;
    }

    /// Forgets everything; the memory stays.
    pub fn clear(&mut self) {
        self.position = 0;
        self.widest = 0;
    }

    /// The version that it was made for.
    pub fn version(&self) -> Version {
        let design = self.design();
        let mut all = Version::ALL.into_iter();
        all.find(|version| version.design() == design)
            .expect("every cache is made for a version")
    }

    fn design(&self) -> CacheDesign {
        let storage = match &self.store {
            Store::Recompute(_) => return CacheDesign::Recompute,
            Store::Full(_) => Storage::Full,
            Store::Int8(_) => Storage::Int8,
        };
        CacheDesign::Cached {
            storage,
            sharing: self.sharing,
        }
    }

    /// How attention of one query reads the rows.
    pub fn attention(&self) -> AttentionPath {
        self.attention
    }

    /// Memory reserved and memory in use, counted from the memory itself.
    pub fn memory(&self) -> CacheUse {
        let reserved = match &self.store {
            Store::Recompute(_) => CacheBytes::default(),
            Store::Full(cache) => CacheBytes {
                values: cache.value_bytes(),
                ..CacheBytes::default()
            },
            Store::Int8(cache) => CacheBytes {
                values: cache.value_bytes(),
                scales: cache.scale_bytes(),
                auxiliary: 0,
            },
        };
        let (positions, position) = (self.positions as u64, self.position as u64);
        let share = |bytes: u64| bytes / positions * position;
        let kept = u64::from(reserved.total() > 0);
        CacheUse {
            reserved,
            used: CacheBytes {
                values: share(reserved.values),
                scales: share(reserved.scales),
                auxiliary: reserved.auxiliary,
            },
            elements: self.elements_per_position * position * kept,
        }
    }
}

fn in_full((keys, values): (Tensor, Tensor)) -> Stored {
    Stored::Full { keys, values }
}

impl Store {
    fn new(spec: &CacheSpec, config: &ModelConfig, device: Device) -> Result<Self, TchError> {
        let CacheDesign::Cached { storage, sharing } = spec.version.design() else {
            return Ok(Self::Recompute(Recompute::default()));
        };
        let owners = sharing.owners(config.layers());
        let shape = [
            spec.batch,
            config.kv_heads(),
            spec.positions,
            config.head_dim(),
        ]
        .map(i64::from);
        match storage {
            Storage::Full => {
                FullCache::new(owners, shape, kind(spec.dtype), device).map(Self::Full)
            }
            Storage::Int8 => Int8Cache::new(owners, shape, device).map(Self::Int8),
        }
    }
}
