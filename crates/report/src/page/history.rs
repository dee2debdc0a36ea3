//! The history as one page: what is to be known, a table of all series, and for each a picture with its runs below.

use std::fmt::Display;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use percent_encoding::utf8_percent_encode;

use super::document::{POLICY, SCRIPT, STYLE};
use crate::history::{
    HistoryNight, Slot, creep_text, minute, programs_in_full, step_text, value_text, what_changed,
    worse_effect,
};
use crate::plain::{NOT_IN_LINKS, plain};
use crate::plot::{HistoryChart, without_style};
use crate::units::{self, NONE};
use crate::{Gap, History, Plot, Point, Series};
use anechoic_record::NightOutcome;

/// Bytes of drawings that the page carries; the series behind are named, and have no picture.
const BUDGET: usize = 2 << 20;
/// Points of all drawings, and of one at least and at most.
const POINTS: usize = 3_600;
const FEWEST_POINTS: usize = 40;
const MOST_POINTS: usize = 360;
/// Rows of all tables below drawings, and of one at least and at most.
const ROWS: usize = 2_400;
const FEWEST_ROWS: usize = 8;
const MOST_ROWS: usize = 60;
/// Nights that are listed.
const NIGHTS: usize = 60;
/// Rows up to which a table below a drawing is open.
const OPEN: usize = 8;

/// Where things lie, as seen from the page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Links {
    /// The results root: empty, or a relative path that ends in `/`.
    pub root: String,
}

impl Links {
    /// From the page's folder to the results root, both as the names along an absolute path.
    pub fn from_to(folder: &[String], root: &[String]) -> Self {
        let common = folder.iter().zip(root).take_while(|(a, b)| a == b).count();
        let up = "../".repeat(folder.len() - common);
        let down = root[common..].iter().map(|name| {
            let name = utf8_percent_encode(name, NOT_IN_LINKS);
            format!("{name}/")
        });
        Self {
            root: up + &down.collect::<String>(),
        }
    }

    /// The link to the report of a run.
    fn report(&self, run: &str) -> String {
        let name = utf8_percent_encode(run, NOT_IN_LINKS);
        format!("{}{name}/report.html", self.root)
    }

    fn night(&self, file: &str) -> String {
        let name = utf8_percent_encode(file, NOT_IN_LINKS);
        format!("{}nights/{name}", self.root)
    }
}

/// The history as one self-contained page.
pub fn history_html(history: &History, links: &Links) -> String {
    let page = Page {
        history,
        links,
        plots: drawn(history, links),
    };
    let title = page.title();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                a.skip href="#content" { "Skip to the findings" }
                header {
                    h1 { (title) }
                    p.run { (page.extent()) }
                    nav aria-label="Parts of the page" {
                        a href="#findings" { "Findings" }
                        a href="#overview" { "Overview" }
                        a href="#courses" { "Courses" }
                        @if !history.nights.is_empty() { a href="#nights" { "Nights" } }
                    }
                }
                main id="content" tabindex="-1" { (page.content()) }
                footer { p { "Made by anechoic from the runs and nights of the results folder. " (page.reach()) } }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    }
    .into_string()
}

/// The picture of every series, as far as the budget goes.
fn drawn(history: &History, links: &Links) -> Vec<Option<Plot>> {
    let each = POINTS / history.series.len().max(1);
    let mut spent = 0;
    let link = |run: &str| links.report(run);
    let mut plots = Vec::with_capacity(history.series.len());
    for (index, series) in history.series.iter().enumerate() {
        if spent > BUDGET {
            plots.push(None);
            continue;
        }
        let chart = HistoryChart {
            history,
            series,
            number: index + 1,
            link: &link,
            most: each.clamp(FEWEST_POINTS, MOST_POINTS),
        };
        let is_first = spent == 0;
        let plot = chart.plot().map(|plot| match is_first {
            true => plot,
            false => Plot {
                svg: without_style(&plot.svg),
                ..plot
            },
        });
        spent += plot.as_ref().map_or(0, |plot| plot.svg.len());
        plots.push(plot);
    }
    plots
}

struct Page<'a> {
    history: &'a History,
    links: &'a Links,
    plots: Vec<Option<Plot>>,
}

