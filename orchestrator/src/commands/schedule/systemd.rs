//! Units of systemd: installs, removes and starts ours, and asks how they stand. Touches no unit without our mark.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::Duration;

use anechoic_record::{RecordError, write_atomically};

use super::{Place, ScheduleError};
use crate::process::{Answer, NoAnswer, Question, ask_system};
use crate::reporter::say;
use crate::schedule::{Job, Name, SERVICE_FACTS, State, TIMER_FACTS};

/// How long a program of systemd may take.
const LIMIT: Duration = Duration::from_secs(60);

/// The systemd of a user or of the machine.
#[derive(Debug, Clone)]
pub(super) struct Systemd {
    place: Place,
    folder: PathBuf,
}

/// The two units of a schedule.
#[derive(Debug)]
pub(super) struct Units {
    pub(super) service: String,
    pub(super) timer: String,
}

/// A unit's file, and what it held before; nothing where it was not there.
struct Kept {
    path: PathBuf,
    before: Option<Vec<u8>>,
}

impl Systemd {
    /// That of a place; `None` for cron's.
    pub(super) fn of(place: Place) -> Result<Option<Self>, ScheduleError> {
        let folder = place.folder()?;
        Ok(folder.map(|folder| Self { place, folder }))
    }

    /// The file of a unit.
    pub(super) fn path(&self, name: &Name, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", name.unit()))
    }

