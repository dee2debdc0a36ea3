//! What disturbs an attempt, from readings while its worker runs. Values only: no clock, no files.

use anechoic_record::{Disturbance, Moment, Observation, Outcome, Restless};
use anechoic_suite::WhenRestless;

use super::rest::{Judged, Own, Reading, Reference, SHORTEST_SPAN, severity};

/// Readings that are kept of one attempt. A longer attempt keeps every second of them, then every fourth …
const KEPT: usize = 600;

/// Judges the readings of one attempt.
#[derive(Debug)]
pub(super) struct Watch {
    reference: Reference,
    first: Reading,
    /// The reading that rates are taken from.
    base: Reading,
    own: Own,
    worst: Vec<Restless>,
}

impl Watch {
    pub(super) fn new(reference: Reference, first: Reading) -> Self {
        let mut watch = Self {
            reference,
            base: first.clone(),
            first: first.clone(),
            own: Own::default(),
            worst: Vec::new(),
        };
        watch.observe(first);
        watch
    }

    /// Judges one reading, and keeps what is worse than before.
    pub(super) fn observe(&mut self, reading: Reading) {
        self.own.meet(&reading.pids);
        let judged = Judged {
            reference: &self.reference,
            first: &self.first,
            earlier: &self.base,
            later: &reading,
        };
        for found in judged.during(&self.own) {
            keep_worse(&mut self.worst, found);
        }
        if reading.at.saturating_duration_since(self.base.at) >= SHORTEST_SPAN {
            self.base = reading;
        }
    }

    /// What disturbed the attempt, each kind once as its worst reading.
    pub(super) fn disturbances(self) -> impl Iterator<Item = Disturbance> {
        self.worst.into_iter().map(|what| Disturbance {
            when: Moment::During,
            what,
        })
    }
}

fn keep_worse(worst: &mut Vec<Restless>, found: Restless) {
    match worst.iter_mut().find(|kept| kept.name() == found.name()) {
        Some(kept) if severity(&found) > severity(kept) => *kept = found,
        Some(_) => {}
        None => worst.push(found),
    }
}

/// Readings for the record, thinned out evenly where there are many.
#[derive(Debug)]
pub(super) struct Kept {
    observations: Vec<Observation>,
    /// Every so many readings one is kept.
    stride: usize,
    seen: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            observations: Vec::new(),
            stride: 1,
            seen: 0,
        }
    }
}

impl Kept {
    pub(super) fn push(&mut self, observation: Observation) {
        if self.seen.is_multiple_of(self.stride) {
            self.thin();
            self.observations.push(observation);
        }
        self.seen += 1;
    }

    /// Adds the last reading whatever the stride.
    pub(super) fn close(mut self, last: Option<Observation>) -> Vec<Observation> {
        if let Some(last) = last {
            self.thin();
            self.observations.push(last);
        }
        self.observations
    }

    fn thin(&mut self) {
        if self.observations.len() < KEPT {
            return;
        }
        let mut index = 0;
        self.observations.retain(|_| {
            index += 1;
            index % 2 == 1
        });
        self.stride *= 2;
    }
}

/// The outcome under the policy: whatever ended badly stays as it ended.
pub(super) fn under_policy(
    policy: WhenRestless,
    outcome: Outcome,
    disturbed: &[Disturbance],
) -> Outcome {
    let counts = match policy {
        WhenRestless::Label => true,
        WhenRestless::Discard | WhenRestless::Refuse => disturbed.is_empty(),
    };
    match outcome {
        Outcome::Ok if !counts => Outcome::Contaminated {
            disturbances: disturbed.to_vec(),
            started: true,
        },
        other => other,
    }
}
