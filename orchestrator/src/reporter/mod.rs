//! Telling people, on standard error, how a run goes; with `--format json` also its events on standard
//! output. Redraws only when something happened, so that a measurement is not disturbed.

mod bars;
mod json;
mod lines;
mod report;
mod tally;
mod words;

pub(crate) use json::{print_data, write_data};
pub(crate) use report::{Aftermath, Format, Reporter};
pub(crate) use words::{duration, say};
