//! What comparisons of the same with the same, and with what was slowed down on purpose, came to: false alarms, power,
//! coverage. Reads the JSON of `anechoic compare`; starts nothing.

use anechoic_stats::rate_interval;
use serde::Serialize;
use serde_json::Value;

/// What one comparison said of its one cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The verdict's word.
    pub verdict: String,
    /// `new / base − 1`.
    pub effect: Option<f64>,
    /// Lower and upper end of the effect's 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// The smallest effect that would have been found with 80 % power.
    pub minimum_detectable: Option<f64>,
}

impl Finding {
    /// The one cell of a comparison.
    ///
    /// # Errors
    /// What is not as expected.
    pub fn read(json: &str) -> Result<Self, String> {
        let comparison: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let cells = comparison["cells"].as_array().map(Vec::as_slice);
        let Some([cell]) = cells else {
            return Err(format!("not one cell: {}", comparison["cells"]));
        };
        let verdict = cell["verdict"].as_str().ok_or("a cell has no verdict")?;
        let change = &cell["change"];
        let interval = &change["interval"];
        Ok(Self {
            verdict: verdict.to_owned(),
            effect: change["effect"].as_f64(),
            interval: interval["low"].as_f64().zip(interval["high"].as_f64()),
            minimum_detectable: change["minimum_detectable"].as_f64(),
        })
    }

    fn covers(&self, effect: f64) -> bool {
        let covers = |(low, high): (f64, f64)| low <= effect && effect <= high;
        self.interval.is_some_and(covers)
    }
}

/// A share of comparisons, with its exact 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// So many of them.
    pub count: usize,
    /// Of so many.
    pub of: usize,
    /// The share.
    pub share: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Share {
    /// With the interval of Clopper and Pearson.
    pub fn of(count: usize, of: usize) -> Self {
        let interval = rate_interval(count, of);
        Self {
            count,
            of,
            share: count as f64 / of.max(1) as f64,
            low: interval.low,
            high: interval.high,
        }
    }
}

/// All comparisons of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tally {
    /// What was compared with what.
    pub kind: String,
    /// The effect that was planted; 0 where the same was compared with the same.
    pub planted: f64,
    /// Comparisons.
    pub comparisons: usize,
    /// Verdicts that there is a difference where there is none. Absent where one was planted.
    pub false_alarms: Option<Share>,
    /// Verdicts `slower` where a slow-down was planted. Absent where none was.
    pub power: Option<Share>,
    /// Intervals that hold the planted effect.
    pub coverage: Share,
    /// Every finding, in order.
    pub findings: Vec<Finding>,
}

impl Tally {
    /// Counts findings.
    pub fn of(kind: &str, planted: f64, findings: Vec<Finding>) -> Self {
        let share = |wanted: &dyn Fn(&Finding) -> bool| {
            let count = findings.iter().filter(|finding| wanted(finding)).count();
            Share::of(count, findings.len())
        };
        let differs = |f: &Finding| matches!(f.verdict.as_str(), "slower" | "faster");
        let is_null = planted == 0.0;
        Self {
            kind: kind.to_owned(),
            planted,
            comparisons: findings.len(),
            false_alarms: is_null.then(|| share(&differs)),
            power: (!is_null).then(|| share(&|f| f.verdict == "slower")),
            coverage: share(&|f| f.covers(planted)),
            findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(verdict: &str, low: f64, high: f64) -> Finding {
        Finding {
            verdict: verdict.to_owned(),
            effect: Some(f64::midpoint(low, high)),
            interval: Some((low, high)),
            minimum_detectable: None,
        }
    }

    #[test]
    fn false_alarms_power_and_coverage_are_counted() {
        let null = vec![
            finding("same", -0.01, 0.01),
            finding("slower", 0.001, 0.02),
            finding("undecided", -0.02, 0.03),
        ];
        let tally = Tally::of("a", 0.0, null);
        assert_eq!(tally.false_alarms.map(|s| (s.count, s.of)), Some((1, 3)));
        assert_eq!((tally.power, tally.coverage.count), (None, 2));
        let planted = vec![
            finding("slower", 0.02, 0.04),
            finding("faster", -0.04, -0.02),
            finding("undecided", -0.01, 0.05),
        ];
        let tally = Tally::of("a", 0.03, planted);
        assert_eq!(tally.power.map(|s| (s.count, s.of)), Some((1, 3)));
        assert_eq!((tally.false_alarms, tally.coverage.count), (None, 2));
    }

    #[test]
    fn a_comparison_is_read() {
        let json = r#"{"cells":[{"verdict":"slower","change":{"effect":0.03,"interval":{"low":0.02,"high":0.04},"minimum_detectable":0.01}}]}"#;
        let found = Finding::read(json).unwrap();
        assert_eq!(
            (found.effect, found.interval),
            (Some(0.03), Some((0.02, 0.04)))
        );
        assert!(
            Finding::read(r#"{"cells":[]}"#)
                .unwrap_err()
                .contains("not one cell")
        );
        let refused = r#"{"cells":[{"verdict":"undecided","change":null}]}"#;
        assert_eq!(Finding::read(refused).unwrap().interval, None);
    }
}
