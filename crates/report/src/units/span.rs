//! A value with its interval as text: the ends are rounded outwards, and nothing reads as what it is not.

use anechoic_stats::Interval;

use super::rough::{Towards, is_rough, rough};

/// Whether a number above zero has its sign.
#[derive(Clone, Copy)]
pub(super) enum Sign {
    Always,
    OfNegative,
}

impl Sign {
    /// Nothing reads as −0.
    pub(super) fn number(self, value: f64, decimals: usize) -> String {
        let text = format!("{value:.decimals$}");
        let is_zero = !text.contains(|c: char| c.is_ascii_digit() && c != '0');
        let value = if is_zero && value.is_finite() {
            0.0
        } else {
            value
        };
        match self {
            Self::Always => format!("{value:+.decimals$}"),
            Self::OfNegative => format!("{value:.decimals$}"),
        }
    }
}

/// A value with its interval, in the unit in which it is read.
pub(super) struct Span {
    pub(super) value: f64,
    pub(super) ends: Interval,
    /// That an interval which excludes this does not read as if it held it.
    pub(super) no_difference: f64,
    pub(super) decimals: usize,
    /// What ends of an interval that is wider than this are cut at.
    pub(super) most: f64,
}

impl Span {
    pub(super) fn of(value: f64, ends: Interval, decimals: usize) -> Self {
        Self {
            value,
            ends,
            no_difference: 0.0,
            decimals,
            most: f64::INFINITY,
        }
    }

    /// The ends, rounded outwards.
    fn outwards(&self, decimals: usize) -> (f64, f64) {
        let step = 10_f64.powi(i32::try_from(decimals).unwrap_or(0));
        // A tenth of a billionth of the value is rounding of ours, and no width.
        let slack = (1e-10 * self.value.abs() * step).max(1e-9);
        // Adding zero turns −0 into 0.
        let low = (self.ends.low * step + slack).floor() / step + 0.0;
        let high = (self.ends.high * step - slack).ceil() / step + 0.0;
        (low, high)
    }

    /// As many as were asked for, and more where an end would read as no difference although the interval excludes that.
    fn enough_decimals(&self) -> usize {
        let none = self.no_difference;
        let is_told = |decimals: &usize| {
            let (low, high) = self.outwards(*decimals);
            !(self.ends.low > none && low <= none || self.ends.high < none && high >= none)
        };
        let more = self.decimals..=self.decimals.max(9);
        more.into_iter().find(is_told).unwrap_or(self.decimals)
    }

    pub(super) fn read(&self, unit: &str, sign: Sign) -> String {
        let decimals = self.enough_decimals();
        let (low, high) = self.outwards(decimals);
        let (low_cut, high_cut) = self.cuts();
        let is_rough = self.is_rough(decimals);
        let written = |exact: f64, rounded: f64, towards| match is_rough {
            true => rough(exact, towards, self.no_difference, sign),
            false => sign.number(rounded, decimals),
        };
        let low = match low_cut {
            true => format!("< {}", sign.number(-self.most, 0)),
            false => written(self.ends.low, low, Towards::Below),
        };
        let high = match high_cut {
            true => format!("> {}", sign.number(self.most, 0)),
            false => written(self.ends.high, high, Towards::Above),
        };
        let value = written(self.value, self.value, Towards::Nearest);
        format!("{value}{unit} [{low}, {high}]")
    }

    /// Which ends are cut. A value that is itself beyond the limit says more than the limit does.
    fn cuts(&self) -> (bool, bool) {
        let (Interval { low, high }, most) = (self.ends, self.most);
        let is_wide = high - low > most && self.value.abs() <= most;
        (is_wide && low < -most, is_wide && high > most)
    }

    /// Whether digits common to all that is shown would say nothing.
    pub(super) fn is_rough(&self, decimals: usize) -> bool {
        let Interval { low, high } = self.ends;
        let (low_cut, high_cut) = self.cuts();
        let shown = [
            self.value,
            if low_cut { 0.0 } else { low },
            if high_cut { 0.0 } else { high },
        ];
        is_rough(self.value, high - low, &shown, decimals)
    }
}
