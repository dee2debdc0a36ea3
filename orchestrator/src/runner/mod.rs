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
mod verdict;

pub(crate) use check::{bad_echo, bad_sample, unverified};
pub(crate) use interrupt::{Interrupts, Urgency};
pub(crate) use lifecycle::{Action, Input, Lifecycle};
pub(crate) use limits::Limits;
pub(crate) use message::read_line;
pub(crate) use offer::offered_devices;
pub(crate) use run::{Context, Halt, RunError, make_attempts};
pub(crate) use verdict::with_leftovers;
