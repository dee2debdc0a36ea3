//! Two groups of processes against each other: the effect, its interval, the chance of such an effect without a
//! difference, and the smallest change that such data would show.

use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::group::{Group, Mean, Process};
use crate::welch::{MeanError, Precision};

/// New against base.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Contrast {
    /// new / base − 1; the difference new − base in [`difference_contrast`].
    pub effect: f64,
    /// Its interval; absent where a side has one process.
    pub interval: Option<Interval>,
    /// The chance of an effect of at least this size without a difference, for one test; below 0.05 just where the interval
    /// excludes 0.
    pub p: Option<f64>,
    /// Processes of the base.
    pub base_processes: usize,
    /// Processes of the new.
    pub new_processes: usize,
    /// The change that two such groups would show in four of five tries, of the kind of `effect`.
    pub minimum_detectable: Option<f64>,
}

/// How often a change as large as the minimum detectable one is found.
pub(crate) const POWER: f64 = 0.8;

/// `new / base − 1` of independent groups, one series per process. `None` where a group is empty or a process's value is
/// not above 0.
///
/// Compared are the means of the logarithms of process values: the effect is the ratio of geometric means. Welch's t
/// (Biometrika 34, 1947) with the freedom of Satterthwaite (Biometrics Bulletin 2, 1946); a side's squared error is max(s², w̄)/n
/// with w̄ the mean bootstrap variance of a process's value from its iterations alone, so that two or three processes that agree by accident
/// pass for no more than their iterations allow. The minimum detectable change is exp((t₀.₉₇₅ + t₀.₈) · error) − 1.
///
/// Without any spread on both sides the figures are taken as exact: equal ones have p = 1, others p = 0, and the interval
/// is the effect itself.
pub fn contrast(base: &[Vec<f64>], new: &[Vec<f64>]) -> Option<Contrast> {
    let (base, new) = (Group::of(base)?, Group::of(new)?);
    let test = Test::welch(logarithmic(&base)?, logarithmic(&new)?);
    Some(test.contrast(base.len(), new.len()).out_of_logarithms())
}

/// `new − base` of independent groups, in place of the ratio, for values that may be zero or negative; otherwise as
/// [`contrast`]. `None` where a group is empty.
pub fn difference_contrast(base: &[Vec<f64>], new: &[Vec<f64>]) -> Option<Contrast> {
    let (base, new) = (Group::of(base)?, Group::of(new)?);
    let test = Test::welch(plain(&base), plain(&new));
    Some(test.contrast(base.len(), new.len()))
}

/// `new / base − 1` of processes measured side by side, (base, new) per round. Pairs without values on a side count for
/// nothing; `None` without pairs, or where a value is not above 0.
///
/// Student's paired t on the logarithms of the ratios, with the same kind of floor: the squared error is max(s², w̄)/n with w̄ the mean over
/// pairs of the variance that both values have from their iterations. One pair has no interval.
pub fn paired_contrast(pairs: &[(Vec<f64>, Vec<f64>)]) -> Option<Contrast> {
    let has_values = |side: &Vec<f64>| side.iter().any(|value| value.is_finite());
    let full = |pair: &&(Vec<f64>, Vec<f64>)| has_values(&pair.0) && has_values(&pair.1);
    let base = Group::of(pairs.iter().filter(full).map(|pair| &pair.0))?;
    let new = Group::of(pairs.iter().filter(full).map(|pair| &pair.1))?;
    let (mut ratios, mut within) = (Vec::new(), Vec::new());
    for (base, new) in base.processes.iter().zip(&new.processes) {
        let (base, new) = (Logarithm::of(base)?, Logarithm::of(new)?);
        ratios.push(new.value - base.value);
        within.push(base.variance + new.variance);
    }
    let test = Test::paired(Mean::of(&ratios, &within));
    Some(test.contrast(base.len(), new.len()).out_of_logarithms())
}

/// The logarithm of a process's value, and its bootstrap variance by the delta method: Var(ln x) ≈ Var(x)/x².
struct Logarithm {
    value: f64,
    variance: f64,
}

impl Logarithm {
    fn of(process: &Process) -> Option<Self> {
        (process.value > 0.0).then(|| Self {
            value: process.value.ln(),
            variance: process.resampled.variance / process.value.powi(2),
        })
    }
}

