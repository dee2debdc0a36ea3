//! Values, steps and times of a history as people read them.

use anechoic_record::MetricKind;
use anechoic_stats::{Interval, Ratio, Scale};
use jiff::Timestamp;

use super::{History, Point, Series, SeriesCreep, SeriesStep, Stretch};
use crate::compare::Verdict;
use crate::units;

/// A time to the minute, in UTC.
pub(crate) fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// A value with its interval: `101.2 ms [100.9, 101.6]`.
pub(crate) fn value_text(series: &Series, point: &Point) -> String {
    let average = &point.average;
    units::quantity(
        series.id.metric.kind(),
        average.value,
        average.interval.as_ref(),
    )
}

/// A change with its interval: percent, or the metric's unit.
pub(super) fn effect_text(
    series: &Series,
    scale: Scale,
    effect: f64,
    interval: Option<Interval>,
) -> String {
    match (scale, interval) {
        (Scale::Ratio, None) => units::signed_percent(effect),
        (Scale::Ratio, Some(_)) => units::percent(Some(&Ratio {
            value: effect,
            interval,
        })),
        (Scale::Difference, interval) => {
            let sign = if effect > 0.0 { "+" } else { "" };
            let text = units::quantity(series.id.metric.kind(), effect, interval.as_ref());
            format!("{sign}{}", text.trim_end_matches(" (no interval)"))
        }
    }
}

/// The change of a series on its present machine.
pub(crate) fn change_text(series: &Series, change: f64) -> String {
    effect_text(series, series.present().scale, change, None)
}

/// When a step was, and how large: `2026-11-30 02:30: +3.1 % [+2.6, +3.7]`.
pub(crate) fn step_text(
    history: &History,
    series: &Series,
    stretch: &Stretch,
    step: &SeriesStep,
) -> String {
    let at = history.run(&series.points[step.at]).started;
    let effect = effect_text(series, stretch.scale, step.effect, step.interval);
    format!("{}: {effect}", minute(at))
}

/// Since when a course goes on, and how fast.
pub(crate) fn creep_text(
    history: &History,
    series: &Series,
    stretch: &Stretch,
    creep: &SeriesCreep,
) -> String {
    let since = history.run(&series.points[creep.since]).started;
    let each = effect_text(series, stretch.scale, creep.per_run, creep.interval);
    format!("{each} a run since {}", minute(since))
}

/// What a change of this sign is for such a metric: `slower`, `smaller`, `higher`, …; and whether it is for the worse.
pub(crate) fn worse_effect(kind: MetricKind, effect: f64) -> (&'static str, bool) {
    let verdict = Verdict::changed(kind, effect);
    let is_worse = match verdict {
        Verdict::Worse => true,
        Verdict::Better
        | Verdict::Higher
        | Verdict::Lower
        | Verdict::Same(_)
        | Verdict::Undecided(_) => false,
    };
    (verdict.word(kind), is_worse)
}
