//! `anechoic compare`: two runs, or the cases of one, against each other.

use std::path::Path;

use anechoic_record::{RunRecord, find_run};
use anechoic_report::{
    ComparedCell, Comparison, Conclusion, FailOns, Within, compare_json, compare_junit,
    compare_markdown, compare_terminal,
};

use super::CommandError;
use crate::cli::{CompareArgs, CompareFormat};
use crate::exit_code::ExitCode;
use crate::reporter::{print_data, say};

pub(super) fn compare(args: &CompareArgs) -> Result<ExitCode, CommandError> {
    let comparison = match args.within() {
        Some(within) => of_cases(args, &within)?,
        None => of_runs(args)?,
    };
    let fail_on = args.fail_on();
    let text = match args.format {
        CompareFormat::Text => compare_terminal(&comparison),
        CompareFormat::Md => compare_markdown(&comparison),
        CompareFormat::Json => compare_json(&comparison),
        CompareFormat::Junit => compare_junit(&comparison, &fail_on),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(conclude(&comparison, &fail_on))
}

fn load(root: &Path, run: &str) -> Result<RunRecord, CommandError> {
    let path = find_run(root, run).map_err(CommandError::Record)?;
    RunRecord::load(&path).map_err(CommandError::Record)
}

fn of_cases(args: &CompareArgs, within: &Within) -> Result<Comparison, CommandError> {
    let record = load(&args.results.root, &args.first)?;
    let found = Comparison::within(&record, within, &args.options());
    found.map_err(CommandError::NothingAlike)
}

fn of_runs(args: &CompareArgs) -> Result<Comparison, CommandError> {
    let new = args.new.as_deref();
    let new = new.expect("clap asks for NEW where there is no --by");
    let base = load(&args.results.root, &args.first)?;
    let new = load(&args.results.root, new)?;
    Ok(Comparison::of_runs(&base, &new, &args.options()))
}

/// Says what decides the exit code, which the data may be too long to show.
fn conclude(comparison: &Comparison, fail_on: &FailOns) -> ExitCode {
    match comparison.conclusion(fail_on) {
        Conclusion::Passed => ExitCode::Done,
        Conclusion::Failed(cells) => {
            say("the comparison fails:");
            cells.into_iter().map(line).for_each(|line| say(&line));
            ExitCode::Regression
        }
        Conclusion::NothingCompared(reasons) => {
            say("nothing could be compared:");
            reasons
                .iter()
                .for_each(|reason| say(&format!("  {}", plain(reason))));
            ExitCode::Nothing
        }
    }
}

fn line(cell: &ComparedCell) -> String {
    let word = cell.verdict.word(cell.metric.kind());
    let by = cell.change.and_then(|change| change.relative);
    let by = by.map_or_else(String::new, |by| format!(" ({:+.2} %)", by * 100.0));
    format!("  {word}: {}{by}", plain(&cell.name()))
}

/// Names come from files; none of their control characters reaches a terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}
