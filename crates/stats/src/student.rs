//! Student's t and the normal distribution, as the estimates need them.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use crate::CONFIDENCE;

/// The two-sided quantile of Student's t at [`CONFIDENCE`] for `freedom` degrees of freedom.
pub(crate) fn t_quantile(freedom: f64) -> f64 {
    t_at(freedom, 0.5 + CONFIDENCE / 2.0)
}

/// The quantile of Student's t at the probability `p`.
pub(crate) fn t_at(freedom: f64, p: f64) -> f64 {
    student(freedom).inverse_cdf(p)
}

/// The probability of a |t| at least as large.
pub(crate) fn two_sided_p(t: f64, freedom: f64) -> f64 {
    (2.0 * student(freedom).sf(t.abs())).min(1.0)
}

fn student(freedom: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, freedom).expect("degrees of freedom are positive")
}

/// The two-sided quantile of the normal distribution at [`CONFIDENCE`].
pub(crate) fn z_quantile() -> f64 {
    Normal::standard().inverse_cdf(0.5 + CONFIDENCE / 2.0)
}

/// The probability of a |z| at least as large.
pub(crate) fn two_sided_normal_p(z: f64) -> f64 {
    (2.0 * Normal::standard().sf(z.abs())).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-5, "{found} for {expected}");
    }

    #[test]
    fn reference_values() {
        close(t_quantile(1.0), 12.706_205);
        close(t_quantile(9.0), 2.262_157);
        close(t_at(18.0, 0.8), 0.862_049);
        close(z_quantile(), 1.959_964);
        close(two_sided_p(2.262_157, 9.0), 0.05);
        close(two_sided_p(-1.0, 1.0), 0.5);
        close(two_sided_normal_p(1.959_964), 0.05);
    }
}
