//! Selection, probe and storage put together: what a model's layers call.

use anechoic_protocol::{CaptureMode, Probe, Strategy};
use tch::{Device, Kind, Tensor};

use super::arena::{Arena, UnequalSlots};
use super::fetch::{Fetched, Gathered};
use super::pieces::Pieces;

/// Sizes of the rows to come.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Requests.
    pub batch: i64,
    /// Rows per request.
    pub positions: i64,
    /// Width of a row.
    pub hidden: i64,
}

/// What the machinery does, before it is built.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How the layers were chosen: a custom selection may name every layer.
    pub mode: CaptureMode,
    /// Decoder layers of the model.
    pub total_layers: u32,
    /// The captured ones, ascending.
    pub layers: Vec<u32>,
    /// How rows are stored.
    pub strategy: Strategy,
    /// How far the machinery goes.
    pub probe: Probe,
}

#[derive(Debug)]
enum Store {
    Arena(Arena),
    Pieces(Pieces),
}

/// The machinery of one model, for one batch at a time.
#[derive(Debug)]
pub struct Capture {
    plan: Plan,
    /// By layer: its slot in the store, where it is captured.
    slots: Vec<Option<usize>>,
    store: Store,
}

impl Capture {
    /// Allocates all that the strategy can allocate beforehand.
    pub fn new(
        plan: Plan,
        shape: Shape,
        kind: Kind,
        device: Device,
    ) -> Result<Self, tch::TchError> {
        let count = plan.layers.len();
        let slot = |layer| plan.layers.iter().position(|&l| l == layer);
        let store = match plan.strategy {
            Strategy::Arena => Store::Arena(Arena::new(count, shape, kind, device)?),
            Strategy::Concat => Store::Pieces(Pieces::new(count, shape, 1, kind, device)?),
            Strategy::Buffered(rows) => {
                let rows = i64::from(rows);
                Store::Pieces(Pieces::new(count, shape, rows, kind, device)?)
            }
        };
        Ok(Self {
            slots: (0..plan.total_layers).map(slot).collect(),
            store,
            plan,
        })
    }

    /// The plan that is in force.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Forgets the rows of the last generation.
    pub fn clear(&mut self) {
        match &mut self.store {
            Store::Arena(arena) => arena.clear(),
            Store::Pieces(pieces) => pieces.clear(),
        }
    }

    /// Called by the model after every decoder layer with the residual stream, (batch, tokens, hidden).
    #[inline]
    pub fn after_layer(&mut self, layer: u32, hidden: &Tensor) {
        let Some(slot) = self.slots[layer as usize] else {
            return;
        };
        match self.plan.probe {
            Probe::Noop => {}
            Probe::Slice => self.slice(slot, hidden),
            Probe::Copy => self.copy(slot, hidden),
            Probe::Full => self.put(slot, hidden),
        }
    }

    fn slice(&self, slot: usize, hidden: &Tensor) {
        match &self.store {
            Store::Arena(arena) => drop(arena.slice(slot, hidden.size()[1])),
            Store::Pieces(_) => drop(requests(hidden)),
        }
    }

    fn copy(&self, slot: usize, hidden: &Tensor) {
        match &self.store {
            Store::Arena(arena) => arena.copy(slot, hidden),
            Store::Pieces(_) => requests(hidden).iter().for_each(|rows| drop(rows.copy())),
        }
    }

    fn put(&mut self, slot: usize, hidden: &Tensor) {
        match &mut self.store {
            Store::Arena(arena) => arena.put(slot, hidden),
            Store::Pieces(pieces) => pieces.put(slot, hidden),
        }
    }

    /// Bytes held before the first row comes.
    pub fn reserved_bytes(&self) -> u64 {
        match &self.store {
            Store::Arena(arena) => arena.bytes(),
            Store::Pieces(_) => 0,
        }
    }

    /// Gathers, copies and converts the rows. `between` is called between the three steps.
    pub fn fetch(
        &mut self,
        kind: Kind,
        mut between: impl FnMut(),
    ) -> Result<Fetched, UnequalSlots> {
        let gathered = match &mut self.store {
            Store::Arena(arena) => Gathered::Block(arena.rows()?),
            Store::Pieces(pieces) => Gathered::Pieces(pieces.coalesce()),
        };
        between();
        let copied = gathered.copy_to_host();
        between();
        Ok(copied.convert(kind).split())
    }
}

