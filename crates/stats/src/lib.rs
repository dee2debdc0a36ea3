//! Samples become estimates with intervals. Pure functions of numbers: knows nothing of runs, cases or
//! units. The statistical unit is the process: callers pass one value, or one series, per process unless said otherwise.

mod average;
mod centre;
mod compare;
mod contrast;
mod course;
mod creep;
mod drift;
mod estimate;
mod floor;
mod group;
mod half_width;
mod holm;
mod levels;
mod median_law;
mod noise;
mod order;
mod outlier;
mod quantile;
mod rate;
mod shape;
mod shift;
mod slopes;
mod steadiness;
mod steps;
mod student;
mod welch;

pub use average::{Average, Scale, average};
pub use centre::{Centre, centre};
pub use compare::{Ratio, difference, paired_effect, ratio};
pub use contrast::{Contrast, contrast, difference_contrast, paired_contrast};
pub use course::Reading;
pub use creep::{Creep, creep, creep_of};
pub use drift::{Drift, drift, drift_at};
pub use estimate::{Estimate, Interval};
pub use floor::{deviation_interval, smallest_detectable};
pub use group::process_value;
pub use holm::holm;
pub use noise::{Noise, noise};
pub use order::{Crossover, Place, crossover, median};
pub use outlier::{Outlier, OutlierLabel, outliers};
pub use quantile::{mad, quantile};
pub use rate::rate_interval;
pub use shift::{Shift, is_noisier};
pub use steadiness::{Steadiness, steadiness};
pub use steps::{Step, recent, steps, steps_of};

use student::t_quantile;

/// Confidence level of every interval in this crate.
pub const CONFIDENCE: f64 = 0.95;

/// The arithmetic mean; exactly the value where all are equal.
fn mean(values: &[f64]) -> f64 {
    match values {
        [first, rest @ ..] if rest.iter().all(|value| value == first) => *first,
        _ => values.iter().sum::<f64>() / values.len() as f64,
    }
}

/// Unbiased sample variance; needs two values.
pub fn variance(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let center = mean(values);
    let sum: f64 = values.iter().map(|v| (v - center).powi(2)).sum();
    Some(sum / (values.len() - 1) as f64)
}
