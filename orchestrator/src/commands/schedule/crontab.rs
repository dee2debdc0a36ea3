//! The calling user's crontab: puts a block of ours in, and takes it out. What others have in it stays as it is.

use std::time::Duration;

use super::ScheduleError;
use super::systemd::said;
use crate::process::{NoAnswer, Question, ask_system};
use crate::schedule::{Job, Name, find_block, jobs as jobs_in, with_block, without_block};

/// How long `crontab` may take.
const LIMIT: Duration = Duration::from_secs(30);

/// Our jobs in it. Where there is no cron, there are none.
pub(super) fn jobs() -> Result<Vec<Job>, ScheduleError> {
    match read() {
        Ok(crontab) => Ok(jobs_in(&crontab)),
        Err(ScheduleError::NoAnswer(NoAnswer::Absent(_))) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Whether a block of this name is there.
pub(super) fn holds(name: &Name) -> Result<bool, ScheduleError> {
    match read() {
        Ok(crontab) => Ok(find_block(&crontab, name)?.is_some()),
        Err(ScheduleError::NoAnswer(NoAnswer::Absent(_))) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Puts the block in, or leaves everything as it was.
pub(super) fn install(name: &Name, block: &str) -> Result<(), ScheduleError> {
    let before = read()?;
    let after = with_block(&before, name, block)?;
    write_checked(&after).map_err(|cause| ScheduleError::NotInstalled {
        name: name.clone(),
        cause: Box::new(cause),
        undone: undo(&before),
    })
}

/// Takes the block out.
pub(super) fn remove(name: &Name) -> Result<(), ScheduleError> {
    write_checked(&without_block(&read()?, name)?)
}

fn write_checked(crontab: &[u8]) -> Result<(), ScheduleError> {
    write(crontab)?;
    match read()? == crontab {
        true => Ok(()),
        false => Err(ScheduleError::CrontabDiffers),
    }
}

fn undo(before: &[u8]) -> String {
    let is_as_before = || read().is_ok_and(|now| now == before);
    match is_as_before() || (write(before).is_ok() && is_as_before()) {
        true => "the crontab is as it was".to_owned(),
        false => "the crontab could not be put back: look at `crontab -l`".to_owned(),
    }
}

/// Its bytes; none where the user has no crontab yet.
fn read() -> Result<Vec<u8>, ScheduleError> {
    let answer = ask_system(&Question {
        program: "crontab",
        arguments: &["-l"],
        input: b"",
        limit: LIMIT,
    })?;
    let reason = said(&answer);
    match answer.status.success() {
        true => Ok(answer.stdout),
        false if reason.contains("no crontab for") => Ok(Vec::new()),
        false => Err(ScheduleError::Refused {
            command: "crontab -l".to_owned(),
            said: reason,
        }),
    }
}

fn write(crontab: &[u8]) -> Result<(), ScheduleError> {
    let answer = ask_system(&Question {
        program: "crontab",
        arguments: &["-"],
        input: crontab,
        limit: LIMIT,
    })?;
    match answer.status.success() {
        true => Ok(()),
        false => Err(ScheduleError::Refused {
            command: "crontab -".to_owned(),
            said: said(&answer),
        }),
    }
}
