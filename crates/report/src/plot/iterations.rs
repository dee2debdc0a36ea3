//! Series of iterations, one small panel per case and T, with what each series does in words.

use anechoic_record::{Cell, Metric, RunRecord};
use anechoic_stats::{Steadiness, drift, steadiness};

use super::frame::{Area, MARGIN, TOP, WIDTH, document, fitted, label, text_width};
use super::mark::{Look, circle, segment};
use super::scale::Scale;
use super::svg::Element;
use super::unit::Unit;
use super::{Plot, numbered};
use crate::units::signed_percent;

/// A series of fewer values shows nothing.
const LEAST: usize = 3;
/// Panels of one plot; further ones go to a further plot.
const PANELS: usize = 24;
/// So many points of a panel have marks of their own; more are a line alone.
const MARKS: usize = 120;
/// Points of one line.
const POINTS: usize = 500;
const ROW: f64 = 152.0;
const GAP: f64 = 20.0;

pub(super) fn plots(record: &RunRecord, cells: &[Cell]) -> Vec<Plot> {
    let shown: Vec<&Cell> = cells.iter().filter(|cell| is_shown(record, cell)).collect();
    let pages = shown.len().div_ceil(PANELS);
    let each = (1..).zip(shown.chunks(PANELS));
    each.map(|(page, cells)| plot(page, pages, cells, record))
        .collect()
}

/// The first metric of its benchmark, with a series worth looking at.
fn is_shown(record: &RunRecord, cell: &Cell) -> bool {
    let mut cases = record.manifest.cases.iter();
    let case = cases.find(|case| case.case.id == cell.id.case);
    let is_primary = case.is_some_and(|c| Metric::primary(c.case.work.name()) == cell.id.metric);
    is_primary && cell.processes.iter().any(|p| p.values.len() >= LEAST)
}

fn plot(page: usize, pages: usize, cells: &[&Cell], record: &RunRecord) -> Plot {
    let rows = cells.len().div_ceil(2);
    let width = (WIDTH - 2.0 * MARGIN - GAP) / 2.0;
    let panels = cells.iter().enumerate().map(|(index, cell)| {
        let left = MARGIN + (index % 2) as f64 * (width + GAP);
        let top = TOP + (index / 2) as f64 * ROW;
        panel(cell, (left, top, width), is_one_of_several(record, cell))
    });
    let title = match pages {
        1 => "Iteration by iteration".to_owned(),
        _ => format!("Iteration by iteration ({page} of {pages})"),
    };
    let caption = "Each panel is a case: its values in the order in which they were measured, one line per process, with what the \
        series do in words; “drifting” where the slope that processes have in common is not zero with 95 % confidence. Every \
        panel has an axis of its own that need not begin at zero."
        .to_owned();
    let id = numbered("iterations", page);
    let svg = document(&id, &title, &caption, TOP + rows as f64 * ROW + 4.0, panels);
    Plot {
        id,
        title,
        caption,
        svg,
    }
}

fn is_one_of_several(record: &RunRecord, cell: &Cell) -> bool {
    let Some(tokens) = cell.id.tokens else {
        return false;
    };
    let mut cases = record.manifest.cases.iter();
    let case = cases.find(|case| case.case.id == cell.id.case);
    case.is_some_and(|case| {
        super::tokens_of(&case.case.work)
            .iter()
            .any(|t| *t != tokens)
    })
}

fn panel(cell: &Cell, (left, top, width): (f64, f64, f64), with_tokens: bool) -> Element {
    let name = match cell.id.tokens.filter(|_| with_tokens) {
        Some(tokens) => format!("{}, T = {tokens}", cell.id.case),
        None => cell.id.case.clone(),
    };
    let unit = Unit::of(cell.id.metric.kind());
    let mut group = Element::new("g").with("data-case", &cell.id.case);
    group.add(fitted(left, top + 16.0, &name, width, ""));
    for (line, text) in broken(&words(cell), width).iter().enumerate() {
        let y = top + 33.0 + 16.0 * line as f64;
        group.add(fitted(left, y, text, width, "soft"));
    }
    let values = || cell.processes.iter().flat_map(|p| p.values.iter().copied());
    let longest = cell
        .processes
        .iter()
        .map(|p| p.values.len())
        .max()
        .unwrap_or(1);
    let ends = [1.0, longest as f64];
    let (Some(x), Some(y)) = (Scale::around(ends), Scale::around(values())) else {
        return group;
    };
    let area = Area {
        left: left + 56.0,
        top: top + 58.0,
        width: width - 56.0,
        height: 66.0,
    };
    for part in axes(&area, (&x, &y), unit, longest) {
        group.add(part);
    }
    let has_marks = values().count() <= MARKS;
    for (index, process) in cell.processes.iter().enumerate() {
        let look = Look::of(index);
        let title = format!("attempt {}", process.attempt);
        let points = points(&process.values, &area, &x, &y);
        let path: Vec<(f64, f64)> = points.iter().map(|(_, at)| *at).collect();
        group.add(look.thin_line(&path).titled(&title));
        for (number, (px, py)) in points.iter().filter(|_| has_marks) {
            let exact = unit.exact(process.values[number - 1]);
            let classes = format!("pt {} fill", look.class());
            let mark = circle(*px, *py, 2.5)
                .with("class", &classes)
                .with("data-value", &exact);
            group.add(mark.titled(&format!("{title}, iteration {number}: {exact}")));
        }
    }
    group
}

