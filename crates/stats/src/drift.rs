//! Does a series change from iteration to iteration?

use serde::{Deserialize, Serialize};

use crate::{Interval, mean, t_quantile};

/// The common slope of one or more series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Change per iteration, as a fraction of the overall mean.
    pub slope: f64,
    /// Its interval; absent with fewer than three values in all.
    pub interval: Option<Interval>,
}

impl Drift {
    /// Whether the interval excludes zero. Such a case is labelled, never averaged away silently.
    pub fn is_drifting(&self) -> bool {
        self.interval.is_some_and(|interval| !interval.covers(0.0))
    }
}

/// Least-squares slope of value against iteration that all `series` (one per process) share, each with
/// its own intercept; the interval is Student's t with Σnᵢ − processes − 1 degrees of freedom (analysis of
/// covariance; Draper & Smith, Applied Regression Analysis, ch. 14). `None` where no series has two values.
pub fn drift(series: &[Vec<f64>]) -> Option<Drift> {
    let series: Vec<&Vec<f64>> = series.iter().filter(|s| s.len() >= 2).collect();
    let all: Vec<f64> = series.iter().flat_map(|s| s.iter().copied()).collect();
    if all.is_empty() || mean(&all) == 0.0 {
        return None;
    }
    let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
    for values in &series {
        let (x_mean, y_mean) = ((values.len() - 1) as f64 / 2.0, mean(values));
        for (i, value) in values.iter().enumerate() {
            let (x, y) = (i as f64 - x_mean, value - y_mean);
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
    }
    let slope = xy / xx;
    let interval = all
        .len()
        .checked_sub(series.len() + 1)
        .filter(|&f| f > 0)
        .map(|freedom| {
            let residual = (yy - slope * xy).max(0.0) / freedom as f64;
            let half_width = t_quantile(freedom as f64) * (residual / xx).sqrt();
            Interval::around(slope / mean(&all), half_width / mean(&all).abs())
        });
    Some(Drift {
        slope: slope / mean(&all),
        interval,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line() {
        let found = drift(&[vec![1.0, 2.0, 3.0, 4.0]]).unwrap();
        assert!((found.slope - 1.0 / 2.5).abs() < 1e-12);
        assert!(found.is_drifting());
    }

    #[test]
    fn processes_may_differ_in_level() {
        let found = drift(&[vec![1.0, 1.1, 0.9, 1.0], vec![9.0, 9.1, 8.9, 9.0]]).unwrap();
        assert!(!found.is_drifting(), "{found:?}");
        let found = drift(&[vec![1.0, 2.0, 3.1], vec![9.0, 10.0, 11.1]]).unwrap();
        assert!(found.is_drifting());
        assert!((found.slope * mean(&[1.0, 2.0, 3.1, 9.0, 10.0, 11.1]) - 1.05).abs() < 1e-9);
    }

    #[test]
    fn too_short() {
        assert_eq!(drift(&[vec![1.0]]), None);
        assert_eq!(drift(&[vec![1.0, 2.0]]).unwrap().interval, None);
        assert_eq!(drift(&[]), None);
    }

    #[test]
    fn the_published_slowdown_is_found() {
        // Generation seconds of a concatenating capture, three iterations of one process.
        let found = drift(&[vec![57.24, 85.63, 112.90]]).unwrap();
        assert!(found.is_drifting());
        assert!((found.slope - 27.83 / 85.2567).abs() < 1e-4);
    }
}
