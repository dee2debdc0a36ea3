//! Numbers as people read them. An interval is never shown narrower than it is: its ends are rounded
//! outwards, and a value gets no more digits than its interval deserves.

mod rough;
mod span;

use anechoic_record::MetricKind;
use anechoic_stats::{Drift, Estimate, Interval, Ratio};

use self::span::{Sign, Span};
use crate::{Figure, Spread};

/// What a cell without a value shows.
pub(crate) const NONE: &str = "–";

/// Seconds with a fitting unit, four significant digits.
pub(crate) fn duration(seconds: f64) -> String {
    let size = seconds.abs();
    let (value, unit) = match () {
        () if size >= 1.0 || size == 0.0 => (seconds, "s"),
        () if size >= 1e-3 => (seconds * 1e3, "ms"),
        () => (seconds * 1e6, "µs"),
    };
    format!("{} {unit}", significant(value, 4))
}

/// From here on a number has an exponent: digits that nobody knows would fill lines.
pub(crate) const HUGE: f64 = 1e15;

/// Below this size too, for zeros.
const TINY: f64 = 1e-9;

/// `value` with this many significant digits; without an exponent, but where it is huge or tiny.
pub(crate) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    if value.abs() >= HUGE || value.abs() < TINY {
        let decimals = usize::try_from(digits - 1).unwrap_or(0);
        return format!("{value:.decimals$e}");
    }
    let magnitude = value.abs().log10().floor() as i32;
    let decimals = usize::try_from(digits - 1 - magnitude).unwrap_or(0);
    format!("{value:.decimals$}")
}

/// A divergence, three significant digits; an exponent where zeros would hide the number.
pub(crate) fn nats(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-4 {
        return format!("{value:.2e}");
    }
    significant(value, 3)
}

/// A signed fraction as percent: `+0.200 %`, `+940 %`.
pub(crate) fn signed_percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    match percent.abs() {
        size if size < 10.0 => format!("{} %", Sign::Always.number(percent, 3)),
        size if size < HUGE => format!("{percent:+.0} %"),
        _ => format!("{percent:+.3e} %"),
    }
}

/// A number of things.
pub(crate) fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        several => format!("{several} {thing}s"),
    }
}

/// The same of processes.
pub(crate) fn processes(number: usize) -> String {
    match number {
        1 => "1 process".to_owned(),
        several => format!("{several} processes"),
    }
}

/// An unsigned fraction as percent, two significant digits.
pub(crate) fn share(fraction: f64) -> String {
    format!("{} %", significant(fraction * 100.0, 2))
}

/// Bytes in binary units.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{bytes} B")
    } else {
        format!("{} {}", significant(value, 3), UNITS[unit])
    }
}

/// A mean with its spread: `1.234 s ± 0.9 %` (standard deviation over processes).
pub(crate) fn estimate(estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else {
        return NONE.to_owned();
    };
    let spread = estimate.stdev.map(|s| spread(s / estimate.mean));
    duration(estimate.mean) + &spread.unwrap_or_default()
}

/// A rate with its spread.
pub(crate) fn rate(estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else {
        return NONE.to_owned();
    };
    let spread = estimate.stdev.map(|s| spread(s / estimate.mean));
    significant(estimate.mean, 4) + &spread.unwrap_or_default()
}

/// A time with its spread; `r` marks a spread between the runs of one process.
pub(crate) fn time(figure: Option<&Figure>) -> String {
    with_spread(figure, duration)
}

/// A number with its spread, after `scale`; `r` marks a spread between the runs of one process.
pub(crate) fn scaled(figure: Option<&Figure>, scale: f64) -> String {
    with_spread(figure, |value| significant(value * scale, 4))
}

fn with_spread(figure: Option<&Figure>, show: impl Fn(f64) -> String) -> String {
    let Some(Figure {
        estimate,
        spread: of,
    }) = figure
    else {
        return NONE.to_owned();
    };
    let mark = match of {
        Spread::BetweenProcesses => "",
        Spread::BetweenRuns => " r",
    };
    let spread = estimate.stdev.map(|s| spread(s / estimate.mean) + mark);
    show(estimate.mean) + &spread.unwrap_or_default()
}

