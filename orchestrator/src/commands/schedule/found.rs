//! Schedules that are there, wherever they are, and how they stand.

use std::path::Path;

use anechoic_record::{Kept, Night, NightOutcome, nights};
use jiff::Timestamp;

use super::notes::lingering;
use super::place::{local_zone, systemd_runs};
use super::systemd::Systemd;
use super::{Place, ScheduleError, crontab};
use crate::cli::Where;
use crate::reporter::say;
use crate::schedule::{Job, Name, State};

/// A schedule.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) place: Place,
    pub(super) job: Job,
}

/// How a schedule stands.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) found: Found,
    /// What systemd says, or why it does not; of cron the next start is all that is known.
    pub(super) state: Result<State, String>,
    /// The suite's newest night in the results.
    pub(super) night: Option<Night>,
    /// Nights without a measurement since the last one with.
    pub(super) unmeasured: usize,
    /// What keeps it from measuring.
    pub(super) problems: Vec<String>,
}

/// Every schedule of these places, in the order of their names.
pub(super) fn find_all(places: Where) -> Vec<Found> {
    let asked = Place::asked(places);
    let mut all = Vec::new();
    for place in Place::ALL {
        if asked.is_some_and(|asked| asked != place) {
            continue;
        }
        let jobs = match Systemd::of(place) {
            Ok(Some(systemd)) => Ok(systemd.jobs()),
            Ok(None) => crontab::jobs(),
            Err(error) => Err(error),
        };
        match jobs {
            Ok(jobs) => all.extend(jobs.into_iter().map(|job| Found { place, job })),
            Err(error) => say(&format!("note: {error}")),
        }
    }
    all.sort_by(|a, b| a.job.name.cmp(&b.job.name));
    all
}

/// The schedule of this name.
pub(super) fn find_one(name: &Name, places: Where) -> Result<Found, ScheduleError> {
    let mut named = find_all(places);
    named.retain(|found| found.job.name == *name);
    match named.len() {
        0 => Err(ScheduleError::NoSuch(name.clone())),
        1 => Ok(named.remove(0)),
        _ => {
            let places: Vec<_> = named.iter().map(|found| found.place.to_string()).collect();
            Err(ScheduleError::Several {
                name: name.clone(),
                places: places.join(", "),
            })
        }
    }
}

impl Found {
    /// The command that shows what the job said.
    pub(super) fn log(&self) -> String {
        let unit = self.job.name.unit();
        match self.place {
            Place::User => format!("journalctl --user --unit {unit}"),
            Place::System => format!("journalctl --unit {unit}"),
            Place::Cron => format!("journalctl --identifier {unit}"),
        }
    }

    /// How it stands.
    pub(super) fn standing(self) -> Standing {
        let state = self.state();
        let nights = suite_nights(&self.job);
        let unmeasured = nights
            .iter()
            .rev()
            .take_while(|night| is_unmeasured(night))
            .count();
        let problems = self.problems(&state);
        Standing {
            state,
            night: nights.into_iter().next_back(),
            unmeasured,
            problems,
            found: self,
        }
    }

    fn state(&self) -> Result<State, String> {
        let asked = match Systemd::of(self.place) {
            Ok(Some(systemd)) => systemd.state(&self.job.name),
            Ok(None) => Ok(self.cron_state()),
            Err(error) => Err(error),
        };
        asked.map_err(|error| error.to_string())
    }

    fn cron_state(&self) -> State {
        let (zone, _) = local_zone();
        State {
            is_on: true,
            next: self.job.times.next(Timestamp::now(), &zone),
            ..State::default()
        }
    }

    fn problems(&self, state: &Result<State, String>) -> Vec<String> {
        let mut problems = Vec::new();
        let files = [
            ("the suite", &self.job.suite_file),
            ("the program", &self.job.command[0]),
            ("the folder that it starts in", &self.job.folder),
        ];
        for (what, path) in files {
            if !Path::new(path).exists() {
                problems.push(format!("{what} `{path}` is not there any more"));
            }
        }
        match (self.place, state) {
            (Place::User | Place::System, Err(_)) if !systemd_runs() => {
                problems.push("systemd does not run here".to_owned());
            }
            (Place::User | Place::System, Ok(state)) if !state.is_on => {
                problems.push(
                    "its timer is off: `anechoic schedule add --replace` turns it on".to_owned(),
                );
            }
            (Place::User | Place::System | Place::Cron, Ok(_) | Err(_)) => {}
        }
        problems.extend(lingering(self.place));
        problems
    }
}

/// Nights of the job's suite, oldest first. Files that cannot be read are named.
fn suite_nights(job: &Job) -> Vec<Night> {
    let kept = match nights(Path::new(&job.results)) {
        Ok(kept) => kept,
        Err(error) => {
            say(&format!("note: failed to {error}"));
            return Vec::new();
        }
    };
    let content = |kept: Kept<Night>| match kept.content {
        Ok(night) => Some(night),
        Err(error) => {
            say(&format!("note: failed to {error}"));
            None
        }
    };
    let mut nights: Vec<_> = kept.into_iter().filter_map(content).collect();
    nights.retain(|night| night.suite == job.suite);
    nights.sort_by_key(|night| night.started);
    nights
}

fn is_unmeasured(night: &Night) -> bool {
    matches!(night.outcome, NightOutcome::NotMeasured { .. })
}
