//! A series of runs in units of its noise, ready to be searched for steps and trends.

use crate::student::t_at;
use crate::{Noise, noise};

/// One value of a series, and how many runs of the usual kind it stands for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// On the line.
    pub value: f64,
    /// Its variance is that of one run, divided by this; above 0.
    pub weight: f64,
}

impl From<f64> for Reading {
    fn from(value: f64) -> Self {
        Self { value, weight: 1.0 }
    }
}

/// Changes that noise alone would show in more than one series of twenty are not told.
pub(crate) const LEVEL: f64 = 0.05;

/// Fewer values have no course.
const LEAST: usize = 4;

/// In deviations: values further off their neighbours are taken for so far off.
const REACH: f64 = 3.0;

/// The finite values of a series, less its first one, in deviations.
pub(crate) struct Course {
    pub(crate) values: Vec<f64>,
    pub(crate) weights: Vec<f64>,
    /// Where each was in the series.
    places: Vec<usize>,
    /// What one deviation is on the line.
    pub(crate) unit: f64,
    freedom: f64,
}

impl Course {
    /// `None` where there is nothing to see: of fewer than four values, of equal ones, and without any idea of the noise.
    ///
    /// A value that is more than three deviations off the median of itself and its two neighbours on either side is drawn in to that
    /// distance: one wild night is no new level. Noise of less than a millionth of the values' range is taken for so much.
    pub(crate) fn of(series: &[Reading], known: Option<Noise>) -> Option<Self> {
        let usable = |r: &Reading| r.value.is_finite() && r.weight.is_finite() && r.weight > 0.0;
        let (places, finite): (Vec<usize>, Vec<Reading>) = (series.iter().enumerate())
            .filter(|(_, reading)| usable(reading))
            .map(|(place, reading)| (place, *reading))
            .unzip();
        if finite.len() < LEAST {
            return None;
        }
        let values: Vec<f64> = finite.iter().map(|reading| reading.value).collect();
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let known = known.or_else(|| noise(&values))?;
        let unit = known.deviation.max(1e-6 * (most - least));
        if !unit.is_finite() || unit <= 0.0 {
            return None;
        }
        let plain: Vec<f64> = values.iter().map(|v| (v - values[0]) / unit).collect();
        Some(Self {
            values: drawn_in(&plain),
            weights: finite.iter().map(|reading| reading.weight).collect(),
            places,
            unit,
            freedom: known.freedom.max(1.0),
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The values from `at` on.
    pub(crate) fn since(&self, at: usize) -> Self {
        Self {
            values: self.values[at..].to_vec(),
            weights: self.weights[at..].to_vec(),
            places: self.places[at..].to_vec(),
            unit: self.unit,
            freedom: self.freedom,
        }
    }

    /// Where in the series the value at `at` was.
    pub(crate) fn place(&self, at: usize) -> usize {
        self.places[at]
    }

    /// The degrees of freedom of the noise; a number that Student's t can be taken of.
    pub(crate) fn freedom(&self) -> f64 {
        self.freedom.min(1e6)
    }

    /// The |t| whose chance is `p`, two-sided.
    pub(crate) fn limit(&self, p: f64) -> f64 {
        t_at(self.freedom(), 1.0 - p / 2.0)
    }
}

fn drawn_in(values: &[f64]) -> Vec<f64> {
    let around = |at: usize| {
        let mut near = values[at.saturating_sub(2)..(at + 3).min(values.len())].to_vec();
        near.sort_by(f64::total_cmp);
        // Both middle ones count: of two and two of different levels, neither is wild.
        let (low, high) = (near[(near.len() - 1) / 2], near[near.len() / 2]);
        values[at].max(low - REACH).min(high + REACH)
    };
    (0..values.len()).map(around).collect()
}
