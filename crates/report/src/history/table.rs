//! A history as tables, for a terminal and as Markdown: one row per series, or one per run.

use super::changed::{differences, in_few_words};
use super::remark::Remark;
use super::sparkline::sparkline;
use super::words::{
    change_text, creep_text, effect_text, minute, step_text, value_text, worse_effect,
};
use super::{Gap, History, Point, Series, Slot};
use crate::compare::{for_markdown, for_terminal};
use crate::plain::plain;
use crate::render::Dressing;
use crate::units::{self, NONE};
use anechoic_stats::Scale;

/// Values that a course shows.
const COURSE: usize = 30;

/// Columns that texts of the last column are broken at, so that a table of runs fits a terminal of 160.
const TEXT: usize = 40;

/// One row per series, for a terminal.
pub fn history_terminal(history: &History) -> String {
    Document(history, Dressing::Terminal).series()
}

/// One row per series, as GitHub-flavoured Markdown.
pub fn history_markdown(history: &History) -> String {
    Document(history, Dressing::Markdown).series()
}

/// One row per run and series, for a terminal; `most` of each series, the newest ones.
pub fn runs_terminal(history: &History, most: usize) -> String {
    Document(history, Dressing::Terminal).runs(most)
}

/// One row per run and series, as GitHub-flavoured Markdown; `most` of each series, the newest ones.
pub fn runs_markdown(history: &History, most: usize) -> String {
    Document(history, Dressing::Markdown).runs(most)
}

struct Document<'a>(&'a History, Dressing);