pub(crate) fn logarithmic(group: &Group) -> Option<Mean> {
    let logarithms: Option<Vec<_>> = group.processes.iter().map(Logarithm::of).collect();
    let logarithms = logarithms?;
    let values: Vec<f64> = logarithms.iter().map(|l| l.value).collect();
    let within: Vec<f64> = logarithms.iter().map(|l| l.variance).collect();
    Some(Mean::of(&values, &within))
}

impl Mean {
    /// `None` of one process.
    pub(crate) fn error(&self) -> Option<MeanError> {
        let (squared, n) = (self.squared_error?, self.n);
        Some(MeanError { squared, n })
    }
}

pub(crate) fn plain(group: &Group) -> Mean {
    let within = group.processes.iter().map(|p| p.resampled.variance);
    Mean::of(&group.values(), &within.collect::<Vec<_>>())
}

/// A difference of means, before it is judged.
struct Test {
    difference: f64,
    /// Standard error and degrees of freedom; absent where a side has one process.
    precision: Option<Precision>,
}

impl Test {
    fn welch(base: Mean, new: Mean) -> Self {
        let errors = base.error().zip(new.error());
        Self {
            difference: new.value - base.value,
            precision: errors.and_then(|(base, new)| Precision::welch(base, new)),
        }
    }

    fn paired(ratios: Mean) -> Self {
        Self {
            difference: ratios.value,
            precision: ratios.error().and_then(Precision::student),
        }
    }

    fn contrast(&self, base_processes: usize, new_processes: usize) -> Contrast {
        let difference = self.difference;
        Contrast {
            effect: difference,
            interval: self.precision.map(|it| it.interval(difference)),
            p: self.precision.map(|it| it.p(difference)),
            base_processes,
            new_processes,
            minimum_detectable: self.precision.map(|it| it.detectable(POWER)),
        }
    }
}

impl Contrast {
    fn out_of_logarithms(self) -> Self {
        Self {
            effect: self.effect.exp_m1(),
            interval: self.interval.map(|interval| Interval {
                low: interval.low.exp_m1(),
                high: interval.high.exp_m1(),
            }),
            minimum_detectable: self.minimum_detectable.map(f64::exp_m1),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn singles(values: &[f64]) -> Vec<Vec<f64>> {
        values.iter().map(|&v| vec![v]).collect()
    }

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-4 * expected.abs().max(1e-3),
            "{found} for {expected}"
        );
    }

