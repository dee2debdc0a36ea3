//! The report as one HTML page that needs nothing else: no network, no script to be read, no file beside it.

mod cases;
mod conditions;
mod document;
mod failures;
mod findings;
mod history;
mod plots;
mod tables;

use std::collections::BTreeMap;

pub use document::html;
pub use history::{Links, history_html};

/// What the page quotes from files of the run directory; the record itself does not hold it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Logs {
    /// The suite, as its author wrote it.
    pub suite: Option<String>,
    /// The last lines of standard error of attempts that did not end well, by case and attempt.
    pub stderr: BTreeMap<(String, u32), String>,
}
