//! From values to places: linear and logarithmic scales, and ticks that people can read (1, 2 and 5 times a power of ten).

use super::unit::Unit;
use crate::units::{NONE, significant};

/// A scale from a range of values to 0…1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scale {
    kind: Kind,
    low: f64,
    high: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Linear,
    Log,
}

/// A value that an axis names.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: String,
}

impl Scale {
    /// A linear scale that holds all finite values, with a little room at both ends; `None` without any.
    pub(super) fn around(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = range(values.into_iter().filter(|v| v.is_finite()))?;
        let room = match high > low {
            true => high * ROOM - low * ROOM,
            // One value alone lies in the middle.
            false if low == 0.0 => 1.0,
            false => low.abs() * 0.1,
        };
        let kind = Kind::Linear;
        Some(Self {
            kind,
            low: (low - room).max(f64::MIN),
            high: (high + room).min(f64::MAX),
        })
    }

    /// A linear scale from zero; values below it widen the range.
    pub(super) fn from_zero(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let (low, high) = range(values.into_iter().filter(|v| v.is_finite()))?;
        let (low, high) = (low.min(0.0), high.max(0.0));
        let room = match high > low {
            true => high * ROOM - low * ROOM,
            false => 1.0,
        };
        let kind = Kind::Linear;
        Some(Self {
            kind,
            low: if low < 0.0 {
                (low - room).max(f64::MIN)
            } else {
                0.0
            },
            high: (high + room).min(f64::MAX),
        })
    }

    /// A logarithmic scale that holds all positive values; `None` without any.
    pub(super) fn log_around(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let is_positive = |v: &f64| v.is_finite() && *v > 0.0;
        let (low, high) = range(values.into_iter().filter(is_positive))?;
        let room = match high > low {
            true => (high / low).powf(ROOM),
            false => 2.0,
        };
        // Ends stay positive and finite whatever was measured.
        let (low, high) = (
            (low / room).max(f64::MIN_POSITIVE),
            (high * room).min(f64::MAX),
        );
        Some(Self {
            kind: Kind::Log,
            low,
            high,
        })
    }

    /// Where a value lies, from 0 to 1; `None` for what has no place: not finite, or not positive on a logarithmic scale.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let place = match self.kind {
            // Halves do not overflow.
            Kind::Linear => (value / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0),
            Kind::Log if value <= 0.0 => return None,
            Kind::Log => (value.ln() - self.low.ln()) / (self.high.ln() - self.low.ln()),
        };
        place.is_finite().then_some(place)
    }

    /// As [`Self::place`], but what lies beyond an end lies at it.
    pub(super) fn clamped(&self, value: f64) -> Option<f64> {
        match self.kind {
            Kind::Log if value <= 0.0 => Some(0.0),
            Kind::Linear | Kind::Log => self.place(value).map(|place| place.clamp(0.0, 1.0)),
        }
    }

    pub(super) fn low(&self) -> f64 {
        self.low
    }

    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// About `count` ticks and the unit that all of their labels are in.
    pub(super) fn ticks(&self, count: usize, unit: Unit) -> (Vec<Tick>, &'static str) {
        match self.kind {
            Kind::Linear => self.linear_ticks(count, unit),
            Kind::Log => self.log_ticks(count, unit),
        }
    }

    fn linear_ticks(&self, count: usize, unit: Unit) -> (Vec<Tick>, &'static str) {
        let (size, name) = unit.division(self.low.abs().max(self.high.abs()));
        let (low, high) = (self.low / size, self.high / size);
        let count = count.max(1) as f64;
        let step = nice_step(high / count - low / count);
        let first = (low / step).ceil();
        let number = ((high / step).floor() - first).clamp(0.0, 100.0) as u32;
        let decimals = usize::try_from(-(step.log10() + 1e-9).floor() as i32).unwrap_or(0);
        let is_readable = step > 1e-6 && low.abs().max(high.abs()) < 1e7;
        let ticks = (0..=number).map(|i| {
            // Adding zero turns −0 into 0.
            let value = (first + f64::from(i)) * step + 0.0;
            let label = match is_readable {
                true => format!("{value:.decimals$}"),
                false => significant_short(value),
            };
            Tick {
                value: value * size,
                label,
            }
        });
        (ticks.collect(), name)
    }

    /// Bytes step in powers of two, all else in 1, 2, 5. The range is wide, so that every label has its own unit, but for long
    /// ones.
    fn log_ticks(&self, count: usize, unit: Unit) -> (Vec<Tick>, &'static str) {
        let (common, values) = match unit {
            Unit::Bytes => (None, powers_of_two(self.low, self.high, count)),
            Unit::FlopsPerSecond => (
                Some(unit.division(self.high)),
                decades(self.low, self.high, count),
            ),
            Unit::Seconds | Unit::Fraction | Unit::Times | Unit::Plain => {
                (None, decades(self.low, self.high, count))
            }
        };
        let label = |value: f64| match (common, unit.division(value)) {
            (Some((size, _)), _) | (None, (size, "")) => significant_short(value / size),
            (None, (size, name)) => format!("{} {name}", significant_short(value / size)),
        };
        let tick = |value| Tick {
            value,
            label: label(value),
        };
        let name = common.map_or("", |(_, name)| name);
        (values.into_iter().map(tick).collect(), name)
    }
}

