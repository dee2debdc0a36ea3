//! `anechoic run`: every case of a suite, each attempt in a fresh worker.

use super::CommandError;
use super::execute::open_run_from;
use super::finish::finish_run;
use super::suite::{locate, make_plan_at, read_suite};
use crate::cli::RunArgs;
use crate::exit_code::ExitCode;

pub(super) fn run(args: &RunArgs) -> Result<ExitCode, CommandError> {
    let suite = read_suite(&args.suite)?;
    let plan = make_plan_at(
        &args.place,
        &suite,
        &args.selection.options(args.place.threads),
    )?;
    let file = locate(&args.suite);
    let run = open_run_from(plan, suite.text(), Some(&file), &args.place)?;
    let made = run.execute(args.place.format)?;
    Ok(finish_run(&made, args.place.format)?.exit_code())
}
