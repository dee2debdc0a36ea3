//! Two runs: cells are matched by case, T and metric.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_record::{CaseRecord, Cell, CellId, Difference, RunRecord, cells};

use super::comparison::doubts;
use super::judge::judge;
use super::pair::{Pair, Refusal, machines_within};
use super::settings::{differences, knows_environment, own_settings, settings};
use super::{CompareOptions, Comparison, Mismatch, NotMeasured, RunFacts, Side, Unmatched};

impl Comparison {
    /// Compares two runs.
    pub fn of_runs(base: &RunRecord, new: &RunRecord, options: &CompareOptions) -> Self {
        let refusals = refusals(base, new);
        let mut theirs: BTreeMap<CellId, Cell> = chosen(new, options)
            .map(|cell| (cell.id.clone(), cell))
            .collect();
        let (mut pairs, mut alone) = (Vec::new(), Vec::new());
        for cell in chosen(base, options) {
            match theirs.remove(&cell.id) {
                Some(new) => pairs.push(pair(cell, new, &refusals)),
                None => alone.push((Side::Base, cell.id)),
            }
        }
        alone.extend(theirs.into_keys().map(|id| (Side::New, id)));
        let not_measured = not_measured(base, new);
        Self {
            base: RunFacts::of(base),
            new: RunFacts::of(new),
            by: None,
            threshold: options.threshold,
            forced: options.force,
            notes: notes(base, new),
            cells: judge(pairs, options),
            unmatched: unmatched(alone, &not_measured),
            not_measured,
        }
    }
}

/// The cells of the chosen metrics, in the plan's order.
pub(super) fn chosen<'a>(
    record: &'a RunRecord,
    options: &'a CompareOptions,
) -> impl Iterator<Item = Cell> + 'a {
    let cases = record.manifest.cases.iter();
    let benchmarks: BTreeMap<_, _> = cases
        .map(|case| (case.case.id.as_str(), case.case.work.name()))
        .collect();
    let takes = move |cell: &Cell| {
        let benchmark = benchmarks.get(cell.id.case.as_str());
        benchmark.is_some_and(|benchmark| options.metrics.takes(&cell.id.metric, *benchmark))
    };
    cells(record).into_iter().filter(takes)
}

fn pair(base: Cell, new: Cell, refusals: &BTreeMap<&str, Refusal>) -> Pair {
    let CellId {
        case,
        tokens,
        metric,
    } = base.id.clone();
    Pair {
        refusal: refusals.get(case.as_str()).cloned(),
        base_case: case.clone(),
        new_case: case,
        by: None,
        tokens,
        metric,
        base: base.into(),
        new: new.into(),
        side_by_side: false,
    }
}

/// Why cases that both runs have may not be compared.
fn refusals<'a>(base: &'a RunRecord, new: &RunRecord) -> BTreeMap<&'a str, Refusal> {
    let machine = [
        of_machine(base, new),
        machines_within("base", base),
        machines_within("new", new),
    ]
    .concat();
    let cases = new.manifest.cases.iter();
    let theirs: BTreeMap<&str, &CaseRecord> =
        cases.map(|case| (case.case.id.as_str(), case)).collect();
    let settings = match knows_environment(base) && knows_environment(new) {
        true => settings,
        false => own_settings,
    };
    let refusal = |case: &'a CaseRecord| {
        let id = case.case.id.as_str();
        let other = theirs.get(id)?;
        let settings = differences(&settings(base, case), &settings(new, other));
        Some((id, Refusal::of(&machine, &settings)?))
    };
    base.manifest.cases.iter().filter_map(refusal).collect()
}

/// The device belongs to the machine.
fn of_machine(base: &RunRecord, new: &RunRecord) -> Vec<Mismatch> {
    let (base, new) = (&base.manifest, &new.manifest);
    let device = |settings: &anechoic_record::RunSettings| settings.device.to_string();
    let devices = Difference::between("device", &device(&base.settings), &device(&new.settings));
    let found = base.machine.differences(&new.machine).into_iter();
    found.chain(devices).map(Mismatch::from).collect()
}

fn not_measured(base: &RunRecord, new: &RunRecord) -> Vec<NotMeasured> {
    let of_base = base.manifest.cases.iter();
    let measured: BTreeSet<&str> = of_base
        .clone()
        .filter(|case| case.ok_attempts().next().is_some())
        .map(|case| case.case.id.as_str())
        .collect();
    let of_base = of_base.filter_map(|case| NotMeasured::of(Side::Base, case));
    let of_new = new.manifest.cases.iter().filter_map(|case| {
        let found = NotMeasured::of(Side::New, case)?;
        Some(found.beside(measured.contains(case.case.id.as_str())))
    });
    of_base.chain(of_new).collect()
}

/// A cell whose counterpart failed is not missing; the failure is listed.
fn unmatched(alone: Vec<(Side, CellId)>, not_measured: &[NotMeasured]) -> Vec<Unmatched> {
    let failed: BTreeSet<_> = not_measured
        .iter()
        .map(|case| (case.side, case.case.as_str()))
        .collect();
    let other = |side: Side| match side {
        Side::Base => Side::New,
        Side::New => Side::Base,
    };
    let alone = alone
        .into_iter()
        .filter(|(side, id)| !failed.contains(&(other(*side), id.case.as_str())));
    alone
        .map(|(side, id)| Unmatched {
            side,
            case: id.case,
            tokens: id.tokens,
            metric: id.metric,
        })
        .collect()
}

/// Each run shows how processes differ within it, and not how the machine differs from one run to the next.
const APART: &str = "the runs were made at different times: what the machine itself did in between is in no interval; \
                     where that can matter, measure both sides in one run and compare with --by";

fn notes(base: &RunRecord, new: &RunRecord) -> Vec<String> {
    let mut notes = Vec::new();
    match base.path == new.path {
        true => notes.push("both sides are the same run".to_owned()),
        false => notes.push(APART.to_owned()),
    }
    notes.extend(doubts("base", base));
    notes.extend(doubts("new", new));
    notes
}
