//! `anechoic report`: a replay of what a run recorded.

use std::io;

use anechoic_record::{RunRecord, find_run};
use anechoic_report::Summary;

use super::CommandError;
use super::logs::logs;
use crate::cli::{ReportArgs, ReportFormat};
use crate::exit_code::ExitCode;
use crate::reporter::{print_data, say, write_data};

pub(super) fn report(args: &ReportArgs) -> Result<ExitCode, CommandError> {
    let path = find_run(&args.results.root, &args.run).map_err(CommandError::Record)?;
    let record = RunRecord::load(&path).map_err(CommandError::Record)?;
    print(args.format, &record).map_err(CommandError::Stdout)?;
    let mut attempts = record.manifest.attempts();
    Ok(match attempts.any(|(_, attempt)| attempt.outcome.is_ok()) {
        false => ExitCode::Nothing,
        true => ExitCode::Done,
    })
}

fn print(format: ReportFormat, record: &RunRecord) -> io::Result<()> {
    let summary = || Summary::of(record);
    match format {
        ReportFormat::Text => print_data(&anechoic_report::terminal(&summary())),
        ReportFormat::Md => print_data(&anechoic_report::markdown(&summary())),
        ReportFormat::Html => {
            let logs = logs(record);
            let summary = summary();
            let plots = anechoic_report::plots(record, &summary);
            print_data(&anechoic_report::html(record, &summary, &plots, &logs))
        }
        ReportFormat::Json => print_data(&anechoic_report::json(&summary())),
        ReportFormat::Csv => print_data(&anechoic_report::csv(record)),
        ReportFormat::LongCsv => write_data(|out| anechoic_report::long_csv(record, out)),
        ReportFormat::Perfetto => write_data(|out| anechoic_report::perfetto(record, out)),
        ReportFormat::Hyperfine => print_hyperfine(record),
    }
}

/// What hyperfine's format cannot hold is named and not silently absent.
fn print_hyperfine(record: &RunRecord) -> io::Result<()> {
    let found = anechoic_report::hyperfine(record);
    for left_out in &found.left_out {
        say(&format!("left out: {left_out}"));
    }
    print_data(&found.json)
}
