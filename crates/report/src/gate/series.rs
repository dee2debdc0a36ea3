//! The values of a cell in tonight's runs, those of the baseline and those of the nights before, on the line.

use anechoic_record::{CellId, Metric};
use anechoic_stats::{Reading, Scale, median};

use super::{GateInput, GateOptions};
use crate::{CellDigest, RunDigest};

/// The runs that may be compared: those of the machine of tonight.
pub(super) struct Runs<'a> {
    pub(super) tonight: Vec<&'a RunDigest>,
    /// Nights with such runs.
    pub(super) baseline: Vec<Vec<&'a RunDigest>>,
    pub(super) nights: Vec<Vec<&'a RunDigest>>,
}

impl<'a> Runs<'a> {
    /// `None` without a run of tonight.
    pub(super) fn of(input: &GateInput<'a>) -> Option<Self> {
        let first = input.tonight.first()?;
        let is_of_machine = |run: &&RunDigest| is_same_machine(run, first);
        let of = |runs: &'a [RunDigest]| runs.iter().filter(is_of_machine).collect::<Vec<_>>();
        let baseline = input.baseline.iter().map(|runs| of(runs));
        Some(Self {
            tonight: of(input.tonight),
            baseline: baseline.filter(|runs| !runs.is_empty()).collect(),
            nights: input.nights.iter().map(|runs| of(runs)).collect(),
        })
    }
}

fn is_same_machine(a: &RunDigest, b: &RunDigest) -> bool {
    let (a, b) = (&a.fingerprint, &b.fingerprint);
    a == b || a.machine_differences(b).is_empty()
}

/// A cell of tonight with what it is compared with.
pub(super) struct Series<'a> {
    pub(super) id: &'a CellId,
    pub(super) settings: &'a str,
    pub(super) scale: Scale,
    pub(super) tonight: Vec<Value<'a>>,
    /// Nights with values; of each its run, then its confirmations.
    pub(super) baseline: Vec<Vec<Value<'a>>>,
    /// As the baseline.
    pub(super) nights: Vec<Vec<Value<'a>>>,
}

/// The value of one run.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub(super) run: &'a RunDigest,
    pub(super) cell: &'a CellDigest,
    /// On the line.
    pub(super) at: f64,
}

/// What runs of one night have in common, as a share of the variance from night to night. Of runs on a shared machine, made one after the
/// other, 0.43 to 0.51 was measured of neighbours and next to nothing of those further apart: of two runs 0.45, of three 0.3, in this form.
const COMMON: f64 = 0.35;

/// By how much more the variance of a median of three or more falls short of that of a mean; of three normal values 1.35, of more up to 1.57.
const MEDIAN: f64 = 1.4;

/// What a night is worth at most, however many runs it has.
pub(super) const MOST: f64 = 1.0 / COMMON;

/// How many nights of a single run each a night of `runs` runs is worth, of which the median counts.
pub(crate) fn worth(runs: usize) -> f64 {
    let own = match runs {
        0 | 1 => 1.0,
        2 => 0.5,
        more => MEDIAN / more as f64,
    };
    1.0 / (COMMON + (1.0 - COMMON) * own)
}

/// The cells that are judged, in the order of tonight's first run.
pub(super) fn series<'a>(runs: &Runs<'a>, options: &GateOptions) -> Vec<Series<'a>> {
    let first = runs.tonight.iter().take(1).flat_map(|run| &run.cells);
    let judged = first.filter(|cell| options.all_metrics || cell.primary);
    let found = judged.map(|cell| Series::of(cell, runs));
    found.filter(|series| !series.tonight.is_empty()).collect()
}

impl<'a> Series<'a> {
    fn of(cell: &'a CellDigest, runs: &Runs<'a>) -> Self {
        let of = |nights: &[Vec<&'a RunDigest>]| {
            let nights = nights.iter().map(|runs| values(cell, runs));
            nights.filter(|runs| !runs.is_empty()).collect()
        };
        let mut found = Self {
            id: &cell.id,
            settings: &cell.settings,
            scale: Scale::Ratio,
            tonight: values(cell, &runs.tonight),
            baseline: of(&runs.baseline),
            nights: of(&runs.nights),
        };
        if found.all().any(|value| value.at <= 0.0) {
            found.scale = Scale::Difference;
        } else {
            found.all_mut().for_each(|value| value.at = value.at.ln());
        }
        found
    }

