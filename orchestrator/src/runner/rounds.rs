//! Rounds behind those of the plan: which cases still need a process under the plan's stop rule. Looks at what was
//! measured between attempts alone, never while a worker runs.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_record::{AttemptData, CaseRecord, Manifest, RuleCheck, RuleVerdict, rule_check};
use anechoic_suite::{HalfWidth, Slot};

/// What attempts have measured, by case and attempt.
pub(crate) type Measured = BTreeMap<(String, u32), AttemptData>;

/// What one start on a run has to do.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The attempts that it begins with.
    pub(crate) slots: Vec<Slot>,
    /// The cases that the stop rule may want more of.
    pub(crate) reach: Reach,
    /// What the stop rule said before it, where that led to these attempts.
    pub(crate) checks: Vec<CheckedCase>,
    /// What earlier attempts have measured; empty where there is no stop rule.
    pub(crate) measured: Measured,
}

/// Which cases the stop rule adds rounds for during one start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Reach {
    /// All of the plan that have not come to an end.
    #[default]
    Plan,
    /// Those that the start begins with alone.
    Slots,
}

/// A case of the plan and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CheckedCase {
    /// Index into the plan's cases.
    pub(crate) case: usize,
    /// What was found.
    pub(crate) check: RuleCheck,
}

/// A further round, for people.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Round {
    /// The half-width that is to be reached.
    pub(crate) until: HalfWidth,
    /// Cases that get a further process, in the order in which they do.
    pub(crate) cases: Vec<usize>,
    /// Id of the one that is furthest from it, and where it stands.
    pub(crate) widest: (String, RuleCheck),
}

/// The stop rule at work during one start.
#[derive(Debug)]
pub(super) struct Rounds {
    measured: Measured,
    /// Cases that may need more in this start.
    open: BTreeSet<usize>,
}

impl Rounds {
    /// For a start with this to do.
    pub(super) fn new(manifest: &Manifest, agenda: Agenda) -> Self {
        let begun = agenda.slots.iter().map(|slot| slot.case);
        let mut rounds = Self {
            measured: agenda.measured,
            open: begun.collect(),
        };
        if agenda.reach == Reach::Plan {
            // A case outside the slots may want more all the same: its attempts are made, and the round was cut off before
            // the rule was looked at.
            let wanting = rounds.wanting(manifest);
            rounds.open.extend(wanting);
        }
        rounds
    }

    /// What attempts have measured so far.
    #[cfg(test)]
    pub(super) fn into_measured(self) -> Measured {
        self.measured
    }

    /// Keeps what an attempt measured, where a rule will ask for it.
    pub(super) fn keep(&mut self, manifest: &Manifest, slot: Slot, data: AttemptData) {
        if manifest.plan.until.is_some() {
            let case = manifest.cases[slot.case].case.id.clone();
            self.measured.insert((case, slot.attempt), data);
        }
    }

    /// Where the cases stand that this start adds rounds for and that had not come to an end before.
    pub(super) fn check(&mut self, manifest: &Manifest) -> Vec<CheckedCase> {
        let found: Vec<_> = self
            .open
            .iter()
            .filter_map(|&case| self.of_case(manifest, case))
            .collect();
        for checked in &found {
            if checked.check.verdict != RuleVerdict::Another {
                self.open.remove(&checked.case);
            }
        }
        found
    }

    /// Whether the rule wants no further process of any case of the run.
    pub(super) fn are_over(&self, manifest: &Manifest) -> bool {
        self.wanting(manifest).is_empty()
    }

    /// The cases of the run that the rule wants a further process of.
    fn wanting(&self, manifest: &Manifest) -> Vec<usize> {
        let found = (0..manifest.cases.len()).filter_map(|case| self.of_case(manifest, case));
        found
            .filter(|checked| checked.check.verdict == RuleVerdict::Another)
            .map(|checked| checked.case)
            .collect()
    }

    fn of_case(&self, manifest: &Manifest, case: usize) -> Option<CheckedCase> {
        let rule = manifest.plan.until.as_ref()?;
        let record: &CaseRecord = &manifest.cases[case];
        let data = |attempt| self.measured.get(&(record.case.id.clone(), attempt));
        let check = rule_check(rule, &manifest.plan, record, data);
        Some(CheckedCase { case, check })
    }
}

/// The round that these findings call for; `None` where no case needs a process.
pub(crate) fn further_round(manifest: &Manifest, checked: &[CheckedCase]) -> Option<Round> {
    let until = manifest.plan.until.as_ref()?.half_width_ppm;
    let wanting = checked
        .iter()
        .filter(|checked| checked.check.verdict == RuleVerdict::Another);
    let cases: Vec<usize> = wanting.clone().map(|checked| checked.case).collect();
    let width = |checked: &CheckedCase| checked.check.half_width.unwrap_or(f64::INFINITY);
    let widest = wanting.max_by(|a, b| width(a).total_cmp(&width(b)))?;
    let number = |case: &usize| manifest.cases[*case].processes(&manifest.plan) + 1;
    let round = cases.iter().map(number).max().unwrap_or(0);
    let id = manifest.cases[widest.case].case.id.clone();
    Some(Round {
        until,
        cases: manifest.plan.order.further_round(&cases, round),
        widest: (id, widest.check.clone()),
    })
}
