//! How far the figures of a run can be trusted: for the first metric of every case and T the spread of its values, what they do over the
//! iterations, and how small a change such a run would show.

use std::collections::BTreeMap;

use anechoic_record::{Cell, CellId, Metric, RunRecord, cells};
use anechoic_stats::{
    Centre, Drift, Steadiness, centre, contrast, drift, mad, outliers, process_value, quantile,
    steadiness,
};
use serde::{Deserialize, Serialize};

/// What can be said about one cell. Values are in the metric's unit: seconds, bytes, or its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrustLine {
    /// The case, T and metric.
    #[serde(flatten)]
    pub cell: CellId,
    /// Mean over processes of their medians; absent without finite values. One process has no interval.
    pub centre: Option<Centre>,
    /// Median absolute deviation of the values of processes; absent for one process.
    pub mad: Option<f64>,
    /// Over all iterations of all processes.
    pub quartiles: Option<Quartiles>,
    /// Values far from the rest.
    pub outliers: OutlierCounts,
    /// What most processes do over their iterations; absent for a metric with one value per process.
    pub steadiness: Option<SteadinessCount>,
    /// The slope that the processes have in common, per iteration; absent where none has two values.
    pub trend: Option<Drift>,
    /// The change, as a fraction, that two such runs would show in four of five tries; absent for one process and for values that are
    /// not above zero.
    pub minimum_detectable: Option<f64>,
    /// Values that are no finite numbers and are left out.
    pub not_finite: usize,
}

/// The quartiles of values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quartiles {
    /// A quarter is below.
    pub lower: f64,
    /// Half is below.
    pub median: f64,
    /// Three quarters are below.
    pub upper: f64,
}

/// How many values are outside Tukey's inner fences or have a modified z score above 3.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlierCounts {
    /// Processes, among the others.
    pub processes: usize,
    /// Iterations, among those of their process.
    pub iterations: usize,
}

/// A label, and how many series have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SteadinessCount {
    /// The one that most processes have; of two as frequent, the one that says more: `too-short` least, then `flat`.
    pub label: Steadiness,
    /// Processes that have it.
    pub processes: usize,
    /// Of how many.
    pub of: usize,
}

/// Lines for every case that has values, in the plan's order.
pub(crate) fn trust(record: &RunRecord) -> Vec<TrustLine> {
    let cases = record.manifest.cases.iter();
    let first: BTreeMap<&str, Metric> = cases
        .map(|case| {
            (
                case.case.id.as_str(),
                Metric::primary(case.case.work.name()),
            )
        })
        .collect();
    let found = cells(record).into_iter();
    found
        .filter(|cell| first.get(cell.id.case.as_str()) == Some(&cell.id.metric))
        .map(TrustLine::of)
        .collect()
}

impl TrustLine {
    pub(crate) fn of(cell: Cell) -> Self {
        let series = cell.series();
        let values: Vec<f64> = series.iter().filter_map(|s| process_value(s)).collect();
        Self {
            centre: centre(&series),
            mad: mad(&values).filter(|_| values.len() > 1),
            quartiles: Quartiles::of(&series.concat()),
            outliers: OutlierCounts {
                processes: outliers(&values).len(),
                iterations: series.iter().map(|s| outliers(s).len()).sum(),
            },
            steadiness: SteadinessCount::of(&series),
            trend: drift(&series),
            minimum_detectable: contrast(&series, &series).and_then(|same| same.minimum_detectable),
            not_finite: cell.not_finite,
            cell: cell.id,
        }
    }

    /// The case, with T where it has several: `kv.v1.latency, T = 64`.
    pub fn name(&self) -> String {
        match self.cell.tokens {
            Some(tokens) => format!("{}, T = {tokens}", self.cell.case),
            None => self.cell.case.clone(),
        }
    }

    /// What is to be said about a cell that is not flat, as a sentence without a full stop.
    pub fn remark(&self) -> Option<String> {
        let SteadinessCount {
            label,
            processes,
            of,
        } = self.steadiness?;
        let (does, means) = match label {
            Steadiness::Flat | Steadiness::TooShort => return None,
            Steadiness::WarmingUp => (
                "falls over the iterations",
                "the first ones are higher, and more warm-up iterations would lower the figure",
            ),
            Steadiness::SlowingDown => (
                "rises over the iterations",
                "with more iterations the figure would be higher",
            ),
            Steadiness::LevelShift => (
                "changes its level once",
                "the figure lies between two states, and depends on when one became the other",
            ),
            Steadiness::Bimodal => (
                "goes back and forth between two levels",
                "the figure may describe neither",
            ),
        };
        let (name, metric) = (self.name(), &self.cell.metric);
        Some(format!(
            "{name}: {metric} {does} in {processes} of {of} process(es): {means}"
        ))
    }
}

