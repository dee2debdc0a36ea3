//! `anechoic resume`: what an interrupted run still owes to its plan. What failed by itself is the business of `rerun`.

use std::collections::BTreeSet;
use std::path::Path;

use anechoic_record::{
    CaseRecord, Manifest, RecordError, Recorder, RunEvent, RunRecord, RunState, StartedBy,
};
use anechoic_suite::Slot;

use super::CommandError;
use super::execute::Made;
use super::finish::{SUMMARY_FILES, finish_run};
use super::go_on::TakenRun;
use super::next_step::rerun_command;
use crate::cli::ResumeArgs;
use crate::exit_code::ExitCode;
use crate::runner::{CheckedCase, Halt, further_round};

pub(super) fn resume(args: &ResumeArgs) -> Result<ExitCode, CommandError> {
    let mut taken = TakenRun::take(&args.go_on)?;
    decide(&mut taken);
    let slots = slots(&taken.record);
    let format = args.go_on.format;
    let made = if slots.is_empty() {
        end(taken)?
    } else {
        let run = taken.open(StartedBy::Resume, slots, None, &args.go_on)?;
        run.execute(format)?
    };
    Ok(finish_run(&made, format)?.exit_code())
}

/// Where all attempts of a round were made and nobody came to look at the stop rule: plans the round that it wants.
fn decide(taken: &mut TakenRun) {
    let manifest = &taken.record.manifest;
    let is_made = |case: &CaseRecord| case.unmade(&manifest.plan) == 0;
    if !manifest.cases.iter().all(is_made) {
        return;
    }
    let checks = taken.record.rule_checks().unwrap_or_default();
    let checks = checks.into_iter().enumerate();
    let checks: Vec<_> = checks
        .map(|(case, check)| CheckedCase { case, check })
        .collect();
    let Some(round) = further_round(manifest, &checks) else {
        return;
    };
    let Manifest { plan, cases, .. } = &mut taken.record.manifest;
    for case in round.cases {
        cases[case].grant(plan);
    }
    taken.checks = checks;
}

/// A run whose attempts are all made, and that was killed before it could say so.
fn end(taken: TakenRun) -> Result<Made, CommandError> {
    if is_ended(&taken.record) {
        return Err(CommandError::NothingToRun(nothing_owed(&taken.record)));
    }
    let recorder = record_end(taken).map_err(CommandError::Record)?;
    Ok(Made {
        halt: Halt::AllMade,
        lock: recorder.close(),
        place: None,
    })
}

fn is_ended(record: &RunRecord) -> bool {
    let is_there = |name: &str| record.path.join(name).is_file();
    record.manifest.state == RunState::Complete && SUMMARY_FILES.iter().all(|name| is_there(name))
}

fn record_end(taken: TakenRun) -> Result<Recorder, RecordError> {
    let was = taken.record.manifest.state;
    let mut recorder = Recorder::reopen(taken.lock, &taken.record)?;
    if was != RunState::Complete {
        let state = RunState::Complete;
        recorder.append(RunEvent::RunEnded { state })?;
        recorder.set_state(state)?;
    }
    Ok(recorder)
}

fn nothing_owed(record: &RunRecord) -> String {
    let run = &record.manifest.run;
    let planned = record.manifest.plan.attempts;
    let lacking = |manifest: &Manifest| manifest.cases.iter().any(|case| case.owed(planned) > 0);
    match lacking(&record.manifest) {
        false => format!("`{run}` is complete; nothing is owed"),
        true => format!(
            "`{run}` has made all that was planned; nothing is owed. Some attempts failed: `{}` makes further ones",
            rerun_command(Path::new(&record.path))
        ),
    }
}

/// The planned attempts that were never made, in their order and under their numbers; behind them, round by round, others
/// in place of those that were cut short, retries that were due, and those of a round that a stop rule wanted.
fn slots(record: &RunRecord) -> Vec<Slot> {
    let manifest = &record.manifest;
    let mut owed: Vec<u32> = (manifest.cases.iter())
        .map(|case| case.unmade(&manifest.plan))
        .collect();
    let mut taken: Vec<BTreeSet<u32>> = (0..owed.len()).map(|case| numbers(record, case)).collect();
    let mut slots = Vec::new();
    for slot in &manifest.plan.slots {
        if owed[slot.case] > 0 && taken[slot.case].insert(slot.attempt) {
            owed[slot.case] -= 1;
            slots.push(*slot);
        }
    }
    while owed.iter().any(|left| *left > 0) {
        let left: Vec<_> = (0..owed.len()).filter(|case| owed[*case] > 0).collect();
        for case in in_order(manifest, left) {
            let attempt = taken[case].last().map_or(1, |last| last + 1);
            taken[case].insert(attempt);
            owed[case] -= 1;
            slots.push(Slot { case, attempt });
        }
    }
    slots
}

/// A round of a stop rule has the order that it would have had.
fn in_order(manifest: &Manifest, cases: Vec<usize>) -> Vec<usize> {
    let plan = &manifest.plan;
    if plan.until.is_none() {
        return cases;
    }
    let round = cases.iter().map(|case| manifest.cases[*case].planned(plan));
    plan.order.further_round(&cases, round.max().unwrap_or(0))
}

/// Attempt numbers of a case that have left a trace.
fn numbers(record: &RunRecord, case: usize) -> BTreeSet<u32> {
    let case = &record.manifest.cases[case];
    let made = case.attempts.iter().map(|attempt| attempt.attempt);
    let traced = record.attempts.keys();
    let traced = traced.filter(|(id, _)| *id == case.case.id);
    made.chain(traced.map(|(_, attempt)| *attempt)).collect()
}
