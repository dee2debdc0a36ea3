//! The attempts that are still to be made: those of the plan, retries behind them, and rounds that a stop rule adds.

use std::collections::VecDeque;

use anechoic_record::{CaseRecord, Manifest};
use anechoic_suite::Slot;

/// Attempts in order.
#[derive(Debug)]
pub(super) struct Queue {
    open: VecDeque<Slot>,
    /// All that have ever been in the queue: their numbers are taken.
    given: Vec<Slot>,
}

/// A further attempt in place of one that did not end well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// The number of the new attempt.
    pub(crate) attempt: u32,
    /// How many retries the case has had with this one.
    pub(crate) number: u32,
    /// How many it may have.
    pub(crate) most: u32,
}

impl Queue {
    pub(super) fn new(slots: &[Slot]) -> Self {
        Self {
            open: slots.iter().copied().collect(),
            given: slots.to_vec(),
        }
    }

    /// Takes the next attempt.
    pub(super) fn next(&mut self) -> Option<Slot> {
        self.open.pop_front()
    }

    /// Queues a retry behind all others where the case is owed one.
    pub(super) fn retry(&mut self, manifest: &Manifest, case: usize) -> Option<Retry> {
        let record = &manifest.cases[case];
        let waiting = self.open.iter().filter(|slot| slot.case == case).count();
        if record.unmade(&manifest.plan) as usize <= waiting {
            return None;
        }
        let attempt = self.free_number(record, case);
        let slot = Slot { case, attempt };
        self.open.push_back(slot);
        self.given.push(slot);
        Some(Retry {
            attempt,
            number: record.retries_due(&manifest.plan),
            most: manifest.plan.retries.count,
        })
    }

    /// Queues one further attempt of each of these cases, in this order.
    pub(super) fn add_round(&mut self, manifest: &Manifest, cases: &[usize]) {
        for &case in cases {
            let attempt = self.free_number(&manifest.cases[case], case);
            let slot = Slot { case, attempt };
            self.open.push_back(slot);
            self.given.push(slot);
        }
    }

    /// A number that no attempt of the case has, made or waiting.
    fn free_number(&self, record: &CaseRecord, case: usize) -> u32 {
        let given = self.given.iter().filter(|slot| slot.case == case);
        let next = given.map(|slot| slot.attempt + 1).max().unwrap_or(1);
        next.max(record.next_attempt())
    }
}
