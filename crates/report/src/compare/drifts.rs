//! Does a side change from iteration to iteration by as much as the sides differ?

use anechoic_stats::{Drift, difference_contrast, drift, drift_at};

use super::decide::LEVEL;
use super::pair::Values;
use super::{Change, CompareOptions};

/// Confidence at which a series drifts. Each cell has two sides that may be taken for drifting by chance, so that this
/// is stricter than other intervals.
const DRIFT_CONFIDENCE: f64 = 0.99;

/// How both sides go over their iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// Not in a way that matters here.
    Level,
    /// Both alike.
    InCommon,
    /// A side changes by as much as the sides differ, and by as much as matters, and the other does not change alike.
    Drifting,
}

impl Course {
    pub(super) fn of(
        base: &Values,
        new: &Values,
        change: &Change,
        options: &CompareOptions,
    ) -> Self {
        let effect = change.relative.map_or(f64::INFINITY, f64::abs);
        let least = effect.max(options.threshold.fraction());
        let reaches = |side: &Values| {
            found(side).is_some_and(|found| found.slope.abs() * steps(side) >= least)
        };
        match (reaches(base) || reaches(new), in_common(base, new, least)) {
            (_, true) => Self::InCommon,
            (true, false) => Self::Drifting,
            (false, false) => Self::Level,
        }
    }
}

fn found(side: &Values) -> Option<Drift> {
    drift_at(&side.series, DRIFT_CONFIDENCE).filter(Drift::is_drifting)
}

/// From the first iteration to the last.
fn steps(side: &Values) -> f64 {
    let iterations = side.series.iter().map(Vec::len).max().unwrap_or(0);
    iterations.saturating_sub(1) as f64
}

/// Whether both sides drift, over as many iterations, and either not distinguishably otherwise or by less than `least`
/// more: a median over the same course is moved alike on both sides, so that what they differ by is something else.
fn in_common(base: &Values, new: &Values, least: f64) -> bool {
    let mut lengths = base.series.iter().chain(&new.series).map(Vec::len);
    let first = lengths.next();
    let as_many = lengths.all(|length| Some(length) == first);
    let Some((of_base, of_new)) = found(base).zip(found(new)).filter(|_| as_many) else {
        return false;
    };
    let is_small = (of_new.slope - of_base.slope).abs() * steps(base) < least;
    let test = difference_contrast(&slopes(base), &slopes(new));
    let p = test.and_then(|test| test.p);
    of_base.slope.signum() == of_new.slope.signum() && (is_small || p.is_some_and(|p| p > LEVEL))
}

/// The slope of each process, relative to its own mean.
fn slopes(side: &Values) -> Vec<Vec<f64>> {
    let processes = side.series.iter();
    let slope = |one: &Vec<f64>| drift(std::slice::from_ref(one)).map(|found| vec![found.slope]);
    processes.filter_map(slope).collect()
}
