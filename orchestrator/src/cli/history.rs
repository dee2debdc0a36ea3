//! The options of `anechoic history`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use anechoic_record::Metric;
use anechoic_report::MetricChoice;
use clap::{Args, ValueEnum};

use super::Results;
use super::compare::{MetricName, metric, metrics};

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
    #[arg(long, value_name = "N")]
    pub(crate) last: Option<NonZeroUsize>,
    /// Write the history as one page for a browser [default: `history.html` in the results folder].
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
        Some(file.unwrap_or_else(|| self.results.root.join("history.html")))
    }
}
