//! How far equal runs scatter.

use serde::{Deserialize, Serialize};

use crate::quantile::mad;
use crate::{mean, variance};

/// The scatter of equal runs, on the line: of logarithms where effects are ratios, of the values themselves where they are differences.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Standard deviation from run to run.
    pub deviation: f64,
    /// Degrees of freedom that it is known with.
    pub freedom: f64,
}

/// Fewer runs are taken to be at one level: their plain deviation is all that they tell.
const SHORT: usize = 8;

/// Runs that are at most so far apart are compared with each other.
const LAGS: usize = 2;

/// In scaled median absolute deviations: differences further off are taken for so much.
const REACH: f64 = 3.0;

/// What is as large as more than so many others is no accident: a step makes one or two large differences, a wild run two.
const ACCIDENTS: usize = 2;

/// In a long course, one difference of so many may be an accident.
const OF_LONG: usize = 10;

/// From the median absolute deviation to the standard deviation of normal values.
const NORMAL: f64 = 1.482_602_2;

/// The noise of equal runs, in their order. Values that are no finite numbers count for nothing; `None` of fewer than two others.
///
/// Of fewer than eight runs it is the standard deviation, with n − 1 degrees of freedom. More may contain a step or a trend, which are no
/// noise: of them it is the mean square of successive differences (von Neumann, "Distribution of the ratio of the mean square successive
/// difference to the variance", Annals of Mathematical Statistics 12, 1941), where differences more than three scaled median absolute deviations off
/// are drawn in, though never to less than what more than a tenth of them, and more than two, come to: a machine that has two modes is that
/// noisy, also where most neighbours are in one. The same is taken of runs two apart, and the larger counts: conditions that last for several runs make
/// neighbours more alike than runs are. Freedom: ¾(n − 1), as differences share values; so it is in simulations. Of noise without
/// memory the deviation comes out 9 % too high for eight runs, and 3 % for sixty.
pub fn noise(runs: &[f64]) -> Option<Noise> {
    let runs: Vec<f64> = runs.iter().copied().filter(|v| v.is_finite()).collect();
    let pairs = runs.len().checked_sub(1).filter(|pairs| *pairs > 0)? as f64;
    let (squared, freedom) = match runs.len() < SHORT {
        true => (variance(&runs)?, pairs),
        false => {
            let of_lags = (1..=LAGS).map(|lag| squared_difference(&runs, lag) / 2.0);
            (of_lags.fold(0.0, f64::max), 0.75 * pairs)
        }
    };
    let deviation = squared.sqrt();
    (deviation.is_finite()).then_some(Noise { deviation, freedom })
}

/// The mean square of the differences of runs that are `lag` apart, wild ones drawn in.
fn squared_difference(runs: &[f64], lag: usize) -> f64 {
    let differences: Vec<f64> = runs.iter().zip(&runs[lag..]).map(|(a, b)| b - a).collect();
    // Where most differences are nothing, there is no telling which of the others are wild.
    let reach = mad(&differences).filter(|spread| *spread > 0.0);
    let reach = reach.map_or(f64::INFINITY, |spread| REACH * NORMAL * spread);
    let mut sizes: Vec<f64> = differences.iter().map(|d| d.abs()).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let accidents = ACCIDENTS.max(sizes.len() / OF_LONG);
    let reach = sizes.get(accidents).map_or(reach, |size| size.max(reach));
    let squares = sizes.iter().map(|size| size.min(reach).powi(2));
    mean(&squares.collect::<Vec<_>>())
}

impl Noise {
    /// Of what chance does not reach.
    pub const NONE: Self = Self {
        deviation: 0.0,
        freedom: f64::MAX,
    };

