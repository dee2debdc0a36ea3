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

use std::path::Path;

use self::found::{Found, find_one};
use self::place::Place;
use self::systemd::Systemd;
use super::CommandError;
use crate::cli::{NamedArgs, ScheduleAction, ScheduleArgs};
use crate::exit_code::ExitCode;
use crate::process::become_program;
use crate::reporter::say;

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
        None => Err(become_job(&found).into()),
    }
}

/// Makes this process the job. Returns only where that fails.
fn become_job(found: &Found) -> ScheduleError {
    let job = &found.job;
    let mut words = job.command.clone();
    if let Some(file) = &job.environment_file {
        // The file is the shell's to read, as it is for cron.
        let script = "set -a && . \"$0\" && set +a && exec \"$@\"";
        let shell = ["/bin/sh", "-c", script, file].map(str::to_owned);
        words.splice(..0, shell);
    }
    let source = become_program(&words, Path::new(&job.folder), &job.environment);
    ScheduleError::NotStarted {
        program: words.swap_remove(0),
        source,
    }
}
