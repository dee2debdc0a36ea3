//! `anechoic report`: a replay of what a run recorded.

use anechoic_record::{RunRecord, find_run};
use anechoic_report::Summary;

use super::CommandError;
use super::logs::logs;
use crate::cli::{ReportArgs, ReportFormat};
use crate::exit_code::ExitCode;
use crate::reporter::print_data;

pub(super) fn report(args: &ReportArgs) -> Result<ExitCode, CommandError> {
    let path = find_run(&args.results.root, &args.run).map_err(CommandError::Record)?;
    let record = RunRecord::load(&path).map_err(CommandError::Record)?;
    let summary = Summary::of(&record);
    let text = match args.format {
        ReportFormat::Text => anechoic_report::terminal(&summary),
        ReportFormat::Md => anechoic_report::markdown(&summary),
        ReportFormat::Html => anechoic_report::html(&record, &summary, &logs(&record)),
        ReportFormat::Json => anechoic_report::json(&summary),
        ReportFormat::Csv => anechoic_report::csv(&record),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(match summary.tally.ok_attempts {
        0 => ExitCode::Nothing,
        _ => ExitCode::Done,
    })
}
