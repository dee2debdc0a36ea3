//! `anechoic compare`: two runs, or the cases of one, against each other.

use std::path::Path;

use anechoic_record::{RunRecord, find_run};
use anechoic_report::{
    ComparedCell, Comparison, Conclusion, FailOns, NotMeasured, Verdict, Within, compare_json,
    compare_junit, compare_markdown, compare_terminal,
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
    let record = RunRecord::load(&path).map_err(CommandError::Record)?;
    match record.manifest.audit {
        Some(_) => Err(CommandError::AuditCompared(path)),
        None => Ok(record),
    }
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
        Conclusion::Passed => {
            tell(comparison.missing().map(lost), "not measured any more:");
            tell_undecided(comparison, fail_on);
            ExitCode::Done
        }
        Conclusion::Failed { cells, missing } => {
            let missing: Vec<String> = match missing.is_empty() {
                true => comparison.missing().map(lost).collect(),
                false => missing.into_iter().map(lost).collect(),
            };
            say("the comparison fails:");
            let lines = cells.into_iter().map(line).chain(missing);
            lines.for_each(|line| say(&line));
            tell_undecided(comparison, fail_on);
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

fn tell(lines: impl Iterator<Item = String>, title: &str) {
    let mut lines = lines.peekable();
    if lines.peek().is_some() {
        say(title);
    }
    lines.for_each(|line| say(&line));
}

/// Whoever wants a regression to fail is told where none could have been found.
fn tell_undecided(comparison: &Comparison, fail_on: &FailOns) {
    let undecided = comparison.cells.iter().filter(|cell| match cell.verdict {
        Verdict::Undecided(_) => !fail_on.0.is_empty(),
        Verdict::Better | Verdict::Worse | Verdict::Higher | Verdict::Lower | Verdict::Same(_) => {
            false
        }
    });
    let line = |cell: &ComparedCell| {
        let reason = cell.reason_text();
        format!("  {}: {}", plain(&cell.name()), plain(&reason))
    };
    tell(
        undecided.map(line),
        "undecided, and so neither failed nor passed:",
    );
}

fn lost(case: &NotMeasured) -> String {
    format!("  missing: {}", plain(&case.text()))
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
