//! Numbers of which only the size is known: two digits, each by itself, and an exponent where zeros would fill a line.

use super::span::Sign;

/// From this many digits on, numbers of a wide interval are not written to one common decimal.
const DIGITS: i32 = 6;

/// Whether an interval is so wide, and its ends so far apart, that digits common to all of `shown` would say nothing.
pub(super) fn is_rough(value: f64, width: f64, shown: &[f64], decimals: usize) -> bool {
    let largest = shown
        .iter()
        .fold(0.0_f64, |most, number| most.max(number.abs()));
    if width <= value.abs() / 2.0 || largest == 0.0 {
        return false;
    }
    let whole = largest.log10().floor() + 1.0;
    whole + decimals as f64 > f64::from(DIGITS)
}

/// Which way a number is rounded.
#[derive(Clone, Copy)]
pub(super) enum Towards {
    Nearest,
    Below,
    Above,
}

/// `value` with two digits, and with more where it would read as `none` although it is not.
pub(super) fn rough(value: f64, towards: Towards, none: f64, sign: Sign) -> String {
    let side = |number: f64| (number > none, number < none);
    let mut tries = (1..=9).map(|decimals| rounded(value, towards, decimals));
    let found = tries.find(|text| text.parse().is_ok_and(|number| side(number) == side(value)));
    let text = found.unwrap_or_else(|| format!("{value:e}"));
    match sign {
        Sign::Always if !text.starts_with('-') => format!("+{text}"),
        Sign::Always | Sign::OfNegative => text,
    }
}

/// With one digit before the point of its scientific notation, and `decimals` behind it.
fn rounded(value: f64, towards: Towards, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    let parts = text.split_once('e');
    let parts = parts.map(|(digits, exponent)| (digits.parse::<f64>(), exponent.parse::<i32>()));
    let Some((Ok(digits), Ok(exponent))) = parts else {
        return format!("{value}");
    };
    let nearest: f64 = text.parse().unwrap_or(value);
    // What differs by less is rounding of ours.
    let slack = 1e-10 * value.abs();
    let unit = match towards {
        Towards::Below if nearest > value + slack => -1.0,
        Towards::Above if nearest < value - slack => 1.0,
        Towards::Nearest | Towards::Below | Towards::Above => 0.0,
    };
    let step = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
    written(((digits * step).round() + unit) / step, exponent)
}

/// `digits × 10^exponent`, without an exponent where that is as short.
fn written(digits: f64, exponent: i32) -> String {
    let (digits, exponent): (f64, i32) = match digits.abs() >= 10.0 {
        true => (digits / 10.0, exponent + 1),
        false => (digits, exponent),
    };
    let text = format!("{digits}e{exponent}");
    match (PLAIN.contains(&exponent), text.parse::<f64>()) {
        (true, Ok(number)) => format!("{number}"),
        (_, _) => text,
    }
}

/// Exponents of numbers that are written without one.
const PLAIN: std::ops::Range<i32> = -4..6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_digits_and_no_more() {
        let check = |value: f64, towards, expected: &str| {
            assert_eq!(rough(value, towards, 0.0, Sign::OfNegative), expected);
        };
        check(31.410_538_327, Towards::Nearest, "31");
        check(2.875e-10, Towards::Below, "2.8e-10");
        check(3.431e12, Towards::Above, "3.5e12");
        check(184_279.5, Towards::Above, "190000");
        check(-184_279.5, Towards::Below, "-190000");
        check(-184_279.5, Towards::Above, "-180000");
        check(0.000_7, Towards::Below, "0.0007");
        // To the next power of ten, and to what a number is itself.
        check(9.96, Towards::Above, "10");
        check(0.999, Towards::Below, "0.9");
        check(0.0, Towards::Below, "0");
        check(f64::INFINITY, Towards::Above, "inf");
        check(5e-324, Towards::Nearest, "4.9e-324");
        check(f64::MAX, Towards::Above, "1.8e308");
        check(9.96e8, Towards::Above, "1e9");
    }

    #[test]
    fn nothing_reads_as_no_difference() {
        let check = |value: f64, towards, expected: &str| {
            assert_eq!(rough(value, towards, 1.0, Sign::OfNegative), expected);
        };
        check(1.000_4, Towards::Below, "1.0004");
        check(0.999_6, Towards::Above, "0.9996");
        check(1.0, Towards::Below, "1");
        assert_eq!(rough(0.000_1, Towards::Below, 0.0, Sign::Always), "+0.0001");
    }
}
