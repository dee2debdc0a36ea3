//! `anechoic nightly`: the job of a night. Measures a suite, compares it with the nights before, stores what the night came to, and tells
//! people what is news to them.

mod judge;
mod measure;
mod past;

use std::path::{Path, PathBuf};

use anechoic_record::{
    Manifest, News, Night, NightOutcome, Notice, SCHEMA_VERSION, list_runs, write_night,
};
use anechoic_report::{NightReport, night_message, night_text, night_title};
use jiff::Timestamp;

use past::Past;

use super::CommandError;
use super::ground::refuse_cluster;
use super::suite::{locate, read_suite};
use crate::cli::NightlyArgs;
use crate::exit_code::ExitCode;
use crate::nightly::{Found, conclude, news};
use crate::notify::{Message, NotifyError, Ways, tell, try_out, untold};
use crate::reporter::{Format, print_data, say};

/// What a night's file says from its beginning on, so that one that is killed is not forgotten.
const UNFINISHED: &str = "it has not come to its end: it is going on, or was killed";

/// A night while it passes.
#[derive(Debug)]
struct Course<'a> {
    args: &'a NightlyArgs,
    file: PathBuf,
    night: Night,
    past: Past,
    notes: Vec<String>,
    /// By which ways nobody can be told.
    unreached: Vec<Notice>,
}

pub(super) fn nightly(args: &NightlyArgs) -> Result<ExitCode, CommandError> {
    refuse_cluster(&args.place)?;
    let (ways, mut broken) = Ways::that_work(&args.notify);
    let file = locate(&args.suite);
    let suite = read_suite(&args.suite);
    let name = match &suite {
        Ok(suite) => suite.name().to_owned(),
        Err(_) => measured_as(&args.place.results.root, &file).unwrap_or_else(|| stem(&file)),
    };
    if args.notify_test {
        return match broken.into_iter().next() {
            Some((_, error)) => Err(error.into()),
            None => test(&ways, &name),
        };
    }
    let mut course = Course::begin(args, file, name);
    course.unreached = broken.iter().map(unreached).collect();
    let kept = course.keep();
    let found = match (kept, suite) {
        (Err(error), _) => Err(error),
        (Ok(()), _) if !broken.is_empty() => Err(broken.swap_remove(0).1.into()),
        (Ok(()), Err(error)) => Err(error),
        (Ok(()), Ok(suite)) => course.pass(&suite),
    };
    let (outcome, exit) = found.unwrap_or_else(|error| {
        say(&error.text());
        conclude(trouble(&error))
    });
    course.end(&ways, outcome, exit)
}

/// What a night says of a way that cannot be used: news has not reached anybody by it.
fn unreached((way, error): &(&'static str, NotifyError)) -> Notice {
    Notice {
        way: (*way).to_owned(),
        tries: 0,
        error: Some(error.to_string()),
    }
}

/// The name of the suite that was read from this file the last time, so that its nights stay in one row when it cannot be read.
fn measured_as(root: &Path, file: &Path) -> Option<String> {
    let file = resolved(file);
    let runs = list_runs(root).ok()?;
    let mut newest_first = runs.into_iter().rev().filter_map(|run| run.manifest.ok());
    let is_of = |manifest: &Manifest| {
        let first = manifest.starts.first();
        let of = first.and_then(|start| start.suite_file.as_ref());
        of.is_some_and(|of| Path::new(of) == file)
    };
    Some(newest_first.find(is_of)?.plan.name)
}

/// As runs have it, also of a file that is gone.
fn resolved(file: &Path) -> PathBuf {
    let whole = file.canonicalize().ok();
    let whole = whole.or_else(|| {
        let absolute = std::path::absolute(file).ok()?;
        let folder = absolute.parent()?.canonicalize().ok()?;
        Some(folder.join(absolute.file_name()?))
    });
    whole.unwrap_or_else(|| file.to_owned())
}

/// The suite's name as far as its file's name tells: there is no run of it.
fn stem(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy());
    stem.map_or_else(|| "suite".to_owned(), |stem| stem.into_owned())
}

/// Tells by every way that it is a test; a way that does not work is what nobody wants to learn at night.
fn test(ways: &Ways, suite: &str) -> Result<ExitCode, CommandError> {
    let mut exit = ExitCode::Done;
    for notice in try_out(ways, suite)? {
        match notice.error {
            None => say(&format!("told by {}", notice.way)),
            Some(error) => {
                say(&format!("not told by {}: {error}", notice.way));
                exit = ExitCode::Unfit;
            }
        }
    }
    Ok(exit)
}

