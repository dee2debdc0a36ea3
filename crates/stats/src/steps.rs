//! Where a series of runs comes to another level.

use serde::{Deserialize, Serialize};

use crate::course::{Course, LEVEL, Reading};
use crate::student::two_sided_p;
use crate::{Interval, Noise};

/// A change from one level to another.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The first value on the new level.
    pub at: usize,
    /// The new level less the one before, on the line.
    pub effect: f64,
    /// Its interval, as if the place had been known.
    pub interval: Option<Interval>,
    /// The chance that noise alone shows such a step anywhere in the series.
    pub p: f64,
}

/// Fewer values are no level.
const SHORTEST: usize = 2;

/// Every step of a series of equal runs, in order; `noise` is taken from the series where it is not known otherwise.
///
/// See [`steps_of`].
pub fn steps(series: &[f64], noise: Option<Noise>) -> Vec<Step> {
    let readings: Vec<Reading> = series.iter().copied().map(Reading::from).collect();
    steps_of(&readings, noise)
}

/// As [`steps`], of values that stand for one run or several.
///
/// The division into levels of at least two values whose squared deviations, with a penalty for each step, are the least (Jackson et
/// al., "An algorithm for optimal partitioning of data on an interval", IEEE Signal Processing Letters 12, 2005). The penalty is the t² that the
/// clearest step in noise exceeds in one series of twenty. A step that is not as clear against its neighbours alone is dropped. Equal noise is assumed
/// everywhere, and values that are independent. A slow trend is shown as a staircase: [`crate::creep`] tells.
pub fn steps_of(series: &[Reading], noise: Option<Noise>) -> Vec<Step> {
    let Some(course) = Course::of(series, noise) else {
        return Vec::new();
    };
    let levels = Levels::of(&course);
    levels
        .found()
        .iter()
        .map(|step| levels.step(step))
        .collect()
}

/// Of the last values, so many are looked at together, at most.
const RECENT: usize = 7;

/// The clearest change of the last two to seven values against all before, however likely by noise; `None` where fewer than four are before.
///
/// It finds a new level sooner than [`steps_of`], which has to mind all places. Its p allows for the six divisions that are tried.
pub fn recent(series: &[Reading], noise: Option<Noise>) -> Option<Step> {
    let course = Course::of(series, noise)?;
    let levels = Levels::of(&course);
    let n = course.len();
    let tried = (n.saturating_sub(RECENT).max(4)..=n.checked_sub(SHORTEST)?)
        .flat_map(|at| levels.boundaries(&[at]));
    let clearest = tried.max_by(|a, b| a.t().abs().total_cmp(&b.t().abs()))?;
    let one = two_sided_p(clearest.t(), course.freedom());
    Some(Step {
        p: (one * RECENT_PLACES).min(1.0),
        ..levels.step(&clearest)
    })
}

/// As many independent divisions as those that are tried, as far as chance is concerned: by simulation.
const RECENT_PLACES: f64 = 3.0;

/// Sums over the beginning of a series, from which those over any part follow.
pub(crate) struct Levels<'c> {
    course: &'c Course,
    weights: Vec<f64>,
    weighted: Vec<f64>,
    squares: Vec<f64>,
}

/// Two neighbouring levels: `from..at` and `at..to`.
pub(crate) struct Boundary {
    pub(crate) at: usize,
    /// In deviations.
    effect: f64,
    error: f64,
}

impl<'c> Levels<'c> {
    pub(crate) fn of(course: &'c Course) -> Self {
        let readings = || course.values.iter().zip(&course.weights);
        Self {
            course,
            weights: sums(readings().map(|(_, w)| *w)),
            weighted: sums(readings().map(|(v, w)| v * w)),
            squares: sums(readings().map(|(v, w)| v * v * w)),
        }
    }

    /// The steps.
    pub(crate) fn found(&self) -> Vec<Boundary> {
        self.clear(self.divide())
    }

    /// By how much steps lower the squared deviations from one level.
    pub(crate) fn gain(&self, steps: &[Boundary]) -> f64 {
        let n = self.course.len();
        let ends = std::iter::once(0).chain(steps.iter().map(|step| step.at));
        let ends: Vec<usize> = ends.chain([n]).collect();
        let divided = ends.windows(2).map(|part| self.cost(part[0], part[1]));
        self.cost(0, n) - divided.sum::<f64>()
    }

