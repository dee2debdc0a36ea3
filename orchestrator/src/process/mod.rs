//! Worker processes: the only place that builds a `Command` or holds `unsafe`. Knows pipes, signals and
//! process groups; knows nothing of messages, phases or outcomes.

mod ask;
mod exit;
mod file_limit;
mod lines;
mod log;
mod orphans;
mod worker;

pub(crate) use ask::first_line;
pub(crate) use exit::ExitKind;
pub(crate) use file_limit::survive_file_limit;
pub(crate) use orphans::{Leftovers, adopt_orphans};
pub(crate) use worker::{Logs, ProcessEvent, Worker};
