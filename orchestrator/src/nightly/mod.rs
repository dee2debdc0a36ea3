//! What a night comes to: its baseline, how its run went, outcome, news and exit code. Plain functions of values, without
//! files, clocks or processes; `commands/nightly` is the shell around them.

mod baseline;
mod course;
#[cfg(test)]
pub(crate) mod made;
mod news;
mod reader;
mod verdict;

pub(crate) use baseline::{Baseline, BaselineChoice, Past, sort};
pub(crate) use course::Course;
pub(crate) use news::news;
pub(crate) use reader::{Reader, Work, is_left_out};
pub(crate) use verdict::{Found, Measured, conclude, unconfirmed, wants_another};