    fn weight(&self, from: usize, to: usize) -> f64 {
        self.weights[to] - self.weights[from]
    }

    fn mean(&self, from: usize, to: usize) -> f64 {
        (self.weighted[to] - self.weighted[from]) / self.weight(from, to)
    }

    /// Squared deviations from the level.
    fn cost(&self, from: usize, to: usize) -> f64 {
        let sum = self.weighted[to] - self.weighted[from];
        self.squares[to] - self.squares[from] - sum * sum / self.weight(from, to)
    }

    /// The first values of all levels but the first.
    fn divide(&self) -> Vec<usize> {
        let n = self.course.len();
        let penalty = self.course.limit(LEVEL / places(n)).powi(2);
        // Of the values up to each: the least cost, and where the last level begins.
        let mut best = vec![(0.0, 0); n + 1];
        best[1].0 = f64::INFINITY;
        for to in SHORTEST..=n {
            let ways = (0..=to - SHORTEST).map(|from| {
                let step = if from == 0 { 0.0 } else { penalty };
                (best[from].0 + step + self.cost(from, to), from)
            });
            let least = ways.min_by(|a, b| a.0.total_cmp(&b.0));
            best[to] = least.unwrap_or((f64::INFINITY, 0));
        }
        let mut found = Vec::new();
        let mut at = best[n].1;
        while at > 0 {
            found.push(at);
            at = best[at].1;
        }
        found.reverse();
        found
    }

    /// The boundaries that are clear by themselves: the least clear one is dropped until all are.
    fn clear(&self, mut found: Vec<usize>) -> Vec<Boundary> {
        loop {
            let boundaries = self.boundaries(&found);
            let by_size = |a: &(usize, &Boundary), b: &(usize, &Boundary)| {
                a.1.t().abs().total_cmp(&b.1.t().abs())
            };
            match boundaries.iter().enumerate().min_by(by_size) {
                Some((which, least)) if self.p(least) > LEVEL => drop(found.remove(which)),
                Some(_) | None => return boundaries,
            }
        }
    }

    fn boundaries(&self, found: &[usize]) -> Vec<Boundary> {
        let ends = [&[0], found, &[self.course.len()]].concat();
        let of = |ends: &[usize]| {
            let (from, at, to) = (ends[0], ends[1], ends[2]);
            Boundary {
                at,
                effect: self.mean(at, to) - self.mean(from, at),
                error: (1.0 / self.weight(from, at) + 1.0 / self.weight(at, to)).sqrt(),
            }
        };
        ends.windows(3).map(of).collect()
    }

    fn p(&self, boundary: &Boundary) -> f64 {
        let one = two_sided_p(boundary.t(), self.course.freedom());
        (one * places(self.course.len())).min(1.0)
    }

    fn step(&self, boundary: &Boundary) -> Step {
        let unit = self.course.unit;
        let reach = self.course.limit(1.0 - crate::CONFIDENCE) * boundary.error;
        Step {
            at: self.course.place(boundary.at),
            effect: unit * boundary.effect,
            interval: Some(Interval::around(unit * boundary.effect, unit * reach)),
            p: self.p(boundary),
        }
    }
}

impl Boundary {
    fn t(&self) -> f64 {
        self.effect / self.error
    }
}

fn sums(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let after = values.map(|value| {
        sum += value;
        sum
    });
    std::iter::once(0.0).chain(after).collect()
}

