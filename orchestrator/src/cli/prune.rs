//! The arguments of `anechoic prune`.

use clap::Args;

use super::Results;
use crate::reporter::Format;

#[derive(Debug, Args)]
pub(crate) struct PruneArgs {
    /// Keep runs that were started in the last N days.
    #[arg(long, value_name = "N", default_value_t = 90)]
    pub(crate) keep_days: u32,
    /// Keep the newest N runs of every suite, however old; the newest one is always kept.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) keep_last: u32,
    /// Keep runs of nights with a regression, and the runs that they were compared with.
    #[arg(long)]
    pub(crate) keep_regressions: bool,
    /// Remove what would go, for good; without it nothing is changed.
    #[arg(long)]
    pub(crate) apply: bool,
    #[command(flatten)]
    pub(crate) results: Results,
    /// A table for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}
