//! The newest values of a history as OpenMetrics text, for monitoring that reads files. Gauges alone, without times of their own: the
//! textfile collector of node_exporter takes nothing else. The text: <https://github.com/prometheus/OpenMetrics>, version 1.0.

use std::fmt::Write as _;

use anechoic_record::{MetricKind, NightOutcome};

use super::{History, HistoryNight, Point, Series};
use crate::plain::plain;

/// The newest value of every series with its interval, and the newest night of every suite.
pub fn openmetrics(history: &History) -> String {
    let mut text = Text::default();
    let present: Vec<&Series> = history.series.iter().filter(|s| s.is_current).collect();
    for unit in [Unit::Seconds, Unit::Bytes, Unit::Requests, Unit::Value] {
        let of_unit: Vec<&Series> = present
            .iter()
            .copied()
            .filter(|s| Unit::of(s) == unit)
            .collect();
        values(history, unit, &of_unit, &mut text);
    }
    runs(history, &present, &mut text);
    nights(history, &mut text);
    text.0 + "# EOF\n"
}

/// What values are in, as names of metrics have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Bytes,
    Requests,
    /// A number without a unit that we know.
    Value,
}

impl Unit {
    fn of(series: &Series) -> Self {
        match series.id.metric.kind() {
            MetricKind::Time => Self::Seconds,
            MetricKind::Memory => Self::Bytes,
            MetricKind::Capacity => Self::Requests,
            MetricKind::Quality | MetricKind::Own => Self::Value,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
            Self::Requests => "requests",
            Self::Value => "value",
        }
    }

    /// As a `# UNIT` line has it.
    fn line(self) -> Option<&'static str> {
        (self != Self::Value).then(|| self.name())
    }

    /// With twelve digits: a nanosecond of a quarter of an hour. What lies behind is rounding of ours, which would put a value beside an
    /// interval of equal ends. Bytes are counted: of more than twelve digits none is rounded away.
    fn measured(self, value: f64) -> f64 {
        match self {
            Self::Bytes if value.abs() >= 1e12 => value.round(),
            Self::Bytes | Self::Seconds | Self::Requests | Self::Value => {
                format!("{value:.11e}").parse().unwrap_or(value)
            }
        }
    }
}

fn values(history: &History, unit: Unit, series: &[&Series], text: &mut Text) {
    let name = unit.name();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&Point) -> Option<f64>| {
        let samples = series.iter().filter_map(|series| {
            let newest = series.newest();
            Some((labels(history, series), unit.measured(value(newest)?)))
        });
        text.family(name, help, unit.line(), samples);
    };
    let value = |point: &Point| Some(point.average.value);
    let low = |point: &Point| point.average.interval.map(|interval| interval.low);
    let high = |point: &Point| point.average.interval.map(|interval| interval.high);
    family(
        &format!("anechoic_{name}"),
        "Value of the newest run.",
        &value,
    );
    let of_low = "Lower end of the 95 % interval of the newest value.";
    family(&format!("anechoic_low_{name}"), of_low, &low);
    let of_high = "Upper end of the 95 % interval of the newest value.";
    family(&format!("anechoic_high_{name}"), of_high, &high);
}

fn runs(history: &History, series: &[&Series], text: &mut Text) {
    let of = |value: &dyn Fn(&Series) -> f64| -> Vec<(String, f64)> {
        let each = series
            .iter()
            .map(|series| (labels(history, series), value(series)));
        each.collect()
    };
    text.family(
        "anechoic_run_timestamp_seconds",
        "When the run of the newest value was started.",
        Some("seconds"),
        of(&|series| history.run(series.newest()).started.as_millisecond() as f64 / 1e3),
    );
    text.family(
        "anechoic_processes",
        "Worker processes behind the newest value.",
        None,
        of(&|series| series.newest().average.processes as f64),
    );
    text.family(
        "anechoic_disturbed_processes",
        "Of these, those that were disturbed.",
        None,
        of(&|series| f64::from(series.newest().disturbed)),
    );
    text.family(
        "anechoic_worse",
        "Whether the night of the newest value found the cell to be worse.",
        None,
        of(&|series| f64::from(u8::from(series.newest().verdict.is_worse()))),
    );
}

