//! The key-value cache in the model's dtype: allocated once, as long as the workload needs, written
//! in place by position. What has been written never changes.

use anechoic_protocol::{Dtype, ModelConfig};
use tch::{Device, TchError, Tensor};

use crate::weights::kind;

/// Keys and values of every layer.
#[derive(Debug)]
pub struct KvCache {
    keys: Vec<Tensor>,   // per layer (batch, kv_heads, positions, head_dim)
    values: Vec<Tensor>, // likewise
    positions: i64,
    position: i64,
    widest: i64,
    bytes: u64,
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
    /// An empty cache for `batch` requests of up to `positions` tokens each. All of its memory is
    /// touched here, so that no page is faulted in while something is measured.
    pub fn new(
        config: &ModelConfig,
        batch: u32,
        positions: u32,
        dtype: Dtype,
        device: Device,
    ) -> Result<Self, CacheError> {
        let window = config.window();
        if positions > window {
            return Err(CacheError::BeyondWindow { positions, window });
        }
        let bytes = config.kv_cache_bytes(batch, positions, dtype);
        let shape = [batch, config.kv_heads(), positions, config.head_dim()].map(i64::from);
        let block = || Tensor::f_zeros(shape, (kind(dtype), device));
        let blocks = || {
            (0..config.layers())
                .map(|_| block())
                .collect::<Result<Vec<_>, _>>()
        };
        let refused = |source| CacheError::Allocate {
            bytes,
            batch,
            positions,
            source,
        };
        let keys = blocks().map_err(refused)?;
        let values = blocks().map_err(refused)?;
        Ok(Self {
            keys,
            values,
            positions: i64::from(positions),
            position: 0,
            widest: 0,
            bytes,
        })
    }

    /// Writes a layer's keys and values, both (batch, kv_heads, t, head_dim), behind those that are
    /// there, and gives back all of the layer's, both (batch, kv_heads, position + t, head_dim), as
    /// views of the cache. [`KvCache::advance`] makes room for the next tokens once every layer has
    /// written.
    ///
    /// # Panics
    /// When the cache is full: it was made for fewer tokens than are generated.
    pub fn append(&mut self, layer: u32, keys: &Tensor, values: &Tensor) -> (Tensor, Tensor) {
        let t = keys.size()[2];
        let end = self.position + t;
        assert!(
            end <= self.positions,
            "the cache has {} positions, and {end} are needed",
            self.positions
        );
        let (all_keys, all_values) = (&self.keys[layer as usize], &self.values[layer as usize]);
        all_keys.narrow(2, self.position, t).copy_(keys);
        all_values.narrow(2, self.position, t).copy_(values);
        (all_keys.narrow(2, 0, end), all_values.narrow(2, 0, end))
    }

    /// Counts `t` tokens as written.
    pub fn advance(&mut self, t: i64) {
        self.position += t;
        self.widest = self.widest.max(t);
    }

    /// The most tokens that came at once since everything was forgotten.
    pub fn widest(&self) -> i64 {
        self.widest
    }

    /// Tokens written: the position of the next one.
    pub fn position(&self) -> i64 {
        self.position
    }

    /// Tokens that fit.
    pub fn positions(&self) -> i64 {
        self.positions
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

    /// Type of keys and values.
    pub fn kind(&self) -> tch::Kind {
        self.keys[0].kind()
    }

    /// Memory reserved.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::Preset;
    use tch::Kind;

    use super::*;

    fn tiny(positions: u32) -> KvCache {
        KvCache::new(
            &Preset::Qwen2Tiny.config(),
            2,
            positions,
            Dtype::F32,
            Device::Cpu,
        )
        .unwrap()
    }

    fn rows(t: i64, value: f64) -> Tensor {
        Tensor::full([2, 2, t, 16], value, (Kind::Float, Device::Cpu))
    }

    /// The value at every position of a layer's keys, from the first head of the first request.
    fn seen(keys: &Tensor) -> Vec<f64> {
        Vec::try_from(
            keys.select(0, 0)
                .select(0, 0)
                .select(1, 0)
                .to_kind(Kind::Double),
        )
        .unwrap()
    }

    #[test]
    fn rows_are_written_behind_each_other() {
        let mut cache = tiny(6);
        let (keys, values) = cache.append(1, &rows(2, 1.0), &rows(2, 5.0));
        assert_eq!((seen(&keys), seen(&values)), (vec![1.0; 2], vec![5.0; 2]));
        assert_eq!(
            cache.position(),
            0,
            "the next layer writes at the same position"
        );
        cache.advance(2);
        let (keys, values) = cache.append(1, &rows(1, 2.0), &rows(1, 6.0));
        assert_eq!(
            (seen(&keys), seen(&values)),
            (vec![1.0, 1.0, 2.0], vec![5.0, 5.0, 6.0])
        );
        let (other_layer, _) = cache.append(0, &rows(1, 7.0), &rows(1, 7.0));
        assert_eq!(seen(&other_layer), [0.0, 0.0, 7.0]);
    }

    #[test]
    fn rewinding_and_clearing_forget() {
        let mut cache = tiny(4);
        let _ = cache.append(0, &rows(3, 1.0), &rows(3, 1.0));
        cache.advance(3);
        cache.rewind(1);
        assert_eq!(
            seen(&cache.append(0, &rows(1, 2.0), &rows(1, 2.0)).0),
            [1.0, 1.0, 2.0]
        );
        assert_eq!(cache.widest(), 3);
        cache.clear();
        assert_eq!((cache.position(), cache.widest()), (0, 0));
        assert_eq!(
            seen(&cache.append(0, &rows(1, 3.0), &rows(1, 3.0)).0),
            [3.0]
        );
    }

    #[test]
    fn bytes_are_those_allocated() {
        let cache = tiny(6);
        let allocated: usize = cache
            .keys
            .iter()
            .chain(&cache.values)
            .map(|t| t.numel() * 4)
            .sum();
        assert_eq!(cache.bytes(), allocated as u64);
    }

    #[test]
    #[should_panic(expected = "the cache has 2 positions, and 3 are needed")]
    fn a_full_cache_is_named() {
        let _ = tiny(2).append(0, &rows(3, 1.0), &rows(3, 1.0));
    }

    #[test]
    fn a_cache_beyond_the_window_is_refused() {
        let config = Preset::Gpt2Tiny.config();
        let error = KvCache::new(&config, 1, 129, Dtype::F32, Device::Cpu).unwrap_err();
        assert_eq!(
            error.to_string(),
            "make a cache of 129 positions: the model's window is 128"
        );
    }
}
