//! What the scatter of equal runs allows to see: the smallest change between two runs, and how sure the scatter itself is.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::contrast::POWER;
use crate::student::{t_at, t_quantile};
use crate::{Average, CONFIDENCE, Interval, Scale};

/// The difference of two single runs that is found in four of five tries: (t₀.₉₇₅ + t₀.₈) · √2 · deviation, on the scale that `deviation`
/// is on. `freedom` is what the deviation was estimated with.
pub fn smallest_detectable(deviation: f64, freedom: f64) -> f64 {
    match deviation == 0.0 {
        true => 0.0,
        false => (t_quantile(freedom) + t_at(freedom, POWER)) * deviation * 2_f64.sqrt(),
    }
}

/// The interval of the standard deviation that values were drawn from, where theirs is `deviation`: by the chi-square distribution, so for
/// values of a normal distribution.
pub fn deviation_interval(deviation: f64, freedom: f64) -> Interval {
    let law = ChiSquared::new(freedom).expect("degrees of freedom are positive");
    let at = |p: f64| deviation * (freedom / law.inverse_cdf(p)).sqrt();
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Interval {
        low: at(1.0 - tail),
        high: at(tail),
    }
}

impl Average {
    /// The standard error of the average on a scale, from its interval: of the logarithm on [`Scale::Ratio`]. `None` without an interval
    /// and where a logarithm would not be a number.
    pub fn standard_error(&self, scale: Scale) -> Option<f64> {
        let interval = self.interval?;
        let width = scale.on_line(interval.high) - scale.on_line(interval.low);
        let freedom = self
            .processes
            .checked_sub(1)
            .filter(|freedom| *freedom > 0)?;
        let error = width / 2.0 / t_quantile(freedom as f64);
        error.is_finite().then_some(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::average;

    fn close(found: f64, expected: f64) {
        assert!(
            (found / expected - 1.0).abs() < 1e-4,
            "{found} for {expected}"
        );
    }

    #[test]
    fn changes_of_two_runs() {
        // t(0.975, 5) = 2.570582, t(0.8, 5) = 0.919544.
        close(
            smallest_detectable(0.01, 5.0),
            (2.570_582 + 0.919_544) * 0.014_142_136,
        );
        assert_eq!(smallest_detectable(0.0, 5.0), 0.0);
    }

    #[test]
    fn deviations_of_few_runs_are_known_badly() {
        // The quantiles of chi-square with 5 degrees of freedom are 0.831212 and 12.832502.
        let found = deviation_interval(2.0, 5.0);
        close(found.low, 2.0 * (5.0_f64 / 12.832_502).sqrt());
        close(found.high, 2.0 * (5.0_f64 / 0.831_212).sqrt());
        assert_eq!(
            deviation_interval(0.0, 2.0),
            Interval {
                low: 0.0,
                high: 0.0
            }
        );
    }

    #[test]
    fn errors_come_back_from_intervals() {
        let series = [vec![1.0_f64], vec![1.1], vec![1.2]];
        let logarithms: Vec<f64> = series.iter().map(|values| values[0].ln()).collect();
        let found = average(&series).unwrap().standard_error(Scale::Ratio);
        let spread = crate::variance(&logarithms).unwrap();
        close(found.unwrap(), (spread / 3.0).sqrt());
        let series = [vec![-1.0], vec![1.0], vec![3.0]];
        let average_of = |series: &[Vec<f64>]| average(series).unwrap();
        let found = average_of(&series).standard_error(Scale::Difference);
        close(found.unwrap(), (4.0_f64 / 3.0).sqrt());
        assert_eq!(average_of(&series).standard_error(Scale::Ratio), None);
        assert_eq!(average_of(&[vec![1.0]]).standard_error(Scale::Ratio), None);
        let same = average_of(&[vec![2.0], vec![2.0]]);
        assert_eq!(same.standard_error(Scale::Ratio), Some(0.0));
    }
}
