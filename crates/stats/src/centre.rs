//! What a process of a case takes on average, with an interval from both levels of the data: processes, and iterations
//! within them.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::group::{Group, Mean};
use crate::quantile::select_quantile;
use crate::student::{t_quantile, z_quantile};
use crate::{CONFIDENCE, Interval, variance};

/// The mean over processes of their values, each the median of its iterations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Centre {
    /// The mean.
    pub value: f64,
    /// Processes with values.
    pub processes: usize,
    /// Iterations of all of them.
    pub iterations: usize,
    /// Standard error of the mean; absent for one process.
    pub error: Option<f64>,
    /// Its interval; absent for one process, which says nothing about the next.
    pub interval: Option<Interval>,
}

/// The centre of `series`, one per process; those without values count for nothing. `None` where none has any.
///
/// The interval is that of a hierarchical bootstrap: processes are drawn with replacement, then the iterations within each
/// drawn one, whose median is taken. Plain two-stage resampling counts the spread of iterations twice and that between
/// processes too low by (n − 1)/n, so the deviations of processes from the mean are multiplied by f, f² = n/(n − 1) −
/// w̄ n / ((n − 1) s²) and at least 0, with s² the variance between processes and w̄ the mean bootstrap variance of a process's
/// median: then the variance of the resampled means is max(s², w̄)/n. After Davison & Hinkley, Bootstrap Methods and
/// their Application (1997), §3.8, there for means. The deviation of a resampled median is taken from its own bootstrap mean; iterations
/// more than three scaled median absolute deviations off are moved to that distance for it, not for the centre.
///
/// The ends are percentiles of the resampled means, each moved away from the centre by the factor t(n − 1)/z, for few
/// processes, in the spirit of Hesterberg, "What teachers should know about the bootstrap", The American Statistician 69 (2015). Two
/// processes show no shape: their interval is Student's. The seed is fixed: the same values give the same interval.
pub fn centre(series: &[Vec<f64>]) -> Option<Centre> {
    let group = Group::of(series)?;
    let within: Vec<f64> = (group.processes.iter())
        .map(|process| process.resampled.variance)
        .collect();
    let mean = Mean::of(&group.values(), &within);
    let error = mean.squared_error.map(f64::sqrt);
    Some(Centre {
        value: mean.value,
        processes: group.len(),
        iterations: group.processes.iter().map(|p| p.sorted.len()).sum(),
        error,
        interval: error.map(|error| interval(&group, &within, mean.value, error)),
    })
}

fn interval(group: &Group, within: &[f64], center: f64, error: f64) -> Interval {
    let t = t_quantile((group.len() - 1) as f64);
    if error == 0.0 || group.len() == 2 {
        return Interval::around(center, t * error);
    }
    let shrink = shrink(&group.values(), crate::mean(within));
    let mut deviations = Resampling::of(group, center, shrink).deviations();
    let tail = (1.0 - CONFIDENCE) / 2.0;
    let stretch = t / z_quantile();
    // No end passes the centre, however lopsided the resamples are.
    Interval {
        low: center + stretch * select_quantile(&mut deviations, tail).min(0.0),
        high: center + stretch * select_quantile(&mut deviations, 1.0 - tail).max(0.0),
    }
}

/// The factor for deviations of processes from the mean.
fn shrink(values: &[f64], within: f64) -> f64 {
    let n = values.len() as f64;
    match variance(values) {
        Some(between) if between > 0.0 => {
            let squared = n / (n - 1.0) * (1.0 - within / between);
            squared.max(0.0).sqrt()
        }
        Some(_) | None => 0.0,
    }
}

struct Resampling<'g> {
    group: &'g Group,
    /// Shrunk deviations of the processes from the mean.
    between: Vec<f64>,
}

/// Any constant will do; a changed one changes every interval a little.
const SEED: [u8; 32] = *b"processes, then their iterations";

/// Draws of processes per centre, at most: with many processes fewer resamples tell the ends as well, as their mean is
/// all but normal.
const DRAWS: usize = 400_000;

impl<'g> Resampling<'g> {
    fn of(group: &'g Group, center: f64, shrink: f64) -> Self {
        let deviation = |value: f64| shrink * (value - center);
        let between = group.values().into_iter().map(deviation).collect();
        Self { group, between }
    }

    /// Means of resamples, as deviations from the mean: 2,000 of up to 200 processes, fewer of more, at least 500.
    fn deviations(&self) -> Vec<f64> {
        let resamples = (DRAWS / self.group.len()).clamp(500, 2_000);
        let mut generator = ChaCha8Rng::from_seed(SEED);
        (0..resamples).map(|_| self.draw(&mut generator)).collect()
    }

    fn draw(&self, generator: &mut ChaCha8Rng) -> f64 {
        let n = self.group.len();
        let one = |_| {
            let random = generator.next_u64();
            // The product's upper half is below n, even to 1 part in 2³² / n.
            let pick = ((random >> 32) * n as u64) >> 32;
            let uniform = (random & u64::from(u32::MAX)) as f64 / 2_f64.powi(32);
            self.between[pick as usize] + self.iterations(pick as usize, uniform)
        };
        (0..n).map(one).sum::<f64>() / n as f64
    }

