//! From captured rows on the device to one host tensor per slot and request, in three steps that can be
//! timed apart: coalesce, copy, convert.

use tch::{Device, Kind, Tensor};

/// Rows that have been gathered but may still be on the device or belong to the machinery.
#[derive(Debug)]
pub(super) enum Gathered {
    /// A view of the arena: (slots, batch, rows, hidden).
    Block(Tensor),
    /// Tensors of (rows, hidden), owned, per slot and request.
    Pieces(Vec<Vec<Tensor>>),
}

/// Captured rows on the host, owned by the caller.
#[derive(Debug)]
pub struct Fetched {
    /// `rows[slot][request]` is (rows, hidden); slots in the order of the selected layers.
    pub rows: Vec<Vec<Tensor>>,
}

impl Gathered {
    /// Moves the rows to host memory that nobody will overwrite: the arena is copied as one block.
    pub(super) fn copy_to_host(self) -> Self {
        match self {
            Self::Block(block) => Self::Block(dense_on_host(&block)),
            Self::Pieces(pieces) => Self::Pieces(map(&pieces, |rows| rows.to_device(Device::Cpu))),
        }
    }

    /// Converts to the type that the caller wants.
    pub(super) fn convert(self, kind: Kind) -> Self {
        match self {
            Self::Block(block) => Self::Block(block.to_kind(kind)),
            Self::Pieces(pieces) => Self::Pieces(map(&pieces, |rows| rows.to_kind(kind))),
        }
    }

    /// Hands the rows out per slot and request.
    pub(super) fn split(self) -> Fetched {
        let rows = match self {
            Self::Pieces(pieces) => pieces,
            Self::Block(block) => {
                let requests = |slot: Tensor| slot.unbind(0);
                block.unbind(0).into_iter().map(requests).collect()
            }
        };
        Fetched { rows }
    }
}

/// A copy in host memory of its own, in the order of the dimensions: each request's rows lie together.
fn dense_on_host(block: &Tensor) -> Tensor {
    let mut host = Tensor::empty(block.size(), (block.kind(), Device::Cpu));
    host.copy_(block);
    host
}

fn map(pieces: &[Vec<Tensor>], change: impl Fn(&Tensor) -> Tensor) -> Vec<Vec<Tensor>> {
    let requests = |requests: &Vec<Tensor>| requests.iter().map(&change).collect();
    pieces.iter().map(requests).collect()
}

impl Fetched {
    /// Rows over all slots and requests.
    pub fn row_count(&self) -> u64 {
        self.tensors().map(|rows| rows.size()[0] as u64).sum()
    }

    /// Bytes over all slots and requests.
    pub fn byte_count(&self) -> u64 {
        let bytes = |rows: &Tensor| (rows.numel() * rows.kind().elt_size_in_bytes()) as u64;
        self.tensors().map(bytes).sum()
    }

    /// Type of the rows, where there is any request.
    pub fn kind(&self) -> Option<Kind> {
        self.tensors().next().map(Tensor::kind)
    }

    fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.rows.iter().flatten()
    }
}
