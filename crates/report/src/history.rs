//! How the value of every cell went over the runs of a results root: series, the levels that they were on, and what nights said of
//! them. Pure: digests and nights in, tables, JSON and metrics out. Its pictures are made in `plot`, its page in `page`.

mod build;
mod changed;
mod conditions;
mod gathered;
mod json;
mod levels;
mod openmetrics;
mod point;
mod remark;
mod series;
mod sparkline;
mod table;
mod words;

pub(crate) use changed::{differences, names, programs_in_full, what_changed};
pub use json::{HISTORY_VERSION, history_json};
pub use levels::{Level, SeriesCreep, SeriesStep};
pub use openmetrics::openmetrics;
pub use point::{Point, PointVerdict};
pub(crate) use series::Slot;
pub use series::{Gap, History, HistoryNight, HistoryRun, Series, Stretch};
pub(crate) use table::against_before;
pub use table::{history_markdown, history_terminal, runs_markdown, runs_terminal};
pub(crate) use words::{change_text, creep_text, minute, step_text, value_text, worse_effect};