impl Document<'_> {
    fn safe(&self, text: &str) -> String {
        match self.1 {
            Dressing::Terminal => for_terminal(&plain(text)),
            Dressing::Markdown => for_markdown(&plain(text)),
        }
    }

    fn series(&self) -> String {
        let mut text = String::new();
        for suite in self.0.suites() {
            let all = || self.0.series.iter().filter(|series| series.suite == suite);
            text += &self
                .1
                .heading(1, &format!("History of {}", self.safe(suite)));
            text += &self.newest_night(suite);
            text += self.1.before_list();
            let header = [
                "case",
                "metric",
                "newest",
                "change",
                "runs",
                "last step",
                "creep",
                "course",
                "verdict",
            ];
            let (present, past): (Vec<_>, Vec<_>) = all().partition(|series| series.is_current);
            text += &self
                .1
                .table(&header, present.iter().map(|s| self.row(s)).collect());
            if !past.is_empty() {
                text += &self
                    .1
                    .heading(2, "With other settings, until they were changed");
                text += &self
                    .1
                    .table(&header, past.iter().map(|s| self.row(s)).collect());
            }
            text += &self.machine_changes(all());
            text += &self.legend(present.iter().chain(&past).map(|series| series.newest()));
        }
        text.trim_start().to_owned()
    }

    /// What the newest night of the suite came to.
    fn newest_night(&self, suite: &str) -> String {
        let mut nights = self.0.nights.iter().rev();
        let Some(night) = nights.find(|night| night.suite == suite) else {
            return String::new();
        };
        let text = format!("newest night, {}: {}", minute(night.started), night.said());
        format!("{}\n", self.safe(&text))
    }

    fn row(&self, series: &Series) -> Vec<String> {
        let present = series.present();
        let newest = series.newest();
        let step = series
            .last_step()
            .map(|(stretch, step)| step_text(self.0, series, stretch, step));
        let creep = present.creep.as_ref();
        let creep = creep.map(|creep| creep_text(self.0, series, present, creep));
        let change = series.change();
        let values = series.points[present.first..].iter();
        let values = values.map(|point| point.average.value);
        let left_out = values.len().saturating_sub(COURSE);
        let none = || NONE.to_owned();
        vec![
            self.safe(&series.name()),
            self.safe(&series.id.metric.name()),
            self.value(series, newest),
            change.map_or_else(none, |change| change_text(series, change)),
            runs(series),
            step.unwrap_or_else(none),
            creep.unwrap_or_else(none),
            sparkline(values.skip(left_out)),
            newest.verdict.to_string(),
        ]
    }

    /// Where the machine changed, each once.
    fn machine_changes<'s>(&self, series: impl Iterator<Item = &'s Series>) -> String {
        let mut lines: Vec<(usize, String)> = Vec::new();
        for one in series {
            for stretch in one.stretches.iter().skip(1) {
                let run = one.points[stretch.first].run;
                if !lines.iter().any(|(known, _)| *known == run) {
                    let at = minute(self.0.runs[run].started);
                    lines.push((run, format!("{at}: {}", differences(&stretch.changes))));
                }
            }
        }
        lines.sort();
        match lines.is_empty() {
            true => String::new(),
            false => {
                let items = lines.iter().map(|(_, line)| self.1.item(&self.safe(line)));
                self.1.heading(
                    2,
                    "Changes of the machine, across which nothing is compared",
                ) + &items.collect::<String>()
            }
        }
    }

    fn runs(&self, most: usize) -> String {
        let mut text = String::new();
        for series in &self.0.series {
            let title = format!("{}: {}", series.name(), series.id.metric.name());
            text += &self.1.heading(2, &self.safe(&title));
            text += &self.course(series);
            text += &self.run_table(series, most);
        }
        let points = self.0.series.iter().map(|series| &series.points);
        let shown = points.flat_map(|points| &points[points.len().saturating_sub(most)..]);
        text += &self.legend(shown);
        text.trim_start().to_owned()
    }

    /// Every change of the machine, every step and the creep of a series.
    fn course(&self, series: &Series) -> String {
        let kind = series.id.metric.kind();
        let mut lines = Vec::new();
        for stretch in &series.stretches {
            if !stretch.changes.is_empty() {
                let at = minute(self.0.run(&series.points[stretch.first]).started);
                let what = format!("machine {at}: {}", differences(&stretch.changes));
                lines.push(self.safe(&what));
            }
            for step in &stretch.steps {
                let (word, _) = worse_effect(kind, step.effect);
                let step_words = step_text(self.0, series, stretch, step);
                lines.push(format!("step {step_words}, {word}"));
            }
        }
        if let Some(creep) = &series.present().creep {
            let (word, _) = worse_effect(kind, creep.per_run);
            let creep = creep_text(self.0, series, series.present(), creep);
            lines.push(format!("creep {creep}, {word}"));
        }
        let items: String = lines.iter().map(|line| self.1.item(line)).collect();
        match items.is_empty() {
            true => items,
            false => format!("{items}\n"),
        }
    }

    fn run_table(&self, series: &Series, most: usize) -> String {
        let slots = series.slots();
        let left_out = slots.len().saturating_sub(most);
        let shown = &slots[left_out..];
        let rows = shown.iter().map(|slot| match slot {
            Slot::Point(index) => self.point(series, *index),
            Slot::Gap(gap) => self.gap(*gap),
        });
        let header = [
            "run",
            "time",
            "value",
            "against before",
            "verdict",
            "what changed",
        ];
        let mut text = self.1.table_with_text(&header, rows.collect(), TEXT);
        if left_out > 0 {
            text += &not_shown(&slots[..left_out]);
        }
        text
    }

    /// A value with its interval, and what sets it apart.
    fn value(&self, series: &Series, point: &Point) -> String {
        let remarks = self.0.remarks(point).into_iter();
        let words = remarks.map(|remark| format!(" ({})", remark.word()));
        value_text(series, point) + &words.collect::<String>()
    }

    /// What the words beside these values stand for.
    fn legend<'p>(&self, points: impl Iterator<Item = &'p Point>) -> String {
        let items = self.0.legend(points).into_iter();
        let items = items.map(|remark: Remark| {
            let text = format!("{}: {}", remark.word(), remark.meaning());
            self.1.item(&text)
        });
        let items: String = items.collect();
        match items.is_empty() {
            true => items,
            false => format!("\n{items}"),
        }
    }

    fn point(&self, series: &Series, index: usize) -> Vec<String> {
        let point = &series.points[index];
        let run = self.0.run(point);
        vec![
            self.safe(&run.run),
            minute(run.started),
            self.value(series, point),
            against_before(series, index).unwrap_or_else(|| NONE.to_owned()),
            point.verdict.to_string(),
            self.safe(&in_few_words(series, index, point)),
        ]
    }

    fn gap(&self, gap: Gap) -> Vec<String> {
        let night = &self.0.nights[gap.night];
        let reasons = night.outcome.reasons().join("; ");
        let none = || NONE.to_owned();
        vec![
            night.run.as_deref().map_or_else(none, |run| self.safe(run)),
            minute(night.started),
            none(),
            none(),
            night.outcome.name().to_owned(),
            self.safe(&reasons),
        ]
    }
}

/// The number of runs; where the machine changed, those on the present one and all.
fn runs(series: &Series) -> String {
    let (all, present) = (series.points.len(), series.present());
    let of_present = present.end - present.first;
    match of_present == all {
        true => all.to_string(),
        false => format!("{of_present} of {all}"),
    }
}

/// A value against the one before it, where both are of one machine.
pub(crate) fn against_before(series: &Series, index: usize) -> Option<String> {
    let stretch = series
        .stretches
        .iter()
        .find(|s| (s.first..s.end).contains(&index))?;
    let before = index
        .checked_sub(1)
        .filter(|before| *before >= stretch.first)?;
    let (then, now) = (&series.points[before], &series.points[index]);
    let (then, now) = (then.average.value, now.average.value);
    let effect = match stretch.scale {
        Scale::Ratio => now / then - 1.0,
        Scale::Difference => now - then,
    };
    Some(effect_text(series, stretch.scale, effect, None))
}

/// How many runs, and how many nights without a value, the rows are that a table leaves out.
fn not_shown(slots: &[Slot]) -> String {
    let runs = slots.iter().filter(|slot| matches!(slot, Slot::Point(_)));
    let runs = runs.count();
    let nights = match slots.len() - runs {
        0 => String::new(),
        gaps => format!(" and {} without a value", units::count(gaps, "night")),
    };
    let runs = units::count(runs, "earlier run");
    format!("{runs}{nights} not shown: --last N shows the newest N runs\n")
}
