//! `anechoic rerun`: further attempts in an existing run, with the settings it was planned with. Earlier
//! attempts are kept.

use std::path::Path;

use anechoic_record::{CaseRecord, Machine, Manifest, Recorder, RunRecord, find_run};
use anechoic_suite::Slot;
use globset::{Glob, GlobMatcher};

use super::CommandError;
use super::execute::{OpenRun, lock};
use super::finish::finish_run;
use crate::cli::RerunArgs;
use crate::exit_code::ExitCode;
use crate::probe::{Gpus, machine};
use crate::settings::{DeviceChoice, usable};

pub(super) fn rerun(args: &RerunArgs) -> Result<ExitCode, CommandError> {
    let path = find_run(&args.results.root, &args.run).map_err(CommandError::Record)?;
    let lock = lock(&path)?;
    let record = RunRecord::load(&path).map_err(CommandError::Record)?;
    let slots = slots(&record, &args.case)?;
    if slots.is_empty() {
        let run = &record.manifest.run;
        return Err(CommandError::NothingToRun(format!(
            "every case of `{run}` has its {} good attempts",
            record.manifest.plan.attempts
        )));
    }
    let worker = check_machine(&record.manifest)?;
    let recorder = Recorder::reopen(&path).map_err(CommandError::Record)?;
    let run = OpenRun {
        recorder,
        lock,
        worker,
        slots,
    };
    let made = run.execute(args.format)?;
    Ok(finish_run(&made, args.format)?.exit_code())
}

/// The run's own device and worker, if this is the machine that it was made on.
fn check_machine(manifest: &Manifest) -> Result<std::path::PathBuf, CommandError> {
    let device = manifest.settings.device;
    let refused = |source| CommandError::RecordedDevice {
        run: manifest.run.clone(),
        source,
    };
    DeviceChoice::This(device)
        .resolve(&Gpus::find())
        .map_err(refused)?;
    if let Some(difference) = difference(&manifest.machine, &machine(device)) {
        let run = manifest.run.clone();
        return Err(CommandError::OtherMachine { run, difference });
    }
    let worker = Path::new(&manifest.settings.worker).to_owned();
    usable(worker, "as recorded in the run").map_err(CommandError::RecordedWorker)
}

/// What makes two machines different for measuring. A host name may change in a container, and a kernel
/// with an update; both are in the record.
fn difference(then: &Machine, now: &Machine) -> Option<String> {
    let pairs = [
        (
            "processor",
            format!("{:?}", then.cpu),
            format!("{:?}", now.cpu),
        ),
        (
            "cores",
            then.physical_cores.to_string(),
            now.physical_cores.to_string(),
        ),
        ("GPU", format!("{:?}", then.gpu), format!("{:?}", now.gpu)),
    ];
    let differing = pairs.iter().find(|(_, then, now)| then != now)?;
    let (what, then, now) = differing;
    Some(format!("{what} was {then} and is {now}"))
}

/// The attempts to make, round by round.
fn slots(record: &RunRecord, patterns: &[String]) -> Result<Vec<Slot>, CommandError> {
    let globs = matchers(&record.manifest.cases, patterns)?;
    let planned = record.manifest.plan.attempts;
    let wanted: Vec<u32> = (record.manifest.cases.iter())
        .map(|case| match globs.is_empty() {
            true => case.owed(planned),
            false if globs.iter().any(|glob| glob.is_match(&case.case.id)) => {
                case.owed(planned).max(1)
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
