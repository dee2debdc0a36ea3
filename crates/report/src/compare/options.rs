//! What of two sides is compared, and from which size on a difference matters.

use std::fmt;
use std::str::FromStr;

use anechoic_protocol::BenchmarkName;
use anechoic_record::{Metric, MetricKind};

/// How a comparison is made.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CompareOptions {
    /// Which metrics.
    pub metrics: MetricChoice,
    /// What counts as a difference.
    pub threshold: Threshold,
    /// Whether sides that differ in machine or settings are compared all the same.
    pub force: bool,
}

/// Which metrics are compared.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MetricChoice {
    /// Of every case the one that its benchmark is about, and the worker's peak resident set.
    #[default]
    Primary,
    /// These.
    Named(Vec<Metric>),
    /// Every one, those that workers of one's own named included.
    All,
}

impl MetricChoice {
    pub(crate) fn takes(&self, metric: &Metric, benchmark: BenchmarkName) -> bool {
        match self {
            Self::Primary => {
                *metric == Metric::primary(benchmark) || *metric == Metric::PeakResident
            }
            Self::Named(metrics) => metrics.contains(metric),
            Self::All => true,
        }
    }
}

/// The smallest relative difference that matters; from 0 to below 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Threshold(f64);

impl Threshold {
    /// As a fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }
}

impl Default for Threshold {
    fn default() -> Self {
        Self(0.01)
    }
}

/// Text that is no such option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongOption(pub(crate) String);

impl fmt::Display for WrongOption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongOption {}

impl FromStr for Threshold {
    type Err = WrongOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || {
            WrongOption(format!(
                "`{text}` is no threshold; write `2%` or `0.02`, from 0 to below 100 %"
            ))
        };
        let (number, scale) = match text.trim().strip_suffix('%') {
            Some(percent) => (percent, 100.0),
            None => (text, 1.0),
        };
        let number: f64 = number.trim().parse().map_err(|_| wrong())?;
        let fraction = number / scale;
        match (0.0..1.0).contains(&fraction) {
            true => Ok(Self(fraction)),
            false => Err(wrong()),
        }
    }
}

/// The unit of a metric's values, as JSON names it; a worker's own value has none that is known.
pub(crate) fn unit(kind: MetricKind) -> Option<&'static str> {
    match kind {
        MetricKind::Time => Some("s"),
        MetricKind::Memory => Some("B"),
        MetricKind::Quality => Some("perplexity"),
        MetricKind::Capacity => Some("requests"),
        MetricKind::Own => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds() {
        let check = |text: &str, expected: Option<f64>| {
            let found = text.parse().map(Threshold::fraction).ok();
            assert_eq!(found, expected, "{text}");
        };
        check("2%", Some(0.02));
        check(" 2.5 % ", Some(0.025));
        check("0.02", Some(0.02));
        check("0", Some(0.0));
        for wrong in ["", "%", "2", "100%", "-1%", "NaN", "inf", "two", "1e9%"] {
            check(wrong, None);
        }
    }
}
