//! The stop rule: until when further processes of a case are started. What is written becomes a [`StopRule`]; whether a
//! case meets it is not decided here.

use std::fmt;
use std::str::FromStr;

use anechoic_protocol::BenchmarkName;
use serde::{Deserialize, Serialize};

use crate::Metric;
use crate::keys::Place;
use crate::pace::MOST;
use crate::problem::{Origin, Placed, Problem, quoted, shown};
use crate::value::{Table, Value};

/// How wide an interval may be: `ci P%`, the half-width of the 95 % interval over processes relative to the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HalfWidth {
    /// In parts per million of the value: 2 % are 20 000.
    ppm: u32,
}

/// Until when further processes of a case are started, one per round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRule {
    /// The half-width that has to be reached.
    pub half_width_ppm: HalfWidth,
    /// Processes per case after which none is added, retries aside.
    pub max: u32,
    /// Whose interval; `None` is [`Metric::primary`] of each case's benchmark.
    #[serde(default)]
    pub metric: Option<Metric>,
}

/// Processes per case at least, where a rule does not say.
pub(crate) const MIN: u32 = 3;
/// Processes per case at most, where a rule does not say.
pub(crate) const MAX: u32 = 10;
/// Two processes are the fewest that have an interval.
const LEAST: u32 = 2;

const PPM_PER_PERCENT: u32 = 10_000;
/// 0.01 % to 50 %.
const RANGE: std::ops::RangeInclusive<u32> = 100..=50 * PPM_PER_PERCENT;
const ACCEPTED: &str = "`ci P%` with P from 0.01 to 50, such as \"ci 2%\": half the width of the 95 % interval, relative to the value";
const NUMBERS: &str = "a whole number from 2 to 1000";

/// The keys of `attempts` where it is a table.
pub(crate) const KEYS: [&str; 4] = ["until", "min", "max", "metric"];

impl HalfWidth {
    /// As a fraction of the value: 2 % are 0.02.
    pub fn fraction(self) -> f64 {
        f64::from(self.ppm) / 1e6
    }
}

impl StopRule {
    /// The metric that it is about for this benchmark.
    pub fn metric(&self, benchmark: BenchmarkName) -> Metric {
        let named = self.metric.clone();
        named.unwrap_or_else(|| Metric::primary(benchmark))
    }
}

impl fmt::Display for HalfWidth {
    /// As suites write it: `ci 2%`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.ppm / PPM_PER_PERCENT, self.ppm % PPM_PER_PERCENT);
        let rest = format!("{rest:04}");
        match rest.trim_end_matches('0') {
            "" => write!(f, "ci {whole}%"),
            rest => write!(f, "ci {whole}.{rest}%"),
        }
    }
}

/// Text that is no stop rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}; accepted is {ACCEPTED}")]
pub struct HalfWidthParseError {
    what: &'static str,
}

impl FromStr for HalfWidth {
    type Err = HalfWidthParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = HalfWidthParseError {
            what: "no stop rule",
        };
        let percent = text.trim().strip_prefix("ci ");
        let percent = percent.and_then(|rest| rest.strip_suffix('%'));
        let ppm = percent.and_then(|percent| ppm(percent.trim()));
        match ppm.ok_or(unknown)? {
            ppm if RANGE.contains(&ppm) => Ok(Self { ppm }),
            _ => Err(HalfWidthParseError {
                what: "out of range",
            }),
        }
    }
}