/// `a / b` of a stored `a / b − 1`, with its interval: `0.97 × [0.95, 0.99]`.
pub(crate) fn times(ratio: Option<&Ratio>) -> String {
    let Some(Ratio { value, interval }) = ratio else {
        return NONE.to_owned();
    };
    let Some(Interval { low, high }) = interval else {
        return format!("{} ×", significant(value + 1.0, 3));
    };
    let ends = Interval {
        low: low + 1.0,
        high: high + 1.0,
    };
    let decimals = decimals_for(high - low).max(decimals_below_one(value + 1.0));
    let span = Span {
        no_difference: 1.0,
        ..Span::of(value + 1.0, ends, decimals)
    };
    span.read(" ×", Sign::OfNegative)
}

/// An optional number with this many significant digits and a unit.
pub(crate) fn optional(value: Option<f64>, digits: i32, unit: &str) -> String {
    value.map_or_else(
        || NONE.to_owned(),
        |value| format!("{}{unit}", significant(value, digits)),
    )
}

fn spread(fraction: f64) -> String {
    let percent = fraction * 100.0;
    // A hundredth of a percent is fine enough; what is less is not nothing.
    match percent > 0.0 && percent < 0.01 {
        true => " ± 0.01 %".to_owned(),
        false => format!(" ± {} %", significant(round_up(percent, 2), 2)),
    }
}

fn round_up(value: f64, digits: i32) -> f64 {
    if value == 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(digits - 1 - value.abs().log10().floor() as i32);
    (value * scale - 1e-9).ceil() / scale
}

/// A signed fraction as percent with its interval: `+1.9 % [+0.3, +3.6]`.
pub(crate) fn percent(ratio: Option<&Ratio>) -> String {
    let Some(ratio) = ratio else {
        return NONE.to_owned();
    };
    PERCENT.read(ratio.value, ratio.interval.as_ref())
}

/// A signed time with its interval, in milliseconds.
pub(crate) fn milliseconds(ratio: Option<&Ratio>) -> String {
    let Some(ratio) = ratio else {
        return NONE.to_owned();
    };
    MILLISECONDS.read(ratio.value, ratio.interval.as_ref())
}

/// A drift per iteration.
pub(crate) fn drift(drift: Option<&Drift>) -> String {
    let Some(drift) = drift else {
        return NONE.to_owned();
    };
    PERCENT.read(drift.slope, drift.interval.as_ref())
}

/// How signed values with intervals are read.
struct Signed {
    scale: f64,
    unit: &'static str,
    /// What ends of an interval that is wider than this are cut at.
    most: f64,
}

const PERCENT: Signed = Signed {
    scale: 100.0,
    unit: " %",
    most: 1_000.0,
};

const MILLISECONDS: Signed = Signed {
    scale: 1e3,
    unit: " ms",
    most: f64::INFINITY,
};

impl Signed {
    fn read(&self, value: f64, interval: Option<&Interval>) -> String {
        let Self { scale, unit, most } = *self;
        let value = value * scale;
        let Some(interval) = interval else {
            return match value.abs() >= HUGE {
                true => format!("{value:+.3e}{unit} (no interval)"),
                false => format!("{}{unit} (no interval)", Sign::Always.number(value, 2)),
            };
        };
        let ends = Interval {
            low: interval.low * scale,
            high: interval.high * scale,
        };
        let decimals = decimals_for(ends.high - ends.low);
        let span = Span {
            most,
            ..Span::of(value, ends, decimals)
        };
        let is_huge = |end: f64| end.abs() >= HUGE;
        let any_is =
            is_huge(value) || (most.is_infinite() && (is_huge(ends.low) || is_huge(ends.high)));
        match any_is && !span.is_rough(decimals) {
            true => format!("{value:+.3e}{unit} [{}, {}]", down(ends.low), up(ends.high)),
            false => span.read(unit, Sign::Always),
        }
    }
}

/// A value of a metric with its interval, in a fitting unit: `101.2 ms [100.9, 101.6]`.
pub(crate) fn quantity(kind: MetricKind, value: f64, interval: Option<&Interval>) -> String {
    let Unit { size, name } = Unit::fitting(kind, value);
    match interval {
        Some(interval) => amount(value, interval, size, name),
        None => format!("{}{name} (no interval)", significant(value / size, 4)),
    }
}

