//! Which processes of two cases were measured side by side: those of the rounds that a plan or a stop rule makes.

use anechoic_record::{CaseRecord, Cell, ProcessValues, RunRecord, StartedBy};
use anechoic_suite::Order;
use jiff::Timestamp;

/// The rounds of a run.
pub(super) struct Rounds<'a> {
    cases: &'a [CaseRecord],
    /// Whether its order makes every case once in each round.
    interleaved: bool,
    /// When attempts began to be made case by case: of a rerun, those with the same number need not be near each other.
    first_rerun: Option<Timestamp>,
}

impl<'a> Rounds<'a> {
    pub(super) fn of(record: &'a RunRecord) -> Self {
        let manifest = &record.manifest;
        let mut starts = manifest.starts.iter();
        Self {
            cases: &manifest.cases,
            interleaved: match manifest.plan.order {
                Order::Interleaved | Order::Random(_) => true,
                Order::Listed => false,
            },
            first_rerun: starts
                .find(|start| start.by == StartedBy::Rerun)
                .map(|start| start.at),
        }
    }

    /// Whether every process of two cells, each with the place of its case, has one of the other in its round.
    pub(super) fn hold(&self, base: (usize, &Cell), new: (usize, &Cell)) -> bool {
        let attempts = |cell: &Cell| -> Vec<u32> {
            let processes = cell.processes.iter();
            processes.map(|process| process.attempt).collect()
        };
        self.interleaved
            && attempts(base.1) == attempts(new.1)
            && self.made_all(base)
            && self.made_all(new)
    }

    fn made_all(&self, (at, cell): (usize, &Cell)) -> bool {
        let made = |process: &ProcessValues| {
            let mut attempts = self.cases[at].attempts.iter();
            attempts.any(|made| {
                let before = self.first_rerun.is_none_or(|rerun| made.started < rerun);
                made.attempt == process.attempt && before
            })
        };
        cell.processes.iter().all(made)
    }
}
