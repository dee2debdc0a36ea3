//! Made-up measurements with two levels: processes, and iterations within them. Seeded, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use statrs::distribution::{Beta, Continuous, ContinuousCDF, Normal};

/// Pseudo-random numbers.
pub(crate) struct Noise(ChaCha8Rng);

impl Noise {
    pub(crate) fn seeded(seed: u8) -> Self {
        Self(ChaCha8Rng::from_seed([seed; 32]))
    }

    /// Between 0 and 1, both excluded.
    pub(crate) fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 2_f64.powi(32)
    }

    /// Standard normal (Box & Muller 1958).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// How values spread around 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Normal,
    LogNormal,
}

/// A kind of measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    pub(crate) shape: Shape,
    pub(crate) processes: usize,
    pub(crate) iterations: usize,
    /// Standard deviation between processes; of logarithms where these are normal.
    pub(crate) between: f64,
    /// Of iterations around their process.
    pub(crate) within: f64,
}

impl Setting {
    /// One series per process, around `level`.
    pub(crate) fn measure(&self, level: f64, noise: &mut Noise) -> Vec<Vec<f64>> {
        (0..self.processes)
            .map(|_| {
                let process = self.between * noise.normal();
                let iteration = |_| level * self.value(process, self.within * noise.normal());
                (0..self.iterations).map(iteration).collect()
            })
            .collect()
    }

    fn value(&self, process: f64, iteration: f64) -> f64 {
        match self.shape {
            Shape::Normal => 1.0 + process + iteration,
            Shape::LogNormal => (process + iteration).exp(),
        }
    }

    /// The expected value of a process at level 1: what `centre` estimates.
    pub(crate) fn truth(&self) -> f64 {
        match self.shape {
            Shape::Normal => 1.0,
            Shape::LogNormal => {
                let (low, high) = (self.iterations.div_ceil(2), self.iterations / 2 + 1);
                let median = f64::midpoint(self.order_mean(low), self.order_mean(high));
                (self.between.powi(2) / 2.0).exp() * median
            }
        }
    }

    /// The mean of the `rank`-th smallest of the log-normal iterations, by the midpoint rule over its probability.
    fn order_mean(&self, rank: usize) -> f64 {
        let normal = Normal::standard();
        let place = Beta::new(rank as f64, (self.iterations - rank + 1) as f64).unwrap();
        let steps = 20_000;
        let points = (0..steps).map(|i| (f64::from(i) + 0.5) / f64::from(steps));
        let term = |u: f64| (self.within * normal.inverse_cdf(u)).exp() * place.pdf(u);
        points.map(term).sum::<f64>() / f64::from(steps)
    }
}
