//! What capture costs against the number of captured layers, with the line that fits.

use anechoic_protocol::{CaptureWork, Probe, Strategy};
use anechoic_stats::{Estimate, Interval, Ratio};

use super::chart::{Across, BESIDE, Chart, Drawn, Fit, Line, Point};
use super::extent::CUT;
use super::frame::{Entry, TOP, document, legend, shorten};
use super::mark::Look;
use super::unit::Unit;
use super::{Plot, numbered};
use crate::units::{percent, significant};
use crate::{CaptureCase, CaptureSummary, Overhead};

/// Cases that differ in their layers alone: one baseline, one way of storing, one probe.
struct Series<'a> {
    baseline: &'a str,
    work: &'a CaptureWork,
    points: Vec<(&'a CaptureCase, &'a Overhead)>,
}

/// Panels of one plot; further ones go to a further plot.
const PANELS: usize = 4;
/// Formulas of one caption.
const FORMULAS: usize = 6;

/// One panel per baseline with several numbers of layers; one number alone is a table's matter.
pub(super) fn plots(capture: &CaptureSummary) -> Vec<Plot> {
    let series = series(capture);
    let mut panels: Vec<(&str, Vec<Line>)> = Vec::new();
    for one in &series {
        let line = line(looks(&series, one), one);
        match panels
            .iter_mut()
            .find(|(baseline, _)| *baseline == one.baseline)
        {
            Some((_, lines)) => lines.push(line),
            None => panels.push((one.baseline, vec![line])),
        }
    }
    panels.retain(|(_, lines)| {
        let all = counts(lines);
        all.iter().any(|count| *count != all[0])
    });
    let each = (1..).zip(panels.chunks(PANELS));
    let pages = panels.len().div_ceil(PANELS);
    each.filter_map(|(page, panels)| plot(page, pages, panels))
        .collect()
}