/// A decimal number of percent, with two decimals at most.
fn ppm(percent: &str) -> Option<u32> {
    let (whole, decimals) = percent.split_once('.').unwrap_or((percent, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(decimals) || whole.len() > 4 || decimals.len() > 2 {
        return None;
    }
    let hundredths: u32 = format!("{decimals:0<2}").parse().ok()?;
    let whole: u32 = whole.parse().ok()?;
    Some(whole * PPM_PER_PERCENT + hundredths * PPM_PER_PERCENT / 100)
}

/// A rule as it was written, before it is known which cases it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Until {
    pub(crate) half_width: HalfWidth,
    pub(crate) min: Placed<u32>,
    pub(crate) max: Placed<u32>,
    pub(crate) metric: Placed<Option<Metric>>,
}

impl Until {
    pub(crate) fn new(half_width: HalfWidth) -> Self {
        Self {
            half_width,
            min: Placed::by_default(MIN),
            max: Placed::by_default(MAX),
            metric: Placed::by_default(None),
        }
    }

    /// Reads the table `{ until = "ci 2%", min = 3, max = 10, metric = "total-time" }`.
    pub(crate) fn read(table: &Placed<&Table>) -> Result<Self, Problem> {
        let entries = &table.value.entries;
        let is_unknown = |key: &&Placed<String>| !KEYS.contains(&key.value.as_str());
        if let Some(key) = entries.iter().map(|(key, _)| key).find(is_unknown) {
            return Err(Place::Attempts.unknown(key));
        }
        let Some(written) = table.value.get("until") else {
            let problem = Problem::at(&table.origin, "`attempts` is a table without `until`");
            return Err(
                problem.accepted("`{ until = \"ci 2%\", min = 3, max = 10 }`, or a whole number")
            );
        };
        let mut until = Self::new(half_width("until", written)?);
        if let Some(min) = table.value.get("min") {
            until.min = processes("min", min)?;
        }
        if let Some(max) = table.value.get("max") {
            until.max = processes("max", max)?;
        }
        if let Some(name) = table.value.get("metric") {
            until.metric = metric("metric", name)?;
        }
        until.check_range()?;
        Ok(until)
    }

    /// Refuses more processes at least than at most.
    pub(crate) fn check_range(&self) -> Result<(), Problem> {
        let (min, max) = (self.min.value, self.max.value);
        if min <= max {
            return Ok(());
        }
        let by_default = |placed: &Placed<u32>| match placed.origin {
            Origin::Default => " by default",
            Origin::File(_) | Origin::Option(_) => "",
        };
        let message = format!(
            "the fewest attempts are {min}{}, the most are {max}{}",
            by_default(&self.min),
            by_default(&self.max)
        );
        let origins = [&self.min.origin, &self.max.origin];
        Err(Problem::between(&origins, message).accepted("`min` up to `max`"))
    }

    /// Refuses a metric that one of these benchmarks does not measure: its cases could never meet the rule.
    pub(crate) fn check_metric(&self, benchmarks: &[BenchmarkName]) -> Result<(), Problem> {
        let Some(metric) = &self.metric.value else {
            return Ok(());
        };
        let lacks = |benchmark: &&BenchmarkName| !metric.is_of(**benchmark);
        let Some(without) = benchmarks.iter().find(lacks) else {
            return Ok(());
        };
        let message = format!("`{}` cases do not measure `{metric}`", without.as_str());
        let mut shared = Metric::NAMED.to_vec();
        shared.retain(|metric| benchmarks.iter().all(|benchmark| metric.is_of(*benchmark)));
        let names: Vec<_> = shared.iter().map(Metric::name).collect();
        let accepted = format!(
            "{}, or no `metric`: what each benchmark is about first",
            quoted(names.iter().map(String::as_str))
        );
        Err(Problem::at(&self.metric.origin, message).accepted(accepted))
    }

    /// The rule of a plan.
    pub(crate) fn rule(&self) -> StopRule {
        StopRule {
            half_width_ppm: self.half_width,
            max: self.max.value,
            metric: self.metric.value.clone(),
        }
    }
}

/// Reads `ci P%`.
pub(crate) fn half_width(key: &str, value: &Placed<Value>) -> Result<HalfWidth, Problem> {
    let text = value.text(key, ACCEPTED)?.value;
    text.parse().map_err(|error: HalfWidthParseError| {
        let message = format!("`{key}` is `{}`, which is {}", shown(text), error.what);
        Problem::at(&value.origin, message).accepted(ACCEPTED)
    })
}

/// A number of processes that can have an interval.
pub(crate) fn processes(key: &str, value: &Placed<Value>) -> Result<Placed<u32>, Problem> {
    let number = value.whole(key, u64::from(LEAST)..=u64::from(MOST));
    let number = number.map_err(|problem| problem.accepted(NUMBERS))?;
    Ok(number.with(u32::try_from(number.value).expect("the range ends below u32")))
}

fn metric(key: &str, value: &Placed<Value>) -> Result<Placed<Option<Metric>>, Problem> {
    let names = Metric::NAMED.map(|metric| metric.name());
    let accepted = format!(
        "{} and `value.NAME`",
        quoted(names.iter().map(String::as_str))
    );
    let text = value.text(key, &accepted)?;
    let metric = text.value.parse().map_err(|_| {
        let message = format!("`{}` is not a known metric", shown(text.value));
        Problem::at(&value.origin, message).accepted(accepted)
    })?;
    Ok(text.with(Some(metric)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_widths_are_read_back() {
        let check = |text: &str, fraction: f64, shown: &str| {
            let read: HalfWidth = text.parse().unwrap();
            assert_eq!(read.fraction(), fraction, "{text}");
            assert_eq!(read.to_string(), shown);
            assert_eq!(shown.parse(), Ok(read));
        };
        check("ci 2%", 0.02, "ci 2%");
        check("ci 2.50 %", 0.025, "ci 2.5%");
        check(" ci  0.01%", 0.0001, "ci 0.01%");
        check("ci 50%", 0.5, "ci 50%");
        check("ci 0.5%", 0.005, "ci 0.5%");
    }

    #[test]
    fn other_texts_are_no_half_width() {
        let check = |text: &str, what: &str| {
            let error = text.parse::<HalfWidth>().unwrap_err().to_string();
            assert!(error.starts_with(what), "{text}: {error}");
        };
        for text in [
            "",
            "ci",
            "ci %",
            "ci 2",
            "2%",
            "cv 2%",
            "ci2%",
            "ci -2%",
            "ci 2.%",
            "ci .5%",
            "ci 0.001%",
            "ci 1e1%",
            "ci 99999%",
            "ci ٢%",
        ] {
            check(text, "no stop rule");
        }
        for text in ["ci 0%", "ci 200%", "ci 50.01%", "ci 0.00%"] {
            check(text, "out of range");
        }
    }
}
