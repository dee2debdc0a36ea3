//! Every value that was measured: one row per case and T, with raw points, the medians of processes and the centre with
//! its interval.

use anechoic_protocol::BenchmarkName;
use anechoic_record::{CaseRecord, Cell, Metric, RunRecord};
use anechoic_stats::{Centre, centre};

use super::extent::{CUT, Ends, Floor, held};
use super::frame::{
    Area, Entry, MARGIN, Swatch, TOP, WIDTH, X_AXIS, document, fitted_with, label, legend,
    text_width, x_axis,
};
use super::mark::{Look, circle, interval_x, rect};
use super::scale::Scale;
use super::svg::Element;
use super::thin::{Thinned, thinned};
use super::unit::Unit;
use super::{Plot, numbered, slug};
use crate::Summary;
use crate::plain::plain;
use crate::units;

/// Rows of one plot; further rows go to a further plot.
const ROWS: usize = 40;
/// Raw points of one plot, shared by its rows.
const POINTS: usize = 4_000;
/// Raw points of one row.
const ROW_POINTS: usize = 400;
const ROW: f64 = 46.0;

/// One row: a cell, or a case that has none.
struct Row<'a> {
    name: String,
    cell: Option<&'a Cell>,
    /// What stands in place of values.
    absent: String,
    /// What the version does to quality, where speed is shown.
    quality: Option<String>,
}

/// One plot per benchmark, and one per value that workers of one's own named.
pub(super) fn plots(record: &RunRecord, summary: &Summary, cells: &[Cell]) -> Vec<Plot> {
    let mut plots: Vec<Plot> = Vec::new();
    for benchmark in benchmarks(record) {
        for metric in metrics(record, benchmark, cells) {
            let rows = rows(record, summary, benchmark, &metric, cells);
            if rows.iter().any(|row| row.cell.is_some()) {
                let base = free(base(benchmark, &metric), rows.len().div_ceil(ROWS), &plots);
                plots.extend(pages(&base, benchmark, &metric, &rows));
            }
        }
    }
    plots
}

/// Benchmarks of the run, in the plan's order.
fn benchmarks(record: &RunRecord) -> Vec<BenchmarkName> {
    let mut found = Vec::new();
    for case in &record.manifest.cases {
        let name = case.case.work.name();
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn metrics(record: &RunRecord, benchmark: BenchmarkName, cells: &[Cell]) -> Vec<Metric> {
    let mut metrics = vec![Metric::primary(benchmark)];
    let is_own = |id: &str| {
        let mut cases = record.manifest.cases.iter();
        cases.any(|case| case.case.id == id && case.case.work.name() == benchmark)
    };
    for cell in cells {
        let metric = &cell.id.metric;
        if matches!(metric, Metric::Value(_)) && !metrics.contains(metric) && is_own(&cell.id.case)
        {
            metrics.push(metric.clone());
        }
    }
    metrics
}

fn rows<'a>(
    record: &RunRecord,
    summary: &Summary,
    benchmark: BenchmarkName,
    metric: &Metric,
    cells: &'a [Cell],
) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    let cases = record.manifest.cases.iter();
    for case in cases.filter(|case| case.case.work.name() == benchmark) {
        let is_own = |cell: &&Cell| cell.id.case == case.case.id && cell.id.metric == *metric;
        let own: Vec<&Cell> = cells.iter().filter(is_own).collect();
        let has_any = own.iter().any(|cell| !cell.processes.is_empty());
        if !has_any {
            rows.push(absent(case));
        }
        let with_values = own.iter().filter(|cell| !cell.processes.is_empty());
        rows.extend(with_values.map(|cell| row(case, cell, own.len(), summary)));
    }
    rows
}

fn absent<'a>(case: &CaseRecord) -> Row<'a> {
    let last = case.attempts.last().map(|attempt| attempt.outcome.name());
    Row {
        name: case.case.id.clone(),
        cell: None,
        absent: match last {
            Some("ok") => "no finite value".to_owned(),
            Some(ending) => format!("no value: {ending}"),
            None => "not made".to_owned(),
        },
        quality: None,
    }
}

fn row<'a>(case: &CaseRecord, cell: &'a Cell, of_case: usize, summary: &Summary) -> Row<'a> {
    let id = &case.case.id;
    let name = match cell.id.tokens.filter(|_| of_case > 1) {
        Some(tokens) => format!("{id}, T = {tokens}"),
        None => id.clone(),
    };
    Row {
        name,
        cell: Some(cell),
        absent: String::new(),
        quality: super::series::quality_of_case(summary, id),
    }
}

/// The base of ids that no plot has: names from outside may differ in what an id cannot hold.
fn free(mut base: String, pages: usize, plots: &[Plot]) -> String {
    let is_taken = |base: &str| {
        let mut ids = (1..=pages).map(|page| numbered(base, page));
        ids.any(|id| plots.iter().any(|plot| plot.id == id))
    };
    while is_taken(&base) {
        base += "-x";
    }
    base
}