    #[test]
    fn reference_of_welch() {
        // scipy.stats.ttest_ind(new, base, equal_var=False) and its confidence_interval().
        let base = singles(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let new = singles(&[2.0, 4.0, 6.0, 8.0, 10.0]);
        let found = difference_contrast(&base, &new).unwrap();
        close(found.effect, 3.0);
        close(found.p.unwrap(), 0.107_531_2);
        // 2.458_656 = t(0.975, 5.882353), error √2.5.
        close(
            found.interval.unwrap().high,
            3.0 + 2.458_886 * 2.5_f64.sqrt(),
        );
    }

    #[test]
    fn a_ratio_of_geometric_means() {
        let found = contrast(&singles(&[1.0, 4.0]), &singles(&[4.0, 16.0])).unwrap();
        close(found.effect, 3.0);
        assert_eq!((found.base_processes, found.new_processes), (2, 2));
    }

    #[test]
    fn exact_figures() {
        let (a, b) = (vec![vec![7.1; 3]; 3], vec![vec![7.2; 5]; 2]);
        let same = contrast(&a, &a[..2]).unwrap();
        let point = |at| Some(Interval { low: at, high: at });
        assert_eq!(
            (same.effect, same.interval, same.p),
            (0.0, point(0.0), Some(1.0))
        );
        assert_eq!(same.minimum_detectable, Some(0.0));
        let other = contrast(&a, &b).unwrap();
        assert_eq!((other.interval, other.p), (point(other.effect), Some(0.0)));
        let other = difference_contrast(&a, &b).unwrap();
        assert_eq!((other.interval, other.p), (point(other.effect), Some(0.0)));
    }

    #[test]
    fn one_process_on_a_side() {
        let found = contrast(&singles(&[1.0]), &singles(&[2.0, 2.1])).unwrap();
        close(found.effect, (2.0_f64 * 2.1).sqrt() - 1.0);
        assert_eq!(
            (found.interval, found.p, found.minimum_detectable),
            (None, None, None)
        );
        let no_number = (vec![f64::NAN], vec![1.0]);
        let pairs = [no_number, (vec![1.0], vec![2.0]), (vec![], vec![1.0])];
        let found = paired_contrast(&pairs).unwrap();
        assert_eq!(
            (found.effect.round(), found.interval, found.p),
            (1.0, None, None)
        );
    }

    #[test]
    fn values_that_have_no_logarithm() {
        assert_eq!(contrast(&singles(&[0.0]), &singles(&[1.0])), None);
        assert_eq!(contrast(&[], &singles(&[1.0])), None);
        assert_eq!(contrast(&singles(&[1.0]), &[vec![]]), None);
        assert_eq!(paired_contrast(&[]), None);
        assert_eq!(paired_contrast(&[(vec![-1.0], vec![1.0])]), None);
        let found = difference_contrast(&singles(&[0.0, -1.0]), &singles(&[1.0, 0.0])).unwrap();
        close(found.effect, 1.0);
    }

    #[test]
    fn two_processes_that_agree_by_accident_are_not_precise() {
        let process = |at: f64| vec![at - 0.05, at, at + 0.05];
        let (base, new) = ([process(1.0), process(1.0)], [process(1.02), process(1.02)]);
        let found = contrast(&base, &new).unwrap();
        assert!(found.p.unwrap() > 0.05, "{found:?}");
        let pairs = [(process(1.0), process(1.02)), (process(1.0), process(1.02))];
        let found = paired_contrast(&pairs).unwrap();
        assert!(found.p.unwrap() > 0.05, "{found:?}");
    }

    #[test]
    fn pairs_see_through_what_both_share() {
        let levels = [1.0, 1.3, 0.8, 1.1, 1.25];
        let slower = [1.029, 1.031, 1.03, 1.0305, 1.0295];
        let base = singles(&levels);
        let new: Vec<Vec<f64>> = (levels.iter().zip(slower))
            .map(|(l, s)| vec![l * s])
            .collect();
        let apart = contrast(&base, &new).unwrap();
        let pairs: Vec<_> = base.into_iter().zip(new).collect();
        let paired = paired_contrast(&pairs).unwrap();
        close(apart.effect, paired.effect);
        assert!(apart.p.unwrap() > 0.5 && paired.p.unwrap() < 1e-6);
        assert!(paired.minimum_detectable.unwrap() < 0.005);
        assert!(apart.minimum_detectable.unwrap() > 0.1);
    }

    fn group() -> impl Strategy<Value = Vec<Vec<f64>>> {
        prop::collection::vec(prop::collection::vec(0.8..1.25_f64, 1..6), 2..8)
    }

    proptest! {
        #[test]
        fn p_and_interval_agree(base in group(), new in group()) {
            let pairs: Vec<_> = base.iter().cloned().zip(new.iter().cloned()).collect();
            let found = [
                contrast(&base, &new),
                difference_contrast(&base, &new),
                paired_contrast(&pairs),
            ];
            for found in found.into_iter().flatten() {
                let (p, interval) = (found.p.unwrap(), found.interval.unwrap());
                prop_assert!(interval.covers(found.effect));
                // The quantile and the probability are rounded apart.
                if (p - 0.05).abs() > 1e-7 {
                    prop_assert_eq!(p < 0.05, !interval.covers(0.0));
                }
            }
        }

        #[test]
        fn no_number_stops_the_program(
            base in prop::collection::vec(prop::collection::vec(prop::num::f64::ANY, 0..5), 0..5),
            new in prop::collection::vec(prop::collection::vec(prop::num::f64::ANY, 0..5), 0..5),
        ) {
            let _ = contrast(&base, &new);
            let _ = difference_contrast(&base, &new);
            let _ = crate::centre(&base);
            let _ = crate::drift(&new);
            let all = base.concat();
            let _ = (crate::steadiness(&all), crate::outliers(&all), crate::mad(&all));
            let _ = paired_contrast(&base.into_iter().zip(new).collect::<Vec<_>>());
        }

        #[test]
        fn the_other_way_round(base in group(), new in group()) {
            let there = contrast(&base, &new).unwrap();
            let back = contrast(&new, &base).unwrap();
            prop_assert!(((1.0 + there.effect) * (1.0 + back.effect) - 1.0).abs() < 1e-9);
            prop_assert!((there.p.unwrap() - back.p.unwrap()).abs() < 1e-9);
        }
    }
}
