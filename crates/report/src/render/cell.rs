//! A cell of a table: what people read, and the number that it is sorted by.

use anechoic_stats::{Drift, Estimate, Ratio};

use crate::{Figure, units};

/// A cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Cell {
    /// What is read.
    pub(crate) text: String,
    /// What it is sorted by, where it is a number; in the metric's own unit, not the one shown.
    pub(crate) key: Option<f64>,
    /// A word behind it that must not be missed.
    pub(crate) label: Option<&'static str>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text,
            key: None,
            label: None,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl Cell {
    /// A whole number.
    pub(crate) fn number(number: u64) -> Self {
        keyed(number.to_string(), number as f64)
    }
}

/// A text with the number that it shows.
pub(super) fn keyed(text: String, key: impl Into<Option<f64>>) -> Cell {
    let key = key.into();
    Cell { key, ..text.into() }
}

/// A number of things.
pub(super) fn count(number: usize) -> Cell {
    Cell::number(number as u64)
}

/// `processes × iterations of each`; nothing where there was no process.
pub(super) fn runs(processes: usize, all: usize) -> Cell {
    match all.checked_div(processes) {
        Some(each) => keyed(format!("{processes} × {each}"), all as f64),
        None => units::NONE.into(),
    }
}

pub(super) fn estimate(found: Option<&Estimate>) -> Cell {
    keyed(units::estimate(found), found.map(|e| e.mean))
}

pub(super) fn rate(found: Option<&Estimate>) -> Cell {
    keyed(units::rate(found), found.map(|e| e.mean))
}

pub(super) fn time(found: Option<&Figure>) -> Cell {
    keyed(units::time(found), found.map(|f| f.estimate.mean))
}

pub(super) fn scaled(found: Option<&Figure>, scale: f64) -> Cell {
    keyed(units::scaled(found, scale), found.map(|f| f.estimate.mean))
}

pub(super) fn times(found: Option<&Ratio>) -> Cell {
    keyed(units::times(found), found.map(|r| r.value))
}

pub(super) fn percent(found: Option<&Ratio>) -> Cell {
    keyed(units::percent(found), found.map(|r| r.value))
}

pub(super) fn milliseconds(found: Option<&Ratio>) -> Cell {
    keyed(units::milliseconds(found), found.map(|r| r.value))
}

/// Labelled where its interval excludes zero.
pub(super) fn drift(found: Option<&Drift>) -> Cell {
    let label = found.filter(|d| d.is_drifting()).map(|_| "drifting");
    Cell {
        label,
        ..keyed(units::drift(found), found.map(|d| d.slope))
    }
}

pub(super) fn duration(seconds: f64) -> Cell {
    keyed(units::duration(seconds), seconds)
}

pub(super) fn bytes(bytes: u64) -> Cell {
    keyed(units::bytes(bytes), bytes as f64)
}

pub(super) fn significant(value: f64, digits: i32) -> Cell {
    keyed(units::significant(value, digits), value)
}

pub(super) fn optional(value: Option<f64>, digits: i32, unit: &str) -> Cell {
    keyed(units::optional(value, digits, unit), value)
}

pub(super) fn signed_percent(fraction: f64) -> Cell {
    keyed(units::signed_percent(fraction), fraction)
}

pub(super) fn nats(value: f64) -> Cell {
    keyed(units::nats(value), value)
}
