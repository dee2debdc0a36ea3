//! One preallocated block for all rows: one bulk copy per layer and step, nothing allocated while generating.

use tch::{Device, Kind, Tensor};

use super::machinery::Shape;

/// Slots with different numbers of rows: some layer was not called in every forward pass.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the captured layers have {0:?} rows, which should all be equal")]
pub struct UnequalSlots(pub Vec<i64>);

/// Rows of every slot in one block of (slots, batch, positions, hidden).
#[derive(Debug)]
pub(super) struct Arena {
    block: Tensor,
    slots: Vec<Tensor>,
    written: Vec<i64>,
}

impl Arena {
    pub(super) fn new(
        slots: usize,
        shape: Shape,
        kind: Kind,
        device: Device,
    ) -> Result<Self, tch::TchError> {
        let size = [slots as i64, shape.positions, shape.batch, shape.hidden];
        // Zeroed, so that the pages are there before anything is timed. In memory the batch lies inside the
        // position: what a decode step writes for a layer is one piece.
        let block = Tensor::f_zeros(size, (kind, device))?.f_transpose(1, 2)?;
        Ok(Self {
            slots: (0..slots)
                .map(|slot| block.select(0, slot as i64))
                .collect(),
            written: vec![0; slots],
            block,
        })
    }

    pub(super) fn clear(&mut self) {
        self.written.fill(0);
    }

    /// The next `tokens` rows of a slot, (batch, tokens, hidden).
    pub(super) fn slice(&self, slot: usize, tokens: i64) -> Tensor {
        self.slots[slot].narrow(1, self.written[slot], tokens)
    }

    /// Copies without keeping: the next copy goes to the same place.
    pub(super) fn copy(&self, slot: usize, hidden: &Tensor) {
        self.slice(slot, hidden.size()[1]).copy_(hidden);
    }

    pub(super) fn put(&mut self, slot: usize, hidden: &Tensor) {
        self.copy(slot, hidden);
        self.written[slot] += hidden.size()[1];
    }

    /// What has been written: (slots, batch, rows, hidden).
    pub(super) fn rows(&self) -> Result<Tensor, UnequalSlots> {
        let rows = self.written.first().copied().unwrap_or(0);
        if self.written.iter().any(|&written| written != rows) {
            return Err(UnequalSlots(self.written.clone()));
        }
        Ok(self.block.narrow(2, 0, rows))
    }

    pub(super) fn bytes(&self) -> u64 {
        (self.block.numel() * self.block.kind().elt_size_in_bytes()) as u64
    }
}
