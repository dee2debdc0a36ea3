//! Does a series change from iteration to iteration?

use serde::{Deserialize, Serialize};

use crate::trend::Slopes;
use crate::{Estimate, Interval, mean};

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
/// The slope of a process is that of Theil and Sen, the median of the slopes between all pairs ([`crate::trend`]), which a few
/// disturbed iterations do not move. With two processes or more the estimate is the mean of their slopes with Student's t interval over
/// processes. One process alone has Sen's interval, which takes its iterations as independent and needs six of them.
pub fn drift(series: &[Vec<f64>]) -> Option<Drift> {
    let all: Vec<f64> = series
        .iter()
        .filter(|s| s.len() >= 2)
        .flatten()
        .copied()
        .collect();
    if all.is_empty() || mean(&all) == 0.0 {
        return None;
    }
    let scale = mean(&all);
    let processes: Vec<Slopes> = series.iter().filter_map(|s| Slopes::of(s)).collect();
    if let [alone] = processes.as_slice() {
        return Some(of_one(alone, scale));
    }
    let slopes: Vec<f64> = processes.iter().map(|s| s.median() / scale).collect();
    let estimate = Estimate::of(&slopes)?;
    Some(Drift {
        slope: estimate.mean,
        interval: estimate.interval,
    })
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
