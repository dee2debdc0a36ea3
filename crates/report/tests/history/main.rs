//! Histories of made-up runs and nights: series, tables, JSON, metrics and the page.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod made;
mod metrics;
mod page;
mod removed;
mod series;
mod tables;

use anechoic_record::Night;
use anechoic_report::{History, MetricChoice, RunDigest};

/// With a file's name for each night.
fn history(runs: &[RunDigest], nights: &[Night]) -> History {
    let names: Vec<String> = (0..nights.len())
        .map(|i| format!("quick_{i}.json"))
        .collect();
    let nights: Vec<(&str, &Night)> = names.iter().map(String::as_str).zip(nights).collect();
    History::of(runs, &nights, &MetricChoice::Primary, None)
}

fn forty() -> History {
    let (runs, nights) = made::forty();
    history(&runs, &nights)
}