/// The same way of storing has the same look in every panel.
fn looks(all: &[Series<'_>], own: &Series<'_>) -> Look {
    let mut kinds: Vec<(Strategy, Probe)> = Vec::new();
    for series in all {
        let kind = (series.work.strategy, series.work.probe);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let kind = (own.work.strategy, own.work.probe);
    Look::of(kinds.iter().position(|known| *known == kind).unwrap_or(0))
}

fn counts(lines: &[Line]) -> Vec<f64> {
    let points = lines.iter().flat_map(|line| &line.points);
    points.map(|point| point.x).collect()
}

fn plot(page: usize, pages: usize, panels: &[(&str, Vec<Line>)]) -> Option<Plot> {
    let mut known: Vec<&Line> = Vec::new();
    for line in panels.iter().flat_map(|(_, lines)| lines) {
        if !known.iter().any(|other| other.name == line.name) {
            known.push(line);
        }
    }
    let entries: Vec<Entry> = known.iter().map(|line| line.entry()).collect();
    let (legend, height) = legend(TOP, &entries);
    let mut top = TOP + height;
    let mut drawn = Vec::new();
    for (baseline, lines) in panels {
        let panel = panel(baseline, lines, top)?;
        top = panel.bottom + 6.0;
        drawn.push(panel);
    }
    let mut caption = caption(panels);
    if drawn.iter().any(|panel| panel.is_spread) {
        caption += BESIDE;
    }
    if drawn.iter().any(|panel| panel.is_cut) {
        caption += CUT;
    }
    let bottom = drawn.last()?.bottom;
    let id = numbered("overhead-layers", page);
    let title = match pages {
        1 => "Overhead of capture by layers".to_owned(),
        _ => format!("Overhead of capture by layers ({page} of {pages})"),
    };
    let body = std::iter::once(legend).chain(drawn.into_iter().flat_map(|panel| panel.body));
    let svg = document(&id, &title, &caption, bottom, body);
    Some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn panel(baseline: &str, lines: &[Line], top: f64) -> Option<Drawn> {
    let fits: Vec<Fit> = lines.iter().filter_map(fit_of).collect();
    let y_title = format!("generation time over {}", shorten(baseline, 40));
    let chart = Chart {
        across: &Across::Count(counts(lines)),
        x_title: "captured layers",
        y_title: &y_title,
        unit: Unit::Fraction,
        lines,
        pointers: &[],
        fits: &fits,
    };
    chart.draw(top)
}

fn fit_of(line: &Line) -> Option<Fit> {
    let found = fit(&line.points)?;
    Some(Fit {
        look: line.look,
        intercept: found.intercept,
        slope: found.slope.value,
        is_told: found.is_told(),
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

fn line(look: Look, series: &Series<'_>) -> Line {
    let name = format!(
        "{}, probe {}",
        series.work.strategy,
        series.work.probe.as_str()
    );
    let mut points: Vec<Point> = series.points.iter().map(|(c, o)| point(c, o)).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    Line { look, name, points }
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

/// A least-squares line.
#[derive(Debug)]
struct Fitted {
    intercept: f64,
    slope: Ratio,
}

impl Fitted {
    fn is_told(&self) -> bool {
        self.slope
            .interval
            .is_some_and(|interval| !interval.covers(0.0))
    }
}

/// The least-squares line through the points; `None` without two different x. The slope's interval takes the points for
/// independent and of one spread: b ± t · √(Σ residual² / (n − 2) / Σ(x − x̄)²); two points have none.
fn fit(points: &[Point]) -> Option<Fitted> {
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
    let intercept = y_mean - slope * x_mean;
    let residuals = points.iter().map(|(x, y)| y - intercept - slope * x);
    let squares: f64 = residuals.map(|r| r.powi(2)).sum();
    let freedom = points.len().checked_sub(2).filter(|freedom| *freedom > 0);
    let interval = freedom.and_then(|freedom| {
        let half = t_quantile(freedom)? * (squares / freedom as f64 / xx).sqrt();
        Some(Interval {
            low: slope - half,
            high: slope + half,
        })
    });
    slope.is_finite().then_some(Fitted {
        intercept,
        slope: Ratio {
            value: slope,
            interval,
        },
    })
}

/// Student's quantile of 95 % intervals, as the interval of a mean with so much freedom has it.
fn t_quantile(freedom: usize) -> Option<f64> {
    let values: Vec<f64> = (0..=freedom).map(|i| i as f64).collect();
    let mean = Estimate::of(&values)?;
    let error = mean.stdev? / (values.len() as f64).sqrt();
    Some((mean.interval?.high - mean.mean) / error)
}

fn caption(panels: &[(&str, Vec<Line>)]) -> String {
    let mut text = "Generation time with capture against the baseline of the same workload, minus 1, with its 95 % interval over \
        processes; 0 layers is the machinery alone. Lines are least squares through a panel's points, with the 95 % interval of \
        the slope; dashed and thin where that covers zero or there is none."
        .to_owned();
    let lines = || {
        panels
            .iter()
            .flat_map(|(baseline, lines)| lines.iter().map(move |line| (*baseline, line)))
    };
    let all: Vec<String> = lines()
        .filter_map(|(baseline, line)| formula(baseline, line, panels.len()))
        .collect();
    text += &all
        .iter()
        .take(FORMULAS)
        .map(String::as_str)
        .collect::<String>();
    if all.len() > FORMULAS {
        text += &format!(" {} more lines are drawn.", all.len() - FORMULAS);
    }
    text
}

fn formula(baseline: &str, line: &Line, panels: usize) -> Option<String> {
    let found = fit(&line.points)?;
    let against = match panels {
        1 => String::new(),
        _ => format!(" against {baseline}"),
    };
    Some(format!(
        " {}{against}: overhead = {} % at no layer and {} for each, {} cases.",
        line.name,
        significant(found.intercept * 100.0, 2),
        percent(Some(&found.slope)),
        line.points.len()
    ))
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
        let found = fit(&[at(0.0, 1.0), at(1.0, 3.0), at(2.0, 5.0)]).unwrap();
        assert!((found.intercept - 1.0).abs() < 1e-12 && (found.slope.value - 2.0).abs() < 1e-12);
        assert!(found.is_told());
        assert!(fit(&[at(1.0, 1.0), at(1.0, 3.0)]).is_none());
        assert!(fit(&[]).is_none());
    }

    #[test]
    fn a_slope_has_an_interval() {
        // By hand: Σ residual² = 0.7, Σ(x − x̄)² = 5, t₀.₉₇₅ of 2 = 4.3027:  -0.0384 to 2.2384
        let found = fit(&[at(0.0, 1.0), at(1.0, 2.0), at(2.0, 4.0), at(3.0, 4.0)]).unwrap();
        let interval = found.slope.interval.unwrap();
        assert!((found.slope.value - 1.1).abs() < 1e-12);
        assert!((interval.low - -0.0384).abs() < 1e-3, "{interval:?}");
        assert!(!found.is_told(), "it covers zero");
        let chance = fit(&[at(0.0, 1.0), at(1.0, 3.0), at(2.0, 1.5)]).unwrap();
        assert!(!chance.is_told(), "{chance:?}");
        let two = fit(&[at(0.0, 1.0), at(1.0, 3.0)]).unwrap();
        assert!(two.slope.interval.is_none() && !two.is_told());
    }
}
