//! The course of one series over its runs: values with intervals, what nights said of them, levels, and where machine and programs
//! changed. Runs are evenly spaced: what matters is their order, and nights come in bursts as well as one by one.

use anechoic_record::NightOutcome;
use anechoic_stats::{Interval, Scale as LineScale};
use jiff::Timestamp;

use super::Plot;
use super::extent::{CUT, Ends, Floor, held};
use super::frame::{
    Area, Entry, MARGIN, Swatch, TOP, WIDTH, X_AXIS, document, label, legend, text_width, y_axis,
};
use super::mark::{Look, cross, interval_y, polyline, segment};
use super::scale::Scale;
use super::style::SHEET;
use super::svg::Element;
use super::thin::thinned;
use super::unit::Unit;
use crate::history::{
    History, Level, Point, PointVerdict, Series, SeriesCreep, SeriesStep, Slot, Stretch,
    differences, names,
};
use crate::units;

/// What is drawn, and how much of it.
pub(crate) struct HistoryChart<'a> {
    pub(crate) history: &'a History,
    pub(crate) series: &'a Series,
    /// The place of the series among those of the page.
    pub(crate) number: usize,
    /// The link to the report of a run.
    pub(crate) link: &'a dyn Fn(&str) -> String,
    /// Points that are drawn at most.
    pub(crate) most: usize,
}

/// The drawing without the style sheet, which one of many on a page is enough to have.
pub(crate) fn without_style(svg: &str) -> String {
    svg.replacen(&format!("<style>{SHEET}</style>"), "", 1)
}

const HEIGHT: f64 = 210.0;
const LEFT: f64 = 62.0;
/// Room at the bottom of the panel for marks of programs and of nights without a value.
const FOOT: f64 = 18.0;
/// Beyond this ratio of the largest to the smallest value, the axis is logarithmic.
const WIDE: f64 = 20.0;
/// The least that the axis shows, as a part of the values.
const NARROW: f64 = 0.002;
/// Marks at the bottom that are drawn at most, of each kind.
const MARKS: usize = 150;
/// Labels of time below the panel.
const TIMES: usize = 6;

/// Where everything lies.
struct Plane {
    area: Area,
    y: Scale,
    /// Where on the x axis each point lies.
    points: Vec<f64>,
    /// Where each night without a value lies, by its place among them.
    gaps: Vec<f64>,
    /// Half of the distance of two neighbours.
    half: f64,
}

