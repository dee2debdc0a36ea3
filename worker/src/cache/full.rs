//! Keys and values in the model's type: allocated once, as long as the workload needs, written in place by position.

use tch::{Device, Kind, TchError, Tensor};

/// Keys and values of the layers that own some.
#[derive(Debug)]
pub(super) struct FullCache {
    keys: Vec<Tensor>,   // per owner (batch, kv_heads, positions, head_dim)
    values: Vec<Tensor>, // likewise
}

impl FullCache {
    /// Memory of `owners` layers; all of it is touched here, so that no page is faulted in while something is measured.
    pub(super) fn new(
        owners: u32,
        shape: [i64; 4], // batch, kv_heads, positions, head_dim
        kind: Kind,
        device: Device,
    ) -> Result<Self, TchError> {
        let blocks = || {
            (0..owners)
                .map(|_| Tensor::f_zeros(shape, (kind, device)))
                .collect::<Result<Vec<_>, _>>()
        };
        Ok(Self {
            keys: blocks()?,
            values: blocks()?,
        })
    }

    /// Writes rows (batch, kv_heads, t, head_dim) from `position` on.
    pub(super) fn write(&mut self, owner: usize, position: i64, keys: &Tensor, values: &Tensor) {
        let t = keys.size()[2];
        self.keys[owner].narrow(2, position, t).copy_(keys);
        self.values[owner].narrow(2, position, t).copy_(values);
    }

    /// The first `len` rows as views, (batch, kv_heads, len, head_dim).
    pub(super) fn read(&self, owner: usize, len: i64) -> (Tensor, Tensor) {
        (
            self.keys[owner].narrow(2, 0, len),
            self.values[owner].narrow(2, 0, len),
        )
    }

    /// Bytes allocated for values.
    pub(super) fn value_bytes(&self) -> u64 {
        self.keys.iter().chain(&self.values).map(bytes).sum()
    }
}

/// Bytes of a tensor's elements.
pub(super) fn bytes(tensor: &Tensor) -> u64 {
    (tensor.numel() * tensor.kind().elt_size_in_bytes()) as u64
}
