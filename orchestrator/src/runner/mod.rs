//! Making the attempts of a plan, one worker process each.

mod attempt;
mod check;
mod interrupt;
mod lifecycle;
#[cfg(test)]
mod lifecycle_tests;
mod limits;
mod message;
mod offer;
mod run;

pub(crate) use interrupt::{Interrupts, Urgency};
pub(crate) use offer::{Greeting, greeting, offered_devices};
pub(crate) use run::{Context, Halt, RunError, make_attempts};