/// Suite, case, T, metric and device of a series.
fn labels(history: &History, series: &Series) -> String {
    let tokens = series.id.tokens.map(|tokens| tokens.to_string());
    let mut newest_first = series.points.iter().rev();
    let device = newest_first.find_map(|point| history.run(point).device);
    let mut labels = vec![
        ("suite", series.suite.clone()),
        ("case", series.id.case.clone()),
    ];
    labels.extend(tokens.map(|tokens| ("tokens", tokens)));
    labels.push(("metric", series.id.metric.name()));
    labels.extend(device.map(|device| ("device", device.to_string())));
    label_set(&labels)
}

const OUTCOMES: [&str; 6] = [
    "no-baseline",
    "quiet",
    "regression",
    "accepted",
    "not-measured",
    "failed",
];

fn nights(history: &History, text: &mut Text) {
    let mut suites: Vec<&str> = Vec::new();
    for night in &history.nights {
        if !suites.contains(&night.suite.as_str()) {
            suites.push(&night.suite);
        }
    }
    let of_suite = |suite: &str| -> Vec<&HistoryNight> {
        history
            .nights
            .iter()
            .rev()
            .filter(|night| night.suite == suite)
            .collect()
    };
    let newest: Vec<(&str, Vec<&HistoryNight>)> =
        suites.iter().map(|s| (*s, of_suite(s))).collect();
    let one = |value: &dyn Fn(&[&HistoryNight]) -> f64| -> Vec<(String, f64)> {
        let each = newest.iter();
        each.map(|(suite, nights)| (label_set(&[("suite", (*suite).to_owned())]), value(nights)))
            .collect()
    };
    text.family(
        "anechoic_night_timestamp_seconds",
        "When the newest night began.",
        Some("seconds"),
        one(&|nights| nights[0].started.as_millisecond() as f64 / 1e3),
    );
    text.family(
        "anechoic_night_regressions",
        "Cells that the newest night found to be worse.",
        None,
        one(&|nights| f64::from(nights[0].worse)),
    );
    text.family(
        "anechoic_nights_unmeasured",
        "Nights in a row, up to the newest one, on which nothing was measured.",
        None,
        one(&|nights| {
            nights
                .iter()
                .take_while(|night| is_unmeasured(night))
                .count() as f64
        }),
    );
    let states = newest.iter().flat_map(|(suite, nights)| {
        OUTCOMES.iter().map(|outcome| {
            let labels = [
                ("suite", (*suite).to_owned()),
                ("outcome", (*outcome).to_owned()),
            ];
            let is_so = nights[0].outcome.name() == *outcome;
            (label_set(&labels), f64::from(u8::from(is_so)))
        })
    });
    text.family(
        "anechoic_night_outcome",
        "1 for what the newest night came to, 0 for all else.",
        None,
        states,
    );
}

/// Whether nothing was measured: the machine was not fit for it, or the job failed before it had a run.
fn is_unmeasured(night: &HistoryNight) -> bool {
    match night.outcome {
        NightOutcome::NotMeasured { .. } => true,
        NightOutcome::Failed { .. } => night.run.is_none(),
        NightOutcome::NoBaseline
        | NightOutcome::Quiet
        | NightOutcome::Regression
        | NightOutcome::Accepted => false,
    }
}

/// Text that grows by whole families.
#[derive(Default)]
struct Text(String);

impl Text {
    /// A family of gauges; nothing where it has no sample.
    fn family(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&str>,
        samples: impl IntoIterator<Item = (String, f64)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let text = &mut self.0;
        let _ = writeln!(text, "# HELP {name} {help}");
        let _ = writeln!(text, "# TYPE {name} gauge");
        if let Some(unit) = unit {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        for (labels, value) in samples {
            let _ = writeln!(text, "{name}{{{labels}}} {}", number(value));
        }
    }
}

fn number(value: f64) -> String {
    match value {
        value if value.is_nan() => "NaN".to_owned(),
        value if value == f64::INFINITY => "+Inf".to_owned(),
        value if value == f64::NEG_INFINITY => "-Inf".to_owned(),
        value if value == 0.0 || (1e-6..1e16).contains(&value.abs()) => value.to_string(),
        value => format!("{value:e}"),
    }
}

fn label_set(labels: &[(&str, String)]) -> String {
    let each = labels
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
    each.collect::<Vec<_>>().join(",")
}

/// Backslash, quote and newline have escapes; other control characters are no part of a name.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in plain(value).chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}
