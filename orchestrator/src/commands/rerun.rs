//! `anechoic rerun`: further attempts in an existing run, with the settings it was planned with. Earlier
//! attempts are kept.

use anechoic_record::{CaseRecord, RunRecord, StartedBy};
use anechoic_suite::Slot;
use globset::{Glob, GlobMatcher};

use super::CommandError;
use super::finish::finish_run;
use super::go_on::TakenRun;
use crate::cli::RerunArgs;
use crate::exit_code::ExitCode;

pub(super) fn rerun(args: &RerunArgs) -> Result<ExitCode, CommandError> {
    let taken = TakenRun::take(&args.go_on)?;
    let slots = slots(&taken.record, &args.case)?;
    if slots.is_empty() {
        let manifest = &taken.record.manifest;
        let wanted = match manifest.plan.until {
            Some(_) => "the good attempts that its stop rule wanted".to_owned(),
            None => format!("its {} good attempts", manifest.plan.attempts),
        };
        return Err(CommandError::NothingToRun(format!(
            "every case of `{}` has {wanted}",
            manifest.run
        )));
    }
    let run = taken.open(StartedBy::Rerun, slots, args.timeout, &args.go_on)?;
    let made = run.execute(args.go_on.format)?;
    Ok(finish_run(&made, args.go_on.format)?.exit_code())
}

/// The attempts to make, round by round.
fn slots(record: &RunRecord, patterns: &[String]) -> Result<Vec<Slot>, CommandError> {
    let globs = matchers(&record.manifest.cases, patterns)?;
    let plan = &record.manifest.plan;
    let wanted: Vec<u32> = (record.manifest.cases.iter())
        .map(|case| match globs.is_empty() {
            true => case.lacks(plan),
            false if globs.iter().any(|glob| glob.is_match(&case.case.id)) => {
                case.lacks(plan).max(1)
            }
            false => 0,
        })
        .collect();
    let rounds = wanted.iter().copied().max().unwrap_or(0);
    let mut slots = Vec::new();
    for round in 0..rounds {
        for (case, _) in wanted
            .iter()
            .enumerate()
            .filter(|(_, wanted)| round < **wanted)
        {
            let attempt = next_attempt(record, case) + round;
            slots.push(Slot { case, attempt });
        }
    }
    Ok(slots)
}

/// One past the last attempt that left any trace: an orchestrator that was killed has recorded events of
/// an attempt that is not in the manifest.
fn next_attempt(record: &RunRecord, case: usize) -> u32 {
    let case = &record.manifest.cases[case];
    let traced = record.attempts.keys().filter(|(id, _)| *id == case.case.id);
    let traced = traced.map(|(_, attempt)| attempt + 1).max().unwrap_or(1);
    case.next_attempt().max(traced)
}

fn matchers(cases: &[CaseRecord], patterns: &[String]) -> Result<Vec<GlobMatcher>, CommandError> {
    let compile = |pattern: &String| {
        let refused = |why: String| CommandError::CasePattern {
            pattern: pattern.clone(),
            why,
        };
        let glob =
            Glob::new(pattern).map_err(|e| refused(format!("is no pattern: {}", e.kind())))?;
        let matcher = glob.compile_matcher();
        if cases.iter().any(|case| matcher.is_match(&case.case.id)) {
            return Ok(matcher);
        }
        let ids: Vec<_> = cases.iter().map(|case| case.case.id.as_str()).collect();
        Err(refused(format!(
            "matches no case; the cases are {}",
            ids.join(", ")
        )))
    };
    patterns.iter().map(compile).collect()
}
