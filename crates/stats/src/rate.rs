//! How often something happens, from how often it was seen.

use statrs::distribution::{Beta, ContinuousCDF};

use crate::{CONFIDENCE, Interval};

/// The exact interval of a rate that was seen `hits` times in `of`: the rates that do not contradict the count (Clopper &
/// Pearson, Biometrika 26, 1934). From 0 to 1 where nothing was tried.
///
/// # Panics
/// With more hits than tries.
pub fn rate_interval(hits: usize, of: usize) -> Interval {
    let missed = of.checked_sub(hits).expect("hits are among the tries");
    let quantile = |a: usize, b: usize, p| {
        let beta = Beta::new(a as f64, b as f64).expect("counts above zero");
        beta.inverse_cdf(p)
    };
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Interval {
        low: match hits {
            0 => 0.0,
            _ => quantile(hits, missed + 1, tail),
        },
        high: match missed {
            0 => 1.0,
            _ => quantile(hits + 1, missed, 1.0 - tail),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against tabulated values of the exact interval.
    #[test]
    fn reference_values() {
        let check = |hits, of, low: f64, high: f64| {
            let found = rate_interval(hits, of);
            let close = |a: f64, b: f64| (a - b).abs() < 5e-5;
            assert!(
                close(found.low, low) && close(found.high, high),
                "{found:?}"
            );
        };
        check(0, 30, 0.0, 0.1157);
        check(1, 30, 0.0008, 0.1722);
        check(30, 30, 0.8843, 1.0);
        check(5, 10, 0.1871, 0.8129);
        check(0, 0, 0.0, 1.0);
    }
}
