//! The numbers of a cell as people read them.

use anechoic_record::MetricKind;
use anechoic_stats::{Interval, Ratio};

use crate::compare::{Change, ComparedCell, Doubt, Scale, SideValues, Verdict};
use crate::units;

/// A value with its unit.
pub(super) fn value(side: &SideValues, kind: MetricKind) -> String {
    let Some(value) = side.value else {
        return units::NONE.to_owned();
    };
    match kind {
        MetricKind::Time => units::duration(value),
        // Bytes are never negative, and counted whole.
        MetricKind::Memory => units::bytes(value.round() as u64),
        MetricKind::Quality | MetricKind::Capacity | MetricKind::Own => {
            units::significant(value, 4)
        }
    }
}

/// Processes of base and new; pairs where rounds were compared with each other.
pub(super) fn processes(cell: &ComparedCell) -> String {
    match cell.change.is_some_and(|change| change.paired) {
        true => format!("{} pairs", cell.new.processes),
        false => format!("{} / {}", cell.base.processes, cell.new.processes),
    }
}

/// `new / base`.
pub(super) fn ratio(cell: &ComparedCell) -> String {
    let ratio = cell.change.and_then(|change| change.ratio);
    units::optional(ratio, 4, "")
}

/// The effect with its interval: a percentage, or a difference in the metric's unit.
pub(super) fn effect(cell: &ComparedCell) -> String {
    let Some(change) = cell.change else {
        return units::NONE.to_owned();
    };
    let effect = Ratio {
        value: change.effect,
        interval: change.interval,
    };
    match change.scale {
        Scale::Ratio => units::percent(Some(&effect)),
        Scale::Difference => absolute(&effect),
    }
}

/// A difference with its interval, whose ends are rounded outwards.
fn absolute(effect: &Ratio) -> String {
    let Some(Interval { low, high }) = effect.interval else {
        return format!("{} (no interval)", units::significant(effect.value, 4));
    };
    let ends = [effect.value, low, high];
    if ends.iter().any(|end| end.abs() >= units::HUGE) {
        let (low, high) = (units::down(low), units::up(high));
        return format!("{:+.3e} [{low}, {high}]", effect.value);
    }
    let size = match high - low {
        width if width > 0.0 => width,
        _ => effect.value.abs(),
    };
    let digits = match size > 0.0 {
        true => (1 - size.log10().floor() as i32).clamp(0, 12),
        false => 0,
    };
    let (step, decimals) = (10_f64.powi(digits), usize::try_from(digits).unwrap_or(0));
    let (low, high) = (
        (low * step).floor() / step,
        (high * step).ceil() / step + 0.0,
    );
    let value = effect.value;
    format!("{value:+.decimals$} [{low:+.decimals$}, {high:+.decimals$}]")
}

/// Rounded up: never surer on paper than in truth.
pub(super) fn p(p: Option<f64>) -> String {
    match p {
        None => units::NONE.to_owned(),
        Some(p) if p < 0.001 => "< 0.001".to_owned(),
        Some(p) => format!("{:.3}", ((p * 1e3).ceil() / 1e3).min(1.0)),
    }
}

/// The smallest change that such data would show.
fn detectable(change: &Change) -> Option<String> {
    let least = change.minimum_detectable?;
    Some(match change.scale {
        Scale::Ratio => units::share(least),
        Scale::Difference => units::significant(least, 2),
    })
}

/// Why a cell has its verdict, with what else is to be known of it.
pub(super) fn reason(cell: &ComparedCell) -> String {
    let mut texts = vec![cell.reason_text()];
    if cell.verdict == Verdict::Undecided(Doubt::Noise) {
        let least = cell.change.as_ref().and_then(detectable);
        texts.extend(least.map(|least| format!("detectable from {least} on, of this cell alone")));
    }
    texts.extend(cell.notes.iter().cloned());
    texts.retain(|text| !text.is_empty());
    texts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_rounded_outwards() {
        let check = |value: f64, low: f64, high: f64, expected: &str| {
            let interval = Some(Interval { low, high });
            assert_eq!(absolute(&Ratio { value, interval }), expected);
        };
        check(2.0, 1.23, 2.77, "+2.0 [+1.2, +2.8]");
        check(
            -2e-7,
            -3.15e-7,
            -0.85e-7,
            "-0.00000020 [-0.00000032, -0.00000008]",
        );
        check(250.0, 250.0, 250.0, "+250 [+250, +250]");
        check(0.0, 0.0, 0.0, "+0 [+0, +0]");
        check(
            -1e308,
            -1.00012e308,
            3.0,
            "-1.000e308 [-1.001e308, 3.000e0]",
        );
    }

    #[test]
    fn probabilities_are_rounded_up() {
        assert_eq!(p(Some(0.0501)), "0.051");
        assert_eq!(p(Some(0.0)), "< 0.001");
        assert_eq!(p(Some(1.0)), "1.000");
        assert_eq!(p(None), "–");
    }
}
