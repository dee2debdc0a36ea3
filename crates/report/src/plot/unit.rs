//! What a plotted number is, and how axes and exact values of it read.

use anechoic_record::MetricKind;
use anechoic_stats::Interval;

use super::scale::compact;
use crate::units;

/// What the values of an axis are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Bytes,
    /// A fraction, shown in percent.
    Fraction,
    /// Times as much as something else.
    Times,
    /// Operations per second.
    FlopsPerSecond,
    /// Whatever counts or has no unit that we know.
    Plain,
}

impl Unit {
    /// What values of metrics of this kind are in.
    pub(super) fn of(kind: MetricKind) -> Self {
        match kind {
            MetricKind::Time => Self::Seconds,
            MetricKind::Memory => Self::Bytes,
            MetricKind::Quality | MetricKind::Capacity | MetricKind::Own => Self::Plain,
        }
    }

    /// What values up to `largest` are divided by on an axis, and what the axis calls the result.
    pub(super) fn division(self, largest: f64) -> (f64, &'static str) {
        let largest = largest.abs();
        match self {
            Self::Seconds => pick(
                largest,
                &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")],
            ),
            Self::Bytes => pick(
                largest,
                &[
                    (TIB, "TiB"),
                    (GIB, "GiB"),
                    (MIB, "MiB"),
                    (KIB, "KiB"),
                    (1.0, "B"),
                ],
            ),
            Self::FlopsPerSecond => pick(
                largest,
                &[
                    (1e12, "TFLOP/s"),
                    (1e9, "GFLOP/s"),
                    (1e6, "MFLOP/s"),
                    (1.0, "FLOP/s"),
                ],
            ),
            Self::Fraction => (0.01, "%"),
            Self::Times => (1.0, "×"),
            Self::Plain => (1.0, ""),
        }
    }

    /// The value in full, for a pointer that rests on it.
    pub(super) fn exact(self, value: f64) -> String {
        if !value.is_finite() {
            return units::NONE.to_owned();
        }
        match self {
            Self::Seconds => units::duration(value),
            Self::Bytes => units::bytes(value.max(0.0).round() as u64),
            Self::Fraction => units::signed_percent(value),
            Self::Times => format!("{} ×", units::significant(value, 4)),
            Self::FlopsPerSecond => format!("{} GFLOP/s", units::significant(value / 1e9, 4)),
            Self::Plain => compact(value, 6),
        }
    }
}

impl Unit {
    /// A value that has no interval, with as many digits as the tables give it.
    pub(super) fn alone(self, value: f64) -> String {
        let (size, name) = self.division(value);
        let shown = value / size;
        if shown != 0.0 && !(1e-4..1e7).contains(&shown.abs()) {
            return self.exact(value);
        }
        let space = if name.is_empty() { "" } else { " " };
        format!("{}{space}{name}", units::significant(shown, 4))
    }

    /// A value with its interval, both in one unit, with the ends rounded outwards: `99.6 ms [97.6, 101.7]`.
    pub(super) fn with_interval(self, value: f64, interval: &Interval) -> String {
        let (size, name) = self.division(value);
        let name = match name.is_empty() {
            true => String::new(),
            false => format!(" {name}"),
        };
        units::amount(value, interval, size, &name)
    }
}

const KIB: f64 = 1024.0;
const MIB: f64 = 1024.0 * KIB;
const GIB: f64 = 1024.0 * MIB;
const TIB: f64 = 1024.0 * GIB;

fn pick(largest: f64, divisions: &[(f64, &'static str)]) -> (f64, &'static str) {
    let last = divisions.last().copied().unwrap_or((1.0, ""));
    if largest == 0.0 {
        return divisions
            .iter()
            .find(|(size, _)| *size == 1.0)
            .copied()
            .unwrap_or(last);
    }
    let fits = divisions.iter().find(|(size, _)| largest >= *size);
    fits.copied().unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_rounded_outwards() {
        let check = |unit: Unit, value: f64, low: f64, high: f64, expected: &str| {
            assert_eq!(unit.with_interval(value, &Interval { low, high }), expected);
        };
        check(
            Unit::Seconds,
            0.099_64,
            0.097_61,
            0.101_66,
            "99.6 ms [97.6, 101.7]",
        );
        check(Unit::Seconds, 1.0, 0.9, 1.1, "1.00 s [0.90, 1.10]");
        check(Unit::Plain, 30.0, -70.2, 130.0, "30 [-71, 130]");
        check(
            Unit::Bytes,
            3.0 * MIB,
            2.95 * MIB,
            3.05 * MIB,
            "3.000 MiB [2.950, 3.050]",
        );
        check(Unit::Plain, 5.0, 5.0, 5.0, "5.000 [5.000, 5.000]");
        check(
            Unit::Plain,
            f64::MAX,
            f64::MIN,
            f64::MAX,
            "1.8e308 [-1.8e308, 1.8e308]",
        );
    }

    #[test]
    fn axes_have_a_fitting_unit() {
        let check = |unit: Unit, largest: f64, name: &str| {
            assert_eq!(unit.division(largest).1, name, "{unit:?} {largest}");
        };
        check(Unit::Seconds, 2.0, "s");
        check(Unit::Seconds, 0.2, "ms");
        check(Unit::Seconds, 2e-5, "µs");
        check(Unit::Seconds, 1e-12, "ns");
        check(Unit::Seconds, 0.0, "s");
        check(Unit::Bytes, 0.0, "B");
        check(Unit::Bytes, 3.0 * 1024.0, "KiB");
        check(Unit::Bytes, 5e9, "GiB");
        check(Unit::Fraction, 0.3, "%");
    }
}
