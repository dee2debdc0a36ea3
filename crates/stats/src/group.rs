//! Processes of one kind, as values of their own and with what their iterations say about each.

use std::rc::Rc;

use crate::median_law::{MedianLaw, Moments};
use crate::order::median_of_sorted;
use crate::outlier::scale;
use crate::{mad, mean, variance};

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
    /// Its iterations in ascending order, the far ones drawn in: for resampling alone.
    pub(crate) sorted: Vec<f64>,
    /// Their median.
    pub(crate) value: f64,
    /// The law of the median of a bootstrap resample of them; shared by processes with as many.
    pub(crate) law: Rc<MedianLaw>,
    /// Moments of such a median.
    pub(crate) resampled: Moments,
}

impl Group {
    /// The processes of `series` that have values, of which those that are not finite are left out; `None` where none has.
    pub(crate) fn of<'a>(series: impl IntoIterator<Item = &'a Vec<f64>>) -> Option<Self> {
        let mut laws: Vec<Rc<MedianLaw>> = Vec::new();
        let sorted = series.into_iter().map(|values| finite_and_sorted(values));
        let processes: Vec<Process> = sorted
            .filter(|values| !values.is_empty())
            .map(|values| {
                let law = law_of(values.len(), &mut laws);
                Process::of(values, law)
            })
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

fn finite_and_sorted(values: &[f64]) -> Vec<f64> {
    let finite = values.iter().copied().filter(|value| value.is_finite());
    let mut sorted: Vec<f64> = finite.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
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
    fn of(mut sorted: Vec<f64>, law: Rc<MedianLaw>) -> Self {
        let value = median_of_sorted(&sorted);
        draw_in(&mut sorted, value);
        Self {
            value,
            resampled: law.moments(&sorted),
            law,
            sorted,
        }
    }
}

/// Moves iterations that are further than three (scaled) median absolute deviations from the median to that distance, which leaves the
/// median as it is. Where more than half of them are equal that deviation is 0, and the mean one takes its place, as for
/// [`crate::outliers`]: values that are rounded are not without spread.
///
/// The median of few values does not follow one wild value, but the median of a resample does when that value is drawn often: one
/// iteration of five that takes twice as long would make the bootstrap variance that of 24 %. Winsorising before resampling keeps the
/// robustness of the median (Singh, "Breakdown theory for bootstrap quantiles", Annals of Statistics 26, 1998).
fn draw_in(sorted: &mut [f64], median: f64) {
    let reach = 3.0 * scale(sorted, median, mad(sorted).unwrap_or(0.0));
    for value in sorted {
        // Not `clamp`, which stops the program where the largest numbers overflow.
        *value = value.max(median - reach).min(median + reach);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn_in(values: &[f64]) -> Vec<f64> {
        let mut sorted = values.to_vec();
        draw_in(&mut sorted, median_of_sorted(values));
        sorted
    }

    #[test]
    fn mostly_equal_iterations_keep_a_spread() {
        // MAD 0, mean absolute deviation 0.25: reach 3 × 1.253314 × 0.25.
        let found = drawn_in(&[64.0, 64.0, 64.0, 65.0]);
        assert_eq!(found[..3], [64.0; 3]);
        assert!((found[3] - 64.939_985_5).abs() < 1e-6, "{found:?}");
        let group = Group::of(&[vec![64.0, 64.0, 64.0, 65.0]]).unwrap();
        assert!(group.processes[0].resampled.variance > 0.0);
        assert_eq!(drawn_in(&[3.0; 5]), [3.0; 5]);
        // A wild value is still drawn in.
        assert!(drawn_in(&[1.0, 1.0, 1.0, 1.0, 30.0])[4] < 25.0);
    }

    #[test]
    fn rounded_iterations_of_two_processes_are_not_exact() {
        let of = |level: f64, other: [f64; 2]| other.map(|last| vec![level, level, level, last]);
        let (base, new) = (of(64.0, [65.0, 63.0]), of(66.0, [65.0, 66.5]));
        let found = crate::contrast(&base, &new).unwrap();
        assert!(found.p.unwrap() > 0.001, "{found:?}");
        let interval = found.interval.unwrap();
        assert!(interval.high - interval.low > 0.001, "{interval:?}");
        assert!(crate::centre(&base).unwrap().relative_half_width().unwrap() > 0.0);
    }
}
