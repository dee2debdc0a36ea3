//! `anechoic capture`: one isolated configuration, through the same path as any suite.

use std::fs;
use std::io;
use std::path::Path;

use anechoic_record::{result_json, write_atomically};
use anechoic_suite::{PlanOptions, Suite};
use serde_json::Value;

use super::CommandError;
use super::execute::open_run;
use super::finish::{Finished, finish_run};
use super::suite::make_plan_at;
use super::target::Target;
use crate::cli::CaptureArgs;
use crate::exit_code::ExitCode;

pub(super) fn capture(args: &CaptureArgs) -> Result<ExitCode, CommandError> {
    let suite = Suite::one_case("capture", &args.mode, &args.settings())?;
    let plan = make_plan_at(&args.place, &suite, &options(args))?;
    if let Some(output) = &args.output {
        Target::Output.check(output)?;
    }
    let run = open_run(plan, suite.text(), &args.place)?;
    if let Some(output) = &args.output {
        remove_old(output)?;
    }
    let made = run.execute(args.place.format)?;
    let finished = finish_run(&made, args.place.format)?;
    if let Some(output) = &args.output {
        write_output(output, &finished)?;
    }
    Ok(finished.exit_code())
}

fn options(args: &CaptureArgs) -> PlanOptions {
    PlanOptions {
        threads: args.place.threads,
        ..args.effort.options()
    }
}

/// What is there after a run that failed or was killed must not be an older result.
fn remove_old(output: &Path) -> Result<(), CommandError> {
    match fs::remove_file(output) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Target::Output.refused(output, error.to_string())),
    }
}

/// The results of the attempts that ended well: an object for one planned attempt, an array for several.
/// Nothing is written where nothing was measured.
fn write_output(output: &Path, finished: &Finished) -> Result<(), CommandError> {
    let manifest = &finished.record.manifest;
    let results = manifest.cases.iter().flat_map(|case| {
        case.ok_attempts().map(|attempt| {
            let data = finished.record.attempt(&case.case.id, attempt.attempt);
            result_json(manifest, case, attempt.attempt, &data)
        })
    });
    let mut results: Vec<_> = results.collect();
    let value = match (manifest.plan.attempts, results.len()) {
        (_, 0) => return Ok(()),
        (1, _) => results.remove(0),
        _ => Value::Array(results),
    };
    write_atomically(output, format!("{value:#}\n").as_bytes()).map_err(CommandError::Record)
}
