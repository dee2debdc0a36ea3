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
    /// What the stop rule said before it, where that led to these attempts.
    pub(crate) checks: Vec<CheckedCase>,
    /// What earlier attempts have measured; empty where there is no stop rule.
    pub(crate) measured: Measured,
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
    /// Cases that this start makes attempts of and that may need more.
    open: BTreeSet<usize>,
}

impl Rounds {
    /// For a start that begins with these attempts.
    pub(super) fn new(slots: &[Slot], measured: Measured) -> Self {
        Self {
            measured,
            open: slots.iter().map(|slot| slot.case).collect(),
        }
    }

    /// Keeps what an attempt measured, where a rule will ask for it.
    pub(super) fn keep(&mut self, manifest: &Manifest, slot: Slot, data: AttemptData) {
        if manifest.plan.until.is_some() {
            let case = manifest.cases[slot.case].case.id.clone();
            self.measured.insert((case, slot.attempt), data);
        }
    }

    /// Where the cases stand that this start is about and that had not come to an end before.
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
        let mut found = (0..manifest.cases.len()).filter_map(|case| self.of_case(manifest, case));
        found.all(|checked| checked.check.verdict != RuleVerdict::Another)
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
