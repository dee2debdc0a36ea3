//! The value of a few processes of one kind, and how far it may be off: what one run says of a case.

use serde::{Deserialize, Serialize};

use crate::contrast::{logarithmic, plain};
use crate::group::{Group, Mean};
use crate::welch::Precision;
use crate::{Interval, mean};

/// What values are averaged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scale {
    /// In logarithms: the geometric mean. Effects are ratios.
    Ratio,
    /// As they are, as some are zero or negative: the arithmetic mean. Effects are differences.
    Difference,
}

impl Scale {
    /// A value on the line that this scale compares values on: its logarithm, or itself.
    pub fn on_line(self, value: f64) -> f64 {
        match self {
            Self::Ratio => value.ln(),
            Self::Difference => value,
        }
    }

    /// From the line to the values' own unit.
    pub fn value(self, on_line: f64) -> f64 {
        match self {
            Self::Ratio => on_line.exp(),
            Self::Difference => on_line,
        }
    }

    /// A difference on the line as an effect: new / base − 1, or the difference itself.
    pub fn effect(self, on_line: f64) -> f64 {
        match self {
            Self::Ratio => on_line.exp_m1(),
            Self::Difference => on_line,
        }
    }

    /// The other way round: an effect as a difference on the line.
    pub fn of_effect(self, effect: f64) -> f64 {
        match self {
            Self::Ratio => effect.ln_1p(),
            Self::Difference => effect,
        }
    }

    /// As [`Self::effect`], of an interval.
    pub fn effects(self, on_line: Interval) -> Interval {
        Interval {
            low: self.effect(on_line.low),
            high: self.effect(on_line.high),
        }
    }
}

/// The average of processes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Average {
    /// Mean over processes of the medians of their iterations, in the values' own unit.
    pub value: f64,
    /// Its interval; absent of one process.
    pub interval: Option<Interval>,
    /// How it was averaged.
    pub scale: Scale,
    /// Processes with values.
    pub processes: usize,
    /// Values in them.
    pub iterations: usize,
}

/// The average of one series per process; `None` where none has a finite value. Geometric where all process values are above 0.
///
/// Interval: Student's t over processes, with the error that [`crate::contrast`] takes for a side: max(s², w̄)/n. It says how far
/// other processes of the same run would be off, and nothing of other runs.
pub fn average(series: &[Vec<f64>]) -> Option<Average> {
    let group = Group::of(series)?;
    let finite = series.iter().flatten().filter(|value| value.is_finite());
    let of = |mean: Mean, scale| Average {
        value: mean.value,
        interval: mean
            .error()
            .and_then(Precision::student)
            .map(|precision| precision.interval(mean.value)),
        scale,
        processes: group.len(),
        iterations: finite.clone().count(),
    };
    Some(match logarithmic(&group) {
        Some(logarithms) => of(logarithms, Scale::Ratio).out_of_logarithms(&group),
        None => of(plain(&group), Scale::Difference),
    })
}

impl Average {
    fn out_of_logarithms(self, group: &Group) -> Self {
        let values = group.values();
        // Equal values come back exactly.
        let same = values.iter().all(|value| *value == values[0]);
        Self {
            value: if same {
                mean(&values)
            } else {
                self.value.exp()
            },
            interval: self.interval.map(|interval| Interval {
                low: interval.low.exp(),
                high: interval.high.exp(),
            }),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn to_the_line_and_back() {
        for scale in [Scale::Ratio, Scale::Difference] {
            let back = scale.value(scale.on_line(3.0));
            assert!((back - 3.0).abs() < 1e-12, "{scale:?}: {back}");
            let step = scale.on_line(3.0) - scale.on_line(2.0);
            let expected = match scale {
                Scale::Ratio => 0.5,
                Scale::Difference => 1.0,
            };
            assert!((scale.effect(step) - expected).abs() < 1e-12);
            let around = scale.effects(Interval::around(step, 0.1));
            assert!(around.low < expected && around.high > expected);
        }
    }

    #[test]
    fn averages() {
        let found = average(&[vec![1.0], vec![4.0]]).unwrap();
        assert!((found.value - 2.0).abs() < 1e-12);
        assert_eq!((found.scale, found.processes), (Scale::Ratio, 2));
        assert!(found.interval.unwrap().covers(2.0));
        let found = average(&[vec![-1.0, 5.0, -1.0], vec![3.0]]).unwrap();
        assert_eq!((found.value, found.scale), (1.0, Scale::Difference));
        assert_eq!(found.iterations, 4);
        let found = average(&[vec![7.1; 3], vec![7.1]]).unwrap();
        assert_eq!(found.value, 7.1);
        assert_eq!(average(&[vec![2.0, f64::NAN]]).unwrap().interval, None);
        assert_eq!(average(&[vec![], vec![f64::NAN]]), None);
    }
}
