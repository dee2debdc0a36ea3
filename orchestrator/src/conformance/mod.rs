//! Does a program keep the rules of the worker protocol? It is started once per attack, under the supervision of a real
//! run, and what it does is judged. `docs/protocol.md` has the rules.

mod attacks;
mod complete;
mod jobs;
mod judge;
mod refusals;
mod rule;
mod session;
mod stops;

pub(crate) use attacks::{Ammunition, Checked, check};
pub(crate) use rule::{Rule, State, Verdict};
pub(crate) use session::Subject;
