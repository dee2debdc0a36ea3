//! What a comparison found, in one sentence.

use crate::compare::verdict::in_words;
use crate::compare::{ComparedCell, Comparison, Verdict};

use super::figures::effect;

/// Cells that a sentence names by verdict.
const NAMED: usize = 3;

/// The order in which a sentence tells verdicts: what is worse, first.
const ORDER: [&str; 8] = [
    "slower", "larger", "worse", "higher", "lower", "faster", "smaller", "better",
];

/// The sentence: `1 of 8 cells slower: capture.all-layers total-time +10.2 % [+8.9, +11.6]`.
pub(super) fn headline(comparison: &Comparison) -> String {
    found(comparison) + &missing(comparison)
}

fn found(comparison: &Comparison) -> String {
    let cells = comparison.cells.len();
    let changed = ORDER.iter().filter_map(|word| changed(comparison, word));
    let changed: Vec<_> = changed.collect();
    if let Some((first, others)) = changed.split_first() {
        let others: String = others
            .iter()
            .map(|other| format!("; {}", other.join()))
            .collect();
        return format!("{} of {}{others}", first.count, first.rest(cells));
    }
    let counts = comparison.counts();
    if counts.cells == counts.refused {
        return format!("nothing could be compared{}", reasons(comparison));
    }
    if counts.same == 0 {
        let cells = number(cells);
        return format!("nothing decided in {cells}{}", reasons(comparison));
    }
    let undecided = match counts.undecided {
        0 => String::new(),
        n => format!(", {n} undecided{}", reasons(comparison)),
    };
    let same = counts.same;
    format!(
        "no difference found in {}: {same} same{undecided}",
        number(cells)
    )
}

/// Cases that were measured before, and are not now.
fn missing(comparison: &Comparison) -> String {
    let cases: Vec<_> = comparison
        .missing()
        .map(|case| case.case.as_str())
        .collect();
    let more = match cases.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(", and {more} more"),
    };
    let named = cases[..cases.len().min(NAMED)].join(", ");
    match cases.len() {
        0 => String::new(),
        1 => format!("; 1 case not measured any more: {named}"),
        n => format!("; {n} cases not measured any more: {named}{more}"),
    }
}

/// Cells with one verdict.
struct Changed<'a> {
    word: &'a str,
    count: usize,
    named: String,
}

impl Changed<'_> {
    fn rest(&self, cells: usize) -> String {
        format!("{} {}: {}", number(cells), self.word, self.named)
    }

    fn join(&self) -> String {
        format!("{} {}: {}", self.count, self.word, self.named)
    }
}

fn changed<'a>(comparison: &Comparison, word: &'a str) -> Option<Changed<'a>> {
    let has_word = |cell: &&ComparedCell| cell.verdict.word(cell.metric.kind()) == word;
    let cells: Vec<_> = comparison.cells.iter().filter(has_word).collect();
    let named = cells.iter().take(NAMED);
    let mut named: Vec<_> = named
        .map(|cell| format!("{} {}", cell.name(), effect(cell)))
        .collect();
    if cells.len() > NAMED {
        named.push(format!("and {} more", cells.len() - NAMED));
    }
    (!cells.is_empty()).then(|| Changed {
        word,
        count: cells.len(),
        named: named.join(", "),
    })
}

fn number(cells: usize) -> String {
    match cells {
        1 => "1 cell".to_owned(),
        n => format!("{n} cells"),
    }
}

/// Why cells are undecided, with how many of each: ` (2 noise, 1 drifting)`.
fn reasons(comparison: &Comparison) -> String {
    let mut counted: Vec<(&str, usize)> = Vec::new();
    for cell in &comparison.cells {
        let Verdict::Undecided(doubt) = cell.verdict else {
            continue;
        };
        match counted
            .iter_mut()
            .find(|(reason, _)| *reason == doubt.as_str())
        {
            Some((_, count)) => *count += 1,
            None => counted.push((doubt.as_str(), 1)),
        }
    }
    let texts: Vec<_> = counted
        .iter()
        .map(|(reason, count)| format!("{count} {}", in_words(reason)))
        .collect();
    match texts.is_empty() {
        true => String::new(),
        false => format!(" ({})", texts.join(", ")),
    }
}
