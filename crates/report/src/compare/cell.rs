//! One cell of a comparison: a case, T and metric on both sides, and what is said of it.

use anechoic_record::{Difference, Metric};
use anechoic_stats::{Interval, Scale};
use serde::Serialize;

use super::Verdict;
use super::verdict::in_words;

/// One of the two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// What it was.
    Base,
    /// What it is.
    New,
}

/// One cell of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct ComparedCell {
    /// The case of the base.
    pub base_case: String,
    /// The case of the new side; of two runs, the same.
    pub new_case: String,
    /// The two values of the setting that cases inside one run are compared by.
    pub by: Option<(String, String)>,
    /// T, in benchmarks that measure at several.
    pub tokens: Option<u32>,
    /// The metric.
    pub metric: Metric,
    /// Values of the base.
    pub base: SideValues,
    /// Values of the new side.
    pub new: SideValues,
    /// How both differ; absent where they may not be compared.
    pub change: Option<Change>,
    /// The p value, adjusted over all tested cells of the comparison.
    pub p_adjusted: Option<f64>,
    /// What is said.
    pub verdict: Verdict,
    /// What machine and settings differ in; with a verdict all the same where it was forced.
    pub differences: Vec<Mismatch>,
    /// What else is to be known.
    pub notes: Vec<String>,
}

/// The values of one side of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SideValues {
    /// Mean over processes of the medians of their iterations: the geometric mean where ratios are compared, else the
    /// arithmetic one. In the metric's unit: seconds, bytes, … Absent where no value is a finite number.
    pub value: Option<f64>,
    /// Processes.
    pub processes: usize,
    /// Measured values in them.
    pub iterations: usize,
    /// Values that are no finite numbers, and left out.
    pub left_out: usize,
}

/// How two sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Change {
    /// What effect, interval and smallest detectable change are counted in.
    pub scale: Scale,
    /// `new / base`; absent where differences are compared.
    pub ratio: Option<f64>,
    /// The effect.
    pub effect: f64,
    /// The effect as a fraction of the base; absent where the base is zero.
    pub relative: Option<f64>,
    /// The effect's 95 % interval.
    pub interval: Option<Interval>,
    /// The p value of no effect, before it is adjusted.
    pub p: Option<f64>,
    /// The effect that would have been found with 80 % power if the cell were the only one; absent where nothing scatters.
    pub minimum_detectable: Option<f64>,
    /// Whether rounds were compared with each other, and not all processes with all.
    pub paired: bool,
}

/// A condition that differs between the sides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Which.
    pub what: String,
    /// What it is in the base.
    pub base: String,
    /// What it is in the new side.
    pub new: String,
}

impl From<Difference> for Mismatch {
    fn from(Difference { what, then, now }: Difference) -> Self {
        Self {
            what,
            base: then,
            new: now,
        }
    }
}

impl Mismatch {
    /// In a few words.
    pub fn text(&self) -> String {
        format!("{}: {} → {}", self.what, self.base, self.new)
    }
}

impl ComparedCell {
    /// The cases, as tables and messages name them.
    pub fn case_text(&self) -> String {
        match self.base_case == self.new_case {
            true => self.new_case.clone(),
            false => format!("{} → {}", self.base_case, self.new_case),
        }
    }

    /// The cell in a few words: the case, and T and metric.
    pub fn name(&self) -> String {
        let tokens = self.tokens.map(|t| format!(" T={t}")).unwrap_or_default();
        format!("{}{tokens} {}", self.case_text(), self.metric)
    }

    /// Why it has its verdict, with what differs; empty where the verdict says it all.
    pub fn reason_text(&self) -> String {
        let reason = self.verdict.reason().map(in_words).unwrap_or_default();
        match self.verdict.is_refusal() && !self.differences.is_empty() {
            true => format!("{reason}: {}", self.differences_text()),
            false => reason,
        }
    }

    pub(crate) fn differences_text(&self) -> String {
        let texts: Vec<_> = self.differences.iter().map(Mismatch::text).collect();
        texts.join(", ")
    }
}
