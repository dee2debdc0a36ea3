//! Making the attempts of a plan, one worker process each.

mod attempt;
mod check;
mod interrupt;
mod lifecycle;
#[cfg(test)]
mod lifecycle_tests;
mod limits;
mod message;
mod run;

pub(crate) use interrupt::{Interrupts, Urgency};
pub(crate) use run::{Context, RunError, make_attempts};
