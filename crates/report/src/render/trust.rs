//! The table of how far figures can be trusted, and sentences on what is not at rest.

use anechoic_stats::Centre;

use super::dressing::Dressing;
use crate::{Quartiles, SteadinessCount, TrustLine, units};

pub(super) fn section(lines: &[TrustLine], dressing: Dressing) -> String {
    if lines.is_empty() {
        return String::new();
    }
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
    dressing.heading(2, "How far these numbers can be trusted")
        + "Each case's first metric. n = processes × iterations. Centre: mean over processes of their medians, with a 95 % interval from processes\n\
           and the iterations within them. MAD: median deviation of processes from their median. Outliers: processes + iterations far from the rest;\n\
           they are counted and kept. Detectable change: what two such runs would show in four of five tries.\n\n"
        + &dressing.table(&header, rows)
        + &remarks(lines, dressing)
}

fn row(line: &TrustLine) -> Vec<String> {
    let kind = line.cell.metric.kind();
    let of_centre = |centre: &Centre| units::quantity(kind, centre.value, centre.interval.as_ref());
    let centre = line.centre.as_ref();
    let none = || units::NONE.to_owned();
    vec![
        line.name(),
        line.cell.metric.to_string(),
        centre.map_or_else(none, count),
        centre.map_or_else(none, of_centre),
        mad(line).unwrap_or_else(none),
        (line.quartiles).map_or_else(
            none,
            |Quartiles {
                 lower,
                 median,
                 upper,
             }| { units::quantities(kind, [lower, median, upper]) },
        ),
        format!("{} + {}", line.outliers.processes, line.outliers.iterations),
        line.steadiness.map_or_else(none, steadiness),
        units::drift(line.trend.as_ref()),
        line.minimum_detectable.map_or_else(none, units::change),
    ]
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

fn mad(line: &TrustLine) -> Option<String> {
    let centre = line.centre.filter(|centre| centre.value != 0.0)?;
    Some(units::share(line.mad? / centre.value.abs()))
}

fn steadiness(count: SteadinessCount) -> String {
    let label = count.label.as_str().replace('-', " ");
    format!("{label} ({} of {})", count.processes, count.of)
}

fn remarks(lines: &[TrustLine], dressing: Dressing) -> String {
    let mut remarks: Vec<String> = lines.iter().filter_map(TrustLine::remark).collect();
    remarks.extend(lines.iter().filter_map(left_out));
    remarks.extend(single_processes(lines));
    let items: String = remarks.iter().map(|text| dressing.item(text)).collect();
    match items.is_empty() {
        true => String::new(),
        false => format!("\n{items}"),
    }
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
        let text = section(&lines, Dressing::Markdown);
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
        let text = section(&lines, Dressing::Terminal);
        assert!(text.contains("1.000 s (no interval)"), "{text}");
        assert!(text.contains("1.000 s [1.000, 1.000]"), "{text}");
        assert!(
            text.contains("1 of 3 figures come from one process each"),
            "{text}"
        );
        assert!(text.contains("b: 3 value(s)"), "{text}");
        assert_eq!(section(&[], Dressing::Terminal), "");
    }
}
