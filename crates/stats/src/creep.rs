//! Whether a series of runs creeps: each within noise of the one before, and the whole course on its way up or down.

use serde::{Deserialize, Serialize};

use crate::course::{Course, LEVEL, Reading};
use crate::steps::Levels;
use crate::student::two_sided_p;
use crate::{Interval, Noise};

/// A slow trend that reaches to the end of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Creep {
    /// The last value before it begins.
    pub since: usize,
    /// The change from one value to the next, on the line.
    pub per_step: f64,
    /// Its interval, as if the beginning had been known.
    pub interval: Option<Interval>,
    /// The chance that noise alone shows such a trend from anywhere on.
    pub p: f64,
}

/// Shorter trends are steps.
const SHORTEST: usize = 6;

/// Beginnings that are tried, at most.
const BEGINNINGS: usize = 200;

/// The slow trend at the end of a series of equal runs, if there is one; `noise` is taken from the series where it is not known otherwise.
///
/// See [`creep_of`].
pub fn creep(series: &[f64], noise: Option<Noise>) -> Option<Creep> {
    let readings: Vec<Reading> = series.iter().copied().map(Reading::from).collect();
    creep_of(&readings, noise)
}

/// As [`creep`], of values that stand for one run or several.
///
/// Of all courses that are level and then a straight line to the end, the one with the least squared deviations. It is told where its p is at
/// most 0.05 and it explains the series better than the steps that [`crate::steps`] finds, each figure beyond the first level
/// costing ln n (Schwarz, Annals of Statistics 6, 1978). Where steps explain it better, the values from each of them on are looked at alone, the
/// first one first.
pub fn creep_of(series: &[Reading], noise: Option<Noise>) -> Option<Creep> {
    let whole = Course::of(series, noise)?;
    of_course(&whole).or_else(|| {
        let steps = Levels::of(&whole).found();
        let mut rests = steps.iter().map(|step| whole.since(step.at));
        rests.find_map(|rest| of_course(&rest))
    })
}

fn of_course(course: &Course) -> Option<Creep> {
    let n = course.len();
    let beginnings = (0..n.checked_sub(SHORTEST)?).step_by(n.div_ceil(BEGINNINGS));
    let lines = beginnings.map(|since| Line::of(course, since));
    let best = lines.max_by(|a, b| a.t().abs().total_cmp(&b.t().abs()))?;
    let price = (n as f64).ln();
    // All beginnings together err about as often as ln n independent ones: so it is in simulations.
    let p = (price * two_sided_p(best.t(), course.freedom())).min(1.0);
    let levels = Levels::of(course);
    let steps = levels.found();
    let by_steps = levels.gain(&steps) - 2.0 * price * steps.len() as f64;
    let is_better = steps.is_empty() || best.t().powi(2) - 2.0 * price >= by_steps;
    let reach = course.limit(1.0 - crate::CONFIDENCE) * best.error;
    (p <= LEVEL && is_better).then(|| Creep {
        since: course.place(best.since),
        per_step: course.unit * best.slope,
        interval: Some(Interval::around(
            course.unit * best.slope,
            course.unit * reach,
        )),
        p,
    })
}

/// Level up to `since`, and straight from there.
struct Line {
    since: usize,
    /// In deviations.
    slope: f64,
    error: f64,
}

impl Line {
    /// Least squares.
    fn of(course: &Course, since: usize) -> Self {
        let along = |at: usize| at.saturating_sub(since) as f64;
        let total: f64 = course.weights.iter().sum();
        let readings = || course.values.iter().zip(&course.weights).enumerate();
        let middle = readings().map(|(at, (_, w))| w * along(at)).sum::<f64>() / total;
        let (mut together, mut spread) = (0.0, 0.0);
        for (at, (value, weight)) in readings() {
            let x = along(at) - middle;
            together += weight * x * value;
            spread += weight * x * x;
        }
        Self {
            since,
            slope: together / spread,
            error: (1.0 / spread).sqrt(),
        }
    }

    /// Its square is by how much it lowers the squared deviations.
    fn t(&self) -> f64 {
        self.slope / self.error
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::steps::tests::{SMALL, made};

    #[test]
    fn a_trend_is_found_with_its_slope() {
        let series = made(60, |i| {
            if i < 30 {
                0.0
            } else {
                f64::from(i - 30) / 10.0
            }
        });
        let found = creep(&series, Some(SMALL)).unwrap();
        assert!((26..=34).contains(&found.since), "{found:?}");
        assert!((found.per_step - 0.1).abs() < 0.02, "{found:?}");
        assert!(found.interval.unwrap().covers(0.1) && found.p < 1e-6);
        let down: Vec<f64> = series.iter().map(|v| -v).collect();
        assert!(creep(&down, Some(SMALL)).unwrap().per_step < 0.0);
    }

    #[test]
    fn steps_are_no_creep() {
        let none = |series: &[f64]| assert_eq!(creep(series, Some(SMALL)), None);
        none(&made(60, |_| 0.0));
        none(&made(60, |i| if i < 30 { 0.0 } else { 5.0 }));
        none(&made(60, |i| f64::from(i / 20) * 3.0));
        none(&made(5, f64::from));
        none(&[1.0; 40]);
        none(&[]);
    }

    #[test]
    fn behind_a_step_there_may_be_one() {
        let series = made(60, |i| if i < 20 { 9.0 } else { f64::from(i) / 10.0 });
        let found = creep(&series, Some(SMALL)).unwrap();
        assert!((18..=26).contains(&found.since), "{found:?}");
        assert!((found.per_step - 0.1).abs() < 0.03, "{found:?}");
    }

    proptest! {
        #[test]
        fn units_and_levels_do_not_matter(
            series in prop::collection::vec(-1.0..1.0_f64, 0..40), slope in -0.2..0.2_f64,
        ) {
            let tilted: Vec<f64> = series.iter().enumerate().map(|(i, v)| v + slope * i as f64).collect();
            let changed: Vec<f64> = tilted.iter().map(|v| 8.0 * v + 3.0).collect();
            let (found, changed) = (creep(&tilted, None), creep(&changed, None));
            prop_assert_eq!(found.map(|c| c.since), changed.map(|c| c.since));
        }

        #[test]
        fn no_number_stops_it(series in prop::collection::vec(prop::num::f64::ANY, 0..30)) {
            let _ = creep(&series, None);
            let _ = creep(&series, Some(Noise::NONE));
        }
    }
}
