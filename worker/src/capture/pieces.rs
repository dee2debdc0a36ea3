//! Rows per slot and request as growing tensors: `concat` joins at every token, `buffered:N` every N tokens.
//! Both exist so that the slowdown they cause can be measured.

use tch::{Device, Kind, Tensor};

use super::machinery::Shape;

/// The rows of one request in one slot.
#[derive(Debug, Default)]
struct Piece {
    kept: Option<Tensor>,
    waiting: Vec<Tensor>,
    waiting_rows: i64,
}

/// The rows of all requests in all slots.
#[derive(Debug)]
pub(super) struct Pieces {
    pieces: Vec<Vec<Piece>>,
    flush_rows: i64,
    /// What a request without rows has: (0, hidden).
    nothing: Tensor,
}

impl Pieces {
    /// Joins rows whenever `flush_rows` of them wait.
    pub(super) fn new(
        slots: usize,
        shape: Shape,
        flush_rows: i64,
        kind: Kind,
        device: Device,
    ) -> Result<Self, tch::TchError> {
        let request = |_| Piece::default();
        let slot = |_| (0..shape.batch).map(request).collect();
        Ok(Self {
            pieces: (0..slots).map(slot).collect(),
            flush_rows,
            nothing: Tensor::f_empty([0, shape.hidden], (kind, device))?,
        })
    }

    pub(super) fn clear(&mut self) {
        for piece in self.pieces.iter_mut().flatten() {
            *piece = Piece::default();
        }
    }

    pub(super) fn put(&mut self, slot: usize, hidden: &Tensor) {
        for (request, piece) in self.pieces[slot].iter_mut().enumerate() {
            let rows = hidden.select(0, request as i64);
            piece.add(&rows, self.flush_rows);
        }
    }

    /// Joins what still waits: one tensor of (rows, hidden) per slot and request.
    pub(super) fn coalesce(&mut self) -> Vec<Vec<Tensor>> {
        let nothing = &self.nothing;
        let take = |piece: &mut Piece| piece.take().unwrap_or_else(|| nothing.shallow_clone());
        let slots = self.pieces.iter_mut();
        slots
            .map(|requests| requests.iter_mut().map(take).collect())
            .collect()
    }
}

impl Piece {
    fn add(&mut self, rows: &Tensor, flush_rows: i64) {
        self.waiting_rows += rows.size()[0];
        // A copy: a slice would alias a tensor that the model may reuse.
        self.waiting.push(rows.copy());
        if self.waiting_rows >= flush_rows {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let fresh = match self.waiting.as_slice() {
            [one] => one.shallow_clone(),
            many => Tensor::cat(many, 0),
        };
        self.kept = Some(match self.kept.take() {
            Some(kept) => Tensor::cat(&[kept, fresh], 0),
            None => fresh,
        });
        self.waiting.clear();
        self.waiting_rows = 0;
    }

    fn take(&mut self) -> Option<Tensor> {
        self.flush();
        self.kept.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(flush_rows: i64) -> Pieces {
        let shape = Shape {
            batch: 2,
            positions: 7,
            hidden: 2,
        };
        Pieces::new(1, shape, flush_rows, Kind::Float, Device::Cpu).unwrap()
    }

    #[test]
    fn rows_arrive_in_order_at_every_flush_size() {
        let steps = [3, 1, 1, 1, 1];
        let all = Tensor::arange(2 * 7 * 2, (Kind::Float, Device::Cpu)).view([2, 7, 2]);
        for flush_rows in [1, 2, 3, 100] {
            let mut pieces = pieces(flush_rows);
            for round in 0..2 {
                pieces.clear();
                let mut at = 0;
                for tokens in steps {
                    pieces.put(0, &all.narrow(1, at, tokens));
                    at += tokens;
                }
                let rows = pieces.coalesce();
                for (request, rows) in (0..).zip(&rows[0]) {
                    let expected = all.select(0, request);
                    assert_eq!(*rows, expected, "flush {flush_rows}, round {round}");
                }
            }
        }
    }

    #[test]
    fn a_request_without_rows_keeps_its_place() {
        let mut pieces = pieces(1);
        let rows = Tensor::ones([3, 2], (Kind::Float, Device::Cpu));
        pieces.pieces[0][1].add(&rows, 1);
        let found = pieces.coalesce();
        let sizes: Vec<_> = found[0].iter().map(Tensor::size).collect();
        assert_eq!(sizes, [[0, 2], [3, 2]]);
    }
}
