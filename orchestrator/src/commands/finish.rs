//! After the last attempt: the files that are made from the record, and what the user is told.

use std::path::Path;

use anechoic_record::{
    RecordError, RunRecord, RunState, result_lines, settings_line, write_atomically,
};
use anechoic_report::Summary;
use serde_json::json;

use super::CommandError;
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};

/// A run at its end.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) record: RunRecord,
    pub(super) summary: Summary,
}

/// Writes the files that are made from the record and prints the report.
pub(super) fn finish_run(run: &Path, format: Format) -> Result<Finished, CommandError> {
    let record = RunRecord::load(run).map_err(CommandError::Record)?;
    let summary = Summary::of(&record);
    write_summary_files(&record, &summary).map_err(CommandError::Record)?;
    let finished = Finished { record, summary };
    finished.print(format)?;
    finished.tell_next_step();
    Ok(finished)
}

/// All of them can be made again from the record at any time.
fn write_summary_files(record: &RunRecord, summary: &Summary) -> Result<(), RecordError> {
    let write =
        |name: &str, text: String| write_atomically(&record.path.join(name), text.as_bytes());
    write("results.jsonl", lines(record))?;
    write("summary.json", anechoic_report::json(summary))?;
    write("report.md", anechoic_report::markdown(summary))
}

/// One line per measured point, and one for each attempt that measured nothing that counts.
fn lines(record: &RunRecord) -> String {
    let mut text = String::new();
    for case in &record.manifest.cases {
        for attempt in &case.attempts {
            let number = attempt.attempt;
            let data = record.attempt(&case.case.id, number);
            let lines = match attempt.outcome.is_ok() {
                true => result_lines(&record.manifest, case, number, &data),
                false => vec![settings_line(&record.manifest, case, number)],
            };
            for mut line in lines {
                line["outcome"] = attempt.outcome.name().into();
                text.push_str(&line.to_string());
                text.push('\n');
            }
        }
    }
    text
}

impl Finished {
    /// What the shell is told: the user's stop first, then what is missing.
    pub(super) fn exit_code(&self) -> ExitCode {
        match self.summary.state {
            RunState::Interrupted => ExitCode::Interrupted,
            RunState::Complete | RunState::Running if self.summary.is_complete() => ExitCode::Done,
            RunState::Complete | RunState::Running => ExitCode::CasesFailed,
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
            ExitCode::Interrupted => {
                say("interrupted; `anechoic rerun latest` makes the attempts that are missing");
            }
            ExitCode::CasesFailed => {
                say(
                    "some cases failed; `anechoic rerun latest` makes further attempts at them alone",
                );
            }
            _ => {}
        }
    }
}