impl Quartiles {
    fn of(values: &[f64]) -> Option<Self> {
        Some(Self {
            lower: quantile(values, 0.25)?,
            median: quantile(values, 0.5)?,
            upper: quantile(values, 0.75)?,
        })
    }
}

impl SteadinessCount {
    fn of(series: &[Vec<f64>]) -> Option<Self> {
        if series.iter().all(|values| values.len() < 2) {
            return None;
        }
        let mut counts: BTreeMap<Steadiness, usize> = BTreeMap::new();
        for values in series {
            *counts.entry(steadiness(values)).or_default() += 1;
        }
        // Of equal maxima the last counts.
        let most = |(label, count): &(Steadiness, usize)| (*count, says_something(*label));
        let (label, processes) = counts.into_iter().max_by_key(most)?;
        Some(Self {
            label,
            processes,
            of: series.len(),
        })
    }
}

/// A remark beats none, and what was looked at and found flat beats what was too short to look at.
fn says_something(label: Steadiness) -> u8 {
    match label {
        Steadiness::TooShort => 0,
        Steadiness::Flat => 1,
        Steadiness::WarmingUp
        | Steadiness::SlowingDown
        | Steadiness::LevelShift
        | Steadiness::Bimodal => 2,
    }
}

#[cfg(test)]
mod tests {
    use anechoic_record::ProcessValues;

    use super::*;

    fn line(processes: &[Vec<f64>]) -> TrustLine {
        let id = CellId {
            case: "case".to_owned(),
            tokens: Some(8),
            metric: Metric::TotalTime,
        };
        let processes = (1..).zip(processes).map(|(attempt, values)| ProcessValues {
            attempt,
            values: values.clone(),
        });
        TrustLine::of(Cell {
            id,
            processes: processes.collect(),
            not_finite: 2,
        })
    }

    #[test]
    fn one_process_has_no_figures_between_processes() {
        let found = line(&[vec![1.0, 2.0, 4.0]]);
        let centre = found.centre.unwrap();
        assert_eq!((centre.value, centre.interval), (2.0, None));
        assert_eq!((found.mad, found.minimum_detectable), (None, None));
        assert_eq!(found.quartiles.unwrap().upper, 3.0);
        assert_eq!(found.not_finite, 2);
        assert_eq!(found.remark(), None, "three iterations tell nothing");
    }

    #[test]
    fn nothing_finite_is_a_line_all_the_same() {
        let found = line(&[]);
        assert_eq!(
            (found.centre, found.quartiles, found.steadiness),
            (None, None, None)
        );
        assert_eq!(found.not_finite, 2);
    }

    #[test]
    fn figures_of_several_processes() {
        let process =
            |level: f64| vec![level, level + 0.01, level - 0.01, level, level + 0.01, 9.0];
        let found = line(&[process(1.0), process(1.02), process(0.98), process(1.01)]);
        assert!((found.mad.unwrap() - 0.01).abs() < 1e-9);
        assert_eq!(
            (found.outliers.processes, found.outliers.iterations),
            (0, 4)
        );
        let steadiness = found.steadiness.unwrap();
        assert_eq!((steadiness.label, steadiness.of), (Steadiness::Flat, 4));
        let change = found.minimum_detectable.unwrap();
        assert!(change > 0.02 && change < 0.06, "{change}");
    }

    #[test]
    fn the_label_of_most_processes() {
        let rising: Vec<f64> = (10..20).map(f64::from).collect();
        let flat = vec![1.0, 1.1, 0.9, 1.05, 0.95, 1.0];
        let found = line(&[rising.clone(), flat.clone()]);
        assert_eq!(found.steadiness.unwrap().label, Steadiness::SlowingDown);
        assert_eq!(
            found.remark().unwrap(),
            "case, T = 8: total-time rises over the iterations in 1 of 2 process(es): with more iterations the figure would be higher"
        );
        let found = line(&[rising, flat.clone(), flat]);
        assert_eq!(found.steadiness.unwrap().label, Steadiness::Flat);
        assert_eq!(line(&[vec![1.0], vec![2.0]]).steadiness, None);
    }

    #[test]
    fn what_is_too_short_hides_nothing() {
        let rising: Vec<f64> = (10..20).map(f64::from).collect();
        let flat = vec![1.0, 1.1, 0.9, 1.05, 0.95, 1.0];
        let short = vec![1.0, 1.1];
        let label = |processes: &[Vec<f64>]| line(processes).steadiness.unwrap().label;
        assert_eq!(
            label(&[short.clone(), rising.clone()]),
            Steadiness::SlowingDown
        );
        assert_eq!(label(&[short.clone(), flat]), Steadiness::Flat);
        assert_eq!(label(&[short.clone(), short, rising]), Steadiness::TooShort);
    }
}