/// Room at both ends of a scale, as a part of its range.
const ROOM: f64 = 0.05;

/// A number of three digits without zeros that say nothing.
pub(super) fn significant_short(value: f64) -> String {
    compact(value, 3)
}

/// A number of so many digits without zeros that say nothing; with an exponent where it is very large or small.
pub(super) fn compact(value: f64, digits: i32) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if value != 0.0 && !(1e-4..1e7).contains(&value.abs()) {
        let decimals = usize::try_from(digits - 1).unwrap_or(0);
        let text = format!("{value:.decimals$e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trimmed(mantissa));
    }
    trimmed(&significant(value, digits))
}

fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((f64::min(low, value), f64::max(high, value))),
    })
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `rough`.
fn nice_step(rough: f64) -> f64 {
    if rough <= 0.0 || !rough.is_finite() {
        return 1.0;
    }
    let power = 10_f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0];
    let fits = steps
        .into_iter()
        .find(|step| step * power >= rough * (1.0 - 1e-9));
    fits.unwrap_or(10.0) * power
}

/// 1, 2 and 5 times powers of ten inside a range; powers alone where that is enough, and each second, third … one of them
/// where it is too much.
fn decades(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let of = |digits: &[f64], stride: usize| -> Vec<f64> {
        let powers = (first..=last).filter(|power| power.rem_euclid(stride as i32) == 0);
        let values = powers.flat_map(|power| digits.iter().map(move |d| d * 10_f64.powi(power)));
        values.filter(|v| (low..=high).contains(v)).collect()
    };
    let fine = of(&[1.0, 2.0, 5.0], 1);
    if fine.len() <= count.max(3) {
        return match fine.len() {
            0 | 1 => even(low, high),
            _ => fine,
        };
    }
    let strides = 1..100;
    let coarse = strides
        .map(|stride| of(&[1.0], stride))
        .find(|t| t.len() <= count.max(2));
    coarse
        .filter(|ticks| ticks.len() >= 2)
        .unwrap_or_else(|| thin(&fine, count))
}

/// Ticks of a range that holds no two of 1, 2, 5: as on a linear scale.
fn even(low: f64, high: f64) -> Vec<f64> {
    let step = nice_step((high - low) / 5.0);
    let first = (low / step).ceil();
    let all = (0..6).map(|i| (first + f64::from(i)) * step);
    all.filter(|v| *v > 0.0 && (low..=high).contains(v))
        .collect()
}

fn powers_of_two(low: f64, high: f64, count: usize) -> Vec<f64> {
    let (first, last) = (low.log2().ceil() as i32, high.log2().floor() as i32);
    if last <= first {
        return even(low, high);
    }
    let all: Vec<f64> = (first..=last).map(|power| 2_f64.powi(power)).collect();
    thin(&all, count)
}

