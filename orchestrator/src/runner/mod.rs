//! Making the attempts of a plan, one worker process each.

mod attempt;
mod audit;
mod check;
mod cpu_time;
mod gate;
#[cfg(test)]
mod gate_tests;
mod interrupt;
mod lifecycle;
#[cfg(test)]
mod lifecycle_tests;
mod limits;
mod message;
mod offer;
mod queue;
mod refusal;
mod rest;
#[cfg(test)]
mod rest_tests;
mod rounds;
#[cfg(test)]
mod rounds_tests;
mod run;
mod sampler;
#[cfg(test)]
mod session_tests;
mod slurm;
mod verdict;
mod waiting;
mod watch;
#[cfg(test)]
mod watch_tests;

pub(crate) use audit::make_audit;
pub(crate) use check::{bad_echo, bad_sample, unverified};
pub(crate) use interrupt::{Interrupts, Urgency};
pub(crate) use lifecycle::{Action, Input, Lifecycle};
pub(crate) use limits::Limits;
pub(crate) use message::read_line;
pub(crate) use offer::{Greeting, greeting, offered_devices, offered_torch};
pub(crate) use queue::Retry;
pub(crate) use rest::{STALLED_PERMILLE, accepted_milli};
pub(crate) use rounds::{Agenda, CheckedCase, Reach, Round, further_round};
pub(crate) use run::{Context, Halt, RunError, attempt_here, make_attempts};
pub(crate) use sampler::Sampler;
pub(crate) use slurm::{Submitter, need};
pub(crate) use verdict::with_leftovers;
