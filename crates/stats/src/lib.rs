//! Samples become estimates with intervals. Pure functions of numbers: knows nothing of runs, cases or
//! units. The statistical unit is the process: callers pass one value per process unless said otherwise.

mod compare;
mod drift;
mod estimate;
mod order;

pub use compare::{Ratio, difference, paired_effect, ratio};
pub use drift::{Drift, drift};
pub use estimate::{Estimate, Interval};
pub use order::{Crossover, Place, crossover, median};

/// Confidence level of every interval in this crate.
pub const CONFIDENCE: f64 = 0.95;

/// The two-sided quantile of Student's t at [`CONFIDENCE`] for `freedom` degrees of freedom.
fn t_quantile(freedom: f64) -> f64 {
    use statrs::distribution::{ContinuousCDF, StudentsT};
    StudentsT::new(0.0, 1.0, freedom)
        .expect("degrees of freedom are positive")
        .inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Unbiased sample variance; needs two values.
fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let center = mean(values);
    let sum: f64 = values.iter().map(|v| (v - center).powi(2)).sum();
    Some(sum / (values.len() - 1) as f64)
}
