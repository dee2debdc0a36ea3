//! A mean with its spread.

use serde::{Deserialize, Serialize};

use crate::{mean, t_quantile, variance};

/// A two-sided interval at [`crate::CONFIDENCE`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// An interval around `center`.
    pub(crate) fn around(center: f64, half_width: f64) -> Self {
        Self {
            low: center - half_width,
            high: center + half_width,
        }
    }

    /// Whether `value` lies inside, ends included.
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Mean, spread and interval of independent values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Number of values.
    pub n: usize,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation; absent for one value.
    pub stdev: Option<f64>,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Student's t interval of the mean; absent for one value: one process says nothing about the next.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// The estimate of one value per process; `None` without values.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let (n, center) = (values.len(), mean(values));
        let variance = variance(values);
        let interval = variance.map(|variance| {
            let half_width = t_quantile((n - 1) as f64) * (variance / n as f64).sqrt();
            Interval::around(center, half_width)
        });
        Some(Self {
            n,
            mean: center,
            stdev: variance.map(f64::sqrt),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            interval,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_interval() {
        // t(0.975, 4) = 2.776445; stdev of 1..=5 is sqrt(2.5).
        let estimate = Estimate::of(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert_eq!((estimate.n, estimate.mean), (5, 3.0));
        let interval = estimate.interval.unwrap();
        assert!((interval.high - 3.0 - 2.776_445 * (2.5_f64 / 5.0).sqrt()).abs() < 1e-5);
        assert!(interval.covers(3.0) && !interval.covers(5.1));
    }

    #[test]
    fn one_value_has_no_interval() {
        let estimate = Estimate::of(&[7.0]).unwrap();
        assert_eq!((estimate.stdev, estimate.interval), (None, None));
        assert_eq!(Estimate::of(&[]), None);
    }

    proptest::proptest! {
        #[test]
        fn mean_lies_between_the_extremes(values in proptest::collection::vec(0.0..1e9_f64, 1..20)) {
            let estimate = Estimate::of(&values).unwrap();
            let slack = 1e-9 * estimate.max;
            proptest::prop_assert!(estimate.min - slack <= estimate.mean);
            proptest::prop_assert!(estimate.mean <= estimate.max + slack);
        }
    }
}
