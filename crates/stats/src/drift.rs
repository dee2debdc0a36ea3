//! Does a series change from iteration to iteration?

use serde::{Deserialize, Serialize};

use crate::student::t_at;
use crate::{CONFIDENCE, Interval, mean, variance};

/// The common slope of one or more series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Change per iteration, as a fraction of the overall mean.
    pub slope: f64,
    /// Its interval; absent with one process of two values.
    pub interval: Option<Interval>,
}

impl Drift {
    /// Whether the interval excludes zero. Such a case is labelled, never averaged away silently.
    pub fn is_drifting(&self) -> bool {
        self.interval.is_some_and(|interval| !interval.covers(0.0))
    }
}

/// The change per iteration that `series`, one per process, have in common; `None` where none has two values.
///
/// The slope of a process is its least-squares slope. With two processes or more the estimate is the mean
/// of their slopes with Student's t interval over processes. One process alone has the interval of its own
/// residuals (Draper & Smith, Applied Regression Analysis, §1.4), which takes its iterations as independent.
pub fn drift(series: &[Vec<f64>]) -> Option<Drift> {
    drift_at(series, CONFIDENCE)
}

/// [`drift`] with an interval at another level of confidence, between 0 and 1.
pub fn drift_at(series: &[Vec<f64>], confidence: f64) -> Option<Drift> {
    let t = |freedom: f64| t_at(freedom, 0.5 + confidence / 2.0);
    let series: Vec<&Vec<f64>> = series.iter().filter(|s| s.len() >= 2).collect();
    let all: Vec<f64> = series.iter().flat_map(|s| s.iter().copied()).collect();
    if all.is_empty() || mean(&all) == 0.0 {
        return None;
    }
    let lines: Vec<Line> = series.iter().map(|values| Line::through(values)).collect();
    let scale = mean(&all);
    if let [line] = lines.as_slice() {
        let half_width = line
            .error
            .map(|(error, freedom)| t(freedom) * error / scale.abs());
        let slope = line.slope / scale;
        let interval = half_width.map(|half| Interval::around(slope, half));
        return Some(Drift { slope, interval });
    }
    let slopes: Vec<f64> = lines.iter().map(|line| line.slope / scale).collect();
    let (slope, n) = (mean(&slopes), slopes.len() as f64);
    let interval = variance(&slopes)
        .map(|variance| Interval::around(slope, t(n - 1.0) * (variance / n).sqrt()));
    Some(Drift { slope, interval })
}

/// A least-squares line through values at 0, 1, 2 …
struct Line {
    slope: f64,
    /// The slope's standard error with its degrees of freedom; needs three values.
    error: Option<(f64, f64)>,
}

impl Line {
    fn through(values: &[f64]) -> Self {
        let (x_mean, y_mean) = ((values.len() - 1) as f64 / 2.0, mean(values));
        let (mut xx, mut xy, mut yy) = (0.0, 0.0, 0.0);
        for (i, value) in values.iter().enumerate() {
            let (x, y) = (i as f64 - x_mean, value - y_mean);
            xx += x * x;
            xy += x * y;
            yy += y * y;
        }
        let slope = xy / xx;
        let freedom = values.len().saturating_sub(2) as f64;
        let error = (freedom > 0.0).then(|| {
            let residual = (yy - slope * xy).max(0.0) / freedom;
            ((residual / xx).sqrt(), freedom)
        });
        Self { slope, error }
    }
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
        let found = drift(&[vec![1.0, 1.1, 0.9, 1.0], vec![9.0, 8.9, 9.1, 9.0]]).unwrap();
        assert!(!found.is_drifting(), "{found:?}");
        let found = drift(&[vec![1.0, 2.0, 3.1], vec![9.0, 10.0, 11.2]]).unwrap();
        assert!(found.is_drifting());
        let slope = f64::midpoint(1.05, 1.1) / mean(&[1.0, 2.0, 3.1, 9.0, 10.0, 11.2]);
        assert!((found.slope - slope).abs() < 1e-9);
    }

    #[test]
    fn processes_that_disagree_make_the_interval_wide() {
        // Each process alone rises or falls without any residual; together they say nothing.
        let found = drift(&[vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]]).unwrap();
        assert!(!found.is_drifting(), "{found:?}");
        assert!(drift(&[vec![1.0, 2.0, 3.0]]).unwrap().is_drifting());
    }

    #[test]
    fn more_confidence_is_a_wider_interval() {
        // Slopes 1, 2 and 3: t(0.975, 2) = 4.303 and t(0.995, 2) = 9.925 times 1/√3.
        let series = [1.0, 2.0, 3.0].map(|slope| vec![0.0, slope, 2.0 * slope]);
        let level = mean(&series.concat());
        let low = |found: Option<Drift>| found.unwrap().interval.unwrap().low * level;
        assert!((low(drift(&series)) - (2.0 - 4.3027 / 3.0_f64.sqrt())).abs() < 1e-3);
        assert!((low(drift_at(&series, 0.99)) - (2.0 - 9.9248 / 3.0_f64.sqrt())).abs() < 1e-3);
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
