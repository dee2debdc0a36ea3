//! Two groups of processes against each other.

use serde::{Deserialize, Serialize};

use crate::order::median_of_sorted as median;
use crate::welch::{MeanError, Precision};
use crate::{CONFIDENCE, Estimate, Interval, mean, variance};

/// A quantity that compares two groups, with its interval where both groups have two processes or more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ratio {
    /// The point estimate.
    pub value: f64,
    /// Its interval.
    pub interval: Option<Interval>,
}

/// `mean(new) / mean(base) - 1`: the overhead of `new`. `None` where a group is empty or not positive.
///
/// The interval is Welch's, on the logarithms by the delta method: Var(ln x̄) ≈ s² / (n x̄²), degrees of
/// freedom after Welch (1947) and Satterthwaite (1946).
pub fn ratio(new: &[f64], base: &[f64]) -> Option<Ratio> {
    if new.is_empty() || base.is_empty() || mean(new) <= 0.0 || mean(base) <= 0.0 {
        return None;
    }
    let value = mean(new) / mean(base);
    let interval = welch(log_error(new), log_error(base)).map(|half| Interval {
        low: value * (-half).exp() - 1.0,
        high: value * half.exp() - 1.0,
    });
    let value = value - 1.0;
    Some(Ratio { value, interval })
}

/// `mean(new) - mean(base)` with Welch's interval. `None` where a group is empty.
pub fn difference(new: &[f64], base: &[f64]) -> Option<Ratio> {
    if new.is_empty() || base.is_empty() {
        return None;
    }
    let value = mean(new) - mean(base);
    let interval = welch(error(new), error(base)).map(|half| Interval::around(value, half));
    Some(Ratio { value, interval })
}

/// Squared standard error of the mean.
fn error(values: &[f64]) -> Option<MeanError> {
    let n = values.len();
    let squared = variance(values)? / n as f64;
    Some(MeanError { squared, n })
}

/// Squared standard error of the logarithm of the mean.
fn log_error(values: &[f64]) -> Option<MeanError> {
    let MeanError { squared, n } = error(values)?;
    // One after the other: the square of a small mean would be zero.
    let squared = squared / mean(values) / mean(values);
    Some(MeanError { squared, n })
}

/// Half-width of Welch's interval from two squared standard errors.
fn welch(new: Option<MeanError>, base: Option<MeanError>) -> Option<f64> {
    Some(Precision::welch(new?, base?)?.half_width())
}

/// How much the first of each pair, measured side by side, exceeds the second; one list of pairs per process.
///
/// The effect of a process is its median of `on / off − 1`. With two processes or more the estimate is the mean
/// of these with Student's t interval over processes. One process alone has the distribution-free interval
/// between order statistics (Conover, Practical Nonparametric Statistics, §3.2), from six pairs on. `None`
/// without pairs.
pub fn paired_effect(processes: &[Vec<(f64, f64)>]) -> Option<Ratio> {
    let of_process = |pairs: &Vec<(f64, f64)>| {
        let mut effects: Vec<f64> = pairs.iter().map(|(on, off)| on / off - 1.0).collect();
        effects.sort_by(f64::total_cmp);
        effects
    };
    let effects: Vec<Vec<f64>> = processes.iter().map(of_process).collect();
    let effects: Vec<&Vec<f64>> = effects.iter().filter(|e| !e.is_empty()).collect();
    if let [alone] = effects.as_slice() {
        return Some(Ratio {
            value: median(alone),
            interval: order_interval(alone),
        });
    }
    let medians: Vec<f64> = effects.iter().map(|e| median(e)).collect();
    let estimate = Estimate::of(&medians)?;
    Some(Ratio {
        value: estimate.mean,
        interval: estimate.interval,
    })
}

fn order_interval(sorted: &[f64]) -> Option<Interval> {
    let rank = order_rank(sorted.len())?;
    Some(Interval {
        low: sorted[rank],
        high: sorted[sorted.len() - 1 - rank],
    })
}

