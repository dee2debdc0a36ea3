//! The comparison for people: a sentence, counts, and a table. Terminal and Markdown are one document in two dressings.

use super::figures::{effect, p, processes, ratio, reason, value};
use super::headline::headline;
use super::safe::{for_markdown, for_terminal};
use crate::compare::{ComparedCell, Comparison, RunFacts, Side};
use crate::render::Dressing;
use crate::units;

/// The comparison for a terminal.
pub fn compare_terminal(comparison: &Comparison) -> String {
    Page::of(comparison, Dressing::Terminal).text()
}

/// The comparison as GitHub-flavoured Markdown, fit for a step's summary.
pub fn compare_markdown(comparison: &Comparison) -> String {
    Page::of(comparison, Dressing::Markdown).text()
}

struct Page<'a> {
    comparison: &'a Comparison,
    dressing: Dressing,
}

impl<'a> Page<'a> {
    fn of(comparison: &'a Comparison, dressing: Dressing) -> Self {
        Self {
            comparison,
            dressing,
        }
    }

    fn text(&self) -> String {
        let comparison = self.comparison;
        let mut text = self.dressing.heading(1, &self.safe(&title(comparison)));
        text += &format!("{}\n\n", self.safe(&headline(comparison)));
        text += &format!("{}\n", self.counts());
        text += self.dressing.before_list();
        text += &self.items(comparison.notes.iter().cloned());
        if !comparison.cells.is_empty() {
            text += &format!("\n{}", self.table());
        }
        let failed = comparison.not_measured.iter().map(|case| case.text());
        text += &self.section("Not measured", failed);
        text += &self.unmatched();
        text += &self.section("Compared", sides(comparison).into_iter());
        text.trim_start().to_owned()
    }

    fn safe(&self, text: &str) -> String {
        match self.dressing {
            Dressing::Terminal => for_terminal(text),
            Dressing::Markdown => for_markdown(text),
        }
    }

    fn items(&self, texts: impl Iterator<Item = String>) -> String {
        let item = |text: String| self.dressing.item(&self.safe(&text));
        texts.map(item).collect()
    }

    fn section(&self, name: &str, texts: impl Iterator<Item = String>) -> String {
        let items = self.items(texts);
        match items.is_empty() {
            true => String::new(),
            false => self.dressing.heading(2, name) + &items,
        }
    }

    fn counts(&self) -> String {
        let comparison = self.comparison;
        let mut words: Vec<(&str, usize)> = Vec::new();
        for cell in &comparison.cells {
            let word = cell.verdict.word(cell.metric.kind());
            match words.iter_mut().find(|(known, _)| *known == word) {
                Some((_, count)) => *count += 1,
                None => words.push((word, 1)),
            }
        }
        words.sort_unstable();
        let mut texts: Vec<_> = words
            .iter()
            .map(|(word, count)| format!("{count} {word}"))
            .collect();
        texts.push(format!("{} unmatched", comparison.unmatched.len()));
        texts.push(format!("{} not measured", comparison.not_measured.len()));
        let threshold = units::share(comparison.threshold.fraction());
        format!("{}; threshold {threshold}", texts.join(", "))
    }

    fn table(&self) -> String {
        let header = [
            "case", "T", "metric", "base", "new", "ratio", "effect", "p", "n", "verdict", "reason",
        ];
        let rows = self.comparison.cells.iter().map(|cell| self.row(cell));
        self.dressing.table(&header, rows.collect())
    }

    fn row(&self, cell: &ComparedCell) -> Vec<String> {
        let kind = cell.metric.kind();
        let tokens = cell
            .tokens
            .map_or_else(|| units::NONE.to_owned(), |t| t.to_string());
        vec![
            self.safe(&cell.case_text()),
            tokens,
            self.safe(&cell.metric.name()),
            value(&cell.base, kind),
            value(&cell.new, kind),
            ratio(cell),
            effect(cell),
            p(cell.p_adjusted),
            processes(cell),
            self.verdict(cell),
            self.safe(&reason(cell)),
        ]
    }

    /// A change stands out, where the dressing can.
    fn verdict(&self, cell: &ComparedCell) -> String {
        let word = cell.verdict.word(cell.metric.kind());
        match (self.dressing, cell.verdict.reason()) {
            (Dressing::Markdown, None) => format!("**{word}**"),
            (Dressing::Markdown | Dressing::Terminal, _) => word.to_owned(),
        }
    }

    fn unmatched(&self) -> String {
        let of = |side: Side| {
            let cells = self.comparison.unmatched.iter();
            cells
                .filter(move |cell| cell.side == side)
                .map(|cell| cell.name())
        };
        let names = match self.comparison.by {
            None => ["Only in base", "Only in new"],
            Some(_) => ["Without a counterpart: base", "Without a counterpart"],
        };
        self.section(names[0], of(Side::Base)) + &self.section(names[1], of(Side::New))
    }
}

fn title(comparison: &Comparison) -> String {
    let (base, new) = (&comparison.base.run, &comparison.new.run);
    match &comparison.by {
        Some(by) => format!("{base} by {}", by.key),
        None => format!("{base} → {new}"),
    }
}

fn sides(comparison: &Comparison) -> Vec<String> {
    match comparison.by {
        Some(_) => vec![facts("run", &comparison.base)],
        None => vec![
            facts("base", &comparison.base),
            facts("new", &comparison.new),
        ],
    }
}

fn facts(side: &str, run: &RunFacts) -> String {
    let unknown = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".to_owned());
    let workers = match run.workers.is_empty() {
        true => "unknown".to_owned(),
        false => run.workers.join(", "),
    };
    let programs = match run.programs.is_empty() {
        true => String::new(),
        false => format!(" from {}", run.programs.join(", ")),
    };
    format!(
        "{side}: {} of {}, worker {workers}{programs}, libtorch {}, anechoic {}, {} on {}",
        run.run,
        run.started,
        unknown(&run.torch),
        run.anechoic,
        run.device,
        unknown(&run.processor),
    )
}