impl HistoryChart<'_> {
    /// The picture; `None` where no value has a place.
    pub(crate) fn plot(&self) -> Option<Plot> {
        let series = self.series;
        let unit = Unit::of(series.id.metric.kind());
        let (legend, legend_height) = legend(TOP, &self.entries());
        let plane = self.plane(TOP + legend_height + 22.0)?;
        let area = &plane.area;
        let mut body = vec![
            legend,
            y_axis(area, &plane.y, unit, &series.id.metric.name()),
            self.times(&plane),
        ];
        body.extend(self.machine_changes(&plane));
        let chosen = self.chosen();
        body.extend(self.lines(&plane, &chosen));
        let mut is_cut = false;
        for index in &chosen {
            body.extend(self.interval(&plane, *index, &mut is_cut));
        }
        body.extend(chosen.iter().filter_map(|index| self.mark(&plane, *index)));
        body.extend(self.levels(&plane));
        body.extend(self.program_changes(&plane));
        body.extend(self.gaps(&plane));
        let id = format!("series-{}-plot", self.number);
        let title = format!("{}: {}", series.name(), series.id.metric.name());
        let caption = self.caption(chosen.len(), is_cut);
        let svg = document(&id, &title, &caption, area.bottom() + X_AXIS - 14.0, body);
        let plot = Plot {
            id,
            title,
            caption,
            svg,
        };
        Some(plot.cleaned())
    }

    fn plane(&self, top: f64) -> Option<Plane> {
        let area = Area {
            left: LEFT,
            top,
            width: WIDTH - LEFT - MARGIN,
            height: HEIGHT,
        };
        let slots = self.series.slots();
        let (mut points, mut gaps) = (Vec::new(), Vec::new());
        for (index, slot) in slots.iter().enumerate() {
            let x = area.x((index as f64 + 0.5) / slots.len() as f64);
            match slot {
                Slot::Point(_) => points.push(x),
                Slot::Gap(_) => gaps.push(x),
            }
        }
        Some(Plane {
            y: self.y_scale()?,
            half: area.width / slots.len() as f64 / 2.0,
            area,
            points,
            gaps,
        })
    }

    /// Values lie above the foot of the panel.
    fn y_scale(&self) -> Option<Scale> {
        let points = self.series.points.iter();
        let values: Vec<f64> = points.clone().map(|p| p.average.value).collect();
        let intervals: Vec<Interval> = points.filter_map(|p| p.average.interval).collect();
        let floor = match self.series.present().scale {
            LineScale::Ratio => Floor::Positive,
            LineScale::Difference => Floor::None,
        };
        let mut held = held(&values, &intervals, floor);
        let low = held.iter().copied().fold(f64::INFINITY, f64::min);
        let high = held.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if low > 0.0 && high / low > WIDE {
            return Scale::log_around(held);
        }
        // Of equal values the last digits are rounding, and no course.
        let least = low.abs().max(high.abs()) * NARROW;
        if high - low < least {
            held.extend([low - least / 2.0, high + least / 2.0]);
        }
        held.push(low - (high - low).max(least) * FOOT / HEIGHT);
        Scale::around(held)
    }

    /// The points that are drawn: evenly chosen, with the extremes, the newest, and what nights found to be other than the same.
    fn chosen(&self) -> Vec<usize> {
        let points = &self.series.points;
        let all: Vec<usize> = (0..points.len()).collect();
        let value = |index: &usize| points[*index].average.value;
        let told = |index: &usize| match points[*index].verdict {
            PointVerdict::Unjudged | PointVerdict::New | PointVerdict::Same => false,
            PointVerdict::Better
            | PointVerdict::Worse
            | PointVerdict::Step
            | PointVerdict::Creep
            | PointVerdict::Accepted => true,
        };
        if all.len() <= self.most {
            return all;
        }
        let told: Vec<usize> = all.iter().copied().filter(told).collect();
        let mut chosen = thinned(told, self.most / 3, value).values;
        chosen.extend(thinned(all, self.most - chosen.len(), value).values);
        chosen.push(points.len() - 1);
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    /// A thin line through the points of each stretch.
    fn lines(&self, plane: &Plane, chosen: &[usize]) -> Vec<Element> {
        let of = |stretch: &Stretch| {
            let inside = chosen
                .iter()
                .filter(|i| (stretch.first..stretch.end).contains(i));
            let path: Vec<(f64, f64)> = inside
                .filter_map(|index| Some((plane.points[*index], self.y(plane, *index)?)))
                .collect();
            (path.len() > 1).then(|| polyline(&path).with("class", "grid"))
        };
        self.series.stretches.iter().filter_map(of).collect()
    }

    fn y(&self, plane: &Plane, index: usize) -> Option<f64> {
        let place = plane.y.place(self.series.points[index].average.value)?;
        Some(plane.area.y(place))
    }

    fn interval(&self, plane: &Plane, index: usize, is_cut: &mut bool) -> Option<Element> {
        let point = &self.series.points[index];
        let ends = Ends::of(&point.average.interval?, &plane.y)?;
        *is_cut |= !ends.is_whole();
        let cap = (plane.half * 0.7).clamp(1.0, 4.0);
        let bar = interval_y(&plane.area, plane.points[index], ends, cap);
        Some(bar.with("class", &format!("thin {}", look(point.verdict).class())))
    }

    /// The mark of a point; a link to the report of its run. The table has the same links for keyboards.
    fn mark(&self, plane: &Plane, index: usize) -> Option<Element> {
        let point = &self.series.points[index];
        let radius = match point.verdict {
            PointVerdict::Unjudged | PointVerdict::New | PointVerdict::Same => {
                (plane.half * 0.9).clamp(2.0, 4.0)
            }
            PointVerdict::Better
            | PointVerdict::Worse
            | PointVerdict::Step
            | PointVerdict::Creep
            | PointVerdict::Accepted => 4.5,
        };
        let mark = look(point.verdict).mark(plane.points[index], self.y(plane, index)?, radius);
        let mark = mark.titled(&self.title(index, point));
        let run = self.history.run(point);
        if run.is_gone() {
            return Some(mark);
        }
        let link = (self.link)(&run.run);
        let link = Element::new("a").with("href", &link).with("tabindex", "-1");
        Some(link.child(mark))
    }

    fn title(&self, index: usize, point: &Point) -> String {
        let run = self.history.run(point);
        let made = match run.is_gone() {
            true => String::new(),
            false => format!(", {}", units::processes(point.average.processes)),
        };
        let mut title = format!(
            "{}: {}{made}, {}",
            crate::history::minute(run.started),
            crate::history::value_text(self.series, point),
            point.verdict
        );
        for remark in run.remarks() {
            title += &format!(", {}", remark.word());
        }
        if point.disturbed > 0 {
            title += &format!(", {} of them disturbed", point.disturbed);
        }
        if let Some(before) = index.checked_sub(1).map(|i| &self.series.points[i]) {
            let before = self.history.run(before).started;
            let days = run.started.duration_since(before).as_secs() / 86_400;
            if days > 1 {
                title += &format!(", {days} days after the one before");
            }
        }
        title + &format!(" ({})", run.run)
    }

    fn levels(&self, plane: &Plane) -> Vec<Element> {
        let mut body = Vec::new();
        for stretch in &self.series.stretches {
            if stretch.end - stretch.first < 2 {
                continue;
            }
            body.extend(stretch.levels.iter().filter_map(|l| level(plane, l)));
            body.extend(
                stretch
                    .creep
                    .as_ref()
                    .and_then(|creep| self.creep(plane, stretch, creep)),
            );
            for (step, level) in stretch.steps.iter().zip(stretch.levels.iter().skip(1)) {
                body.extend(self.step(plane, stretch, step, level));
            }
        }
        body
    }

    /// The straight course from the last level to the newest point.
    fn creep(&self, plane: &Plane, stretch: &Stretch, creep: &SeriesCreep) -> Option<Element> {
        let at = |point: usize, value: f64| {
            let y = plane.area.y(plane.y.clamped(value)?);
            Some((plane.points[point], y))
        };
        let path = [at(creep.since, creep.from)?, at(stretch.end - 1, creep.to)?];
        let words = crate::history::creep_text(self.history, self.series, stretch, creep);
        let line = polyline(&path).with("class", "pt bar strong");
        Some(
            line.with("stroke-dasharray", "8 4")
                .titled(&format!("creep {words}")),
        )
    }

    /// Where a level begins, and by how much it differs.
    fn step(
        &self,
        plane: &Plane,
        stretch: &Stretch,
        step: &SeriesStep,
        to: &Level,
    ) -> Option<Element> {
        let x = plane.points[step.at] - plane.half;
        let y = plane.area.y(plane.y.clamped(to.value)?);
        let text = match stretch.scale {
            LineScale::Ratio => percent(step.effect),
            LineScale::Difference => format!("{:+.3}", step.effect),
        };
        // Beside the new level, before it begins: there its points are not.
        let (at, class) = match x - text_width(&text) - 8.0 < plane.area.left {
            true => (x + 6.0, "over"),
            false => (x - 6.0, "over end"),
        };
        let base = (y + 4.5).clamp(plane.area.top + 12.0, plane.area.bottom() - 4.0);
        let words = crate::history::step_text(self.history, self.series, stretch, step);
        let line = segment(x, y - 9.0, x, y + 9.0).with("class", "bar strong");
        let group = Element::new("g")
            .child(line)
            .child(label(at, base, &text, class));
        Some(group.with("class", "pt").titled(&format!("step {words}")))
    }

    /// A dashed line before the first point of every stretch but the first, with a label where there is room.
    fn machine_changes(&self, plane: &Plane) -> Vec<Element> {
        let area = &plane.area;
        let mut free = f64::NEG_INFINITY;
        let stretches = self.series.stretches.iter().skip(1);
        stretches
            .map(|stretch| {
                let x = plane.points[stretch.first] - plane.half;
                let line = segment(x, area.top - 6.0, x, area.bottom());
                let line = line
                    .with("class", "thin strong")
                    .with("stroke-dasharray", "5 3");
                let mut group = Element::new("g").with("class", "pt").child(line);
                let what = names(&stretch.changes);
                let width = text_width(&what) * 0.93;
                let left = x.min(area.right() - width).max(area.left);
                if left > free {
                    group.add(label(left, area.top - 9.0, &what, "soft"));
                    free = left + width + 8.0;
                }
                let all = differences(&stretch.changes);
                group.titled(&format!("another machine: {all}"))
            })
            .collect()
    }

    fn program_changes(&self, plane: &Plane) -> Vec<Element> {
        let points = self.series.points.iter().enumerate();
        let changed: Vec<(usize, &Point)> = points
            .filter(|(_, point)| !point.programs.is_empty())
            .collect();
        let drawn = thinned(changed, MARKS, |(index, _)| *index as f64);
        let bottom = plane.area.bottom();
        let tick = |(index, point): (usize, &Point)| {
            let x = plane.points[index] - plane.half;
            let all = differences(&point.programs);
            let line = segment(x, bottom, x, bottom - 9.0).with("class", "pt bar s4");
            line.titled(&format!("another program: {all}"))
        };
        drawn.values.into_iter().map(tick).collect()
    }

    fn gaps(&self, plane: &Plane) -> Vec<Element> {
        let gaps = self.series.gaps.iter().zip(&plane.gaps).collect::<Vec<_>>();
        let drawn = thinned(gaps, MARKS, |(_, x)| **x);
        let mark = |(gap, x): (&crate::Gap, &f64)| {
            let night = &self.history.nights[gap.night];
            let class = match night.outcome {
                NightOutcome::Failed { .. } => "pt bar bad",
                NightOutcome::NoBaseline
                | NightOutcome::Quiet
                | NightOutcome::Regression
                | NightOutcome::Accepted
                | NightOutcome::NotMeasured { .. } => "pt bar quiet",
            };
            let at = crate::history::minute(night.started);
            let mark = cross(*x, plane.area.bottom() - 7.0, 3.0).with("class", class);
            mark.titled(&format!("{at}: {}", night.said()))
        };
        drawn.values.into_iter().map(mark).collect()
    }

    /// When some of the runs were made.
    fn times(&self, plane: &Plane) -> Element {
        let area = &plane.area;
        let mut axis = Element::new("g");
        let line = segment(area.left, area.bottom(), area.right(), area.bottom());
        axis.add(line.with("class", "axis"));
        let times: Vec<Timestamp> = (self.series.points.iter())
            .map(|point| self.history.run(point).started)
            .collect();
        let form = form(&times);
        let mut free = f64::NEG_INFINITY;
        let count = times.len().min(TIMES);
        for tick in 0..count {
            let index = match count {
                1 => 0,
                _ => tick * (times.len() - 1) / (count - 1),
            };
            let text = times[index].strftime(form).to_string();
            let half = text_width(&text) * 0.93 / 2.0;
            let x = plane.points[index];
            let at = x.clamp(area.left + half - 20.0, WIDTH - half - 2.0);
            if at - half > free {
                axis.add(segment(x, area.bottom(), x, area.bottom() + 5.0).with("class", "axis"));
                axis.add(label(at, area.bottom() + 19.0, &text, "soft num mid"));
                free = at + half + 6.0;
            }
        }
        axis
    }

    fn entries(&self) -> Vec<Entry> {
        let entry = |swatch, text: &str| Entry {
            swatch,
            text: text.to_owned(),
        };
        let series = self.series;
        let seen = |verdict: &PointVerdict| series.points.iter().any(|p| p.verdict == *verdict);
        let verdicts = PointVerdict::ALL.into_iter().filter(seen);
        let mut entries: Vec<Entry> = verdicts
            .map(|verdict| entry(Swatch::Mark(look(verdict)), words(verdict)))
            .collect();
        if series
            .points
            .iter()
            .any(|point| point.average.interval.is_some())
        {
            entries.push(entry(Swatch::Interval, "95 % interval"));
        }
        entries
    }

    fn caption(&self, drawn: usize, is_cut: bool) -> String {
        let series = self.series;
        let runs = units::count(series.points.len(), "run");
        let mut text = format!("The values of {runs}, evenly spaced.");
        if drawn < series.points.len() {
            text += &format!(
                " {drawn} of them are drawn, the smallest, the largest and the newest among them."
            );
        }
        if series
            .stretches
            .iter()
            .any(|stretch| !stretch.steps.is_empty())
        {
            text += " Heavy lines are levels; where one ends and the next begins, the value took a step.";
        } else if series.points.len() > 1 {
            text += " The heavy line is the level that the values are on.";
        }
        if series
            .stretches
            .iter()
            .any(|stretch| stretch.creep.is_some())
        {
            text += " A heavy dashed line is a creep: a slow course in which no run stands out.";
        }
        if series.stretches.len() > 1 {
            text += " At dashed lines the machine changed: nothing is compared across them.";
        }
        if series.points.iter().any(|point| !point.programs.is_empty()) {
            text += " Ticks at the bottom: a program changed.";
        }
        if !series.gaps.is_empty() {
            text += " Crosses at the bottom: nights without a value.";
        }
        if is_cut {
            text += CUT;
        }
        text += " The axis need not begin at zero.";
        text
    }
}

