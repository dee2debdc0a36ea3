//! The comparison as JSON, described in `docs/results.md`.

use anechoic_record::{Metric, MetricKind};
use serde::Serialize;

use super::headline::headline;
use crate::compare::options::unit;
use crate::compare::{
    By, COMPARISON_VERSION, Change, ComparedCell, Comparison, Counts, Mismatch, NotMeasured,
    RunFacts, SideValues, Unmatched,
};

/// The comparison as one JSON object, all digits kept.
pub fn compare_json(comparison: &Comparison) -> String {
    let file = File {
        schema_version: COMPARISON_VERSION,
        headline: headline(comparison),
        base: &comparison.base,
        new: &comparison.new,
        by: comparison.by.as_ref(),
        threshold: comparison.threshold.fraction(),
        forced: comparison.forced,
        notes: &comparison.notes,
        counts: comparison.counts(),
        cells: comparison.cells.iter().map(Line::of).collect(),
        unmatched: &comparison.unmatched,
        not_measured: &comparison.not_measured,
    };
    serde_json::to_string_pretty(&file).expect("comparisons always serialise") + "\n"
}

#[derive(Serialize)]
struct File<'a> {
    schema_version: u32,
    headline: String,
    base: &'a RunFacts,
    new: &'a RunFacts,
    by: Option<&'a By>,
    threshold: f64,
    forced: bool,
    notes: &'a [String],
    counts: Counts,
    cells: Vec<Line<'a>>,
    unmatched: &'a [Unmatched],
    not_measured: &'a [NotMeasured],
}

#[derive(Serialize)]
struct Line<'a> {
    base_case: &'a str,
    new_case: &'a str,
    by: Option<Values<'a>>,
    tokens: Option<u32>,
    metric: &'a Metric,
    kind: MetricKind,
    unit: Option<&'static str>,
    base: SideValues,
    new: SideValues,
    change: Option<Change>,
    p_adjusted: Option<f64>,
    verdict: &'static str,
    reason: Option<&'static str>,
    differences: &'a [Mismatch],
    notes: &'a [String],
}

/// The two values of the setting that cases are compared by.
#[derive(Serialize)]
struct Values<'a> {
    base: &'a str,
    new: &'a str,
}

impl<'a> Line<'a> {
    fn of(cell: &'a ComparedCell) -> Self {
        let kind = cell.metric.kind();
        let by = cell.by.as_ref();
        Self {
            base_case: &cell.base_case,
            new_case: &cell.new_case,
            by: by.map(|(base, new)| Values { base, new }),
            tokens: cell.tokens,
            metric: &cell.metric,
            kind,
            unit: unit(kind),
            base: cell.base,
            new: cell.new,
            change: cell.change,
            p_adjusted: cell.p_adjusted,
            verdict: cell.verdict.word(kind),
            reason: cell.verdict.reason(),
            differences: &cell.differences,
            notes: &cell.notes,
        }
    }
}