/// Places of values with their numbers from 1; of very long series the smallest and largest of each stretch.
fn points(values: &[f64], area: &Area, x: &Scale, y: &Scale) -> Vec<(usize, (f64, f64))> {
    let stretch = (2 * values.len()).div_ceil(POINTS).max(1);
    let numbered: Vec<(usize, f64)> = (1..).zip(values.iter().copied()).collect();
    let chosen = numbered.chunks(stretch).flat_map(|part| {
        let by_value = |a: &&(usize, f64), b: &&(usize, f64)| a.1.total_cmp(&b.1);
        let mut ends: Vec<(usize, f64)> =
            [part.iter().min_by(by_value), part.iter().max_by(by_value)]
                .into_iter()
                .flatten()
                .copied()
                .collect();
        ends.sort_by_key(|(number, _)| *number);
        ends.dedup();
        ends
    });
    chosen
        .filter_map(|(number, value)| {
            let (across, up) = (x.place(number as f64)?, y.place(value)?);
            Some((number, (area.x(across), area.y(up))))
        })
        .collect()
}

fn axes(area: &Area, (x, y): (&Scale, &Scale), unit: Unit, longest: usize) -> Vec<Element> {
    let (ticks, name) = y.ticks(3, unit);
    let mut parts = Vec::new();
    for tick in &ticks {
        let Some(place) = y.place(tick.value) else {
            continue;
        };
        let at = area.y(place);
        parts.push(segment(area.left, at, area.right(), at).with("class", "grid"));
        parts.push(label(
            area.left - 5.0,
            at + 4.5,
            &tick.label,
            "soft num end",
        ));
    }
    parts
        .push(segment(area.left, area.bottom(), area.right(), area.bottom()).with("class", "axis"));
    let unit = label(area.left - 5.0, area.bottom() + 15.0, name, "soft end");
    parts.extend(Some(unit).filter(|_| !name.is_empty()));
    for number in [1, longest] {
        if let Some(place) = x.place(number as f64) {
            let at = area.x(place);
            parts.push(label(
                at,
                area.bottom() + 15.0,
                &number.to_string(),
                "soft num mid",
            ));
        }
    }
    parts
}

/// What the processes' series do, the most frequent first, and how fast they drift.
fn words(cell: &Cell) -> String {
    let labels: Vec<Steadiness> = cell
        .processes
        .iter()
        .map(|p| steadiness(&p.values))
        .collect();
    let mut counts: Vec<(usize, Steadiness)> = Vec::new();
    for label in &labels {
        match counts.iter_mut().find(|(_, known)| known == label) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, *label)),
        }
    }
    counts.sort_by_key(|(count, label)| (std::cmp::Reverse(*count), *label));
    let word = |label: Steadiness| match label == Steadiness::TooShort {
        true => "too short to tell".to_owned(),
        false => label.as_str().replace('-', " "),
    };
    let text = match counts.as_slice() {
        [(_, label)] => word(*label),
        several => several
            .iter()
            .map(|(count, label)| format!("{count} {}", word(*label)))
            .collect::<Vec<_>>()
            .join(", "),
    };
    match drift(&cell.series()).filter(|found| found.is_drifting()) {
        Some(found) => format!("drifting {}; {text}", signed_percent(found.slope)),
        None => text,
    }
}

/// In two lines where one has no room, broken between words.
fn broken(text: &str, width: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last_mut().expect("there is a line");
        let longer = format!("{last} {word}");
        if last.is_empty() {
            word.clone_into(last);
        } else if text_width(&longer) <= width || lines.len() == 2 {
            *lines.last_mut().expect("there is a line") = longer;
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_broken_where_they_have_no_room() {
        assert_eq!(broken("flat", 100.0), ["flat"]);
        assert_eq!(
            broken("drifting +0.3 %; 2 slowing down, 1 flat", 200.0),
            ["drifting +0.3 %; 2", "slowing down, 1 flat"]
        );
        assert_eq!(broken("a b c d e f g h", 30.0), ["a b", "c d e f g h"]);
    }
}
