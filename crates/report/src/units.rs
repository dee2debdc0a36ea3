//! Numbers as people read them. An interval is never shown narrower than it is: its ends are rounded
//! outwards, and a value gets no more digits than its interval deserves.

use anechoic_stats::{Drift, Estimate, Interval, Ratio};

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

/// `value` with this many significant digits, without an exponent.
pub(crate) fn significant(value: f64, digits: i32) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
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
    match percent.abs() < 10.0 {
        true => format!("{percent:+.3} %"),
        false => format!("{percent:+.0} %"),
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
    let decimals = decimals_for(high - low).max(decimals_below_one(value + 1.0));
    let step = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let low = ((low + 1.0) * step + 1e-9).floor() / step;
    let high = ((high + 1.0) * step - 1e-9).ceil() / step;
    let value = value + 1.0;
    format!("{value:.decimals$} × [{low:.decimals$}, {high:.decimals$}]")
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
    with_interval(ratio.value, ratio.interval.as_ref(), 100.0, " %")
}

/// A signed time with its interval, in milliseconds.
pub(crate) fn milliseconds(ratio: Option<&Ratio>) -> String {
    let Some(ratio) = ratio else {
        return NONE.to_owned();
    };
    with_interval(ratio.value, ratio.interval.as_ref(), 1e3, " ms")
}

/// A drift per iteration.
pub(crate) fn drift(drift: Option<&Drift>) -> String {
    let Some(drift) = drift else {
        return NONE.to_owned();
    };
    with_interval(drift.slope, drift.interval.as_ref(), 100.0, " %")
}

fn with_interval(value: f64, interval: Option<&Interval>, scale: f64, unit: &str) -> String {
    let Some(interval) = interval else {
        return format!("{:+.2}{unit} (no interval)", value * scale);
    };
    let width = (interval.high - interval.low) * scale;
    let decimals = decimals_for(width);
    let step = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
    let low = (interval.low * scale * step + 1e-9).floor() / step;
    // Adding zero turns −0 into 0.
    let high = (interval.high * scale * step - 1e-9).ceil() / step + 0.0;
    let value = value * scale;
    format!("{value:+.decimals$}{unit} [{low:+.decimals$}, {high:+.decimals$}]")
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
        let alone = Ratio {
            value: 0.019,
            interval: None,
        };
        assert_eq!(percent(Some(&alone)), "+1.90 % (no interval)");
        assert_eq!(percent(None), "–");
    }
}
