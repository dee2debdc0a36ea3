//! Nightly jobs as systemd and cron know them. Texts alone: nothing is installed, asked or started here.

mod calendar;
mod cron;
mod job;
mod state;
mod units;
mod variables;

pub(crate) use calendar::{At, ChangeKind, ClockChange, Days, Times};
pub(crate) use cron::{CronError, block, find_block, jobs, with_block, without_block};
pub(crate) use job::{Job, Name, VERSION};
pub(crate) use state::{SERVICE_FACTS, State, TIMER_FACTS};
pub(crate) use units::{ServiceOptions, UnfitText, service, timer};
pub(crate) use variables::variables;