impl Page<'_> {
    fn title(&self) -> String {
        plain(&format!("History of {}", self.history.suites().join(", ")))
    }

    fn extent(&self) -> String {
        let runs = &self.history.runs;
        let Some((first, last)) = runs.first().zip(runs.last()) else {
            return "no runs".to_owned();
        };
        format!(
            "{} and {} from {} to {} UTC",
            units::count(runs.len(), "run"),
            units::count(self.history.nights.len(), "night"),
            minute(first.started),
            minute(last.started)
        )
    }

    /// What the page leaves out.
    fn reach(&self) -> String {
        let missing = self.plots.iter().filter(|plot| plot.is_none()).count();
        match missing {
            0 => String::new(),
            _ => format!(
                "{} left out, as the page would grow too large: `anechoic history CASE --html` draws those of fewer cases.",
                units::count(missing, "picture")
            ),
        }
    }

    fn content(&self) -> Markup {
        html! {
            section aria-labelledby="findings" {
                h2 id="findings" { "Findings" }
                (self.findings())
            }
            section aria-labelledby="overview" {
                h2 id="overview" { "Overview" }
                (self.overview())
            }
            section aria-labelledby="courses" {
                h2 id="courses" { "Courses" }
                (self.legend())
                @for (index, series) in self.history.series.iter().enumerate() {
                    (self.course(index, series))
                }
            }
            @if !self.history.nights.is_empty() {
                section aria-labelledby="nights" {
                    h2 id="nights" { "Nights" }
                    (self.nights())
                }
            }
        }
    }

    fn findings(&self) -> Markup {
        let steps = self.told();
        html! {
            ul.findings {
                @for suite in self.history.suites() {
                    @if let Some(night) = self.newest_night(suite) {
                        li class=(class(&night.outcome)) {
                            "Newest night of " (plain(suite)) ", " (minute(night.started)) ": "
                            strong { (night.outcome.name()) } (plain(&behind(&night.outcome)))
                        }
                    }
                }
                @for (index, text, is_worse) in &steps {
                    li class=(if *is_worse { "bad" } else { "result" }) {
                        a href={ "#series-" (index + 1) } { (plain(&self.name(*index))) } ": " (text)
                    }
                }
                @if steps.is_empty() { li.good { "No value is on another level than it was, and none creeps." } }
            }
        }
    }

    fn name(&self, index: usize) -> String {
        let series = &self.history.series[index];
        format!("{}, {}", series.name(), series.id.metric.name())
    }

    fn newest_night(&self, suite: &str) -> Option<&HistoryNight> {
        let mut nights = self.history.nights.iter().rev();
        nights.find(|night| night.suite == suite)
    }

    /// The newest step of every present series, and what creeps; the newest first.
    fn told(&self) -> Vec<(usize, String, bool)> {
        let mut found = Vec::new();
        for (index, series) in self.history.series.iter().enumerate() {
            if !series.is_current {
                continue;
            }
            let present = series.present();
            let kind = series.id.metric.kind();
            if let Some((stretch, step)) = series.last_step() {
                let (word, is_worse) = worse_effect(kind, step.effect);
                let mut text = step_text(self.history, series, stretch, step);
                let is_past = stretch.end <= present.first;
                let is_accepted = self.is_accepted(series, step.at);
                match (is_past, is_accepted) {
                    (true, _) => text += ", on the machine as it was before it changed",
                    (false, true) => text += ", accepted",
                    (false, false) => {}
                }
                let run = series.points[step.at].run;
                let is_worse = is_worse && !is_accepted && !is_past;
                found.push((run, (index, format!("{word} since {text}"), is_worse)));
            }
            if let Some(creep) = &present.creep {
                let (word, is_worse) = worse_effect(kind, creep.per_run);
                let text = creep_text(self.history, series, present, creep);
                let run = series.points[creep.since].run;
                found.push((run, (index, format!("creeps, {word}: {text}"), is_worse)));
            }
        }
        found.sort_by_key(|(run, _)| std::cmp::Reverse(*run));
        found.into_iter().map(|(_, told)| told).collect()
    }

    /// Whether somebody has said since then that the level is as it should be.
    fn is_accepted(&self, series: &Series, since: usize) -> bool {
        let nights = series.points[since..].iter();
        let mut nights = nights.filter_map(|point| self.history.night(point));
        nights.any(|night| night.outcome == NightOutcome::Accepted)
    }

    fn overview(&self) -> Markup {
        html! {
            div.scroll.tall[self.history.series.len() > 40] role="region" tabindex="0" aria-labelledby="overview-caption" {
                table.sortable {
                    caption.hidden id="overview-caption" { "All series" }
                    thead { tr {
                        th scope="col" { "case" }
                        th scope="col" { "metric" }
                        th.number scope="col" { "newest" }
                        th.number scope="col" { "change" }
                        th.number scope="col" { "runs" }
                        th scope="col" { "last step" }
                        th scope="col" { "creep" }
                        th scope="col" { "verdict" }
                    } }
                    tbody {
                        @for (index, series) in self.history.series.iter().enumerate() {
                            (self.overview_row(index, series))
                        }
                    }
                }
            }
            p.note { "Change: the newest value against the first one on the same machine. Steps and creep are found from the whole course on one machine." }
        }
    }

    fn overview_row(&self, index: usize, series: &Series) -> Markup {
        let present = series.present();
        let step = series.last_step();
        let step = step.map(|(stretch, step)| step_text(self.history, series, stretch, step));
        let creep = present.creep.as_ref();
        let creep = creep.map(|creep| creep_text(self.history, series, present, creep));
        let change = series.change();
        let newest = series.newest();
        let shown = change.map(|change| crate::history::change_text(series, change));
        html! {
            tr {
                th scope="row" {
                    span.name {
                        a href={ "#series-" (index + 1) } { (plain(&series.name())) }
                        @if !series.is_current { " " span.label { "older settings" } }
                    }
                }
                td { (plain(&series.id.metric.name())) }
                td.number data-sort=(key(newest.average.value)) { (unbroken(&value_text(series, newest))) (self.remarks(newest)) }
                td.number data-sort=[change.map(key)] { (shown.as_deref().map_or(NONE.to_owned(), unbroken)) }
                td.number data-sort=(series.points.len()) { (series.points.len()) }
                td { (unbroken(step.as_deref().unwrap_or(NONE))) }
                td { (unbroken(creep.as_deref().unwrap_or(NONE))) }
                td { (verdict(newest.verdict, newest.verdict.is_worse())) }
            }
        }
    }

    fn course(&self, index: usize, series: &Series) -> Markup {
        let id = format!("series-{}", index + 1);
        let title = self.name(index);
        html! {
            figure.plot aria-labelledby=(id) {
                h3 id=(id) { (plain(&title)) }
                @if let Some(Some(plot)) = self.plots.get(index) {
                    div.drawing { (PreEscaped(&plot.svg)) }
                    figcaption { (plot.caption) }
                }
                (self.runs(&id, series))
            }
        }
    }

    fn runs(&self, id: &str, series: &Series) -> Markup {
        let most = (ROWS / self.history.series.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
        let slots = series.slots();
        let shown = &slots[slots.len().saturating_sub(most)..];
        let left_out = slots.len() - shown.len();
        html! {
            details open[slots.len() <= OPEN] {
                summary {
                    @if left_out > 0 { "The newest " (shown.len()) " of " (slots.len()) " rows" }
                    @else { (units::count(slots.len(), "row")) }
                }
                div.scroll.tall[shown.len() > 40] role="region" tabindex="0" aria-labelledby={ (id) "-runs" } {
                    table {
                        caption.hidden id={ (id) "-runs" } { "Runs of " (plain(&series.name())) }
                        thead { tr {
                            th scope="col" { "time (UTC)" }
                            th scope="col" { "run" }
                            th.number scope="col" { "value" }
                            th.number scope="col" { "against before" }
                            th scope="col" { "verdict" }
                            th scope="col" { "what changed" }
                        } }
                        tbody {
                            @for slot in shown.iter().rev() {
                                @match slot {
                                    Slot::Point(index) => (self.point(series, *index)),
                                    Slot::Gap(gap) => (self.gap(*gap)),
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn point(&self, series: &Series, index: usize) -> Markup {
        let point = &series.points[index];
        let run = self.history.run(point);
        let before = crate::history::against_before(series, index);
        let full = programs_in_full(point);
        html! {
            tr {
                th scope="row" { (minute(run.started)) }
                td { (self.run_link(&run.run, run.is_gone())) }
                td.number {
                    (unbroken(&value_text(series, point)))
                    (self.remarks(point))
                }
                td.number { (before.as_deref().map_or(NONE.to_owned(), unbroken)) }
                td { (verdict(point.verdict, point.verdict.is_worse())) }
                td title=[full.as_deref().map(plain)] { (plain(&what_changed(series, index, point))) }
            }
        }
    }

    /// What sets a value apart; a pointer that rests on the word is told what it stands for.
    fn remarks(&self, point: &Point) -> Markup {
        html! {
            @for remark in self.history.remarks(point) {
                " " strong.label title=(remark.meaning()) { (remark.word()) }
            }
        }
    }

    /// What the words beside values stand for.
    fn legend(&self) -> Markup {
        let points = self.history.series.iter().flat_map(|series| &series.points);
        html! {
            @for remark in self.history.legend(points) {
                p.note { (remark.word()) ": " (remark.meaning()) "." }
            }
        }
    }

    fn gap(&self, gap: Gap) -> Markup {
        let night = &self.history.nights[gap.night];
        html! {
            tr {
                th scope="row" { (minute(night.started)) }
                td { (self.run_of(night)) }
                td.number { (NONE) }
                td.number { (NONE) }
                td { (verdict(night.outcome.name(), class(&night.outcome) == "bad")) }
                td { (plain(&night.outcome.reasons().join("; "))) }
            }
        }
    }

    fn run_of(&self, night: &HistoryNight) -> Markup {
        html! {
            @match &night.run {
                Some(run) => (self.run_link(run, night.is_gone)),
                None => (NONE),
            }
        }
    }

    fn run_link(&self, run: &str, is_gone: bool) -> Markup {
        html! {
            @if is_gone { (plain(run)) }
            @else { a href=(self.links.report(run)) { (plain(run)) } }
        }
    }

    fn nights(&self) -> Markup {
        let nights = &self.history.nights;
        let shown = nights.len().min(NIGHTS);
        html! {
            @if shown < nights.len() { p.note { "The newest " (shown) " of " (nights.len()) " nights." } }
            div.scroll.tall[shown > 40] role="region" tabindex="0" aria-labelledby="nights" {
                table {
                    caption.hidden { "Nights" }
                    thead { tr {
                        th scope="col" { "began (UTC)" }
                        th scope="col" { "suite" }
                        th scope="col" { "came to" }
                        th.number scope="col" { "worse cells" }
                        th scope="col" { "run" }
                        th scope="col" { "record" }
                    } }
                    tbody {
                        @for night in nights.iter().rev().take(shown) {
                            tr {
                                th scope="row" { (minute(night.started)) }
                                td { (plain(&night.suite)) }
                                td { (verdict(night.outcome.name(), class(&night.outcome) == "bad")) (plain(&behind(&night.outcome))) }
                                td.number { (night.worse) }
                                td { (self.run_of(night)) }
                                td { a href=(self.links.night(&night.file)) { "JSON" } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(word: impl Display, is_bad: bool) -> Markup {
    html! { @if is_bad { strong.bad { (word) } } @else { (word) } }
}

fn class(outcome: &NightOutcome) -> &'static str {
    match outcome {
        NightOutcome::NoBaseline | NightOutcome::Quiet => "good",
        NightOutcome::Accepted => "result",
        NightOutcome::NotMeasured { .. } => "doubt",
        NightOutcome::Regression | NightOutcome::Failed { .. } => "bad",
    }
}

/// Why, behind a colon; nothing where there is nothing to be said.
fn behind(outcome: &NightOutcome) -> String {
    match outcome.reasons() {
        [] => String::new(),
        reasons => format!(": {}", reasons.join("; ")),
    }
}

/// With all of its digits.
fn key(value: f64) -> String {
    format!("{value:e}")
}

/// A number stays with its unit, an interval in one piece, a day with its time.
fn unbroken(text: &str) -> String {
    let mut whole = String::with_capacity(text.len());
    let mut is_inside = false;
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        whole += word;
        is_inside = (is_inside || word.starts_with('[')) && !word.contains(']');
        let is_day = word.len() == 10 && word.as_bytes()[4] == b'-';
        let is_unit = |next: &&str| UNITS.contains(&next.trim_end_matches([',', ';']));
        whole += match words.peek() {
            None => "",
            Some(next) if is_inside || is_day || is_unit(next) => "\u{a0}",
            Some(_) => " ",
        };
    }
    whole
}

const UNITS: [&str; 9] = ["%", "s", "ms", "µs", "B", "KiB", "MiB", "GiB", "TiB"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_whole() {
        let check = |text: &str, expected: &str| {
            assert_eq!(unbroken(text).replace('\u{a0}', "~"), expected);
        };
        check("101 ms [100, 102]", "101~ms [100,~102]");
        check(
            "2026-01-02 03:04: +1.5 % [-1, +4]",
            "2026-01-02~03:04: +1.5~% [-1,~+4]",
        );
        check(
            "+0.1 % a run since 2026-01-02 03:04",
            "+0.1~% a run since 2026-01-02~03:04",
        );
        check("", "");
    }
}
