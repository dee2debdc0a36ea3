//! After the last attempt: the files that are made from the record, and what the user is told.

use std::fs;
use std::path::Path;

use anechoic_record::{PLOTS, RecordError, RunRecord, RunState, points, write_atomically};
use anechoic_report::{Plot, Summary};
use serde_json::json;

use super::CommandError;
use super::execute::Made;
use super::logs::logs;
use super::next_step::{rerun_command, resume_command};
use crate::cli::AuditFormat;
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};
use crate::runner::{Halt, RunError};

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

/// Writes the files that are made from the record.
pub(super) fn finish(made: &Made) -> Result<Finished, CommandError> {
    let record = RunRecord::load_locked(&made.lock).map_err(CommandError::Record)?;
    let summary = Summary::of(&record);
    // The attempts are made: given again, the command would measure them anew, and `resume` writes the files alone.
    write_summary_files(&record, &summary).map_err(|error| CommandError::Run {
        run: record.path.clone(),
        source: RunError::Record(error),
    })?;
    Ok(Finished {
        record,
        summary,
        halt: made.halt,
    })
}

/// The files that are made from the record. The page comes last: where it is there, the plots are too.
pub(super) const SUMMARY_FILES: [&str; 4] =
    ["results.jsonl", "summary.json", "report.md", "report.html"];

/// All of them can be made again from the record at any time.
fn write_summary_files(record: &RunRecord, summary: &Summary) -> Result<(), RecordError> {
    let write =
        |name: &str, text: String| write_atomically(&record.path.join(name), text.as_bytes());
    let [results, json, report, page] = SUMMARY_FILES;
    write(results, lines(record))?;
    write(json, anechoic_report::json(summary))?;
    write(report, anechoic_report::markdown(summary))?;
    let plots = anechoic_report::plots(record, summary);
    write_plots(&record.path.join(PLOTS), &plots)?;
    let logs = logs(record);
    write(page, anechoic_report::html(record, summary, &plots, &logs))
}

/// In place of those of an earlier end of the run, of which some may have no successor.
fn write_plots(folder: &Path, plots: &[Plot]) -> Result<(), RecordError> {
    fs::create_dir_all(folder).map_err(failed("create", folder))?;
    let files: Vec<_> = plots
        .iter()
        .map(|plot| folder.join(format!("{}.svg", plot.id)))
        .collect();
    for (plot, file) in plots.iter().zip(&files) {
        write_atomically(file, plot.svg.as_bytes())?;
    }
    let there = fs::read_dir(folder).map_err(failed("read", folder))?;
    for path in there.flatten().map(|entry| entry.path()) {
        let is_plot = path.extension().is_some_and(|end| end == "svg");
        if is_plot && !files.contains(&path) {
            fs::remove_file(&path).map_err(failed("remove", &path))?;
        }
    }
    Ok(())
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> RecordError {
    let path = path.to_owned();
    move |source| RecordError::Io {
        action,
        path,
        source,
    }
}

/// The rows of `results.jsonl`.
pub(super) fn lines(record: &RunRecord) -> String {
    points(record).map(|line| format!("{line}\n")).collect()
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
            ExitCode::CasesFailed if self.summary.state == RunState::Interrupted => {
                let resume = resume_command(&self.record.path);
                say(&format!(
                    "the run is not over; `{resume}` makes the attempts that it still owes"
                ));
            }
            ExitCode::CasesFailed => {
                let again = rerun_command(&self.record.path);
                say(&format!(
                    "some cases lack good attempts; `{again}` makes further attempts at them alone"
                ));
            }
            ExitCode::Done
            | ExitCode::Internal
            | ExitCode::Usage
            | ExitCode::BadSuite
            | ExitCode::Unfit
            | ExitCode::Regression
            | ExitCode::Nothing => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots_of_an_earlier_end_go() {
        let folder = tempfile::tempdir().unwrap();
        let plots = folder.path().join(PLOTS);
        let plot = |id: &str| Plot {
            id: id.to_owned(),
            title: String::new(),
            caption: String::new(),
            svg: format!("<svg>{id}</svg>"),
        };
        write_plots(&plots, &[plot("a"), plot("b")]).unwrap();
        fs::write(plots.join("notes.txt"), "mine").unwrap();
        write_plots(&plots, &[plot("b"), plot("c")]).unwrap();
        let mut names: Vec<_> = fs::read_dir(&plots)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["b.svg", "c.svg", "notes.txt"]);
        let text = fs::read_to_string(plots.join("c.svg")).unwrap();
        assert_eq!(text, "<svg>c</svg>");
    }
}