/// The largest rank `r` with `P(Binomial(n, ½) ≤ r) ≤ (1 - CONFIDENCE) / 2`.
fn order_rank(n: usize) -> Option<usize> {
    use statrs::distribution::{Binomial, DiscreteCDF};
    let flips = Binomial::new(0.5, n as u64).expect("a fair coin");
    let tail = (1.0 - CONFIDENCE) / 2.0;
    (0..n / 2)
        .take_while(|&r| flips.cdf(r as u64) <= tail)
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overhead_of_equal_groups_is_zero() {
        let group = [1.0, 1.1, 0.9, 1.05];
        let found = ratio(&group, &group).unwrap();
        assert_eq!(found.value, 0.0);
        assert!(found.interval.unwrap().covers(0.0));
    }

    #[test]
    fn overhead_has_the_right_size() {
        let found = ratio(&[2.0, 2.02, 1.98], &[1.0, 1.01, 0.99]).unwrap();
        assert!((found.value - 1.0).abs() < 1e-12);
        let interval = found.interval.unwrap();
        assert!(interval.low > 0.9 && interval.high < 1.1);
    }

    #[test]
    fn welch_reference() {
        // Checked by hand: means 3 and 6, s² = 2.5 and 10, n = 5: error² = 2.5, freedom = 5.882, t = 2.459.
        let found = difference(&[2.0, 4.0, 6.0, 8.0, 10.0], &[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!(found.value, 3.0);
        let interval = found.interval.unwrap();
        assert!(
            (interval.high - 3.0 - 2.459 * 2.5_f64.sqrt()).abs() < 2e-3,
            "{interval:?}"
        );
    }

    #[test]
    fn the_smallest_and_the_largest_numbers_stop_nothing() {
        let (base, new) = ([1e-90, 2e-90], [1e-90, 3e-90]);
        let (small, plain) = (
            difference(&new, &base).unwrap(),
            difference(&[1.0, 3.0], &[1.0, 2.0]).unwrap(),
        );
        let (small, plain) = (small.interval.unwrap(), plain.interval.unwrap());
        assert!((small.high / 1e-90 - plain.high).abs() < 1e-9, "{small:?}");
        let small = ratio(&new, &base).unwrap().interval.unwrap();
        assert!(small.low.is_finite() && small.low < 0.0, "{small:?}");
        let largest = [f64::MAX, f64::MAX / 2.0];
        assert_eq!(difference(&largest, &base).unwrap().interval, None);
        let _ = ratio(&largest, &base);
    }

    #[test]
    fn single_processes_give_no_interval() {
        assert_eq!(ratio(&[1.0], &[2.0, 2.1]).unwrap().interval, None);
        assert_eq!(ratio(&[], &[1.0]), None);
        assert_eq!(ratio(&[1.0], &[0.0]), None);
    }

    #[test]
    fn pairs_of_one_process() {
        // n = 10: P(X ≤ 1) = 0.0107 ≤ 0.025 < P(X ≤ 2), so the second smallest and second largest.
        let pairs: Vec<(f64, f64)> = (1..=10)
            .map(|i| (1.0 + f64::from(i) / 100.0, 1.0))
            .collect();
        let found = paired_effect(std::slice::from_ref(&pairs)).unwrap();
        assert!((found.value - 0.055).abs() < 1e-12);
        let interval = found.interval.unwrap();
        assert!((interval.low - 0.02).abs() < 1e-12 && (interval.high - 0.09).abs() < 1e-12);
        assert_eq!(
            paired_effect(&[pairs[..5].to_vec()]).unwrap().interval,
            None
        );
        assert_eq!(paired_effect(&[]), None);
        assert_eq!(paired_effect(&[vec![]]), None);
    }

    #[test]
    fn pairs_of_several_processes_are_judged_over_processes() {
        // Medians 1 % and 3 %: mean 2 %, and a t interval with one degree of freedom that covers zero.
        let process = |on: f64| vec![(on, 1.0); 100];
        let found = paired_effect(&[process(1.01), process(1.03), vec![]]).unwrap();
        assert!((found.value - 0.02).abs() < 1e-12);
        assert!(found.interval.unwrap().covers(0.0));
    }

    proptest::proptest! {
        #[test]
        fn the_value_is_inside_its_interval(
            new in proptest::collection::vec(0.1..10.0_f64, 2..12),
            base in proptest::collection::vec(0.1..10.0_f64, 2..12),
        ) {
            for found in [ratio(&new, &base).unwrap(), difference(&new, &base).unwrap()] {
                let interval = found.interval.unwrap();
                proptest::prop_assert!(interval.low <= found.value + 1e-12);
                proptest::prop_assert!(found.value <= interval.high + 1e-12);
            }
        }
    }
}