/// What an error is for a night: the machine's state, a stop, or a job that cannot be done.
fn trouble(error: &CommandError) -> Found<'static> {
    let text = error.text();
    let line = text.lines().next().unwrap_or_default();
    let why = line.strip_prefix("error: ").unwrap_or(line).to_owned();
    match (error.exit_code(), error) {
        (ExitCode::Interrupted, _) => Found::Stopped,
        (exit @ ExitCode::Unfit, CommandError::NoRecord(_)) => Found::Broken { why, exit },
        // The machine is fit, and nobody would learn of its nights.
        (exit, CommandError::Notify(_)) => Found::Broken { why, exit },
        (ExitCode::Unfit, _) => Found::Unfit(vec![why]),
        (exit, _) => Found::Broken { why, exit },
    }
}

impl<'a> Course<'a> {
    fn begin(args: &'a NightlyArgs, file: PathBuf, suite: String) -> Self {
        let started = Timestamp::now();
        let root = &args.place.results.root;
        let past = Past::load(root, &suite, started);
        let notes = past.notes.clone();
        Self {
            args,
            file,
            night: Night {
                schema_version: SCHEMA_VERSION,
                suite,
                started,
                ended: started,
                run: None,
                confirmations: Vec::new(),
                left_out: Vec::new(),
                baseline: args.baseline.to_string(),
                against: Vec::new(),
                noise: None,
                outcome: NightOutcome::NotMeasured {
                    reasons: vec![UNFINISHED.to_owned()],
                },
                cells: Vec::new(),
                news: None,
                notices: Vec::new(),
            },
            past,
            notes,
            unreached: Vec::new(),
        }
    }

    /// Stores the night as far as it has come.
    fn keep(&self) -> Result<(), CommandError> {
        let root = &self.args.place.results.root;
        write_night(root, &self.night).map_err(CommandError::Record)?;
        Ok(())
    }

    /// Stores what the night came to before anybody is told, tells them, and stores how that went.
    fn end(
        mut self,
        ways: &Ways,
        outcome: NightOutcome,
        exit: ExitCode,
    ) -> Result<ExitCode, CommandError> {
        self.night.outcome = outcome;
        self.night.ended = Timestamp::now().max(self.night.started);
        let limit = self.args.unmeasured_nights;
        self.night.news = news(&self.past.nights, &self.night, limit);
        let kept = match self.night.news {
            Some(news) => self.tell(ways, news),
            None => self.keep(),
        };
        let printed = self.print();
        Ok(match (kept, printed) {
            (Ok(()), Ok(())) => exit,
            // What the night found is what the scheduler has to hear.
            (Ok(()), Err(error)) if exit != ExitCode::Done => {
                say(&error.text());
                exit
            }
            (Err(error), _) | (Ok(()), Err(error)) => {
                say(&error.text());
                ExitCode::Internal
            }
        })
    }

    /// Tells the news. From before the first try on the night's file says that nobody has heard of it: whatever ends this process
    /// meanwhile, the next night tells again.
    fn tell(&mut self, ways: &Ways, news: News) -> Result<(), CommandError> {
        let message = self.message(news);
        let reached = |unreached: &[Notice], notices: Vec<Notice>| {
            notices
                .into_iter()
                .chain(unreached.iter().cloned())
                .collect()
        };
        self.night.notices = reached(&self.unreached, untold(ways));
        let kept = self.keep();
        self.night.notices = reached(&self.unreached, tell(ways, &message));
        kept.and_then(|()| self.keep())
    }

    fn message(&self, news: News) -> Message {
        Message {
            news: Some(news),
            suite: self.night.suite.clone(),
            title: night_title(&self.night),
            text: night_message(self.report()),
            facts: serde_json::to_value(&self.night).expect("nights always serialise"),
        }
    }

    fn report(&self) -> NightReport<'_> {
        NightReport {
            night: &self.night,
            notes: &self.notes,
        }
    }

    fn print(&self) -> Result<(), CommandError> {
        let text = match self.args.place.format {
            Format::Text => night_text(self.report()),
            Format::Json => {
                self.notes
                    .iter()
                    .for_each(|note| say(&format!("note: {note}")));
                let night = serde_json::to_string_pretty(&self.night);
                format!("{}\n", night.expect("nights always serialise"))
            }
        };
        print_data(&text).map_err(CommandError::Stdout)
    }
}