    /// Two estimates of the same noise as one: variances, weighted by their freedom.
    pub fn pooled(self, other: Self) -> Self {
        let freedom = self.freedom + other.freedom;
        let share = |of: Self| of.deviation.powi(2) * (of.freedom / freedom);
        Self {
            deviation: (share(self) + share(other)).sqrt(),
            freedom,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Without a pattern, from 0 to 11.
    fn wave(n: u64) -> Vec<f64> {
        let mixed = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let value = |i| (mixed(mixed(i)) % 1_100) as f64 / 100.0;
        (0..n).map(value).collect()
    }

    #[test]
    fn few_runs_have_their_standard_deviation() {
        let found = noise(&[1.0, 2.0, 3.0, f64::NAN]).unwrap();
        assert_eq!((found.deviation, found.freedom), (1.0, 2.0));
        assert_eq!(noise(&[1.0, f64::INFINITY]), None);
        assert_eq!(noise(&[]), None);
        assert_eq!(noise(&[4.0; 20]).unwrap().deviation, 0.0);
        assert_eq!(noise(&[f64::MAX, f64::MIN]), None);
    }

    #[test]
    fn steps_trends_and_wild_runs_are_no_noise() {
        let calm = wave(44);
        let of = |change: fn(usize, f64) -> f64| {
            let changed = calm.iter().enumerate().map(|(i, v)| change(i, *v));
            noise(&changed.collect::<Vec<_>>()).unwrap().deviation
        };
        let plain = of(|_, v| v);
        let check = |found: f64| assert!(found < 1.3 * plain, "{found} for {plain}");
        check(of(|i, v| if i < 20 { v } else { v + 100.0 }));
        check(of(|i, v| v + i as f64 / 4.0));
        check(of(|i, v| if i == 9 { 1e6 } else { v }));
    }

    #[test]
    fn modes_are_noise() {
        // One run of so many is slow, here and there.
        let check = |slow: usize| {
            let slowed = |i: usize| {
                if (i * 7 + i / 5).is_multiple_of(slow) {
                    50.0
                } else {
                    0.0
                }
            };
            let jitter = wave(60);
            let runs = jitter.iter().enumerate().map(|(i, v)| v / 10.0 + slowed(i));
            let runs: Vec<f64> = runs.collect();
            let sample = variance(&runs).unwrap().sqrt();
            let found = noise(&runs).unwrap().deviation;
            assert!(found > 0.8 * sample, "1 of {slow}: {found} for {sample}");
        };
        [2, 3, 4, 6].into_iter().for_each(check);
        for count in [8, 9] {
            let zigzag = wave(count).into_iter().enumerate();
            let zigzag: Vec<f64> = zigzag.map(|(i, v)| v / 1e3 + (i % 2) as f64).collect();
            let found = noise(&zigzag).unwrap().deviation;
            assert!(found > 0.5, "{found} of {count}");
        }
    }

    #[test]
    fn conditions_that_last_do_not_hide_the_scatter() {
        let blocks: Vec<f64> = wave(22).into_iter().flat_map(|v| [v, v + 0.1]).collect();
        let sample = variance(&blocks).unwrap().sqrt();
        let found = noise(&blocks).unwrap().deviation;
        assert!(found > 0.8 * sample, "{found} for {sample}");
    }

    #[test]
    fn pooling_weights_by_freedom() {
        let of = |deviation, freedom| Noise { deviation, freedom };
        let found = of(1.0, 3.0).pooled(of(3.0, 1.0));
        assert!((found.deviation - 3.0_f64.sqrt()).abs() < 1e-12);
        assert_eq!(found.freedom, 4.0);
    }

    proptest! {
        #[test]
        fn units_and_levels_do_not_matter(runs in prop::collection::vec(-1.0..1.0_f64, 2..40)) {
            let changed: Vec<f64> = runs.iter().map(|v| 8.0 * v + 3.0).collect();
            let (found, changed) = (noise(&runs).unwrap(), noise(&changed).unwrap());
            prop_assert!((8.0 * found.deviation - changed.deviation).abs() < 1e-9);
        }

        #[test]
        fn no_number_stops_it(runs in prop::collection::vec(prop::num::f64::ANY, 0..20)) {
            let found = noise(&runs);
            prop_assert!(found.is_none_or(|noise| noise.deviation.is_finite()));
        }
    }
}
