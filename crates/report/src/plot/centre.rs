//! The centre of a cell with its interval, as plots draw it.

use anechoic_stats::{Estimate, Interval, median};

/// Where a cell's values lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Centre {
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
    pub(super) spread: Spread,
}

/// What an interval is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// Processes: says what another process would give.
    Processes,
    /// Iterations of one process: says nothing about another process.
    Iterations,
}

/// The mean of the processes' medians.
pub(super) fn centre(series: &[Vec<f64>]) -> Option<Centre> {
    let medians: Vec<f64> = series.iter().filter_map(|values| median(values)).collect();
    let estimate = Estimate::of(&medians)?;
    Some(Centre {
        value: estimate.mean,
        interval: estimate.interval,
        spread: Spread::Processes,
    })
}