    fn all(&self) -> impl Iterator<Item = &Value<'a>> {
        let nights = self.baseline.iter().chain(&self.nights);
        self.tonight.iter().chain(nights.flatten())
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Value<'a>> {
        let nights = self.baseline.iter_mut().chain(&mut self.nights);
        self.tonight.iter_mut().chain(nights.flatten())
    }

    /// Whether the program and its settings alone decide the values, so that noise does not reach them.
    pub(super) fn is_exact(&self) -> bool {
        match self.id.metric {
            Metric::CacheBytes | Metric::Perplexity | Metric::MaxBatch => true,
            Metric::TotalTime
            | Metric::PrefillTime
            | Metric::DecodeTime
            | Metric::GenerationTime
            | Metric::FetchTime
            | Metric::EmbeddingTime
            | Metric::AttentionTime
            | Metric::MlpTime
            | Metric::HeadTime
            | Metric::PeakMemory
            | Metric::PeakResident
            | Metric::Value(_) => false,
        }
    }

    /// Nights and tonight as one course.
    pub(super) fn course(&self) -> Vec<Reading> {
        let nights = self.nights.iter().chain([&self.tonight]);
        nights.map(|runs| reading(runs)).collect()
    }

    /// The levels of the nights before.
    pub(super) fn past(&self) -> impl Iterator<Item = f64> {
        self.nights.iter().map(|runs| reading(runs).value)
    }

    /// Single runs of equal nights, oldest first: those of the nights, and of the baseline those that are in none of them.
    pub(super) fn single_runs(&self) -> Vec<f64> {
        let nights = self.nights.iter().filter_map(|runs| runs.first());
        let is_of_night = |value: &&Value<'_>| {
            let mut runs = self.nights.iter().flatten();
            runs.any(|other| other.run.run == value.run.run)
        };
        let others = self.baseline.iter().filter_map(|runs| runs.first());
        let others = others.filter(|value| !is_of_night(value));
        let mut runs: Vec<&Value<'_>> = nights.chain(others).collect();
        runs.sort_by_key(|value| value.run.started);
        runs.iter().map(|value| value.at).collect()
    }

    /// The level of the baseline on the line: the mean of its nights, each counting for what it is worth. `None` without one.
    pub(super) fn level(&self) -> Option<f64> {
        let nights = || self.baseline.iter().map(|runs| reading(runs));
        let first = nights().next()?.value;
        // Equal values come back exactly.
        let same = nights().all(|night| night.value == first);
        let sum = || {
            nights()
                .map(|night| night.weight * night.value)
                .sum::<f64>()
        };
        Some(match same {
            true => first,
            false => sum() / self.baseline_worth(),
        })
    }

    /// How many nights of a single run each the baseline is worth.
    pub(super) fn baseline_worth(&self) -> f64 {
        self.baseline.iter().map(|runs| worth(runs.len())).sum()
    }

    /// Tonight's on the line.
    pub(super) fn tonight_level(&self) -> f64 {
        reading(&self.tonight).value
    }

    /// The smallest difference that matters, on the line, from this level on.
    pub(super) fn threshold(&self, level: f64, fraction: f64) -> f64 {
        match self.scale {
            Scale::Ratio => fraction.ln_1p(),
            Scale::Difference => fraction * level.abs(),
        }
    }
}

fn values<'a>(cell: &CellDigest, runs: &[&'a RunDigest]) -> Vec<Value<'a>> {
    let of_run = |run: &&'a RunDigest| {
        let mut cells = run.cells.iter();
        let found = cells.find(|other| other.id == cell.id && other.settings == cell.settings)?;
        let at = found.average.value;
        at.is_finite().then_some(Value {
            run,
            cell: found,
            at,
        })
    };
    runs.iter().filter_map(of_run).collect()
}

/// Runs of a night as one, of which there is at least one: a run that something disturbed does not move the median of three.
fn reading(runs: &[Value<'_>]) -> Reading {
    let values: Vec<f64> = runs.iter().map(|value| value.at).collect();
    Reading {
        value: median(&values).unwrap_or(f64::NAN),
        weight: worth(runs.len()),
    }
}
