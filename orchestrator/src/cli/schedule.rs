//! `anechoic schedule …`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Results;
use crate::reporter::Format;
use crate::schedule::{At, Days, Name, Times};

#[derive(Debug, Args)]
pub(crate) struct ScheduleArgs {
    #[command(subcommand)]
    pub(crate) action: ScheduleAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ScheduleAction {
    /// Have a suite measured every night: by a timer of systemd, or by cron where systemd does not run.
    Add(Box<AddArgs>),
    /// List schedules: when they start next, and how they ended last.
    List(ScheduleListArgs),
    /// Remove a schedule. Results stay.
    Remove(NamedArgs),
    /// Start a schedule's job now: by systemd in the background, of cron in the foreground.
    RunNow(NamedArgs),
    /// Say how schedules stand: the next start, the last end and night, and what is wrong.
    Status(StatusArgs),
}

/// Whose schedules are meant.
#[derive(Debug, Clone, Copy, Default, Args)]
#[group(multiple = false)]
pub(crate) struct Where {
    /// A unit of the calling user (`~/.config/systemd/user`); the default but for root.
    #[arg(long)]
    pub(crate) user: bool,
    /// A unit of the machine (`/etc/systemd/system`); the default for root.
    #[arg(long)]
    pub(crate) system: bool,
    /// A line in the calling user's crontab; the default where systemd does not run.
    #[arg(long)]
    pub(crate) cron: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: PathBuf,
    /// Time of day; may be given several times.
    #[arg(long, value_name = "HH:MM", required = true)]
    pub(crate) at: Vec<At>,
    /// Days of the week: `daily`, `mon-fri`, `sat,sun`, `mon,wed-fri`.
    #[arg(long, value_name = "DAYS", default_value = "daily")]
    pub(crate) days: Days,
    /// The times are UTC, in place of the machine's time zone.
    #[arg(long)]
    pub(crate) utc: bool,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Its name [default: the suite's].
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<Name>,
    /// Replace the schedule of this name.
    #[arg(long)]
    pub(crate) replace: bool,
    /// Show what would be installed, or write it to the folder DIR, which is made where it is missing, and install nothing.
    #[arg(long, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    pub(crate) print: Option<Option<PathBuf>>,
    /// What a night is compared with: `last-good`, `rolling:N` or a run.
    #[arg(long, value_name = "BASELINE", default_value = "last-good")]
    pub(crate) baseline: String,
    #[command(flatten)]
    pub(crate) results: Results,
    /// Time after which systemd ends the whole job [default: from the plan's longest time].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Niceness of the job, which workers inherit.
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true, value_parser = clap::value_parser!(i32).range(-20..=19))]
    pub(crate) nice: i32,
    /// Unit that systemd starts when the job fails, e.g. `tell@%n.service`.
    #[arg(long, value_name = "UNIT", value_parser = unit)]
    pub(crate) on_failure: Option<String>,
    /// A night on which nothing was measured (exit code 12) is a failure for systemd.
    #[arg(long)]
    pub(crate) fail_unmeasured: bool,
    /// User that a unit of the machine runs as [default: root].
    #[arg(long, value_name = "USER", value_parser = user)]
    pub(crate) run_as: Option<String>,
    /// File with further variables, one `NAME=value` a line: for secrets.
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
    /// Further arguments of `anechoic nightly`, behind `--`.
    #[arg(last = true, value_name = "ARGS")]
    pub(crate) nightly: Vec<String>,
}

impl AddArgs {
    /// When it starts.
    pub(crate) fn times(&self) -> Times {
        Times {
            at: self.at.clone(),
            days: self.days.clone(),
            utc: self.utc,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct ScheduleListArgs {
    #[command(flatten)]
    pub(crate) place: Where,
    /// Columns for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct NamedArgs {
    /// The schedule.
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) place: Where,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The schedule [default: all].
    pub(crate) name: Option<Name>,
    #[command(flatten)]
    pub(crate) place: Where,
    /// Lines for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The name of a unit; `%` is read by systemd.
fn unit(text: &str) -> Result<String, String> {
    let kinds = ["service", "target", "timer", "path", "socket"];
    let safe = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@%".contains(c);
    match text.rsplit_once('.') {
        Some((name, kind))
            if !name.is_empty() && kinds.contains(&kind) && name.chars().all(safe) =>
        {
            Ok(text.to_owned())
        }
        Some(_) | None => {
            Err("write the whole name of a unit, such as `tell-us.service`".to_owned())
        }
    }
}

fn user(text: &str) -> Result<String, String> {
    let safe = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(safe) {
        true => Ok(text.to_owned()),
        false => Err("write the name of a user of this machine".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_units_are_whole() {
        for good in ["tell.service", "tell@%n.service", "a-b_c:d.target"] {
            assert_eq!(unit(good), Ok(good.to_owned()));
        }
        for bad in ["tell", ".service", "a b.service", "a.b", "a\nb.service"] {
            assert!(unit(bad).is_err(), "{bad}");
        }
        assert!(user("bench").is_ok() && user("-x").is_err() && user("a b").is_err());
    }
}
