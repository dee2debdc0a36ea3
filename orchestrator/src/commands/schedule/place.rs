//! Where schedules are: units of a user, units of the machine, or a crontab.

use std::env;
use std::fmt;
use std::path::PathBuf;

use jiff::tz::TimeZone;
use nix::unistd::{Uid, User, geteuid};

use super::ScheduleError;
use crate::cli::Where;
use crate::probe::Root;

/// Who starts the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The calling user's systemd.
    User,
    /// The machine's systemd.
    System,
    /// Cron, by the calling user's crontab.
    Cron,
}

impl Place {
    pub(super) const ALL: [Self; 3] = [Self::User, Self::System, Self::Cron];

    /// The name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::System => "system",
            Self::Cron => "cron",
        }
    }

    /// The place that was asked for, where one was.
    pub(super) fn asked(args: Where) -> Option<Self> {
        match args {
            Where { cron: true, .. } => Some(Self::Cron),
            Where { system: true, .. } => Some(Self::System),
            Where { user: true, .. } => Some(Self::User),
            Where { .. } => None,
        }
    }

    /// The place of units that nobody has chosen.
    pub(super) fn of_units() -> Self {
        match geteuid().is_root() {
            true => Self::System,
            false => Self::User,
        }
    }

    /// The folder of the place's units.
    pub(super) fn folder(self) -> Result<Option<PathBuf>, ScheduleError> {
        match self {
            Self::System => Ok(Some(Root::here().path("etc/systemd/system"))),
            Self::User => user_folder().map(Some),
            Self::Cron => Ok(None),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "a unit of the user",
            Self::System => "a unit of the machine",
            Self::Cron => "in the crontab",
        })
    }
}

fn user_folder() -> Result<PathBuf, ScheduleError> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from);
    let absolute = |path: &PathBuf| path.is_absolute();
    let home = || Some(set("HOME").filter(absolute)?.join(".config"));
    let config = set("XDG_CONFIG_HOME").filter(absolute).or_else(home);
    let config = config.ok_or(ScheduleError::NoHome)?;
    Ok(config.join("systemd/user"))
}

/// Whether systemd has started this machine.
pub(super) fn systemd_runs() -> bool {
    Root::here().path("run/systemd/system").is_dir()
}

/// Whether the calling user's systemd runs while the user is not logged in.
pub(super) fn lingers() -> bool {
    let linger = |user: String| {
        Root::here()
            .path("var/lib/systemd/linger")
            .join(user)
            .exists()
    };
    user_name().is_some_and(linger)
}

/// The calling user.
pub(super) fn user_name() -> Option<String> {
    Some(User::from_uid(Uid::effective()).ok()??.name)
}

/// The machine's time zone with its name. It is that of the machine and not of `TZ`, which neither systemd nor cron reads.
pub(super) fn local_zone() -> (TimeZone, String) {
    let path = Root::here().path("etc/localtime");
    let link = std::fs::read_link(&path).unwrap_or_default();
    let link = link.to_string_lossy();
    let name = link
        .rsplit_once("zoneinfo/")
        .map_or("UTC", |(_, name)| name);
    let zone = std::fs::read(&path).ok();
    let zone = zone.and_then(|bytes| TimeZone::tzif(name, &bytes).ok());
    match zone {
        Some(zone) => (zone, name.to_owned()),
        None => (TimeZone::UTC, "UTC".to_owned()),
    }
}
