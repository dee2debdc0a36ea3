//! Why a schedule cannot be made, changed or shown.

use std::io;
use std::path::PathBuf;

use anechoic_record::RecordError;
use jiff::Timestamp;

use super::Place;
use crate::exit_code::ExitCode;
use crate::process::NoAnswer;
use crate::schedule::{CronError, Name, UnfitText};

/// Why a schedule cannot be made, changed or shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ScheduleError {
    #[error(transparent)]
    Text(#[from] UnfitText),
    #[error(transparent)]
    Cron(#[from] CronError),
    #[error("`{0}` is for units of systemd, and this schedule is cron's")]
    NotForCron(&'static str),
    #[error("`--utc` cannot be kept by cron: this machine's time zone is {0}")]
    NoUtc(String),
    #[error("{0} is for units of the machine")]
    OnlySystem(&'static str),
    #[error("the command of the job is wrong: {0}")]
    Nightly(String),
    #[error("the schedule `{name}` is there already: {place}")]
    Taken { name: Name, place: Place },
    #[error("the file `{}` is there and was not made by `anechoic schedule`", .0.display())]
    Foreign(PathBuf),
    #[error("the file `{}` (--env-file) cannot be read", path.display())]
    EnvironmentFile { path: PathBuf, source: io::Error },
    #[error("systemd does not run here")]
    NoSystemd,
    #[error("there is no schedule `{0}`")]
    NoSuch(Name),
    #[error("there are several schedules `{name}`: {places}")]
    Several { name: Name, places: String },
    #[error("the job of the schedule `{name}` runs since {since}; `{stop}` ends it")]
    Runs {
        name: Name,
        since: Timestamp,
        stop: String,
    },
    #[error("the results folder `{}` cannot be written", path.display())]
    Results { path: PathBuf, source: io::Error },
    #[error("failed to {0}")]
    Unwritable(RecordError),
    #[error("failed to {0}")]
    NotShown(RecordError),
    #[error("the file `{}` cannot be removed", path.display())]
    Unremovable { path: PathBuf, source: io::Error },
    #[error("`{command}` failed: {said}")]
    Refused { command: String, said: String },
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("the schedule `{name}` was not installed: {cause}; {undone}")]
    NotInstalled {
        name: Name,
        cause: Box<ScheduleError>,
        undone: String,
    },
    #[error("the path `{}` is not UTF-8", .0.display())]
    NotText(PathBuf),
    #[error("the folder of the user's units is unknown: neither XDG_CONFIG_HOME nor HOME is set")]
    NoHome,
    #[error("the place of this program or of the current folder is unknown")]
    NoPlace(#[source] io::Error),
    #[error("the crontab is not what was written to it")]
    CrontabDiffers,
    #[error("`{program}` cannot be started")]
    NotStarted { program: String, source: io::Error },
}

impl ScheduleError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NotForCron(_)
            | Self::NoUtc(_)
            | Self::OnlySystem(_)
            | Self::Nightly(_)
            | Self::Taken { .. }
            | Self::Foreign(_)
            | Self::EnvironmentFile { .. }
            | Self::NoSuch(_)
            | Self::Several { .. }
            | Self::Text(_)
            | Self::Cron(CronError::Text(_) | CronError::TooLong { .. }) => ExitCode::Usage,
            Self::NoSystemd
            | Self::Runs { .. }
            | Self::Results { .. }
            | Self::Unwritable(_)
            | Self::NotShown(_)
            | Self::Unremovable { .. }
            | Self::Refused { .. }
            | Self::NoAnswer(_)
            | Self::NotInstalled { .. }
            | Self::NotText(_)
            | Self::NoHome
            | Self::NoPlace(_)
            | Self::CrontabDiffers
            | Self::NotStarted { .. }
            | Self::Cron(CronError::NoEnd(_)) => ExitCode::Unfit,
        }
    }

    pub(crate) fn hint(&self) -> Option<&'static str> {
        let hint = match self {
            Self::Text(_) | Self::NotText(_) => "move it to a plainer path",
            Self::Cron(CronError::TooLong { .. }) => "install this program at a shorter path",
            Self::Cron(CronError::NoEnd(_)) => {
                "somebody has changed the block: take its lines out with `crontab -e`"
            }
            Self::Cron(CronError::Text(_)) => "move it to a plainer path",
            Self::NotForCron(_) => "leave it out, or add a unit with --user or --system",
            Self::NoUtc(_) => "leave --utc out and give the time of day in that zone",
            Self::OnlySystem(_) => {
                "add --system, or leave it out: a unit of a user runs as that user"
            }
            Self::Nightly(_) => "`anechoic nightly --help` shows what is accepted behind `--`",
            Self::Taken { .. } => "replace it with --replace, or choose another --name",
            Self::Foreign(_) => "choose another --name",
            Self::EnvironmentFile { .. } => "make it, one `NAME=value` a line, or correct the path",
            Self::NoSystemd => "use --cron, or see with --print what would be installed",
            Self::NoSuch(_) => "`anechoic schedule list` shows the schedules",
            Self::Several { .. } => "say which with --user, --system or --cron",
            Self::Runs { .. } => "wait for its end, or end it, and remove the schedule then",
            Self::Results { .. } => "choose another folder with --results",
            Self::Unwritable(_) | Self::Unremovable { .. } => {
                "units of the machine need root: use --user, or `sudo`"
            }
            Self::Refused { command, .. } if command.contains("--user") => {
                "the user's systemd has to run: log in, or `loginctl enable-linger`; or use --system or --cron"
            }
            Self::NoAnswer(NoAnswer::Absent(_)) => {
                "install it, or see with --print what would be installed"
            }
            Self::NotInstalled { cause, .. } => return cause.hint(),
            Self::NotShown(_) => "choose another folder with --print",
            Self::NoHome => "set HOME, or use --system or --cron",
            Self::CrontabDiffers => {
                "somebody may have changed it at the same time: look at `crontab -l`"
            }
            Self::NotStarted { .. } => "`anechoic schedule add --replace` makes the schedule anew",
            Self::Refused { .. } | Self::NoAnswer(_) | Self::NoPlace(_) => return None,
        };
        Some(hint)
    }
}