/// A value with its interval, both divided by `size`; `name` is what they are then called, with the space before it.
pub(crate) fn amount(value: f64, interval: &Interval, size: f64, name: &str) -> String {
    let shown = value / size;
    let ends = Interval {
        low: interval.low / size,
        high: interval.high / size,
    };
    let Interval { low, high } = ends;
    let decimals = decimals_between(shown, high - low);
    let span = Span::of(shown, ends, decimals);
    let is_huge = [shown, low, high].iter().any(|value| value.abs() >= HUGE);
    match is_huge && !span.is_rough(decimals) {
        true => format!("{shown:.3e}{name} [{}, {}]", down(low), up(high)),
        false => span.read(name, Sign::OfNegative),
    }
}

/// A huge number with an exponent, not above it.
pub(crate) fn down(value: f64) -> String {
    rounded(value, f64::floor)
}

/// The same, not below it.
pub(crate) fn up(value: f64) -> String {
    rounded(value, f64::ceil)
}

fn rounded(value: f64, round: fn(f64) -> f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let exponent = value.abs().log10().floor();
    let digits = round(value / 10_f64.powf(exponent) * 1e3) / 1e3;
    format!("{digits:.3}e{exponent:.0}")
}

/// Values of a metric in the unit that fits the middle one: `100.9 / 101.2 / 101.6 ms`.
pub(crate) fn quantities(kind: MetricKind, values: [f64; 3]) -> String {
    let Unit { size, name } = Unit::fitting(kind, values[1]);
    let [a, b, c] = values.map(|value| significant(value / size, 4));
    format!("{a} / {b} / {c}{name}")
}

/// A change that can be found, rounded up; what is beyond tenfold is not worth digits.
pub(crate) fn change(fraction: f64) -> String {
    match fraction < 10.0 {
        true => format!("{} %", significant(round_up(fraction * 100.0, 2), 2)),
        false => "> 1000 %".to_owned(),
    }
}

/// What a number is shown in.
struct Unit {
    /// What one of it is of the metric's own unit.
    size: f64,
    /// With the space before it.
    name: &'static str,
}

impl Unit {
    fn fitting(kind: MetricKind, value: f64) -> Self {
        let units: &[(f64, &'static str)] = match kind {
            MetricKind::Time => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " µs")],
            MetricKind::Memory => &[
                (1_099_511_627_776.0, " TiB"),
                (1_073_741_824.0, " GiB"),
                (1_048_576.0, " MiB"),
                (1024.0, " KiB"),
                (1.0, " B"),
            ],
            MetricKind::Quality | MetricKind::Capacity | MetricKind::Own => &[(1.0, "")],
        };
        let fits = |(size, _): &&(f64, &str)| value.abs() >= *size;
        let zero = if value == 0.0 { units.first() } else { None };
        let found = zero.or(units.iter().find(fits)).or(units.last());
        let &(size, name) = found.expect("every kind has a unit");
        Self { size, name }
    }
}

/// Decimals that show an interval of this width with two digits, or the value with four where there is no width; nine
/// digits of the value at most.
fn decimals_between(value: f64, width: f64) -> usize {
    let magnitude = |x: f64| x.abs().log10().floor() as i32;
    let most = if value == 0.0 {
        9
    } else {
        8 - magnitude(value)
    };
    let decimals = match (width > 0.0, value == 0.0) {
        (true, _) => 1 - magnitude(width),
        (false, true) => 0,
        (false, false) => 3 - magnitude(value),
    };
    usize::try_from(decimals.min(most).clamp(0, 12)).unwrap_or(0)
}

/// Decimals that a factor below 1 needs to be seen as such, however wide its interval: 0.56 is not 1.
fn decimals_below_one(factor: f64) -> usize {
    if factor <= 0.0 || factor >= 1.0 {
        return 0;
    }
    let magnitude = factor.log10().floor() as i32;
    let decimals = if format!("{factor:.2}") == "1.00" {
        3
    } else {
        1 - magnitude
    };
    usize::try_from(decimals.clamp(0, 3)).unwrap_or(0)
}

