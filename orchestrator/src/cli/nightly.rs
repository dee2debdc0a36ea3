//! The arguments of `anechoic nightly`.

use std::path::PathBuf;

use anechoic_report::{GateOptions, Threshold};
use clap::Args;

use super::{NotifyArgs, Place, Selection};
use crate::nightly::BaselineChoice;

#[derive(Debug, Args)]
pub(crate) struct NightlyArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: PathBuf,
    /// What tonight is compared with: `last-good`, `rolling:N` (the last N good nights), or a run: directory, id, or `latest`.
    #[arg(long, value_name = "BASELINE", default_value = "last-good")]
    pub(crate) baseline: BaselineChoice,
    /// Further runs of the same night, at most, where the first leaves a doubt.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(0..=9))]
    pub(crate) confirm: u32,
    /// The smallest change that matters, as `2%` or `0.02`.
    #[arg(long, value_name = "SHARE", default_value = "1%")]
    pub(crate) threshold: Threshold,
    /// Judge every metric, and not only what each case is about and `peak-resident`.
    #[arg(long)]
    pub(crate) all_metrics: bool,
    /// Measure, compare with nothing, and take the level as it is: the baseline of the nights to come.
    #[arg(long)]
    pub(crate) accept: bool,
    /// Tell when nothing was measured for so many nights in a row.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) unmeasured_nights: u32,
    #[command(flatten)]
    pub(crate) notify: NotifyArgs,
    /// Tell by every way that this is a test, and end.
    #[arg(long)]
    pub(crate) notify_test: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) place: Place,
}

impl NightlyArgs {
    /// How a night is judged.
    pub(crate) fn gate_options(&self, confirmable: bool) -> GateOptions {
        GateOptions {
            threshold: self.threshold,
            all_metrics: self.all_metrics,
            confirmable,
        }
    }
}
