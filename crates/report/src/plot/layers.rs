//! What capture costs against the number of captured layers, with the line that fits.

use anechoic_protocol::CaptureWork;
use anechoic_stats::Ratio;

use super::Plot;
use super::chart::{Across, Chart, Line, Point};
use super::extent::CUT;
use super::frame::{TOP, document, legend};
use super::mark::Look;
use super::unit::Unit;
use crate::units::{percent, significant};
use crate::{CaptureCase, CaptureSummary, Overhead};

/// Cases that differ in their layers alone: one baseline, one way of storing, one probe.
struct Series<'a> {
    baseline: &'a str,
    work: &'a CaptureWork,
    points: Vec<(&'a CaptureCase, &'a Overhead)>,
}

pub(super) fn plot(capture: &CaptureSummary) -> Option<Plot> {
    let series = series(capture);
    let layers = |series: &Series<'_>| series.points.iter().map(|(c, _)| x(c)).collect::<Vec<_>>();
    let all: Vec<f64> = series.iter().flat_map(layers).collect();
    // One number of layers alone is a table's matter.
    let differs = all.iter().any(|count| *count != all[0]);
    if !differs {
        return None;
    }
    let several_baselines = series.iter().any(|s| s.baseline != series[0].baseline);
    let lines: Vec<Line> = (0..)
        .zip(&series)
        .map(|(index, series)| line(index, series, several_baselines))
        .collect();
    let fits: Vec<(Look, f64, f64)> = lines
        .iter()
        .filter_map(|line| fit(&line.points).map(|(a, b)| (line.look, a, b)))
        .collect();
    let across = Across::Count(all);
    let chart = Chart {
        across: &across,
        x_title: "captured layers",
        y_title: "overhead in generation time",
        unit: Unit::Fraction,
        lines: &lines,
        pointers: &[],
        fits: &fits,
    };
    let (legend, height) = legend(TOP, &lines.iter().map(Line::entry).collect::<Vec<_>>());
    let drawn = chart.draw(TOP + height)?;
    let mut caption = caption(&lines);
    if drawn.is_cut {
        caption += CUT;
    }
    let (id, title) = (
        "overhead-layers".to_owned(),
        "Overhead of capture by layers".to_owned(),
    );
    let body = std::iter::once(legend).chain(drawn.body);
    let svg = document(&id, &title, &caption, drawn.bottom, body);
    Some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn x(case: &CaptureCase) -> f64 {
    case.work.layers.len() as f64
}

fn series(capture: &CaptureSummary) -> Vec<Series<'_>> {
    let mut found: Vec<Series<'_>> = Vec::new();
    for overhead in &capture.overheads {
        let Some(case) = capture.cases.iter().find(|case| case.id == overhead.id) else {
            continue;
        };
        let is_own = |series: &&mut Series<'_>| {
            series.baseline == overhead.baseline
                && series.work.strategy == case.work.strategy
                && series.work.probe == case.work.probe
        };
        match found.iter_mut().find(is_own) {
            Some(series) => series.points.push((case, overhead)),
            None => found.push(Series {
                baseline: &overhead.baseline,
                work: &case.work,
                points: vec![(case, overhead)],
            }),
        }
    }
    found
}

fn line(index: usize, series: &Series<'_>, several_baselines: bool) -> Line {
    let mut name = format!(
        "{}, probe {}",
        series.work.strategy,
        series.work.probe.as_str()
    );
    if several_baselines {
        name += &format!(", against {}", series.baseline);
    }
    let mut points: Vec<Point> = series.points.iter().map(|(c, o)| point(c, o)).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Line {
        look: Look::of(index),
        name,
        points,
    }
}

fn point(case: &CaptureCase, overhead: &Overhead) -> Point {
    let Ratio { value, interval } = overhead.generation;
    Point {
        x: x(case),
        y: value,
        interval,
        is_weak: false,
        case: case.id.clone(),
        title: format!(
            "{}, {} layers, {}",
            case.id,
            case.work.layers.len(),
            percent(Some(&overhead.generation))
        ),
    }
}

/// Intercept and slope of the least-squares line through the points; `None` without two different x.
fn fit(points: &[Point]) -> Option<(f64, f64)> {
    let points: Vec<(f64, f64)> = points
        .iter()
        .filter(|p| p.y.is_finite())
        .map(|p| (p.x, p.y))
        .collect();
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x_mean, y_mean) = (mean(|p| p.0), mean(|p| p.1));
    let xx: f64 = points.iter().map(|(x, _)| (x - x_mean).powi(2)).sum();
    let xy: f64 = points
        .iter()
        .map(|(x, y)| (x - x_mean) * (y - y_mean))
        .sum();
    let slope = xy / xx;
    slope
        .is_finite()
        .then_some((y_mean - slope * x_mean, slope))
}

fn caption(lines: &[Line]) -> String {
    let mut text = "Generation time with capture against the baseline of the same workload, minus 1, with its 95 % interval over \
        processes; 0 layers is the machinery alone."
        .to_owned();
    for line in lines {
        let Some((intercept, slope)) = fit(&line.points) else {
            continue;
        };
        let sign = if slope < 0.0 { '−' } else { '+' };
        text += &format!(
            " {}: overhead = {} % {sign} {} % × layers (least squares, {} cases).",
            line.name,
            significant(intercept * 100.0, 3),
            significant(slope.abs() * 100.0, 3),
            line.points.len()
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(x: f64, y: f64) -> Point {
        Point {
            x,
            y,
            interval: None,
            is_weak: false,
            case: String::new(),
            title: String::new(),
        }
    }

    #[test]
    fn a_line_is_found() {
        let (intercept, slope) = fit(&[at(0.0, 1.0), at(1.0, 3.0), at(2.0, 5.0)]).unwrap();
        assert!((intercept - 1.0).abs() < 1e-12 && (slope - 2.0).abs() < 1e-12);
        assert_eq!(fit(&[at(1.0, 1.0), at(1.0, 3.0)]), None);
        assert_eq!(fit(&[]), None);
    }
}
