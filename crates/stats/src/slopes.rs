//! Does one series rise or fall, however its values are distributed? The slopes between all of its pairs.

use crate::order::median_of_sorted;
use crate::student::{two_sided_normal_p, z_quantile};
use crate::{Interval, median};

/// Values of which all pairs are looked at, at most.
const LONGEST: usize = 400;

/// The slopes between all pairs of a series, in its own unit per iteration.
///
/// Slope: their median (Theil 1950; Sen, "Estimates of the regression coefficient based on Kendall's tau", JASA 63, 1968),
/// interval after Sen from the variance of Kendall's S with ties. p: Mann (1945) and Kendall, Rank Correlation Methods
/// (1975), normal with continuity correction and ties. Iterations are taken as independent. Of a series longer
/// than 400 values, equal blocks are replaced by their medians, so that the number of pairs stays small.
pub(crate) struct Slopes {
    sorted: Vec<f64>,
    /// Rising pairs less falling ones: Kendall's S.
    score: f64,
    /// The variance of S without a trend.
    variance: f64,
    values: usize,
}

impl Slopes {
    /// `None` with fewer than two values.
    pub(crate) fn of(series: &[f64]) -> Option<Self> {
        if series.len() < 2 {
            return None;
        }
        let block = series.len().div_ceil(LONGEST);
        let values: Vec<f64> = series.chunks_exact(block).filter_map(median).collect();
        let mut sorted = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
        for (i, a) in values.iter().enumerate() {
            let later = values[i + 1..].iter().zip(1..);
            sorted.extend(later.map(|(b, gap)| (b - a) / (f64::from(gap) * block as f64)));
        }
        sorted.sort_unstable_by(f64::total_cmp);
        let rising = sorted.iter().filter(|s| **s > 0.0).count() as f64;
        let falling = sorted.iter().filter(|s| **s < 0.0).count() as f64;
        Some(Self {
            score: rising - falling,
            variance: kendall_variance(&values),
            values: values.len(),
            sorted,
        })
    }

    pub(crate) fn median(&self) -> f64 {
        median_of_sorted(&self.sorted)
    }

    /// Sen's interval, its ranks rounded outwards; absent below six values, and where ties leave too few pairs.
    pub(crate) fn interval(&self) -> Option<Interval> {
        let pairs = self.sorted.len() as f64;
        let reach = z_quantile() * self.variance.sqrt();
        let low = ((pairs - reach) / 2.0).floor();
        let high = f64::midpoint(pairs, reach).ceil() + 1.0;
        (low >= 1.0 && high <= pairs).then(|| Interval {
            low: self.sorted[low as usize - 1],
            high: self.sorted[high as usize - 1],
        })
    }

    /// The chance of a trend at least as clear in values without one, of Mann and Kendall; absent for two values.
    pub(crate) fn p(&self) -> Option<f64> {
        if self.values < 3 {
            return None;
        }
        if self.variance <= 0.0 {
            return Some(1.0);
        }
        let corrected = (self.score.abs() - 1.0).max(0.0);
        Some(two_sided_normal_p(corrected / self.variance.sqrt()))
    }
}

/// (n (n − 1) (2n + 5) − Σ t (t − 1) (2t + 5)) / 18 over groups of t equal values.
fn kendall_variance(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let term = |n: usize| (n * (n - 1) * (2 * n + 5)) as f64;
    let ties = sorted.chunk_by(|a, b| a == b).map(|tied| term(tied.len()));
    (term(sorted.len()) - ties.sum::<f64>()) / 18.0
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn an_example_by_hand() {
        // Slopes 1, 1.5, 2 | 2, 2.5 | 3 of 1 2 4 7 → median 2; S = 6, Var = 4·3·13/18, z = 5/2.943920.
        let found = Slopes::of(&[1.0, 2.0, 4.0, 7.0]).unwrap();
        close(found.median(), 2.0);
        close(found.p().unwrap(), 0.089_429_1);
        assert_eq!(found.interval(), None);
    }

    #[test]
    fn ties_lower_the_variance() {
        // Two pairs of ties of five: (5·4·15 − 2·(2·1·9))/18.
        close(kendall_variance(&[1.0, 1.0, 2.0, 2.0, 3.0]), 264.0 / 18.0);
        let constant = Slopes::of(&[4.0; 8]).unwrap();
        assert_eq!((constant.median(), constant.p()), (0.0, Some(1.0)));
        assert_eq!(
            constant.interval(),
            Some(Interval {
                low: 0.0,
                high: 0.0
            })
        );
    }

    #[test]
    fn sens_interval() {
        // n = 10: 45 pairs, Var(S) = 125, C = 21.913: ranks ⌊11.54⌋ = 11 and ⌈33.46⌉ + 1 = 35.
        let values = [2.1, 1.9, 2.6, 2.4, 3.3, 2.8, 3.1, 3.9, 3.4, 4.2];
        let slopes = Slopes::of(&values).unwrap();
        let found = slopes.interval().unwrap();
        assert_eq!(
            (found.low, found.high),
            (slopes.sorted[10], slopes.sorted[34])
        );
        assert!(found.low > 0.0 && found.covers(slopes.median()));
    }

    #[test]
    fn one_wild_value_changes_little() {
        let mut values: Vec<f64> = (0..20).map(|i| 100.0 + f64::from(i)).collect();
        values[5] = 1e6;
        close(Slopes::of(&values).unwrap().median(), 1.0);
    }

    #[test]
    fn long_series_keep_their_slope_per_iteration() {
        let values: Vec<f64> = (0..5_003).map(|i| 1_000.0 + f64::from(i)).collect();
        let found = Slopes::of(&values).unwrap();
        close(found.median(), 1.0);
        assert!(found.p().unwrap() < 1e-9);
    }

    #[test]
    fn too_short() {
        assert!(Slopes::of(&[]).is_none() && Slopes::of(&[1.0]).is_none());
        assert_eq!(Slopes::of(&[1.0, 2.0]).unwrap().p(), None);
    }

    proptest! {
        #[test]
        fn backwards_is_the_negative(values in prop::collection::vec(1.0..2.0_f64, 2..40)) {
            let back: Vec<f64> = values.iter().rev().copied().collect();
            let (there, back) = (Slopes::of(&values).unwrap(), Slopes::of(&back).unwrap());
            prop_assert!((there.median() + back.median()).abs() < 1e-12);
            prop_assert_eq!(there.p(), back.p());
            if let Some(interval) = there.interval() {
                prop_assert!(interval.covers(there.median()));
            }
        }
    }
}
