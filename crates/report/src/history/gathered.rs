//! Which values belong to one series: those of the runs, and of runs that are gone those that their nights have kept.

use std::collections::HashMap;

use anechoic_record::{CellId, Metric, Night, NightCell};
use anechoic_stats::{Average, Scale};

use crate::{CellDigest, MetricChoice, RunDigest};

/// What makes a series one: suite, case, T, metric, settings.
pub(super) type Key<'a> = (&'a str, &'a CellId, &'a str);

/// The values of one series: the place of each run, and what it measured.
pub(super) type Values<'a> = Vec<(usize, Value<'a>)>;

/// A run of a history, or what is left of one.
#[derive(Clone, Copy)]
pub(super) enum Entry<'a> {
    There(&'a RunDigest),
    /// Of the runs of a night none is there: its cells are.
    Gone(&'a Night, &'a str),
}

/// What a run measured of one cell, as its record or its night says.
#[derive(Clone, Copy)]
pub(super) enum Value<'a> {
    There(&'a CellDigest),
    Gone(&'a NightCell),
}

impl Value<'_> {
    pub(super) fn average(&self) -> Average {
        match self {
            Self::There(cell) => cell.average,
            Self::Gone(cell) => Average {
                value: cell.value,
                interval: None,
                scale: match cell.value > 0.0 {
                    true => Scale::Ratio,
                    false => Scale::Difference,
                },
                processes: 0,
                iterations: 0,
            },
        }
    }

    pub(super) fn disturbed(&self) -> u32 {
        match self {
            Self::There(cell) => cell.disturbed,
            Self::Gone(_) => 0,
        }
    }
}

/// A cell of a suite, whatever its settings.
type CellOf<'a> = (&'a str, &'a str, Option<u32>, &'a Metric);

/// Series in the making. Runs are seen from the newest to the oldest.
#[derive(Default)]
struct Gathered<'a> {
    found: Vec<(Key<'a>, Values<'a>)>,
    places: HashMap<(CellOf<'a>, &'a str), usize>,
    /// Of each cell the series of the run that follows; none where that is not asked for. A night whose run is gone says nothing of settings.
    following: HashMap<CellOf<'a>, Option<usize>>,
    /// What no run that is there follows.
    newest: HashMap<CellOf<'a>, Values<'a>>,
}

/// The values by series, in the plan's order of the newest run that has them; each oldest first.
pub(super) fn gathered<'a>(
    entries: &[Entry<'a>],
    metrics: &MetricChoice,
) -> Vec<(Key<'a>, Values<'a>)> {
    let takes = |metric: &Metric, is_primary: bool| match metrics {
        MetricChoice::Primary => is_primary,
        MetricChoice::Named(named) => named.contains(metric),
        MetricChoice::All => true,
    };
    let mut gathered = Gathered::default();
    for (index, entry) in entries.iter().enumerate().rev() {
        match *entry {
            Entry::There(run) => {
                for cell in &run.cells {
                    let is_taken = takes(&cell.id.metric, cell.primary);
                    gathered.there(index, &run.suite, cell, is_taken);
                }
            }
            // What nights judge is primary, unless more was asked for.
            Entry::Gone(night, _) => {
                let cells = night.cells.iter();
                for cell in cells.filter(|cell| takes(&cell.id.metric, true)) {
                    gathered.gone(index, &night.suite, cell);
                }
            }
        }
    }
    gathered.ended()
}

fn cell_of<'a>(suite: &'a str, id: &'a CellId) -> CellOf<'a> {
    (suite, &id.case, id.tokens, &id.metric)
}

impl<'a> Gathered<'a> {
    fn there(&mut self, index: usize, suite: &'a str, cell: &'a CellDigest, is_taken: bool) {
        let of = cell_of(suite, &cell.id);
        let newer = self.newest.remove(&of).unwrap_or_default();
        if !is_taken {
            self.following.insert(of, None);
            return;
        }
        let key = (suite, &cell.id, cell.settings.as_str());
        let found = &mut self.found;
        let place = *self.places.entry((of, &cell.settings)).or_insert_with(|| {
            found.push((key, Vec::new()));
            found.len() - 1
        });
        found[place].1.extend(newer);
        found[place].1.push((index, Value::There(cell)));
        self.following.insert(of, Some(place));
    }

    fn gone(&mut self, index: usize, suite: &'a str, cell: &'a NightCell) {
        let of = cell_of(suite, &cell.id);
        let value = (index, Value::Gone(cell));
        match self.following.get(&of) {
            Some(Some(place)) => self.found[*place].1.push(value),
            Some(None) => {}
            None => self.newest.entry(of).or_default().push(value),
        }
    }

    fn ended(mut self) -> Vec<(Key<'a>, Values<'a>)> {
        let mut alone: Vec<_> = self.newest.into_iter().collect();
        alone
            .sort_by_key(|(of, values)| (values.first().map(|(index, _)| usize::MAX - index), *of));
        for ((suite, ..), values) in alone {
            if let Some((_, Value::Gone(cell))) = values.first() {
                self.found.push(((suite, &cell.id, ""), values));
            }
        }
        for (_, values) in &mut self.found {
            values.reverse();
        }
        self.found
    }
}