/// One view of (tokens, hidden) per request.
fn requests(hidden: &Tensor) -> Vec<Tensor> {
    hidden.unbind(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        batch: 2,
        positions: 6,
        hidden: 4,
    };

    fn machinery(strategy: Strategy, probe: Probe, layers: &[u32]) -> Capture {
        let plan = Plan {
            mode: CaptureMode::Custom,
            total_layers: 3,
            layers: layers.to_vec(),
            strategy,
            probe,
        };
        Capture::new(plan, SHAPE, Kind::Float, Device::Cpu).unwrap()
    }

    /// Feeds 3 + 1 + 1 + 1 positions of three layers; row values tell layer, request and position.
    fn generate(capture: &mut Capture) -> Vec<Tensor> {
        let all: Vec<Tensor> = (0..3)
            .map(|layer| {
                let values = Tensor::arange(2 * 6 * 4, (Kind::Float, Device::Cpu));
                values.view([2, 6, 4]) + f64::from(1000 * layer)
            })
            .collect();
        let mut at = 0;
        for tokens in [3, 1, 1, 1] {
            for (layer, hidden) in (0..).zip(&all) {
                let step = hidden.narrow(1, at, tokens).copy();
                capture.after_layer(layer, &step);
                // A model may reuse its tensors: what was captured must not change with them.
                let _ = step.shallow_clone().fill_(-1.0);
            }
            at += tokens;
        }
        all
    }

    #[test]
    fn every_strategy_returns_what_passed_by() {
        for strategy in [Strategy::Arena, Strategy::Concat, Strategy::Buffered(2)] {
            let mut capture = machinery(strategy, Probe::Full, &[0, 2]);
            for _ in 0..2 {
                capture.clear();
                let all = generate(&mut capture);
                let fetched = capture.fetch(Kind::Float, || {}).unwrap();
                assert_eq!(fetched.row_count(), 2 * 2 * 6, "{strategy}");
                assert_eq!(fetched.byte_count(), 2 * 2 * 6 * 4 * 4);
                for (slot, layer) in [(0, 0), (1, 2)] {
                    for request in 0..2 {
                        let expected = all[layer].select(0, request as i64);
                        assert_eq!(fetched.rows[slot][request], expected, "{strategy}");
                    }
                }
            }
        }
    }

    #[test]
    fn fetched_rows_survive_the_next_generation() {
        for strategy in [Strategy::Arena, Strategy::Concat, Strategy::Buffered(32)] {
            let mut capture = machinery(strategy, Probe::Full, &[1]);
            let all = generate(&mut capture);
            let fetched = capture.fetch(Kind::Float, || {}).unwrap();
            capture.clear();
            capture.after_layer(1, &Tensor::zeros([2, 6, 4], (Kind::Float, Device::Cpu)));
            assert_eq!(fetched.rows[0][1], all[1].select(0, 1), "{strategy}");
        }
    }

    #[test]
    fn probes_short_of_full_store_nothing() {
        for strategy in [Strategy::Arena, Strategy::Concat, Strategy::Buffered(2)] {
            for probe in [Probe::Noop, Probe::Slice, Probe::Copy] {
                let mut capture = machinery(strategy, probe, &[0, 1, 2]);
                generate(&mut capture);
                let fetched = capture.fetch(Kind::Half, || {}).unwrap();
                assert_eq!(fetched.rows.len(), 3, "{strategy}");
                for rows in fetched.rows.iter().flatten() {
                    assert_eq!((rows.size(), rows.kind()), (vec![0, 4], Kind::Half));
                }
                assert_eq!(fetched.rows[2].len(), 2, "{strategy}");
            }
        }
    }

    #[test]
    fn no_layer_selected_stores_nothing() {
        let mut capture = machinery(Strategy::Arena, Probe::Full, &[]);
        generate(&mut capture);
        let fetched = capture.fetch(Kind::Float, || {}).unwrap();
        assert_eq!((fetched.row_count(), fetched.byte_count()), (0, 0));
    }

    #[test]
    fn a_layer_that_was_left_out_once_never_shortens_the_others() {
        let hidden = Tensor::zeros([2, 1, 4], (Kind::Float, Device::Cpu));
        for strategy in [Strategy::Arena, Strategy::Concat, Strategy::Buffered(2)] {
            let mut capture = machinery(strategy, Probe::Full, &[0, 1, 2]);
            for layer in [0, 1, 2, 0, 2] {
                capture.after_layer(layer, &hidden);
            }
            let counts = |fetched: Fetched| {
                let slots = fetched.rows.iter();
                slots.map(|slot| slot[1].size()[0]).collect::<Vec<_>>()
            };
            let found = capture.fetch(Kind::Float, || {}).map(counts);
            match strategy {
                Strategy::Arena => assert_eq!(found, Err(UnequalSlots(vec![2, 1, 2]))),
                Strategy::Concat | Strategy::Buffered(_) => assert_eq!(found, Ok(vec![2, 1, 2])),
            }
        }
    }
}
