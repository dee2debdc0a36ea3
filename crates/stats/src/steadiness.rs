//! Is a series at rest, and if not, what does it do? Tests by rank decide whether anything happens, and the best of three
//! shapes says what.

use serde::{Deserialize, Serialize};

use crate::levels::Levels;
use crate::quantile;
use crate::shape::{Shape, best_shape};
use crate::slopes::Slopes;

/// What a series does over its iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Steadiness {
    /// Nothing that noise would not do.
    Flat,
    /// It falls: its early part is higher.
    WarmingUp,
    /// It rises.
    SlowingDown,
    /// It changes once, between two plateaus.
    LevelShift,
    /// It goes back and forth between two separate levels.
    Bimodal,
    /// Fewer than six values: nothing can be told.
    TooShort,
}

impl Steadiness {
    /// Every label.
    pub const ALL: [Self; 6] = [
        Self::Flat,
        Self::WarmingUp,
        Self::SlowingDown,
        Self::LevelShift,
        Self::Bimodal,
        Self::TooShort,
    ];

    /// As in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::WarmingUp => "warming-up",
            Self::SlowingDown => "slowing-down",
            Self::LevelShift => "level-shift",
            Self::Bimodal => "bimodal",
            Self::TooShort => "too-short",
        }
    }
}

/// Fewer values tell nothing: noise of five is monotone once in sixty.
const LEAST: usize = 6;

/// A test that finds something in fewer than one series of noise in a hundred.
const LEVEL: f64 = 0.01;

/// What `series` does.
///
/// Two separate levels (2-means) that are visited in turns are *bimodal*. A series changes where these levels follow each other once,
/// where Mann and Kendall's test for a trend or Pettitt's for a change point has p < 0.01, or where two or more first values all lie
/// outside Tukey's outer fences of the rest. What changes is a *level shift* where one step explains it better than a line or an
/// approach to a plateau (by the criterion of Schwarz, Annals of Statistics 6, 1978); else it is *warming up* when falling and *slowing down* when rising. All
/// other series are *flat*: of noise without memory at least 95 %.
///
/// Pettitt, "A non-parametric approach to the change-point problem", Applied Statistics 28 (1979).
pub fn steadiness(series: &[f64]) -> Steadiness {
    if series.len() < LEAST {
        return Steadiness::TooShort;
    }
    let levels = Levels::of(series);
    if levels.as_ref().is_some_and(|levels| levels.switches > 1) {
        return Steadiness::Bimodal;
    }
    if levels.is_none() && !has_trend(series) && !has_change(series) && !has_head(series) {
        return Steadiness::Flat;
    }
    match best_shape(series) {
        Shape::Step => Steadiness::LevelShift,
        Shape::Falling => Steadiness::WarmingUp,
        Shape::Rising => Steadiness::SlowingDown,
    }
}

fn has_trend(series: &[f64]) -> bool {
    let p = Slopes::of(series).and_then(|slopes| slopes.p());
    p.is_some_and(|p| p < LEVEL)
}

/// Pettitt's K = max |Uₜ|, Uₜ = 2 Σ ranks up to t − t (n + 1), has p ≈ 2 exp(−6 K²/(n³ + n²)).
fn has_change(series: &[f64]) -> bool {
    let n = series.len() as f64;
    let mut sum = 0.0;
    let reach = ranks(series).into_iter().map(|rank| {
        sum += 2.0 * rank - (n + 1.0);
        f64::abs(sum)
    });
    let reach = reach.fold(0.0, f64::max);
    2.0 * (-6.0 * reach.powi(2) / (n.powi(3) + n.powi(2))).exp() < LEVEL
}

/// From 1; equal values share their mean rank.
fn ranks(series: &[f64]) -> Vec<f64> {
    let mut sorted = series.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = |value: &f64| {
        let below = sorted.partition_point(|other| other < value);
        let up_to = sorted.partition_point(|other| other <= value);
        (below + up_to + 1) as f64 / 2.0
    };
    series.iter().map(rank).collect()
}

