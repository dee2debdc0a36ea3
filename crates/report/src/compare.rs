//! Two runs, or the cases of one run, against each other: which cells belong together, whether they may be compared at
//! all, and what may be said about each. Pure.

mod cell;
mod comparison;
mod decide;
mod drifts;
mod fail_on;
mod judge;

mod options;
mod pair;
mod render;
mod rounds;
mod runs;
mod settings;
mod two_values;
mod verdict;
mod within;

pub use anechoic_stats::Scale;
pub use cell::{Change, ComparedCell, Mismatch, Side, SideValues};
pub use comparison::{
    By, COMPARISON_VERSION, Comparison, Counts, NotMeasured, RunFacts, Unmatched,
};
pub use fail_on::{Conclusion, FailOn, FailOns};
pub use options::{CompareOptions, MetricChoice, Threshold, WrongOption};
pub use render::{compare_json, compare_junit, compare_markdown, compare_terminal};
pub(crate) use render::{for_markdown, for_terminal};
pub(crate) use settings::own_settings;
pub use verdict::{Doubt, Sameness, Verdict};
pub use within::{NoMatch, Within};
