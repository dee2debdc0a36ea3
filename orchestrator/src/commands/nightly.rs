//! `anechoic nightly`: the job of a night. Measures a suite, compares it with the nights before, stores what the night came to, and tells
//! people what is news to them.

mod end;
mod judge;
mod measure;
mod name;
mod past;
mod ready;

use std::io::{IsTerminal, stderr};
use std::path::PathBuf;

use anechoic_record::{Night, NightOutcome, Notice, SCHEMA_VERSION, write_night};
use jiff::Timestamp;

use name::{measured_as, stem};
use past::Past;
use ready::Ready;

use super::CommandError;
use super::ground::refuse_cluster;
use super::stop_between::StopBetween;
use super::suite::{locate, read_suite};
use crate::cli::NightlyArgs;
use crate::exit_code::ExitCode;
use crate::nightly::{Found, Reader, Work, conclude, is_left_out};
use crate::notify::{NotifyError, Ways, try_out};
use crate::reporter::say;

/// What a night's file says from its beginning on, so that one that is killed is not forgotten.
const UNFINISHED: &str = "it has not come to its end: it is going on, or was killed";

/// What is said beside an error that is no night.
const LEFT_OUT: &str =
    "note: not stored as a night, and nobody told, as somebody is at the terminal";

/// The same where nothing could have been stored.
const NOBODY_TOLD: &str = "note: nobody told, as somebody is at the terminal";

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
    stored: Stored,
    stop: StopBetween,
}

/// Whether a night is in the results root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stored {
    NotYet,
    Yes,
    /// The results root takes nothing, which is said once.
    Refused,
}

pub(super) fn nightly(args: &NightlyArgs) -> Result<ExitCode, CommandError> {
    let reader = match stderr().is_terminal() {
        true => Reader::Terminal,
        false => Reader::Log,
    };
    nightly_before(reader, args)
}

fn nightly_before(reader: Reader, args: &NightlyArgs) -> Result<ExitCode, CommandError> {
    refuse_cluster(&args.place)?;
    let (ways, broken) = Ways::that_work(&args.notify);
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
    let mut course = Course::begin(args, file, name)?;
    course.unreached = broken.iter().map(unreached).collect();
    let broken = broken.into_iter().next();
    let ready = Ready::make(args, suite, broken.map(|(_, error)| error));
    let begun = match &ready {
        Err(error) if is_left_out(verdict(error).1, Work::NotBegun, reader) => Ok(()),
        Ok(_) | Err(_) => course.open(),
    };
    let found = begun.and(ready).and_then(|ready| course.pass(ready));
    let (outcome, exit) = found.unwrap_or_else(|error| {
        say(&error.text());
        verdict(&error)
    });
    if is_left_out(exit, course.work(), reader) {
        say(match course.stored {
            Stored::Refused => NOBODY_TOLD,
            Stored::NotYet | Stored::Yes => LEFT_OUT,
        });
        return Ok(exit);
    }
    course.end(&ways, outcome, exit)
}

/// What a night comes to that ends with an error.
fn verdict(error: &CommandError) -> (NightOutcome, ExitCode) {
    conclude(trouble(error))
}

/// What a night says of a way that cannot be used: news has not reached anybody by it.
fn unreached((way, error): &(&'static str, NotifyError)) -> Notice {
    Notice {
        way: (*way).to_owned(),
        tries: 0,
        error: Some(error.to_string()),
    }
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
    fn begin(args: &'a NightlyArgs, file: PathBuf, suite: String) -> Result<Self, CommandError> {
        let started = Timestamp::now();
        let root = &args.place.results.root;
        let past = Past::load(root, &suite, started);
        let notes = past.notes.clone();
        Ok(Self {
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
            stored: Stored::NotYet,
            // From here on a signal ends no night without a word.
            stop: StopBetween::listen()?,
        })
    }

    /// Stores the night before any work.
    fn open(&mut self) -> Result<(), CommandError> {
        let root = &self.args.place.results.root;
        match write_night(root, &self.night) {
            Ok(_) => {
                self.stored = Stored::Yes;
                Ok(())
            }
            Err(error) => {
                self.stored = Stored::Refused;
                // That the nights in it cannot be read either says nothing more.
                self.notes.clear();
                Err(CommandError::NoRecord(error))
            }
        }
    }

    /// Work begins when the night is stored.
    fn work(&self) -> Work {
        match self.stored {
            Stored::Yes => Work::Begun,
            Stored::NotYet | Stored::Refused => Work::NotBegun,
        }
    }

    /// Stores the night as far as it has come, where anything can be stored.
    fn keep(&self) -> Result<(), CommandError> {
        if self.stored == Stored::Refused {
            return Ok(());
        }
        let root = &self.args.place.results.root;
        write_night(root, &self.night).map_err(CommandError::Record)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    /// The exit code of a night in this folder before this reader, and how many nights there are after it.
    fn check(folder: &Path, reader: Reader, words: &[&str], expected: (u8, usize)) {
        let results = folder.join("results").display().to_string();
        let suite = folder.join("suite.toml").display().to_string();
        let words = words.iter().map(|word| match *word {
            "SUITE" => &suite,
            other => other,
        });
        let line = ["anechoic", "nightly", "--results", &results];
        let cli = Cli::try_parse_from(line.into_iter().chain(words)).unwrap();
        let Command::Nightly(args) = cli.command else {
            panic!("it is a night");
        };
        let exit = nightly_before(reader, &args).unwrap();
        let stored = anechoic_record::nights(Path::new(&results)).unwrap().len();
        assert_eq!((exit.number(), stored), expected, "{args:?}");
        assert_eq!(Path::new(&results).exists(), stored > 0, "nothing is left");
    }

    #[test]
    fn what_somebody_has_typed_wrongly_is_no_night_and_what_a_job_does_is() {
        let suite = "schema-version = 1\nname = \"s\"\n[[case]]\nid = \"a\"\nbenchmark = \"capture\"\n\
                     model = \"gpt2-tiny\"\nmode = \"baseline\"\n";
        let lines: [(&[&str], u8); 5] = [
            (&["absent.toml"], 3),
            (&["SUITE", "--baseline", "no-such-run"], 2),
            (&["SUITE", "--skip", "*"], 12),
            (&["SUITE", "--notify-webhook", "@absent"], 4),
            (&["SUITE", "--notify-webhook", "ftp://host"], 2),
        ];
        for (words, exit) in lines {
            let folder = tempfile::tempdir().unwrap();
            let folder = folder.path();
            std::fs::write(folder.join("suite.toml"), suite).unwrap();
            let told = folder.join("told");
            let command = format!("touch {}", told.display());
            let words = [words, &["--notify-command", &command]].concat();
            check(folder, Reader::Terminal, &words, (exit, 0));
            assert!(!told.exists(), "{words:?}");
            check(folder, Reader::Log, &words, (exit, 1));
            assert!(told.exists(), "{words:?}");
        }
    }
}
