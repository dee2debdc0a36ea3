//! `anechoic schedule`: has a suite measured every night by what the system starts jobs with, and says how that stands.

mod add;
mod crontab;
mod error;
mod found;
mod notes;
mod place;
mod show;
mod systemd;

pub(crate) use error::ScheduleError;

use std::fs;
use std::path::Path;

use self::found::{Found, find_one};
use self::place::Place;
use self::systemd::Systemd;
use super::CommandError;
use crate::cli::{NamedArgs, ScheduleAction, ScheduleArgs};
use crate::exit_code::ExitCode;
use crate::process::become_program;
use crate::reporter::say;
use crate::schedule::variables;

pub(super) fn schedule(args: &ScheduleArgs) -> Result<ExitCode, CommandError> {
    match &args.action {
        ScheduleAction::Add(args) => add::add(args),
        ScheduleAction::List(args) => show::list(args),
        ScheduleAction::Remove(args) => remove(args),
        ScheduleAction::RunNow(args) => run_now(args),
        ScheduleAction::Status(args) => show::status(args),
    }
}

fn remove(args: &NamedArgs) -> Result<ExitCode, CommandError> {
    let found = find_one(&args.name, args.place)?;
    match Systemd::of(found.place)? {
        Some(systemd) => systemd.remove(&args.name)?,
        None => crontab::remove(&args.name)?,
    }
    say(&format!("removed: {} ({})", args.name, found.place));
    Ok(ExitCode::Done)
}

fn run_now(args: &NamedArgs) -> Result<ExitCode, CommandError> {
    let found = find_one(&args.name, args.place)?;
    match Systemd::of(found.place)? {
        Some(systemd) => {
            systemd.start(&args.name)?;
            say(&format!("started; `{}` shows what it says", found.log()));
            Ok(ExitCode::Done)
        }
        None => Err(become_job(found).into()),
    }
}

/// Makes this process the job. Returns only where that fails.
fn become_job(found: Found) -> ScheduleError {
    let mut job = found.job;
    if let Some(file) = &job.environment_file {
        match fs::read_to_string(file) {
            Ok(text) => job.environment.extend(variables(&text)),
            Err(source) => {
                let path = file.into();
                return ScheduleError::EnvironmentFile { path, source };
            }
        }
    }
    let source = become_program(&job.command, Path::new(&job.folder), &job.environment);
    ScheduleError::NotStarted {
        program: job.command.swap_remove(0),
        source,
    }
}
