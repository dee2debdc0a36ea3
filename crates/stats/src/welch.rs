//! How far a difference of two means may be off where their variances may differ: the error and freedom of Welch's t.

use crate::Interval;
use crate::student::{t_at, t_quantile, two_sided_p};

/// The squared standard error of a mean.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MeanError {
    pub(crate) squared: f64,
    /// Values that the mean is of, at least two.
    pub(crate) n: usize,
}

/// How far a difference may be off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Precision {
    error: f64,
    freedom: f64,
}

impl Precision {
    /// Welch (Biometrika 34, 1947), with the freedom of Satterthwaite (Biometrics Bulletin 2, 1946). `None` where the errors
    /// overflow.
    pub(crate) fn welch(a: MeanError, b: MeanError) -> Option<Self> {
        let sum = a.squared + b.squared;
        // Shares, as squares of the smallest errors would be zero.
        let (a_share, b_share) = (a.squared / sum, b.squared / sum);
        let parts = a_share.powi(2) / (a.n - 1) as f64 + b_share.powi(2) / (b.n - 1) as f64;
        Self::usable(sum.sqrt(), 1.0 / parts)
    }

    /// Student's, of one mean.
    pub(crate) fn student(mean: MeanError) -> Option<Self> {
        Self::usable(mean.squared.sqrt(), (mean.n - 1) as f64)
    }

    /// The largest numbers overflow, and say nothing then.
    fn usable(error: f64, freedom: f64) -> Option<Self> {
        let found = Self { error, freedom };
        let is_finite = error.is_finite() && freedom.is_finite();
        (found.is_exact() || is_finite).then_some(found)
    }

    /// Whether there was no spread at all; the freedom means nothing then.
    fn is_exact(self) -> bool {
        self.error == 0.0
    }

    /// Half the width of the interval.
    pub(crate) fn half_width(self) -> f64 {
        match self.is_exact() {
            true => 0.0,
            false => t_quantile(self.freedom) * self.error,
        }
    }

    /// The interval of a difference.
    pub(crate) fn interval(self, difference: f64) -> Interval {
        Interval::around(difference, self.half_width())
    }

    /// The chance of a difference at least as large without one.
    pub(crate) fn p(self, difference: f64) -> f64 {
        match (self.is_exact(), difference == 0.0) {
            (_, true) => 1.0,
            (true, false) => 0.0,
            (false, false) => two_sided_p(difference / self.error, self.freedom),
        }
    }

    /// The difference that is found with this probability.
    pub(crate) fn detectable(self, power: f64) -> f64 {
        match self.is_exact() {
            true => 0.0,
            false => (t_quantile(self.freedom) + t_at(self.freedom, power)) * self.error,
        }
    }
}
