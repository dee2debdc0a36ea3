//! Does a series change from iteration to iteration?

use serde::{Deserialize, Serialize};

use crate::slopes::Slopes;
use crate::student::t_at;
use crate::{CONFIDENCE, Interval, mean, variance};

/// The common slope of one or more series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Change per iteration, as a fraction of the overall mean.
    pub slope: f64,
    /// Its interval; absent with one process of fewer than six values.
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
/// The slope of a process is that of Theil and Sen, the median of the slopes between all pairs, which a few
/// disturbed iterations do not move. With two processes or more the estimate is the mean of their slopes with Student's t interval over
/// processes. One process alone has Sen's interval, which takes its iterations as independent and needs six of them.
pub fn drift(series: &[Vec<f64>]) -> Option<Drift> {
    let (processes, scale) = slopes(series)?;
    match processes.as_slice() {
        [alone] => Some(of_one(alone, scale)),
        several => Some(of_several(several, scale, CONFIDENCE)),
    }
}

/// [`drift`] of two processes or more, with an interval at another level of confidence, between 0 and 1. `None` where fewer
/// have two values.
pub fn drift_at(series: &[Vec<f64>], confidence: f64) -> Option<Drift> {
    let (processes, scale) = slopes(series)?;
    (processes.len() > 1).then(|| of_several(&processes, scale, confidence))
}

/// The slopes of every process of two values or more, and the mean of all their values, which is not zero.
fn slopes(series: &[Vec<f64>]) -> Option<(Vec<Slopes>, f64)> {
    let all: Vec<f64> = series
        .iter()
        .filter(|s| s.len() >= 2)
        .flatten()
        .copied()
        .collect();
    if all.is_empty() || mean(&all) == 0.0 {
        return None;
    }
    let processes = series.iter().filter_map(|s| Slopes::of(s)).collect();
    Some((processes, mean(&all)))
}

/// The mean of the slopes with Student's t interval.
fn of_several(processes: &[Slopes], scale: f64, confidence: f64) -> Drift {
    let slopes: Vec<f64> = processes.iter().map(|s| s.median() / scale).collect();
    let (slope, n) = (mean(&slopes), slopes.len() as f64);
    let t = t_at(n - 1.0, 0.5 + confidence / 2.0);
    let interval =
        variance(&slopes).map(|variance| Interval::around(slope, t * (variance / n).sqrt()));
    Drift { slope, interval }
}

fn of_one(process: &Slopes, scale: f64) -> Drift {
    let ends = |interval: Interval| {
        let (a, b) = (interval.low / scale, interval.high / scale);
        Interval {
            low: a.min(b),
            high: a.max(b),
        }
    };
    Drift {
        slope: process.median() / scale,
        interval: process.interval().map(ends),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line() {
        let found = drift(&[vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]).unwrap();
        assert!((found.slope - 1.0 / 3.5).abs() < 1e-12);
        assert!(found.is_drifting());
        let falling = drift(&[vec![-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]]).unwrap();
        assert!(falling.interval.unwrap().low > 0.0, "{falling:?}");
    }

    #[test]
    fn processes_may_differ_in_level() {
        let found = drift(&[vec![1.0, 1.1, 0.9, 1.0], vec![9.0, 8.9, 9.1, 9.0]]).unwrap();
        assert!(!found.is_drifting(), "{found:?}");
        let found = drift(&[vec![1.0, 2.0, 3.1], vec![9.0, 10.0, 11.2]]).unwrap();
        assert!(found.is_drifting());
        // Slopes between pairs: 1, 1.05, 1.1 and 1, 1.1, 1.2.
        let slope = f64::midpoint(1.05, 1.1) / mean(&[1.0, 2.0, 3.1, 9.0, 10.0, 11.2]);
        assert!((found.slope - slope).abs() < 1e-9);
    }

    #[test]
    fn processes_that_disagree_make_the_interval_wide() {
        // Each process alone rises or falls without any residual; together they say nothing.
        let found = drift(&[vec![1.0, 2.0, 3.0], vec![3.0, 2.0, 1.0]]).unwrap();
        assert!(!found.is_drifting(), "{found:?}");
        let alone: Vec<f64> = (1..=6).map(f64::from).collect();
        assert!(drift(&[alone]).unwrap().is_drifting());
    }

    #[test]
    fn more_confidence_is_a_wider_interval() {
        // Slopes 1, 2 and 3: t(0.975, 2) = 4.303 and t(0.995, 2) = 9.925 times 1/√3.
        let series = [1.0, 2.0, 3.0].map(|slope| vec![0.0, slope, 2.0 * slope]);
        let level = mean(&series.concat());
        let low = |found: Option<Drift>| found.unwrap().interval.unwrap().low * level;
        assert!((low(drift(&series)) - (2.0 - 4.3027 / 3.0_f64.sqrt())).abs() < 1e-3);
        assert!((low(drift_at(&series, 0.99)) - (2.0 - 9.9248 / 3.0_f64.sqrt())).abs() < 1e-3);
        assert_eq!(drift_at(&series[..1], 0.99), None);
    }

    #[test]
    fn too_short() {
        assert_eq!(drift(&[vec![1.0]]), None);
        assert_eq!(drift(&[vec![1.0, 2.0]]).unwrap().interval, None);
        assert_eq!(drift(&[]), None);
    }

    #[test]
    fn the_published_slowdown_is_found() {
        // Generation seconds of a concatenating capture, three iterations of one process: too few for an interval.
        let published = vec![57.24, 85.63, 112.90];
        let found = drift(std::slice::from_ref(&published)).unwrap();
        assert_eq!(found.interval, None);
        assert!((found.slope - 27.83 / 85.2567).abs() < 1e-4);
        let again = vec![56.9, 85.1, 113.2];
        assert!(drift(&[published, again]).unwrap().is_drifting());
    }

    #[test]
    fn one_disturbed_iteration_is_no_drift() {
        let mut values = vec![1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.01, 0.99];
        values[7] = 30.0;
        assert!(!drift(&[values]).unwrap().is_drifting());
    }
}
