//! What of machine and programs changed between two runs, found once for all series.

use std::collections::HashMap;
use std::rc::Rc;

use anechoic_record::Difference;

use crate::RunDigest;

/// What changed between two runs.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Changes {
    pub(super) machine: Vec<Difference>,
    pub(super) programs: Vec<Difference>,
}

/// The conditions of the runs of a history.
pub(super) struct Conditions<'a> {
    runs: &'a [&'a RunDigest],
    /// By run; equal numbers are equal conditions, as of neighbours nearly all are.
    kinds: Vec<usize>,
    found: HashMap<(usize, usize), Rc<Changes>>,
    none: Rc<Changes>,
}

impl<'a> Conditions<'a> {
    pub(super) fn of(runs: &'a [&'a RunDigest]) -> Self {
        let mut kinds = Vec::with_capacity(runs.len());
        for (index, run) in runs.iter().enumerate() {
            let kind = match index.checked_sub(1) {
                None => 0,
                Some(before) if runs[before].fingerprint == run.fingerprint => kinds[before],
                Some(before) => kinds[before] + 1,
            };
            kinds.push(kind);
        }
        Self {
            runs,
            kinds,
            found: HashMap::new(),
            none: Rc::default(),
        }
    }

    /// What is another in the run `now` than in `then`, by their places.
    pub(super) fn between(&mut self, then: usize, now: usize) -> Rc<Changes> {
        if self.kinds[then] == self.kinds[now] {
            return Rc::clone(&self.none);
        }
        let runs = self.runs;
        let changes = || {
            let (then, now) = (&runs[then].fingerprint, &runs[now].fingerprint);
            Rc::new(Changes {
                machine: then.machine_differences(now),
                programs: then.program_differences(now),
            })
        };
        Rc::clone(self.found.entry((then, now)).or_insert_with(changes))
    }
}