/// Whether the first two or more values, up to a third of all, lie far outside the rest on the same side. Longer heads than
/// 20 values are changes of which the tests by rank know.
fn has_head(series: &[f64]) -> bool {
    (2..=(series.len() / 3).min(20)).any(|head| {
        let (head, rest) = series.split_at(head);
        let fences = quantile(rest, 0.25).zip(quantile(rest, 0.75));
        fences.is_some_and(|(low, high)| {
            let reach = 3.0 * (high - low);
            head.iter().all(|v| *v > high + reach) || head.iter().all(|v| *v < low - reach)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small, and without a pattern.
    const NOISE: [f64; 24] = [
        0.3, -0.8, 0.5, 0.1, -0.4, 0.9, -0.2, -0.6, 0.7, -0.1, 0.2, -0.9, 0.4, 0.0, -0.5, 0.6,
        -0.3, 0.8, -0.7, 0.1, 0.3, -0.2, 0.5, -0.4,
    ];

    fn check(n: usize, of: impl Fn(f64) -> f64, expected: Steadiness) {
        let series: Vec<f64> = (0..n).map(|i| of(i as f64) + 0.3 * NOISE[i]).collect();
        assert_eq!(steadiness(&series), expected, "{series:?}");
    }

    #[test]
    fn series_at_rest() {
        for n in [6, 9, 16, 24] {
            check(n, |_| 100.0, Steadiness::Flat);
            check(
                n,
                |i| if i == 4.0 { 180.0 } else { 100.0 },
                Steadiness::Flat,
            );
            check(
                n,
                |i| if i == 0.0 { 180.0 } else { 100.0 },
                Steadiness::Flat,
            );
        }
        assert_eq!(steadiness(&[5.0; 10]), Steadiness::Flat);
        assert_eq!(steadiness(&[0.0; 6]), Steadiness::Flat);
    }

    #[test]
    fn short_series() {
        check(0, |_| 1.0, Steadiness::TooShort);
        check(5, |i| 100.0 * i, Steadiness::TooShort);
    }

    #[test]
    fn falling_series_warm_up() {
        for n in [8, 12, 24] {
            check(
                n,
                |i| 100.0 + 40.0 * (-i / 2.0).exp(),
                Steadiness::WarmingUp,
            );
            check(n, |i| 100.0 + 30.0 / (1.0 + i), Steadiness::WarmingUp);
        }
        check(
            24,
            |i| 100.0 + 10.0 * (-i / 6.0).exp(),
            Steadiness::WarmingUp,
        );
        check(6, |i| 200.0 - 10.0 * i, Steadiness::WarmingUp);
    }

    #[test]
    fn rising_series_slow_down() {
        for n in [6, 12, 24] {
            check(n, |i| 100.0 + 2.0 * i, Steadiness::SlowingDown);
        }
        check(24, |i| 100.0 + 0.1 * i, Steadiness::SlowingDown);
        check(
            16,
            |i| 100.0 - 20.0 * (-i / 3.0).exp(),
            Steadiness::SlowingDown,
        );
    }

    #[test]
    fn a_single_change_is_a_level_shift() {
        for (n, at) in [(8, 4.0), (12, 4.0), (24, 16.0), (24, 3.0), (6, 3.0)] {
            check(
                n,
                |i| if i < at { 100.0 } else { 110.0 },
                Steadiness::LevelShift,
            );
            check(
                n,
                |i| if i < at { 110.0 } else { 100.0 },
                Steadiness::LevelShift,
            );
        }
        check(
            24,
            |i| if i < 12.0 { 100.0 } else { 100.7 },
            Steadiness::LevelShift,
        );
    }

    #[test]
    fn two_levels_in_turns_are_bimodal() {
        for n in [6, 12, 24] {
            check(
                n,
                |i| if i % 2.0 == 0.0 { 100.0 } else { 110.0 },
                Steadiness::Bimodal,
            );
        }
        let burst = |i: f64| {
            if (8.0..16.0).contains(&i) {
                104.0
            } else {
                100.0
            }
        };
        check(24, burst, Steadiness::Bimodal);
    }

    #[test]
    fn tied_ranks_are_shared() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [3.5, 1.0, 3.5, 2.0]);
    }

    #[test]
    fn names_are_those_of_json() {
        for label in Steadiness::ALL {
            let json =
                serde::de::value::StrDeserializer::<serde::de::value::Error>::new(label.as_str());
            assert_eq!(Steadiness::deserialize(json), Ok(label));
        }
    }

    proptest::proptest! {
        #[test]
        fn the_unit_does_not_matter(
            values in proptest::collection::vec(1.0..2.0_f64, 0..30),
            shift in -8_i32..8,
        ) {
            let scaled: Vec<f64> = values.iter().map(|v| v * 2_f64.powi(shift)).collect();
            proptest::prop_assert_eq!(steadiness(&values), steadiness(&scaled));
        }
    }
}
