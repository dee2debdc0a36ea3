//! The numbers of a cell of a night as people read them.

use anechoic_record::{CellFinding, CellId, MetricKind, NightCell};
use anechoic_stats::Ratio;

use crate::units;

/// `capture.all-layers total-time`, with T where there is one.
pub(super) fn cell_name(id: &CellId) -> String {
    let tokens = id.tokens.map(|tokens| format!(" T={tokens}"));
    let tokens = tokens.unwrap_or_default();
    format!("{}{tokens} {}", id.case, id.metric.name())
}

/// One of its values with the unit.
pub(super) fn value(cell: &NightCell, value: Option<f64>) -> String {
    let Some(value) = value else {
        return units::NONE.to_owned();
    };
    match cell.id.metric.kind() {
        MetricKind::Time => units::duration(value),
        // Bytes are never negative, and counted whole.
        MetricKind::Memory => units::bytes(value.round() as u64),
        MetricKind::Quality | MetricKind::Capacity | MetricKind::Own => {
            units::significant(value, 4)
        }
    }
}

/// The effect with its interval: a percentage, or a difference in the metric's unit.
pub(super) fn effect(cell: &NightCell) -> String {
    let Some(effect) = cell.effect else {
        return units::NONE.to_owned();
    };
    if is_share(cell) {
        return units::percent(Some(&Ratio {
            value: effect,
            interval: cell.interval,
        }));
    }
    let interval = cell.interval.map(|interval| {
        let (low, high) = (interval.low, interval.high);
        format!(
            " [{}, {}]",
            units::significant(low, 3),
            units::significant(high, 3)
        )
    });
    let sign = if effect > 0.0 { "+" } else { "" };
    let interval = interval.unwrap_or_default();
    format!("{sign}{}{interval}", units::significant(effect, 3))
}

/// The smallest effect that would have been called a change: a rise, and beside an improvement by a fall, a fall.
pub(super) fn threshold(cell: &NightCell) -> String {
    let is_fall =
        cell.finding == CellFinding::Better && cell.effect.is_some_and(|effect| effect < 0.0);
    match cell.threshold {
        None => units::NONE.to_owned(),
        Some(least) if is_share(cell) && is_fall => {
            // As far down by a factor as the other is up.
            format!("-{}", units::change(least / (1.0 + least)))
        }
        Some(least) if is_share(cell) => units::change(least),
        Some(least) => units::significant(least, 2),
    }
}

/// From which share of the baseline on a change of the cell would have been told; `None` where it was not judged.
pub(super) fn told_from(cell: &NightCell) -> Option<f64> {
    let least = cell.threshold.filter(|_| cell.finding.is_judged())?;
    if is_share(cell) {
        return Some(least);
    }
    let share = least / cell.reference?.abs();
    share.is_finite().then_some(share)
}

/// Effects are differences where values may be zero or negative; what a night stores does not say so, and they show it.
fn is_share(cell: &NightCell) -> bool {
    let (Some(effect), Some(reference)) = (cell.effect, cell.reference) else {
        return true;
    };
    let share = cell.value / reference - 1.0;
    cell.value > 0.0 && reference > 0.0 && (share - effect).abs() <= 1e-6 * (1.0 + effect.abs())
}

/// What is said of it.
pub(super) fn finding(cell: &NightCell) -> String {
    match &cell.finding {
        CellFinding::New => "new".to_owned(),
        CellFinding::Unjudged => "not judged".to_owned(),
        CellFinding::Same => "same".to_owned(),
        CellFinding::Better => "better".to_owned(),
        CellFinding::Worse => "worse".to_owned(),
        CellFinding::Step { since } => format!("worse since {since}"),
        CellFinding::Creep { since, per_night } => {
            let per_night = match is_share(cell) {
                true => format!("{} %", units::significant(per_night * 100.0, 2)),
                false => units::significant(*per_night, 2),
            };
            format!("creeps by {per_night} a night since {since}")
        }
    }
}