    /// Our jobs. A folder that is not there or may not be read holds none.
    pub(super) fn jobs(&self) -> Vec<Job> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|kind| kind == "service"));
        paths.sort();
        let read = |path: &PathBuf| Job::find(&fs::read_to_string(path).ok()?);
        let mut jobs: Vec<Job> = paths.iter().filter_map(read).collect();
        // A copy under another name is not what the mark says.
        jobs.retain(|job| paths.contains(&self.path(&job.name, "service")));
        jobs
    }

    /// Whether both files of a name are free or ours. Whether they are there.
    pub(super) fn look(&self, name: &Name) -> Result<bool, ScheduleError> {
        let mut is_there = false;
        for kind in ["service", "timer"] {
            let path = self.path(name, kind);
            match fs::read_to_string(&path) {
                Ok(text) if Job::is_marked(&text) => is_there = true,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Ok(_) | Err(_) => return Err(ScheduleError::Foreign(path)),
            }
        }
        Ok(is_there)
    }

    /// Writes the units and turns the timer on, or leaves everything as it was.
    pub(super) fn install(
        &self,
        name: &Name,
        units: &Units,
    ) -> Result<Vec<PathBuf>, ScheduleError> {
        let paths = [self.path(name, "service"), self.path(name, "timer")];
        let keep = |path: &PathBuf| Kept {
            path: path.clone(),
            before: fs::read(path).ok(),
        };
        let kept: Vec<_> = paths.iter().map(keep).collect();
        let installed = self.try_install(name, units);
        installed.map_err(|cause| ScheduleError::NotInstalled {
            name: name.clone(),
            cause: Box::new(cause),
            undone: self.undo(name, &kept),
        })?;
        Ok(paths.into())
    }

    fn try_install(&self, name: &Name, units: &Units) -> Result<(), ScheduleError> {
        let failed = ScheduleError::Unwritable;
        fs::create_dir_all(&self.folder).map_err(|source| {
            failed(RecordError::Io {
                action: "create",
                path: self.folder.clone(),
                source,
            })
        })?;
        for (kind, text) in [("service", &units.service), ("timer", &units.timer)] {
            write_atomically(&self.path(name, kind), text.as_bytes()).map_err(failed)?;
        }
        self.verify(name)?;
        self.control(&["daemon-reload"])?;
        let timer = format!("{}.timer", name.unit());
        self.forget_last_start(&timer);
        self.control(&["enable", &timer])?;
        // One that was on already takes its new times.
        self.control(&["restart", &timer])?;
        Ok(())
    }

    /// A timer that is `Persistent=` starts its job at once where a time has passed since the last start that systemd knows of a timer of
    /// that name. Systemd of before version 244 has no such command, and a timer that is not yet known was never on.
    fn forget_last_start(&self, timer: &str) {
        let _ = self.control(&["stop", timer]);
        let _ = self.control(&["clean", "--what=state", timer]);
    }

    /// Has systemd read the units as it will. What it says of other units is no fault of these.
    fn verify(&self, name: &Name) -> Result<(), ScheduleError> {
        let paths = [self.path(name, "service"), self.path(name, "timer")];
        let paths: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let mut arguments = self.scope();
        arguments.extend(["verify", &paths[0], &paths[1]]);
        let answer = match self.ask("systemd-analyze", &arguments) {
            Ok(answer) => answer,
            Err(ScheduleError::NoAnswer(NoAnswer::Absent(_))) => {
                say("note: there is no `systemd-analyze`; the units were not verified");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let said = String::from_utf8_lossy(&answer.stderr).into_owned();
        let unit = name.unit();
        let ours: Vec<_> = said.lines().filter(|line| line.contains(&unit)).collect();
        if !answer.status.success() && !ours.is_empty() {
            return Err(ScheduleError::Refused {
                command: "systemd-analyze verify".to_owned(),
                said: ours.join("; "),
            });
        }
        ours.iter()
            .for_each(|line| say(&format!("note: systemd-analyze: {line}")));
        Ok(())
    }

    /// Puts back what was there. What came of it, in words.
    fn undo(&self, name: &Name, kept: &[Kept]) -> String {
        let timer = format!("{}.timer", name.unit());
        let was_there = kept.iter().any(|file| file.before.is_some());
        // Systemd may be what fails, and a new timer may never have been turned on.
        if !was_there {
            let _ = self.control(&["disable", "--now", &timer]);
        }
        let left = kept.iter().filter(|file| !file.put_back());
        let left: Vec<_> = left
            .map(|file| format!("`{}`", file.path.display()))
            .collect();
        let _ = self.control(&["daemon-reload"]);
        if was_there {
            let _ = self.control(&["restart", &timer]);
        }
        match (left.is_empty(), was_there) {
            (true, false) => "nothing of it is left".to_owned(),
            (true, true) => "the former one is there again".to_owned(),
            (false, _) => format!("what could not be undone: {}", left.join(", ")),
        }
    }

    /// Turns the timer off and removes the units. Not while the job runs: without its unit it would lose its time limit and be killed.
    pub(super) fn remove(&self, name: &Name) -> Result<(), ScheduleError> {
        self.look(name)?;
        // A systemd that does not answer runs no job.
        if let Ok(State {
            runs_since: Some(since),
            ..
        }) = self.state(name)
        {
            return Err(ScheduleError::Runs {
                name: name.clone(),
                since,
                stop: self.command(&["stop", &format!("{}.service", name.unit())]),
            });
        }
        let timer = format!("{}.timer", name.unit());
        let disabled = self.control(&["disable", "--now", &timer]);
        self.forget_last_start(&timer);
        for kind in ["timer", "service"] {
            let path = self.path(name, kind);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(ScheduleError::Unremovable {
                        path,
                        source: error,
                    });
                }
                Ok(()) | Err(_) => {}
            }
        }
        let reloaded = disabled.and_then(|_| self.control(&["daemon-reload"]));
        match reloaded {
            Ok(_) => {}
            Err(error) => say(&format!(
                "note: {error}; the files are gone, and systemd forgets the timer when it starts again"
            )),
        }
        // Only a job that has failed is remembered as such.
        let _ = self.control(&["reset-failed", &format!("{}.service", name.unit())]);
        Ok(())
    }

    /// Starts the job, and does not wait for it.
    pub(super) fn start(&self, name: &Name) -> Result<(), ScheduleError> {
        let service = format!("{}.service", name.unit());
        self.control(&["start", "--no-block", &service]).map(drop)
    }

    /// How the job stands.
    pub(super) fn state(&self, name: &Name) -> Result<State, ScheduleError> {
        let show = |kind: &str, facts: &str| {
            let unit = format!("{}.{kind}", name.unit());
            let answer = self.control(&["show", &unit, "--property", facts])?;
            Ok::<_, ScheduleError>(String::from_utf8_lossy(&answer.stdout).into_owned())
        };
        let (timer, service) = (show("timer", TIMER_FACTS)?, show("service", SERVICE_FACTS)?);
        Ok(State::read(&timer, &service))
    }

    fn control(&self, arguments: &[&str]) -> Result<Answer, ScheduleError> {
        let mut all = self.scope();
        all.push("--no-ask-password");
        all.extend(arguments);
        let answer = self.ask("systemctl", &all)?;
        if answer.status.success() {
            return Ok(answer);
        }
        Err(ScheduleError::Refused {
            command: self.command(arguments),
            said: said(&answer),
        })
    }

    /// What somebody would type.
    fn command(&self, arguments: &[&str]) -> String {
        let words = ["systemctl"].into_iter().chain(self.scope());
        let words = words.chain(arguments.iter().copied());
        words.collect::<Vec<_>>().join(" ")
    }

    fn scope(&self) -> Vec<&'static str> {
        match self.place {
            Place::User => vec!["--user"],
            Place::System | Place::Cron => Vec::new(),
        }
    }

    fn ask(&self, program: &str, arguments: &[&str]) -> Result<Answer, ScheduleError> {
        let question = Question {
            program,
            arguments,
            input: b"",
            limit: LIMIT,
        };
        ask_system(&question).map_err(ScheduleError::NoAnswer)
    }
}

impl Kept {
    /// Whether the file is as it was.
    fn put_back(&self) -> bool {
        match &self.before {
            Some(bytes) => write_atomically(&self.path, bytes).is_ok(),
            None => match fs::remove_file(&self.path) {
                Ok(()) => true,
                Err(error) => error.kind() == ErrorKind::NotFound,
            },
        }
    }
}

/// What a program gave as its reason, on one line.
pub(super) fn said(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.stderr);
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    match lines.is_empty() {
        true => answer.status.to_string(),
        false => lines.join("; "),
    }
}
