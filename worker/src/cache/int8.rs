//! Keys and values as INT8, symmetric to ±127, with one f32 scale per layer, request, head and token. A row is quantised
//! once, when it comes, and never written again.

use tch::{Device, Kind, TchError, Tensor};

use super::full::bytes;
use crate::ops::{Int8Rows, quantise_rows};

/// Codes and scales of the layers that own keys and values.
#[derive(Debug)]
pub(super) struct Int8Cache {
    keys: Vec<Int8Rows>, // per owner: codes (batch, kv_heads, positions, head_dim), scales (batch, kv_heads, positions)
    values: Vec<Int8Rows>, // likewise
}

impl Int8Cache {
    /// Memory of `owners` layers, all of it touched.
    pub(super) fn new(
        owners: u32,
        shape: [i64; 4], // batch, kv_heads, positions, head_dim
        device: Device,
    ) -> Result<Self, TchError> {
        let block = |_| -> Result<Int8Rows, TchError> {
            Ok(Int8Rows {
                codes: Tensor::f_zeros(shape, (Kind::Int8, device))?,
                scales: Tensor::f_zeros(&shape[..3], (Kind::Float, device))?,
            })
        };
        let blocks = || (0..owners).map(block).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            keys: blocks()?,
            values: blocks()?,
        })
    }

    /// Quantises rows (batch, kv_heads, t, head_dim) into the places from `position` on.
    pub(super) fn write(&mut self, owner: usize, position: i64, keys: &Tensor, values: &Tensor) {
        let t = keys.size()[2];
        quantise_rows(keys, &part(&self.keys[owner], position, t));
        quantise_rows(values, &part(&self.values[owner], position, t));
    }

    /// The first `len` rows as views.
    pub(super) fn read(&self, owner: usize, len: i64) -> (Int8Rows, Int8Rows) {
        (
            part(&self.keys[owner], 0, len),
            part(&self.values[owner], 0, len),
        )
    }

    /// Bytes allocated for codes.
    pub(super) fn value_bytes(&self) -> u64 {
        self.all().map(|rows| bytes(&rows.codes)).sum()
    }

    /// Bytes allocated for scales.
    pub(super) fn scale_bytes(&self) -> u64 {
        self.all().map(|rows| bytes(&rows.scales)).sum()
    }

    fn all(&self) -> impl Iterator<Item = &Int8Rows> {
        self.keys.iter().chain(&self.values)
    }
}

/// The rows `first .. first + count`.
fn part(rows: &Int8Rows, first: i64, count: i64) -> Int8Rows {
    Int8Rows {
        codes: rows.codes.narrow(2, first, count),
        scales: rows.scales.narrow(2, first, count),
    }
}
