//! The table of how far figures can be trusted, and sentences on what is not at rest.

use anechoic_stats::Centre;

use super::cell::{self, Cell};
use super::section::{Item, Part, Section, Table};
use crate::{Quartiles, SteadinessCount, TrustLine, units};

const NOTE: &str = "\
Each case's first metric. n = processes × iterations. Centre: mean over processes of their medians, with a 95 % interval from processes
and the iterations within them. MAD: median deviation of processes from their median. Outliers: processes + iterations far from the rest;
they are counted and kept. Detectable change: what two such runs would show in four of five tries.";

/// Nothing without lines.
pub(super) fn section(lines: &[TrustLine]) -> Option<Section> {
    let header = [
        "case",
        "metric",
        "n",
        "centre",
        "MAD",
        "quartiles of iterations",
        "outliers",
        "over the iterations",
        "trend per iteration",
        "detectable change",
    ];
    let rows = lines.iter().map(row).collect();
    Section::of(
        "How far these numbers can be trusted",
        NOTE,
        vec![
            Part::Table(Table::of(&header, rows)),
            Part::List(remarks(lines)),
        ],
    )
}

fn row(line: &TrustLine) -> Vec<Cell> {
    let kind = line.cell.metric.kind();
    let of_centre = |centre: &Centre| units::quantity(kind, centre.value, centre.interval.as_ref());
    let centre = line.centre.as_ref();
    let quartiles = |q: Quartiles| units::quantities(kind, [q.lower, q.median, q.upper]);
    let outliers = line.outliers;
    vec![
        line.name().into(),
        line.cell.metric.to_string().into(),
        cell(centre.map(count), centre.map(|c| c.iterations as f64)),
        cell(centre.map(of_centre), centre.map(|c| c.value)),
        cell(mad(line).map(units::share), mad(line)),
        cell(
            line.quartiles.map(quartiles),
            line.quartiles.map(|q| q.median),
        ),
        cell::keyed(
            format!("{} + {}", outliers.processes, outliers.iterations),
            (outliers.processes + outliers.iterations) as f64,
        ),
        cell(line.steadiness.map(steadiness), None),
        cell::drift(line.trend.as_ref()),
        cell(
            line.minimum_detectable.map(units::change),
            line.minimum_detectable,
        ),
    ]
}

/// A text that may be missing, with its number.
fn cell(text: Option<String>, key: Option<f64>) -> Cell {
    cell::keyed(text.unwrap_or_else(|| units::NONE.to_owned()), key)
}

/// Processes may differ in their number of iterations where values were left out.
fn count(centre: &Centre) -> String {
    match centre.iterations.is_multiple_of(centre.processes) {
        true => format!(
            "{} × {}",
            centre.processes,
            centre.iterations / centre.processes
        ),
        false => format!("{}, {} in all", centre.processes, centre.iterations),
    }
}

/// As a share of the centre.
fn mad(line: &TrustLine) -> Option<f64> {
    let centre = line.centre.filter(|centre| centre.value != 0.0)?;
    Some(line.mad? / centre.value.abs())
}

fn steadiness(count: SteadinessCount) -> String {
    let label = count.label.as_str().replace('-', " ");
    format!("{label} ({} of {})", count.processes, count.of)
}

fn remarks(lines: &[TrustLine]) -> Vec<Item> {
    let mut remarks: Vec<String> = lines.iter().filter_map(TrustLine::remark).collect();
    remarks.extend(lines.iter().filter_map(left_out));
    remarks.extend(single_processes(lines));
    remarks.into_iter().map(Item::from).collect()
}

fn left_out(line: &TrustLine) -> Option<String> {
    let (name, metric, count) = (line.name(), &line.cell.metric, line.not_finite);
    (count > 0).then(|| {
        format!("{name}: {count} value(s) of {metric} are no finite numbers and are left out")
    })
}

/// Said once, however many cases there are.
fn single_processes(lines: &[TrustLine]) -> Option<String> {
    let single = |line: &&TrustLine| line.centre.is_some_and(|centre| centre.processes == 1);
    let count = lines.iter().filter(single).count();
    (count > 0).then(|| {
        format!(
            "{count} of {} figures come from one process each: there is no interval between processes, and the next process may differ by any amount",
            lines.len()
        )
    })
}

#[cfg(test)]
mod tests {
    use anechoic_record::{Cell, CellId, Metric, ProcessValues};

    use super::*;
    use crate::render::dressing::Dressing;

    fn text(lines: &[TrustLine], dressing: Dressing) -> String {
        let section = section(lines).expect("there are lines");
        dressing.section(&section)
    }

    fn line(case: &str, processes: &[&[f64]], not_finite: usize) -> TrustLine {
        let id = CellId {
            case: case.to_owned(),
            tokens: None,
            metric: Metric::TotalTime,
        };
        let processes = (1..).zip(processes).map(|(attempt, values)| ProcessValues {
            attempt,
            values: values.to_vec(),
        });
        TrustLine::of(Cell {
            id,
            processes: processes.collect(),
            not_finite,
        })
    }

    #[test]
    fn what_is_not_flat_is_said_in_a_sentence() {
        let rising: &[f64] = &[1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6];
        let flat: &[f64] = &[1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0];
        let lines = [
            line("a|<b>", &[rising, rising], 0),
            line("c", &[flat, flat], 1),
        ];
        let text = text(&lines, Dressing::Markdown);
        assert!(text.contains("| slowing down (2 of 2) |"), "{text}");
        assert!(
            text.contains("- a\\|&lt;b>: total-time rises over the iterations in 2 of 2"),
            "{text}"
        );
        assert!(
            text.contains("flat (2 of 2)") && !text.contains("- c: total-time"),
            "{text}"
        );
        assert!(
            text.contains("- c: 1 value(s) of total-time are no finite numbers"),
            "{text}"
        );
        assert!(!text.contains("one process each"), "{text}");
    }

    #[test]
    fn one_process_and_none() {
        let lines = [
            line("a", &[&[1.0]], 0),
            line("b", &[], 3),
            line("c", &[&[1.0], &[1.0]], 0),
        ];
        let text = text(&lines, Dressing::Terminal);
        assert!(text.contains("1.000 s (no interval)"), "{text}");
        assert!(text.contains("1.000 s [1.000, 1.000]"), "{text}");
        assert!(
            text.contains("1 of 3 figures come from one process each"),
            "{text}"
        );
        assert!(text.contains("b: 3 value(s)"), "{text}");
        assert_eq!(section(&[]), None);
    }
}
