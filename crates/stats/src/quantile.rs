//! Quantiles, and the spread around the median.

use crate::median;

/// The quantile at `p`, from 0 to 1; `None` without values.
///
/// Type 7 of Hyndman & Fan, "Sample quantiles in statistical packages", The American Statistician 50 (1996): linear
/// between the order statistics, as in R and NumPy. A `p` outside 0 to 1 is taken for the nearer end.
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    let mut values = values.to_vec();
    (!values.is_empty()).then(|| select_quantile(&mut values, p))
}

/// The quantile of values, of which there is at least one; brings them into another order.
pub(crate) fn select_quantile(values: &mut [f64], p: f64) -> f64 {
    let place = (values.len() - 1) as f64 * p.clamp(0.0, 1.0);
    let below = place.floor() as usize;
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let high = above.iter().copied().min_by(f64::total_cmp).unwrap_or(low);
    // Between equal values there is nothing to round.
    if low == high {
        return low;
    }
    low + (place - below as f64) * (high - low)
}

/// The median absolute deviation from the median, not scaled to a standard deviation; `None` without values.
///
/// Hampel, "The influence curve and its role in robust estimation", JASA 69 (1974).
pub fn mad(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|v| (v - center).abs()).collect();
    median(&deviations)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reference_values() {
        // numpy.quantile([1, 2, 4, 8, 16], [0, .1, .25, .5, .9, 1])
        let values = [16.0, 1.0, 8.0, 2.0, 4.0];
        for (p, expected) in [
            (0.0, 1.0),
            (0.1, 1.4),
            (0.25, 2.0),
            (0.5, 4.0),
            (0.9, 12.8),
            (1.0, 16.0),
        ] {
            let found = quantile(&values, p).unwrap();
            assert!((found - expected).abs() < 1e-12, "{p}: {found}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.9), Some(3.0));
        assert_eq!(quantile(&values, 2.0), Some(16.0));
    }

    #[test]
    fn median_absolute_deviation() {
        assert_eq!(mad(&[1.0, 1.0, 2.0, 2.0, 4.0, 6.0, 9.0]), Some(1.0));
        assert_eq!(mad(&[5.0]), Some(0.0));
        assert_eq!(mad(&[]), None);
    }

    proptest! {
        #[test]
        fn quantiles_rise_and_stay_inside(
            values in prop::collection::vec(-1e6..1e6_f64, 1..40),
            p in 0.0..1.0_f64,
            q in 0.0..1.0_f64,
        ) {
            let at = |p| quantile(&values, p).unwrap();
            prop_assert!(at(p.min(q)) <= at(p.max(q)));
            prop_assert!(at(0.0) <= at(p) && at(p) <= at(1.0));
            prop_assert!((at(0.5) - median(&values).unwrap()).abs() <= 1e-9);
        }

        #[test]
        fn half_of_the_values_lie_within_one_mad(values in prop::collection::vec(-1e6..1e6_f64, 1..40)) {
            let (center, mad) = (median(&values).unwrap(), mad(&values).unwrap());
            let inside = values.iter().filter(|v| (*v - center).abs() <= mad + 1e-9).count();
            prop_assert!(2 * inside >= values.len());
        }
    }
}
