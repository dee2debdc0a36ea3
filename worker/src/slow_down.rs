//! A slow-down on purpose, for tests of what finds slow-downs: how much, and of which cases. Carried out by the clock.

use std::str::FromStr;

/// By how much timed regions are stretched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch(u64);

/// A stretch that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a percentage from 0% to 1000%, such as 3% or 0.5%")]
pub struct StretchParseError(String);

/// The most that is taken, in percent.
const MOST: f64 = 1_000.0;

impl Stretch {
    /// Regions take as long as their work.
    pub const NONE: Self = Self(0);

    /// In millionths of the region.
    pub fn ppm(self) -> u64 {
        self.0
    }

    /// As people write it.
    fn percent(self) -> f64 {
        self.0 as f64 / 1e4
    }
}

impl FromStr for Stretch {
    type Err = StretchParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.strip_suffix('%').map(str::trim_end);
        // Digits and a point alone: no sign, no exponent, no `inf`.
        let plain = |text: &&str| text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let percent = number
            .filter(plain)
            .and_then(|text| text.parse::<f64>().ok());
        let percent = percent.filter(|percent| *percent <= MOST);
        match percent {
            Some(percent) => Ok(Self((percent * 1e4).round() as u64)),
            None => Err(StretchParseError(text.to_owned())),
        }
    }
}

/// What is slowed down on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowDown {
    /// By how much.
    pub by: Stretch,
    /// Which cases, as a pattern with `*` for anything; every case where there is none.
    pub cases: Option<String>,
}

impl SlowDown {
    /// The stretch for a case; `None` where its times are left alone.
    pub fn of_case(&self, id: &str) -> Option<Stretch> {
        let is_meant = self
            .cases
            .as_ref()
            .is_none_or(|pattern| matches(pattern, id));
        (is_meant && self.by.ppm() > 0).then_some(self.by)
    }
}

impl Stretch {
    /// What readers of the result have to know.
    pub fn warning(self) -> String {
        format!(
            "slowed down by {} % on purpose (--slow-down)",
            self.percent()
        )
    }
}

/// Whether `text` fits a pattern in which `*` stands for any text, also for none.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(first) else {
        return false;
    };
    // What `*` takes, from nothing to all.
    let mut starts = (0..=text.len()).filter(|at| text.is_char_boundary(*at));
    starts.any(|at| matches(rest, &text[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stretch_is_a_percentage() {
        for (text, ppm) in [
            ("3%", 30_000),
            ("0%", 0),
            ("0.5%", 5_000),
            ("12.25 %", 122_500),
            ("1000%", 10_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Stretch(ppm)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for text in [
            "-3%", "+3%", "3", "", "%", ".%", "1000.1%", "1e3%", "inf%", "NaN%", "slow", "3%%",
            "1.2.3%",
        ] {
            let error = text.parse::<Stretch>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not")), "{error}");
        }
    }

    #[test]
    fn cases_are_chosen_by_pattern() {
        let check = |pattern: &str, id: &str, expected: bool| {
            assert_eq!(matches(pattern, id), expected, "{pattern} {id}");
        };
        check("latency.b", "latency.b", true);
        check("latency.b", "latency.bb", false);
        check("*.b", "latency.b", true);
        check("lat*", "latency.b", true);
        check("*", "", true);
        check("a*b*c", "a-b-b-c", true);
        check("a*b*c", "a-b-b", false);
        check("ü*", "über", true);
    }

    #[test]
    fn no_stretch_and_other_cases_leave_times_alone() {
        let of = |by: &str, cases: Option<&str>| {
            let by = by.parse().unwrap();
            let cases = cases.map(str::to_owned);
            SlowDown { by, cases }.of_case("latency.b")
        };
        assert_eq!(of("0%", None), None);
        assert_eq!(of("3%", Some("*.a")), None);
        let found = of("3%", Some("*.b")).unwrap();
        assert_eq!(
            found.warning(),
            "slowed down by 3 % on purpose (--slow-down)"
        );
    }
}
