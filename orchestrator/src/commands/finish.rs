//! After the last attempt: the files that are made from the record, and what the user is told.

use anechoic_record::{RecordError, RunRecord, RunState, point_lines, write_atomically};
use anechoic_report::Summary;
use serde_json::json;

use super::CommandError;
use super::execute::Made;
use super::next_step::{rerun_command, resume_command};
use crate::cli::AuditFormat;
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};
use crate::runner::Halt;

/// A run at its end.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) record: RunRecord,
    pub(super) summary: Summary,
    halt: Halt,
}

/// Writes the files that are made from the record and prints the report.
pub(super) fn finish_run(made: &Made, format: Format) -> Result<Finished, CommandError> {
    let finished = finish(made)?;
    finished.print(format)?;
    finished.tell_next_step();
    Ok(finished)
}

/// The same for an audit, whose report has a form more.
pub(super) fn finish_audit(made: &Made, format: AuditFormat) -> Result<Finished, CommandError> {
    let finished = finish(made)?;
    match format {
        AuditFormat::Text => finished.print(Format::Text)?,
        AuditFormat::Json => finished.print(Format::Json)?,
        AuditFormat::Md => {
            let text = anechoic_report::markdown(&finished.summary);
            print_data(&text).map_err(CommandError::Stdout)?;
        }
    }
    finished.tell_next_step();
    Ok(finished)
}

fn finish(made: &Made) -> Result<Finished, CommandError> {
    let record = RunRecord::load_locked(&made.lock).map_err(CommandError::Record)?;
    let summary = Summary::of(&record);
    write_summary_files(&record, &summary).map_err(CommandError::Record)?;
    Ok(Finished {
        record,
        summary,
        halt: made.halt,
    })
}

/// The files that are made from the record.
pub(super) const SUMMARY_FILES: [&str; 3] = ["results.jsonl", "summary.json", "report.md"];

/// All of them can be made again from the record at any time.
fn write_summary_files(record: &RunRecord, summary: &Summary) -> Result<(), RecordError> {
    let write =
        |name: &str, text: String| write_atomically(&record.path.join(name), text.as_bytes());
    let [results, json, report] = SUMMARY_FILES;
    write(results, lines(record))?;
    write(json, anechoic_report::json(summary))?;
    write(report, anechoic_report::markdown(summary))
}

/// The rows of `results.jsonl`.
pub(super) fn lines(record: &RunRecord) -> String {
    let lines = point_lines(record).into_iter();
    lines.map(|line| format!("{line}\n")).collect()
}

impl Finished {
    /// What the shell is told: a stop of this start that left something out first, then what is missing.
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.halt == Halt::Stopped && self.summary.state == RunState::Interrupted {
            ExitCode::Interrupted
        } else if self.summary.is_complete() {
            ExitCode::Done
        } else {
            ExitCode::CasesFailed
        }
    }

    fn print(&self, format: Format) -> Result<(), CommandError> {
        let text = match format {
            Format::Text => anechoic_report::terminal(&self.summary),
            Format::Json => format!(
                "{}\n",
                json!({ "event": "summary", "summary": self.summary })
            ),
        };
        print_data(&text).map_err(CommandError::Stdout)
    }

    fn tell_next_step(&self) {
        say(&format!("results: {}", self.record.path.display()));
        match self.exit_code() {
            ExitCode::Interrupted if self.summary.audit.is_some() => {
                say("interrupted; an audit is made in one go: make it anew");
            }
            ExitCode::CasesFailed if self.summary.audit.is_some() => {
                say("some attempts failed; what they leave open is in the report");
            }
            ExitCode::Interrupted => {
                let resume = resume_command(&self.record.path);
                say(&format!(
                    "interrupted; `{resume}` makes the attempts that are missing"
                ));
            }
            ExitCode::CasesFailed => {
                let again = rerun_command(&self.record.path);
                say(&format!(
                    "some cases lack good attempts; `{again}` makes further attempts at them alone"
                ));
            }
            _ => {}
        }
    }
}