/// Decimals that show an interval of this width with two digits.
fn decimals_for(width: f64) -> usize {
    if width <= 0.0 {
        return 2;
    }
    let decimals = 1 - width.log10().floor() as i32;
    usize::try_from(decimals.clamp(0, 3)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_numbers() {
        assert_eq!(duration(1.234_56), "1.235 s");
        assert_eq!(duration(0.012_345), "12.35 ms");
        assert_eq!(duration(0.000_001_5), "1.500 µs");
        assert_eq!(duration(113.0), "113.0 s");
        assert_eq!(bytes(3_015_180_288), "2.81 GiB");
        assert_eq!(bytes(12), "12 B");
    }

    #[test]
    fn quantities_have_the_unit_of_their_kind() {
        use MetricKind::{Memory, Own, Time};
        let check = |kind, value, interval: Option<(f64, f64)>, expected: &str| {
            let interval = interval.map(|(low, high)| Interval { low, high });
            assert_eq!(quantity(kind, value, interval.as_ref()), expected);
        };
        check(
            Time,
            0.101_23,
            Some((0.100_91, 0.101_58)),
            "101.23 ms [100.91, 101.58]",
        );
        check(
            Time,
            0.101_23,
            Some((0.100_912, 0.101_575)),
            "101.23 ms [100.91, 101.58]",
        );
        check(Time, 1.5, Some((-3.2, 6.2)), "1.5 s [-3.2, 6.2]");
        check(Time, 0.1, Some((0.1, 0.1)), "100.0 ms [100.0, 100.0]");
        check(Time, 0.0, Some((0.0, 0.0)), "0 s [0, 0]");
        check(Time, 2e-6, None, "2.000 µs (no interval)");
        check(
            Memory,
            3_145_728.0,
            Some((3_040_870.0, 3_250_586.0)),
            "3.00 MiB [2.89, 3.11]",
        );
        // Of what is that wide the size alone is known, of each number by itself.
        check(
            Time,
            0.031_410_538,
            Some((2.875e-13, 3_431_606_087.569_6)),
            "31 ms [2.8e-10, 3.5e12]",
        );
        check(
            Time,
            0.011_851,
            Some((0.000_000_7, 184.279)),
            "12 ms [0.0007, 190000]",
        );
        check(Own, 1.3e2, Some((9e-26, 2e29)), "130 [9e-26, 2e29]");
        check(
            Own,
            1e300,
            Some((0.9e300, 1.1e300)),
            "1.000e300 [9.000e299, 1.100e300]",
        );
        check(
            Own,
            -12_345.678,
            Some((-12_400.0, -12_300.0)),
            "-12346 [-12400, -12300]",
        );
        check(
            Own,
            0.000_123,
            Some((0.000_120_1, 0.000_129_9)),
            "0.0001230 [0.0001201, 0.0001299]",
        );
        assert_eq!(
            quantities(Time, [0.0009, 0.001, 2.0]),
            "0.9000 / 1.000 / 2000 ms"
        );
    }

    #[test]
    fn intervals_of_quantities_are_never_narrower_than_they_are() {
        for n in 1..200 {
            let value = f64::from(n * n) * 0.000_137;
            let half = value / f64::from(1 + n % 17) / 3.0;
            let (low, high) = match n % 3 {
                // As of times of two processes that have nothing in common.
                0 => (value / 1.7_f64.powi(n), value * 1.7_f64.powi(n)),
                _ => (value - half, value + half),
            };
            let text = quantity(MetricKind::Own, value, Some(&Interval { low, high }));
            assert!(text.len() < 32, "{text}");
            let ends = text.split(['[', ']']).nth(1).unwrap();
            let (shown_low, shown_high) = ends.split_once(", ").unwrap();
            let (shown_low, shown_high): (f64, f64) =
                (shown_low.parse().unwrap(), shown_high.parse().unwrap());
            assert!(
                shown_low <= low * (1.0 + 1e-9) && high <= shown_high * (1.0 + 1e-9),
                "{text}"
            );
        }
    }

    #[test]
    fn changes_are_rounded_up() {
        assert_eq!(change(0.012_01), "1.3 %");
        assert_eq!(change(0.0), "0 %");
        assert_eq!(change(12.0), "> 1000 %");
        assert_eq!(change(f64::INFINITY), "> 1000 %");
    }

    #[test]
    fn ratios_as_factors() {
        let check = |value: f64, interval: Option<(f64, f64)>, expected: &str| {
            let interval = interval.map(|(low, high)| Interval { low, high });
            assert_eq!(times(Some(&Ratio { value, interval })), expected);
        };
        check(-0.2, None, "0.800 ×");
        check(4.2, None, "5.20 ×");
        check(-0.2, Some((-0.213, -0.187)), "0.800 × [0.787, 0.813]");
        check(4.0, Some((3.09, 4.91)), "5.0 × [4.0, 6.0]");
        check(4.0, Some((-9.0, 17.0)), "5 × [-8, 18]");
        // A wide interval does not turn a factor below 1 into 1.
        check(-0.44, Some((-13.44, 12.56)), "0.56 × [-12.44, 13.56]");
        check(-0.44, Some((-1.0, 3.5)), "0.56 × [0.00, 4.50]");
        check(-0.94, Some((-13.0, 12.0)), "0.060 × [-12.000, 13.000]");
        // What excludes 1 does not read as if it held it.
        check(9.0, Some((0.3, 17.7)), "10.0 × [1.3, 18.7]");
        assert_eq!(times(None), "–");
    }

    #[test]
    fn spreads_say_what_they_are_between() {
        let check = |processes: &[Vec<f64>], expected: &str| {
            assert_eq!(time(Figure::of(processes).as_ref()), expected);
        };
        check(&[vec![1.0, 3.0]], "2.000 s ± 71 % r");
        check(&[vec![1.0], vec![3.0]], "2.000 s ± 71 %");
        check(&[vec![1.0]], "1.000 s");
        check(&[vec![1.0, 1.0 + 1e-9]], "1.000 s ± 0.01 % r");
        check(&[vec![1.0, 1.0]], "1.000 s ± 0 % r");
        check(&[], "–");
    }

    #[test]
    fn intervals_are_rounded_outwards() {
        let check = |value: f64, low: f64, high: f64, expected: &str| {
            let interval = Some(Interval { low, high });
            let ratio = Ratio { value, interval };
            assert_eq!(percent(Some(&ratio)), expected);
        };
        check(0.019, 0.0031, 0.0359, "+1.9 % [+0.3, +3.6]");
        check(-0.001, -0.0119, 0.0101, "-0.1 % [-1.2, +1.1]");
        check(1.33, 1.0, 1.66, "+133 % [+100, +166]");
        check(0.0, 0.0, 0.0, "+0.00 % [+0.00, +0.00]");
        // What excludes zero does not read as if it held it, and nothing is −0.
        check(0.019, 0.0004, 0.0376, "+1.90 % [+0.04, +3.76]");
        check(-0.000_4, -0.000_79, -0.000_01, "-0.040 % [-0.079, -0.001]");
        check(-0.000_01, -0.01, 0.01, "+0.0 % [-1.0, +1.0]");
        // Digits of what is that wide mean nothing; of what is far and narrow they do.
        check(1.33, -5.2, 2_345.0, "+133 % [-520, > +1000]");
        check(1.33, -52.0, 2_345.0, "+133 % [< -1000, > +1000]");
        check(50.0, 1e-6, 1e5, "+5000 % [+0.0001, +1e7]");
        check(5.0, 1e-6, 1e5, "+500 % [+0.0001, > +1000]");
        // No end is cut to below the value.
        check(235.0, 85.0, 2_345.0, "+23500 % [+8500, +234500]");
        check(20.0, 19.5, 20.5, "+2000 % [+1950, +2050]");
        let alone = Ratio {
            value: 0.019,
            interval: None,
        };
        assert_eq!(percent(Some(&alone)), "+1.90 % (no interval)");
        assert_eq!(signed_percent(-1e-9), "+0.000 %");
        assert_eq!(signed_percent(940.0), "+94000 %");
        assert_eq!(signed_percent(1.5e20), "+1.500e22 %");
        assert_eq!(percent(None), "–");
    }
}
