//! Is tonight worse than the nights before? From digests of runs to what a night's cells show, and whether a further run would tell
//! more. Pure; the rules are those of `docs/decisions/nightly-gate.md`.

mod decide;
mod evidence;
mod input;
mod known;
mod notes;
mod series;

pub use decide::gate;
pub use input::{Certified, Gate, GateDecision, GateInput, GateOptions, WorseCell};
pub(crate) use series::worth;
