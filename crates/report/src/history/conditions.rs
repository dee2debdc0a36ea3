//! What of machine and programs changed between two runs, found once for all series.

use std::collections::HashMap;
use std::rc::Rc;

use anechoic_record::{Difference, Fingerprint};

/// What changed between two runs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) machine: Vec<Difference>,
    pub(super) programs: Vec<Difference>,
    pub(super) program_words: Vec<String>,
}

/// The conditions of the runs of a history.
pub(super) struct Conditions<'a> {
    /// By run; none of those that are gone.
    fingerprints: Vec<Option<&'a Fingerprint>>,
    /// By run; equal numbers are equal conditions, as of neighbours nearly all are.
    kinds: Vec<usize>,
    found: HashMap<(usize, usize), Rc<Changes>>,
    none: Rc<Changes>,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(fingerprints: Vec<Option<&'a Fingerprint>>) -> Self {
        let mut kinds = Vec::with_capacity(fingerprints.len());
        let (mut kind, mut before) = (0, None);
        for now in &fingerprints {
            if now.is_some() && *now != before {
                kind += 1;
                before = *now;
            }
            kinds.push(kind);
        }
        Self {
            fingerprints,
            kinds,
            found: HashMap::new(),
            none: Rc::default(),
        }
    }

    /// What is another in the run `now` than in `then`, by their places. Of a run that is gone nothing is known.
    pub(super) fn between(&mut self, then: usize, now: usize) -> Rc<Changes> {
        if self.kinds[then] == self.kinds[now] {
            return Rc::clone(&self.none);
        }
        let (Some(before), Some(after)) = (self.fingerprints[then], self.fingerprints[now]) else {
            return Rc::clone(&self.none);
        };
        let changes = || {
            Rc::new(Changes {
                machine: before.machine_differences(after),
                programs: before.program_differences(after),
                program_words: before.program_words(after),
            })
        };
        Rc::clone(self.found.entry((then, now)).or_insert_with(changes))
    }
}