    /// How far the median of resampled iterations is off; nothing where there is one iteration.
    fn iterations(&self, pick: usize, uniform: f64) -> f64 {
        let process = &self.group.processes[pick];
        if process.resampled.variance == 0.0 {
            return 0.0;
        }
        process.law.pick(&process.sorted, uniform) - process.resampled.mean
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_process_has_no_interval() {
        let found = centre(&[vec![1.0, 2.0, 9.0], vec![]]).unwrap();
        assert_eq!(
            (found.value, found.processes, found.iterations),
            (2.0, 1, 3)
        );
        assert_eq!((found.error, found.interval), (None, None));
        assert_eq!(centre(&[]), None);
        assert_eq!(centre(&[vec![]]), None);
    }

    #[test]
    fn single_iterations_of_many_processes_give_nearly_students_interval() {
        let values: Vec<f64> = (0..40)
            .map(|i| 100.0 + f64::from(i * 17 % 40) / 10.0)
            .collect();
        let student = crate::Estimate::of(&values).unwrap().interval.unwrap();
        let series: Vec<Vec<f64>> = values.into_iter().map(|v| vec![v]).collect();
        let found = centre(&series).unwrap().interval.unwrap();
        let width = student.high - student.low;
        assert!((found.low - student.low).abs() < 0.06 * width, "{found:?}");
        assert!(
            (found.high - student.high).abs() < 0.06 * width,
            "{found:?}"
        );
    }

    #[test]
    fn two_processes_have_students_interval() {
        let found = centre(&[vec![1.0], vec![3.0]]).unwrap();
        assert_eq!(found.value, 2.0);
        assert!((found.error.unwrap() - 1.0).abs() < 1e-12);
        assert!((found.interval.unwrap().high - 2.0 - 12.706_205).abs() < 1e-5);
    }

    #[test]
    fn processes_that_agree_by_accident_do_not_hide_the_spread_of_iterations() {
        let spread = vec![vec![9.0, 10.0, 11.0]; 3];
        let found = centre(&spread).unwrap();
        assert!(found.error.unwrap() > 0.3);
        assert!(found.interval.unwrap().low < 9.5);
        let same = centre(&[vec![10.0, 10.0], vec![10.0]]).unwrap();
        assert_eq!(same.error, Some(0.0));
        assert_eq!(
            same.interval,
            Some(Interval {
                low: 10.0,
                high: 10.0
            })
        );
    }

    #[test]
    fn one_wild_iteration_changes_little() {
        let process = |at: f64, last: f64| vec![at, at + 0.01, at - 0.01, at + 0.005, last];
        let calm = [
            process(1.0, 0.995),
            process(1.02, 1.015),
            process(0.98, 0.975),
        ];
        let mut wild = calm.clone();
        wild[1][4] = 7.0;
        let width = |series: &[Vec<f64>]| {
            let interval = centre(series).unwrap().interval.unwrap();
            interval.high - interval.low
        };
        assert!(width(&wild) < 1.5 * width(&calm));
    }

    fn made_up() -> Vec<Vec<f64>> {
        let level = |i: u32| 100.0 + f64::from(i * 7 % 11) / 4.0;
        let iteration = |i: u32, j: u32| level(i) + f64::from((3 * i + 5 * j) % 8) / 5.0;
        (0..6)
            .map(|i| (0..6).map(|j| iteration(i, j)).collect())
            .collect()
    }

    #[test]
    fn resamples_spread_as_the_error_says() {
        let group = Group::of(&made_up()).unwrap();
        let within: Vec<f64> = group
            .processes
            .iter()
            .map(|p| p.resampled.variance)
            .collect();
        let mean = Mean::of(&group.values(), &within);
        let shrink = shrink(&group.values(), crate::mean(&within));
        assert!(shrink > 0.0 && shrink < 1.1, "{shrink}");
        let deviations = Resampling::of(&group, mean.value, shrink).deviations();
        let ratio = variance(&deviations).unwrap() / mean.squared_error.unwrap();
        assert!((ratio - 1.0).abs() < 0.1, "{ratio}");
    }

    #[test]
    fn the_same_values_give_the_same_interval_in_every_later_build() {
        let found = centre(&made_up()).unwrap().interval.unwrap();
        let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found}");
        close(found.low, 100.927_386_697);
        close(found.high, 102.740_252_106);
    }

    proptest! {
        #[test]
        fn the_value_is_inside_and_the_result_repeats(
            series in prop::collection::vec(prop::collection::vec(0.1..10.0_f64, 1..7), 2..9),
        ) {
            let found = centre(&series).unwrap();
            let interval = found.interval.unwrap();
            prop_assert!(interval.low <= found.value && found.value <= interval.high);
            prop_assert_eq!(centre(&series).unwrap(), found);
        }

        #[test]
        fn units_do_not_matter(
            series in prop::collection::vec(prop::collection::vec(0.1..10.0_f64, 1..7), 2..9),
        ) {
            let scaled: Vec<Vec<f64>> =
                series.iter().map(|s| s.iter().map(|v| v * 1024.0).collect()).collect();
            let (a, b) = (centre(&series).unwrap(), centre(&scaled).unwrap());
            let close = |a: f64, b: f64| (a * 1024.0 - b).abs() <= 1e-6 * b.abs();
            prop_assert!(close(a.value, b.value));
            prop_assert!(close(a.interval.unwrap().high, b.interval.unwrap().high));
        }
    }
}
