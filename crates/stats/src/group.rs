//! Processes of one kind, as values of their own and with what their iterations say about each.

use std::rc::Rc;

use crate::median_law::{MedianLaw, Moments};
use crate::order::median_of_sorted;
use crate::{mean, variance};

/// The value of a process: the median of its iterations; `None` without any.
pub fn process_value(iterations: &[f64]) -> Option<f64> {
    crate::median(iterations)
}

/// Processes that have values.
pub(crate) struct Group {
    pub(crate) processes: Vec<Process>,
}

/// One process.
pub(crate) struct Process {
    /// Its iterations in ascending order.
    pub(crate) sorted: Vec<f64>,
    /// Their median.
    pub(crate) value: f64,
    /// The law of the median of a bootstrap resample of them; shared by processes with as many.
    pub(crate) law: Rc<MedianLaw>,
    /// Moments of such a median.
    pub(crate) resampled: Moments,
}

impl Group {
    /// The processes of `series` that have values; `None` where none has.
    pub(crate) fn of<'a>(series: impl IntoIterator<Item = &'a Vec<f64>>) -> Option<Self> {
        let mut laws: Vec<Rc<MedianLaw>> = Vec::new();
        let with_values = series.into_iter().filter(|values| !values.is_empty());
        let processes: Vec<Process> = with_values
            .map(|values| Process::of(values, law_of(values.len(), &mut laws)))
            .collect();
        (!processes.is_empty()).then_some(Self { processes })
    }

    pub(crate) fn len(&self) -> usize {
        self.processes.len()
    }

    /// One value per process.
    pub(crate) fn values(&self) -> Vec<f64> {
        self.processes.iter().map(|process| process.value).collect()
    }
}

/// The law for this many values, from those made before where it is among them.
fn law_of(values: usize, laws: &mut Vec<Rc<MedianLaw>>) -> Rc<MedianLaw> {
    let known = laws.iter().find(|law| law.values() == values).cloned();
    known.unwrap_or_else(|| {
        let law = Rc::new(MedianLaw::of(values));
        laws.push(Rc::clone(&law));
        law
    })
}

impl Process {
    fn of(values: &[f64], law: Rc<MedianLaw>) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            value: median_of_sorted(&sorted),
            resampled: law.moments(&sorted),
            law,
            sorted,
        }
    }
}

/// The mean of values of processes, and how far it may be off.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mean {
    pub(crate) value: f64,
    pub(crate) n: usize,
    /// Squared standard error; needs two processes.
    pub(crate) squared_error: Option<f64>,
}

impl Mean {
    /// From values of processes and the variance that each has from its iterations alone.
    ///
    /// Squared error max(s², w̄) / n: the spread s² of n values holds that of iterations, whose mean is w̄, so where s² is
    /// smaller it is so by accident, as often happens to two or three processes.
    pub(crate) fn of(values: &[f64], within: &[f64]) -> Self {
        let n = values.len();
        let floor = mean(within);
        Self {
            value: mean(values),
            n,
            squared_error: variance(values).map(|spread| spread.max(floor) / n as f64),
        }
    }
}
