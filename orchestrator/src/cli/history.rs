//! The options of `anechoic history`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anechoic_record::Metric;
use anechoic_report::MetricChoice;
use clap::{Args, ValueEnum};

use super::Results;
use super::compare::{MetricName, metric, metrics};

/// Characters of a case that the name of its page has, at most.
const LONGEST_NAME: usize = 100;

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Cases whose id matches: every run of them is listed.
    #[arg(value_name = "CASE")]
    pub(crate) case: Option<String>,
    /// The suite, by its name [default: that of the newest run].
    #[arg(long, value_name = "NAME")]
    pub(crate) suite: Option<String>,
    /// A metric, e.g. `decode-time`, or `all`; may be given several times [default: what each case is about, and
    /// `peak-resident`].
    #[arg(long, value_name = "NAME", value_parser = metric)]
    metric: Vec<MetricName>,
    /// Only the newest N runs.
    #[arg(long, value_name = "N", value_parser = last)]
    pub(crate) last: Option<NonZeroUsize>,
    /// Write the history as one page for a browser [default: `history.html` in the results folder, and with CASE a name with
    /// CASE in it].
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    html: Option<Option<PathBuf>>,
    /// Write every value that was measured in these runs as CSV, one row each; `-` is standard output, in place of the table.
    #[arg(long, value_name = "FILE")]
    pub(crate) samples: Option<PathBuf>,
    /// Write the newest values and the newest night as OpenMetrics text, e.g. for node_exporter.
    #[arg(long, value_name = "FILE")]
    pub(crate) openmetrics: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: Results,
    /// The table's form.
    #[arg(long, value_enum, default_value_t = HistoryFormat::Text)]
    pub(crate) format: HistoryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum HistoryFormat {
    /// A table for a terminal.
    Text,
    /// Markdown.
    Md,
    /// Everything, with all digits.
    Json,
}

impl HistoryArgs {
    /// Which metrics.
    pub(crate) fn metrics(&self) -> MetricChoice {
        metrics(&self.metric)
    }

    /// Those that are named; none where that is not the way in which they are chosen.
    pub(crate) fn named_metrics(&self) -> Vec<Metric> {
        match self.metrics() {
            MetricChoice::Named(named) => named,
            MetricChoice::Primary | MetricChoice::All => Vec::new(),
        }
    }

    /// The file of the page, where one is wanted.
    pub(crate) fn page(&self) -> Option<PathBuf> {
        let file = self.html.as_ref()?.clone();
        Some(file.unwrap_or_else(|| self.results.root.join(page_name(self.case.as_deref()))))
    }

    /// Whether a page is wanted whose file is not named.
    pub(crate) fn has_unnamed_page(&self) -> bool {
        self.html == Some(None)
    }
}

/// A page of some cases does not take the place of the page of all.
fn page_name(case: Option<&str>) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let safe = |c: char| if is_safe(c) { c } else { '_' };
    match case {
        None => "history.html".to_owned(),
        Some(case) => {
            let name: String = case.chars().take(LONGEST_NAME).map(safe).collect();
            format!("history-{name}.html")
        }
    }
}

fn last(text: &str) -> Result<NonZeroUsize, String> {
    let wrong = |_| "write a whole number that is at least 1".to_owned();
    text.parse().map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_some_cases_has_a_name_of_its_own() {
        let check = |case, expected: &str| assert_eq!(page_name(case), expected);
        check(None, "history.html");
        check(
            Some("capture.all-layers"),
            "history-capture.all-layers.html",
        );
        check(Some("kv.{v1,v2}.*/ü"), "history-kv._v1_v2_.___.html");
        assert!(page_name(Some(&"x".repeat(1000))).len() < 255);
    }

    #[test]
    fn numbers_of_runs_are_at_least_one() {
        assert_eq!(last("12").map(usize::from), Ok(12));
        for bad in ["0", "-1", "1.5", "all", ""] {
            assert!(last(bad).is_err_and(|why| why.contains("at least 1")));
        }
    }
}