/// As many independent places as a step may be at, as far as chance is concerned: by simulation, not too few for any length.
fn places(n: usize) -> f64 {
    (n as f64 / 2.0).max(1.0)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(crate) const SMALL: Noise = Noise {
        deviation: 0.4,
        freedom: 20.0,
    };

    /// A course with a little noise.
    pub(crate) fn made(n: u32, of: impl Fn(u32) -> f64) -> Vec<f64> {
        let noise = |i: u32| f64::from(i * 37 % 61) / 61.0 - 0.5;
        (0..n).map(|i| of(i) + noise(i)).collect()
    }

    fn places_of(series: &[f64]) -> Vec<usize> {
        steps(series, Some(SMALL))
            .iter()
            .map(|step| step.at)
            .collect()
    }

    #[test]
    fn steps_are_found_at_their_places() {
        assert_eq!(places_of(&made(60, |_| 0.0)), []);
        assert_eq!(
            places_of(&made(60, |i| if i < 40 { 0.0 } else { 3.0 })),
            [40]
        );
        assert_eq!(
            places_of(&made(60, |i| if i < 58 { 0.0 } else { 3.0 })),
            [58]
        );
        assert_eq!(
            places_of(&made(90, |i| [0.0, 3.0, 0.0][i as usize / 30])),
            [30, 60]
        );
        assert_eq!(
            places_of(&made(60, |i| if (30..34).contains(&i) { 3.0 } else { 0.0 })),
            [30, 34]
        );
    }

    #[test]
    fn one_wild_value_is_no_step() {
        assert_eq!(
            places_of(&made(60, |i| if i == 20 { 99.0 } else { 0.0 })),
            []
        );
        assert_eq!(
            places_of(&made(60, |i| if i == 59 { 99.0 } else { 0.0 })),
            []
        );
    }

    #[test]
    fn a_step_is_told_with_its_size() {
        let series = made(60, |i| if i < 40 { 5.0 } else { 8.0 });
        let found = steps(&series, Some(SMALL))[0];
        assert!(
            (found.effect - 3.0).abs() < 0.2 && found.p < 1e-9,
            "{found:?}"
        );
        assert!(found.interval.unwrap().covers(3.0));
        let found = steps(&series, None)[0];
        assert_eq!(found.at, 40);
    }

    #[test]
    fn of_what_chance_does_not_reach_every_step_is_seen() {
        let found = steps(&[7.0, 7.0, 7.0, 7.5, 7.5], Some(Noise::NONE));
        assert_eq!((found[0].at, found.len()), (3, 1));
        assert!((found[0].effect - 0.5).abs() < 1e-6 && found[0].p < 1e-6);
        assert_eq!(steps(&[7.0; 9], Some(Noise::NONE)), []);
    }

    #[test]
    fn values_that_are_no_numbers_are_passed_over() {
        let mut series = made(60, |i| if i < 40 { 0.0 } else { 3.0 });
        (series[3], series[39]) = (f64::NAN, f64::INFINITY);
        assert_eq!(places_of(&series), [40]);
        assert_eq!(steps(&[f64::NAN; 9], None), []);
        assert_eq!(steps(&[1.0, 9.0], None), []);
    }

    #[test]
    fn a_value_of_many_runs_counts_for_more() {
        let mut series: Vec<Reading> = made(20, |i| if i < 18 { 0.0 } else { 1.2 })
            .into_iter()
            .map(Reading::from)
            .collect();
        let plain = steps_of(&series, Some(SMALL));
        series[19].weight = 4.0;
        let found = steps_of(&series, Some(SMALL));
        assert!(plain.first().is_none_or(|plain| plain.p > found[0].p));
        assert_eq!(found[0].at, 18);
    }

    proptest! {
        #[test]
        fn a_clean_step_is_found_at_its_place(at in 2_usize..58, size in 1.0..100.0_f64, down in any::<bool>()) {
            let size = if down { -size } else { size };
            let series = made(60, |i| if (i as usize) < at { 0.0 } else { 4.0 * size });
            prop_assert_eq!(places_of(&series), [at]);
        }

        #[test]
        fn units_and_levels_do_not_matter(series in prop::collection::vec(-1.0..1.0_f64, 0..40), at in 0_usize..40) {
            let series: Vec<f64> = series.iter().enumerate().map(|(i, v)| if i < at { *v } else { v + 4.0 }).collect();
            let changed: Vec<f64> = series.iter().map(|v| 8.0 * v + 3.0).collect();
            let of = |series: &[f64]| steps(series, None).iter().map(|step| step.at).collect::<Vec<_>>();
            prop_assert_eq!(of(&series), of(&changed));
        }

        #[test]
        fn no_number_stops_it(series in prop::collection::vec(prop::num::f64::ANY, 0..30), deviation in prop::num::f64::ANY) {
            let _ = steps(&series, None);
            let _ = steps(&series, Some(Noise { deviation, freedom: 3.0 }));
            let _ = steps(&series, Some(Noise { deviation: 1.0, freedom: deviation }));
        }
    }
}