fn level(plane: &Plane, level: &Level) -> Option<Element> {
    let y = plane.area.y(plane.y.clamped(level.value)?);
    let last = level.end.checked_sub(1)?;
    let from = plane.points[level.first] - plane.half;
    let to = plane.points[last] + plane.half;
    Some(segment(from, y, to, y).with("class", "bar strong"))
}

/// With as many digits as a label has room for.
fn percent(effect: f64) -> String {
    let percent = effect * 100.0;
    match percent.abs() < 1.0 {
        true => format!("{percent:+.2} %"),
        false => format!("{percent:+.1} %"),
    }
}

/// Verdicts differ in shape and in colour.
fn look(verdict: PointVerdict) -> Look {
    match verdict {
        PointVerdict::Unjudged => Look::of(0).hollow(),
        PointVerdict::New => Look::of(0).variant(2),
        PointVerdict::Same => Look::of(0),
        PointVerdict::Better => Look::of(2),
        PointVerdict::Worse => Look::of(1),
        PointVerdict::Step => Look::of(4),
        PointVerdict::Creep => Look::of(5),
        PointVerdict::Accepted => Look::of(3),
    }
}

fn words(verdict: PointVerdict) -> &'static str {
    match verdict {
        PointVerdict::Unjudged => "not judged",
        PointVerdict::New => "new: nothing to compare with",
        PointVerdict::Same => "same",
        PointVerdict::Better => "better",
        PointVerdict::Worse => "worse",
        PointVerdict::Step => "worse since a step",
        PointVerdict::Creep => "worse by a creep",
        PointVerdict::Accepted => "accepted",
    }
}

/// How times are written: with the hour where all are of two days, with the year where they are of more than one.
fn form(times: &[Timestamp]) -> &'static str {
    let (first, last) = (times.first(), times.last());
    let span = first
        .zip(last)
        .map(|(first, last)| last.duration_since(*first));
    let days = span.map_or(0, |span| span.as_secs() / 86_400);
    match days {
        ..2 => "%m-%d %H:%M",
        2..300 => "%m-%d",
        300.. => "%Y-%m-%d",
    }
}