fn thin(values: &[f64], count: usize) -> Vec<f64> {
    let stride = values.len().div_ceil(count.max(2));
    values.iter().copied().step_by(stride.max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: Scale, count: usize, unit: Unit) -> (Vec<String>, &'static str) {
        let (ticks, name) = scale.ticks(count, unit);
        (ticks.into_iter().map(|t| t.label).collect(), name)
    }

    #[test]
    fn linear_ticks_are_round() {
        let check = |values: [f64; 2], unit: Unit, expected: &[&str], name: &str| {
            let found = labels(Scale::around(values).unwrap(), 5, unit);
            assert_eq!(
                found,
                (expected.iter().map(|&l| l.to_owned()).collect(), name)
            );
        };
        check([0.0, 1.0], Unit::Plain, &["0.0", "0.5", "1.0"], "");
        check(
            [0.0123, 0.0187],
            Unit::Seconds,
            &["12", "14", "16", "18"],
            "ms",
        );
        check([-0.02, 0.09], Unit::Fraction, &["0", "5"], "%");
        check(
            [2.0 * 1048576.0, 9.0 * 1048576.0],
            Unit::Bytes,
            &["2", "4", "6", "8"],
            "MiB",
        );
    }

    #[test]
    fn a_range_of_no_width_and_no_range() {
        let one = Scale::around([3.0]).unwrap();
        assert_eq!(one.place(3.0), Some(0.5));
        assert!(!one.ticks(4, Unit::Plain).0.is_empty());
        let zero = Scale::around([0.0, 0.0]).unwrap();
        assert_eq!(zero.place(0.0), Some(0.5));
        let zero = Scale::from_zero([0.0]).unwrap();
        assert_eq!(zero.place(0.0), Some(0.0));
        assert_eq!(Scale::around([f64::NAN, f64::INFINITY]), None);
        assert_eq!(Scale::log_around([0.0, -1.0, f64::NAN]), None);
    }

    #[test]
    fn logarithms_of_zero_have_no_place() {
        let scale = Scale::log_around([1.0, 100.0, 0.0]).unwrap();
        assert_eq!(scale.place(0.0), None);
        assert_eq!(scale.place(f64::NAN), None);
        assert_eq!(scale.clamped(0.0), Some(0.0));
        assert_eq!(scale.clamped(1e9), Some(1.0));
        assert!((scale.place(10.0).unwrap() - 0.5).abs() < 1e-12);
    }

    #[test]
    fn logarithmic_ticks() {
        let check = |values: [f64; 2], count: usize, unit: Unit, expected: &[&str]| {
            let found = labels(Scale::log_around(values).unwrap(), count, unit).0;
            assert_eq!(found, expected);
        };
        check(
            [1e-5, 1.0],
            6,
            Unit::Seconds,
            &["10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"],
        );
        check([0.9, 6.0], 6, Unit::Times, &["1 ×", "2 ×", "5 ×"]);
        check(
            [1048576.0, 16.0 * 1048576.0],
            5,
            Unit::Bytes,
            &["1 MiB", "2 MiB", "4 MiB", "8 MiB", "16 MiB"],
        );
        check([3.1, 3.9], 5, Unit::Plain, &["3.2", "3.4", "3.6", "3.8"]);
    }

    #[test]
    fn numbers_are_short() {
        let check = |value: f64, expected: &str| assert_eq!(significant_short(value), expected);
        check(0.0, "0");
        check(1.5, "1.5");
        check(120.0, "120");
        check(-2e9, "-2e9");
        check(1.234e-7, "1.23e-7");
        check(f64::NAN, "–");
        assert_eq!(compact(1234.5678, 6), "1234.57");
    }

    #[test]
    fn extreme_values_stay_finite() {
        let check = |values: [f64; 2]| {
            let scales = [Scale::around(values), Scale::log_around(values)];
            for scale in scales.into_iter().flatten() {
                let places = values.iter().filter_map(|value| scale.place(*value));
                assert!(
                    places.into_iter().all(|p| (0.0..=1.0).contains(&p)),
                    "{scale:?}"
                );
                let (ticks, _) = scale.ticks(5, Unit::Plain);
                assert!(ticks.len() < 110);
                assert!(ticks.iter().all(|t| t.label.len() < 12), "{ticks:?}");
            }
        };
        check([f64::MIN, f64::MAX]);
        check([f64::MIN_POSITIVE, f64::MAX]);
        check([1e-300, 1e300]);
        check([1.0, 1.0 + 1e-15]);
    }
}
