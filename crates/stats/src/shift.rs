//! One level against another, where the noise of both is known from elsewhere.

use crate::student::{t_at, t_quantile, two_sided_p};
use crate::{Interval, Noise};

/// The difference of two levels on the line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The new level less the base.
    pub effect: f64,
    /// Its interval.
    pub interval: Interval,
    /// The chance of an effect at least as large by noise, either way.
    pub p: f64,
    error: f64,
    freedom: f64,
}

impl Shift {
    /// The effect `effect` of a level of so many runs' worth against a base of so many, which need not be whole numbers. Without noise every effect
    /// is real: its p is 0, and 1 where there is none.
    pub fn of(effect: f64, new: f64, base: f64, noise: Noise) -> Self {
        let error = noise.deviation * (1.0 / new + 1.0 / base).sqrt();
        let freedom = noise.freedom.clamp(1.0, 1e6);
        let (reach, p) = match (error == 0.0, effect == 0.0) {
            (true, true) => (0.0, 1.0),
            (true, false) => (0.0, 0.0),
            (false, _) => (
                t_quantile(freedom) * error,
                two_sided_p(effect / error, freedom),
            ),
        };
        Self {
            effect,
            interval: Interval::around(effect, reach),
            p,
            error,
            freedom,
        }
    }

    /// The smallest effect whose p is at most `level`.
    pub fn least(&self, level: f64) -> f64 {
        match self.error == 0.0 {
            true => 0.0,
            false => self.error * t_at(self.freedom, 1.0 - level / 2.0),
        }
    }
}

/// Whether the first scatters more than the second: with a chance of 5 % also where both are estimates of one noise. An F test of
/// variances.
pub fn is_noisier(of: Noise, than: Noise) -> bool {
    use statrs::distribution::{ContinuousCDF, FisherSnedecor};
    if than.deviation == 0.0 {
        return of.deviation > 0.0;
    }
    let clamp = |freedom: f64| freedom.clamp(1.0, 1e4);
    let law = FisherSnedecor::new(clamp(of.freedom), clamp(than.freedom))
        .expect("degrees of freedom are positive");
    law.sf((of.deviation / than.deviation).powi(2)) <= 0.05
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOISE: Noise = Noise {
        deviation: 1.0,
        freedom: 9.0,
    };

    #[test]
    fn reference_values() {
        // Error √(1/2 + 1/2) = 1, t(0.975, 9) = 2.262157.
        let found = Shift::of(2.262_157, 2.0, 2.0, NOISE);
        assert!((found.p - 0.05).abs() < 1e-5, "{found:?}");
        assert!(found.interval.low.abs() < 1e-5 && found.least(0.05) - 2.262_157 < 1e-5);
        // qf(0.95, 9, 9) = 3.178893.
        let of = |squared: f64| Noise {
            deviation: squared.sqrt(),
            ..NOISE
        };
        assert!(is_noisier(of(3.18), NOISE) && !is_noisier(of(3.17), NOISE));
        assert!(is_noisier(NOISE, Noise::NONE) && !is_noisier(Noise::NONE, NOISE));
        assert!(!is_noisier(Noise::NONE, Noise::NONE));
    }

    #[test]
    fn without_noise_every_effect_is_real() {
        let of = |effect| Shift::of(effect, 1.0, 1.0, Noise::NONE);
        assert_eq!((of(0.1).p, of(0.0).p, of(0.1).least(0.01)), (0.0, 1.0, 0.0));
        assert_eq!(of(0.1).interval.low, 0.1);
    }
}
