//! What people should know of a night besides its cells.

use anechoic_record::{CellFinding, CellId, NoiseSource};

use super::GateOptions;
use super::decide::Judged;
use super::series::{Runs, Series};
use crate::Verdict;

/// Each in a sentence, with the cells that it is about.
pub(super) fn of(
    runs: &Runs<'_>,
    series: &[Series<'_>],
    judged: &[Judged],
    options: &GateOptions,
) -> Vec<String> {
    let mut notes = Notes::default();
    for (one, series) in judged.iter().zip(series) {
        for text in of_cell(one, series) {
            notes.add(text, series.id);
        }
    }
    let mut missing_cells = Notes::default();
    for id in missing(runs, options) {
        missing_cells.add("in the baseline, and not measured tonight".to_owned(), id);
    }
    // These are among none of the judged.
    let missing = missing_cells.lines(usize::MAX);
    notes
        .lines(judged.len())
        .into_iter()
        .chain(missing)
        .collect()
}

fn of_cell(one: &Judged, series: &Series<'_>) -> Vec<String> {
    let known = one.known.as_ref();
    let noise = known.and_then(|known| known.note.clone());
    let is_unknown = one.cell.effect.is_some() && known.is_none() && !series.is_exact();
    let unknown = is_unknown.then(|| {
        "nothing tells how far it scatters: it is not judged before there are eight nights, a certificate or a second process per run"
            .to_owned()
    });
    let is_blind = one.cell.finding == CellFinding::Unjudged && known.is_some();
    let blind = is_blind.then(|| {
        "it scatters so much, as far as is known, that nothing below a tenfold change could be told: it is not judged before more is known (a certificate, eight nights) or runs have more attempts"
            .to_owned()
    });
    let direction = match one.verdict {
        Some(Verdict::Higher) => Some("higher"),
        Some(Verdict::Lower) => Some("lower"),
        Some(Verdict::Better | Verdict::Worse | Verdict::Same(_) | Verdict::Undecided(_))
        | None => None,
    };
    let direction = direction
        .map(|word| format!("{word} than the baseline; which way is better is not known of it"));
    let notes = [noise, unknown, blind, direction].into_iter();
    notes.flatten().collect()
}

/// Judged cells of the newest night of the baseline, by its first run, that tonight has not.
fn missing<'a>(runs: &Runs<'a>, options: &GateOptions) -> Vec<&'a CellId> {
    let cells = runs.baseline.last().and_then(|runs| runs.first());
    let cells = cells.into_iter().flat_map(|run| &run.cells);
    let judged = cells.filter(|cell| options.all_metrics || cell.primary);
    let has = |id: &CellId| {
        let mut tonight = runs.tonight.iter().take(1).flat_map(|run| &run.cells);
        tonight.any(|cell| cell.id == *id)
    };
    judged.map(|cell| &cell.id).filter(|id| !has(id)).collect()
}

/// Sentences, each with its cells, in the order in which they came up.
#[derive(Default)]
struct Notes(Vec<(String, Vec<String>)>);

impl Notes {
    fn add(&mut self, text: String, id: &CellId) {
        let tokens = id.tokens.map(|t| format!(" T={t}")).unwrap_or_default();
        let cell = format!("`{}`{tokens} {}", id.case, id.metric.name());
        match self.0.iter_mut().find(|(known, _)| *known == text) {
            Some((_, cells)) => cells.push(cell),
            None => self.0.push((text, vec![cell])),
        }
    }

    fn lines(self, all: usize) -> Vec<String> {
        let line =
            |(text, cells): (String, Vec<String>)| match cells.len() > 1 && cells.len() == all {
                true => format!("all cells: {text}"),
                false => format!("{}: {text}", cells.join(", ")),
            };
        self.0.into_iter().map(line).collect()
    }
}

/// Where the noise of most cells is known from; of as many, the worse.
pub(super) fn source(judged: &[Judged]) -> Option<NoiseSource> {
    let sources = || {
        judged
            .iter()
            .filter_map(|one| Some(&one.known.as_ref()?.source))
    };
    let rank = |source: &NoiseSource| match source {
        NoiseSource::Certificate { .. } => 0,
        NoiseSource::Nights { .. } => 1,
        NoiseSource::Processes { .. } => 2,
    };
    let count = |source| {
        sources()
            .filter(|other| rank(other) == rank(source))
            .count()
    };
    let most = sources().max_by_key(|source| (count(source), rank(source)));
    most.cloned()
}