fn base(benchmark: BenchmarkName, metric: &Metric) -> String {
    let base = format!("values-{}", benchmark.as_str());
    match own_name(metric) {
        Some(name) => format!("{base}-{}", slug(name)),
        None => base,
    }
}

fn pages(base: &str, benchmark: BenchmarkName, metric: &Metric, rows: &[Row<'_>]) -> Vec<Plot> {
    let pages = rows.len().div_ceil(ROWS);
    let each = (1..).zip(rows.chunks(ROWS));
    each.map(|(page, rows)| {
        let title = title(benchmark, metric);
        match pages {
            1 => plot(base.to_owned(), title, metric, rows),
            _ => {
                let title = format!("{title} ({page} of {pages})");
                plot(numbered(base, page), title, metric, rows)
            }
        }
    })
    .collect()
}

fn title(benchmark: BenchmarkName, metric: &Metric) -> String {
    let (name, words) = (benchmark.as_str(), words(metric));
    let title = match words == name {
        true => words,
        false => format!("{name}: {words}"),
    };
    let mut letters = title.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// What a worker of one's own named it.
fn own_name(metric: &Metric) -> Option<&str> {
    let Metric::Value(name) = metric else {
        return None;
    };
    Some(name)
}

/// A metric in words.
fn words(metric: &Metric) -> String {
    if let Some(name) = own_name(metric) {
        return plain(name);
    }
    if *metric == Metric::TotalTime {
        return "time of an iteration".to_owned();
    }
    if *metric == Metric::MaxBatch {
        return "largest batch".to_owned();
    }
    metric.name().replace('-', " ")
}

/// Beyond this ratio of the largest to the smallest value, an axis is logarithmic.
const WIDE: f64 = 20.0;

fn scale(rows: &[Row<'_>], centres: &[Option<Centre>], unit: Unit) -> Option<Scale> {
    let cells = rows.iter().filter_map(|row| row.cell);
    let processes = cells.flat_map(|cell| &cell.processes);
    let raw: Vec<f64> = processes.flat_map(|p| p.values.iter().copied()).collect();
    let intervals = centres
        .iter()
        .flatten()
        .filter_map(|centre| centre.interval);
    let floor = match unit {
        Unit::Plain => Floor::None,
        Unit::Seconds | Unit::Bytes | Unit::Fraction | Unit::Times | Unit::FlopsPerSecond => {
            Floor::Positive
        }
    };
    let values = held(&raw, &intervals.collect::<Vec<_>>(), floor);
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    match lowest > 0.0 && highest / lowest > WIDE {
        true => Scale::log_around(values),
        false => Scale::around(values),
    }
}

fn plot(id: String, title: String, metric: &Metric, rows: &[Row<'_>]) -> Plot {
    let unit = Unit::of(metric.kind());
    let centres: Vec<Option<Centre>> = rows.iter().map(|row| centre(&row.cell?.series())).collect();
    let scale = scale(rows, &centres, unit)
        .or_else(|| Scale::around([0.0]))
        .expect("zero is finite");
    let (legend, legend_height) = legend(TOP, &entries(&centres));
    let area = Area {
        left: MARGIN + 6.0,
        top: TOP + legend_height,
        width: WIDTH - 2.0 * (MARGIN + 6.0),
        height: rows.len() as f64 * ROW,
    };
    let mut body = vec![legend, x_axis(&area, &scale, unit, &words(metric))];
    let cap = (POINTS / rows.len().max(1)).clamp(20, ROW_POINTS);
    let mut thinned = 0;
    for (index, (row, centre)) in rows.iter().zip(&centres).enumerate() {
        let top = area.top + index as f64 * ROW;
        let drawn = drawn_row(
            row,
            centre.as_ref(),
            &Track {
                area: &area,
                top,
                scale: &scale,
                unit,
                cap,
            },
        );
        thinned += usize::from(drawn.1);
        body.push(drawn.0);
    }
    let caption = caption(rows, &centres, &scale, thinned, cap);
    let height = area.bottom() + X_AXIS;
    let svg = document(&id, &title, &caption, height, body);
    Plot {
        id,
        title,
        caption,
        svg,
    }
}

fn entries(centres: &[Option<Centre>]) -> Vec<Entry> {
    let entry = |swatch, text: &str| Entry {
        swatch,
        text: text.to_owned(),
    };
    let mut entries = vec![
        entry(Swatch::Raw, "iteration"),
        entry(Swatch::Mark(Look::of(1)), "median of a process"),
    ];
    if centres.iter().flatten().any(|c| c.interval.is_some()) {
        entries.push(entry(Swatch::Interval, "centre, 95 % interval"));
    }
    entries
}

fn caption(
    rows: &[Row<'_>],
    centres: &[Option<Centre>],
    scale: &Scale,
    thinned: usize,
    cap: usize,
) -> String {
    let cells = || rows.iter().filter_map(|row| row.cell);
    let processes: usize = cells().map(|cell| cell.processes.len()).sum();
    let iterations: usize = cells()
        .flat_map(|cell| &cell.processes)
        .map(|p| p.values.len())
        .sum();
    let intervals = centres.iter().flatten().filter_map(|c| c.interval);
    let mut ends = intervals.filter_map(|interval| Ends::of(&interval, scale));
    let is_cut = ends.any(|ends| !ends.is_whole());
    let lost: usize = cells().map(|cell| cell.not_finite).sum();
    let mut text = format!(
        "Every measured value ({iterations} of {}) as a point, the median of each process as a square, and \
         the mean of these medians as a bar{}. The axis need not begin at zero.",
        units::processes(processes),
        match centres.iter().flatten().any(|c| c.interval.is_some()) {
            true => " with its 95 % interval over processes, at the right in figures",
            false => "; one process says nothing about the next, so there is no interval",
        }
    );
    if is_cut {
        text += CUT;
    }
    if thinned > 0 {
        text += &format!(
            " Of {thinned} rows only {cap} points each are drawn, the smallest and largest among them."
        );
    }
    if lost > 0 {
        text += &format!(" {lost} values are no finite numbers and are not drawn.");
    }
    text
}

/// Where and how a row is drawn.
struct Track<'a> {
    area: &'a Area,
    top: f64,
    scale: &'a Scale,
    unit: Unit,
    cap: usize,
}

/// The row, and whether points were left out.
fn drawn_row(row: &Row<'_>, centre: Option<&Centre>, track: &Track<'_>) -> (Element, bool) {
    let mut group = Element::new("g").with("data-case", &row.name);
    let (area, top) = (track.area, track.top);
    let value = match centre {
        Some(centre) => reading(centre, track.unit),
        None => row.absent.clone(),
    };
    let classes = match row.cell {
        Some(_) => "soft num end",
        None => "soft num end absent",
    };
    let room = area.width - text_width(&value) - 10.0;
    let quality = row
        .quality
        .as_ref()
        .map_or(String::new(), |quality| format!(" · {quality}"));
    group.add(rect(0.0, top + 3.0, WIDTH, 18.0).with("class", "surface"));
    group.add(fitted_with(
        area.left,
        top + 17.0,
        &row.name,
        &quality,
        room,
    ));
    group.add(label(area.right(), top + 17.0, &value, classes));
    let Some(cell) = row.cell else {
        return (group, false);
    };
    let y = top + 33.0;
    let thinned = points(cell, track.cap);
    for (index, (attempt, value)) in thinned.values.iter().enumerate() {
        // Spread across the track in a fixed pattern, so that equal values are seen as several.
        let lane = (index * 7 % 5) as f64 - 2.0;
        group.add_some(raw_point(*attempt, *value, y + lane * 2.0, track));
    }
    for process in &cell.processes {
        group.add_some(process_mark(process.attempt, &process.values, y, track));
    }
    if let Some(centre) = centre {
        for part in centre_marks(centre, y, track) {
            group.add(part);
        }
    }
    (group, thinned.left_out > 0)
}

fn points(cell: &Cell, cap: usize) -> Thinned<(u32, f64)> {
    let processes = cell.processes.iter();
    let all: Vec<(u32, f64)> = processes
        .flat_map(|p| p.values.iter().map(|value| (p.attempt, *value)))
        .collect();
    thinned(all, cap, |(_, value)| *value)
}

fn raw_point(attempt: u32, value: f64, y: f64, track: &Track<'_>) -> Option<Element> {
    let x = track.area.x(track.scale.place(value)?);
    let exact = track.unit.exact(value);
    let point = circle(x, y, 2.5)
        .with("class", "pt s1 raw")
        .with("data-value", &exact);
    Some(point.titled(&format!("attempt {attempt}: {exact}")))
}

fn process_mark(attempt: u32, values: &[f64], y: f64, track: &Track<'_>) -> Option<Element> {
    let median = anechoic_stats::median(values)?;
    let x = track.area.x(track.scale.place(median)?);
    let exact = track.unit.exact(median);
    let mark = Look::of(1).mark(x, y, 4.0).with("data-value", &exact);
    Some(mark.titled(&format!(
        "attempt {attempt}, median of {}: {exact}",
        values.len()
    )))
}

fn centre_marks(centre: &Centre, y: f64, track: &Track<'_>) -> Vec<Element> {
    let (area, scale) = (track.area, track.scale);
    let mut parts = Vec::new();
    let title = reading(centre, track.unit);
    if let Some(ends) = centre.interval.and_then(|i| Ends::of(&i, scale)) {
        let bar = interval_x(area, ends, y, 7.0).with("class", "bar strong");
        parts.push(bar.titled(&title));
    }
    if let Some(place) = scale.place(centre.value) {
        let bar = rect(area.x(place) - 1.5, y - 9.0, 3.0, 18.0);
        let bar = bar
            .with("class", "pt strong fill")
            .with("data-value", &title);
        parts.push(bar.titled(&title));
    }
    parts
}

/// A centre with its interval.
fn reading(centre: &Centre, unit: Unit) -> String {
    match &centre.interval {
        Some(interval) => unit.with_interval(centre.value, interval),
        None => unit.alone(centre.value),
    }
}
