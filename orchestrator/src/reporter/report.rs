//! One place that turns events into what people see.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::time::Duration;

use anechoic_protocol::{Phase, WorkerEvent};
use anechoic_record::{
    Disturbance, Fate, Leftover, Moment, Outcome, Restless, RunEvent, Stamped, Stop,
};
use anechoic_suite::{HalfWidth, StopRule};

use super::bars::Bars;
use super::json::print_data;
use super::lines;
use super::tally::Tally;
use super::words::{duration, say};
use crate::runner::{Retry, Round, Urgency};

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Tables for people.
    Text,
    /// JSON for programs.
    Json,
}

/// What an attempt left behind.
#[derive(Debug, Default)]
pub(crate) struct Aftermath {
    /// The last lines of its standard error.
    pub(crate) stderr: Vec<String>,
    /// Processes that outlived it.
    pub(crate) left: Vec<Leftover>,
    /// Whether its pipes were held when the leak limit had passed.
    pub(crate) held_pipes: bool,
}

/// The attempt that is being made.
#[derive(Debug, Clone, Default)]
pub(super) struct Current {
    case: String,
    attempt: u32,
    iterations: u32,
    samples: u32,
}

impl fmt::Display for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} attempt {}", self.case, self.attempt)
    }
}

/// Shows a run while it happens.
#[derive(Debug)]
pub(crate) struct Reporter {
    bars: Option<Bars>,
    format: Format,
    tally: Tally,
    current: Current,
    until: Option<HalfWidth>,
}

impl Reporter {
    /// For this many attempts, with this pause between them.
    pub(crate) fn new(format: Format, planned: usize, cooldown: Duration) -> Self {
        let tally = Tally::new(u32::try_from(planned).unwrap_or(u32::MAX), cooldown);
        Self {
            bars: std::io::stderr().is_terminal().then(|| Bars::new(&tally)),
            format,
            tally,
            current: Current::default(),
            until: None,
        }
    }

    /// For a run under this stop rule, which may add attempts.
    pub(crate) fn under(mut self, rule: Option<&StopRule>) -> Self {
        self.until = rule.map(|rule| rule.half_width_ppm);
        self.tally.may_grow = rule.is_some();
        if let Some(bars) = &self.bars {
            bars.count(&self.tally);
        }
        self
    }

    /// Shows an event that is on disk.
    pub(crate) fn show(&mut self, stamped: &Stamped) {
        if self.format == Format::Json {
            let mut line = serde_json::to_string(stamped).expect("events always serialise");
            line.push('\n');
            // The record on disk is what counts; a full pipe or disk behind stdout must not end a run.
            let _ = print_data(&line);
        }
        match &stamped.event {
            RunEvent::RunStarted { run, planned, .. } => {
                let until = self.until.map(|until| format!(", and more until {until}"));
                let until = until.unwrap_or_default();
                self.say(&format!("run {run}: {planned} attempts{until}"));
            }
            RunEvent::AttemptStarted { pid, .. } => self.started(*pid),
            RunEvent::Worker { message, .. } => self.message(message),
            RunEvent::Stopping { how, .. } => {
                self.say(&format!("{}: {}", self.current, stop_words(*how)))
            }
            RunEvent::AttemptEnded {
                outcome, wall_ns, ..
            } => self.ended(outcome, Duration::from_nanos(*wall_ns)),
            RunEvent::RunEnded { .. } => self.clear(),
            RunEvent::CooledDown { .. }
            | RunEvent::JobSent { .. }
            | RunEvent::Observed { .. }
            | RunEvent::RuleChecked { .. } => {}
        }
    }

    /// Announces the next attempt.
    pub(crate) fn next(&mut self, case: &str, attempt: u32, iterations: u32) {
        self.current = Current {
            case: case.to_owned(),
            attempt,
            iterations,
            samples: 0,
        };
    }

    /// Counts down a cooldown; on a terminal only, elsewhere one line says it all.
    pub(crate) fn cooling(&self, left: Duration, whole: Duration) {
        match &self.bars {
            Some(bars) => {
                bars.attempt(
                    &self.current,
                    &format!("cooling down, {} left", duration(left)),
                );
            }
            None if left == whole => lines::cooling(&self.current, &self.tally, whole),
            None => {}
        }
    }

    /// Tells what a wait is for; on a terminal with the time that is left, elsewhere one line where the reasons change.
    pub(crate) fn waiting(&self, reasons: &[Restless], left: Duration, is_news: bool) {
        let causes: Vec<_> = reasons.iter().map(Restless::cause).collect();
        let causes = causes.join("; ");
        match &self.bars {
            Some(bars) if causes.is_empty() => bars.attempt(&self.current, "settling"),
            Some(bars) => {
                let left = duration(left);
                bars.attempt(&self.current, &format!("waits at most {left}: {causes}"));
            }
            None if is_news => lines::waiting(&self.current, &self.tally, &causes, left),
            None => {}
        }
    }

    /// The machine is not at rest before the attempt, and what follows from it.
    pub(crate) fn restless(&self, before: &[Disturbance], consequence: &str) {
        self.note(&format!(
            "{}: the machine is not at rest: {}; {consequence}",
            self.current,
            causes(before.iter())
        ));
    }

    /// What disturbed the attempt while its worker ran.
    pub(crate) fn disturbed(&self, disturbed: &[Disturbance]) {
        let mut during = disturbed
            .iter()
            .filter(|d| d.when == Moment::During)
            .peekable();
        if during.peek().is_some() {
            let causes = causes(during);
            self.note(&format!("{} was disturbed: {causes}", self.current));
        }
    }

    /// The attempt that has ended is made up for by a further one.
    pub(crate) fn retrying(&mut self, retry: &Retry) {
        let Retry {
            attempt,
            number,
            most,
        } = retry;
        self.tally.planned += 1;
        self.say(&format!(
            "{}: attempt {attempt} will be made in its place (retry {number} of {most})",
            self.current
        ));
        if let Some(bars) = &self.bars {
            bars.lengthen(&self.tally);
        }
    }

    /// A further round is made, because the intervals of some cases are too wide.
    pub(crate) fn another_round(&mut self, round: &Round) {
        let count = round.cases.len();
        self.tally.planned += u32::try_from(count).unwrap_or(u32::MAX);
        let (id, check) = &round.widest;
        let width = match check.half_width {
            Some(width) => format!("± {:.2} %", width * 100.0),
            None => "no interval".to_owned(),
        };
        self.say(&format!(
            "another round, of {count} case(s) that have not reached {}: the widest is {id} with {width} of {} after {} \
             good attempt(s)",
            round.until, check.metric, check.processes
        ));
        if let Some(bars) = &self.bars {
            bars.lengthen(&self.tally);
        }
    }

    /// The attempt was handed over to Slurm.
    pub(crate) fn handed_over(&self, job: u64) {
        self.progress(&format!("Slurm job {job}"));
    }

    /// Why nothing happens yet to an attempt that was handed over.
    pub(crate) fn queued(&self, why: &str) {
        self.progress(&format!("its Slurm job {why}"));
    }

    fn progress(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.attempt(&self.current, text),
            None => lines::phase(&self.current, &self.tally, text),
        }
    }

    /// Confirms a request to stop.
    pub(crate) fn stopping(&self, urgency: Urgency) {
        self.say(match urgency {
            Urgency::Orderly => "stopping; once more to kill the worker at once",
            Urgency::Immediate => "killing the worker",
        });
    }

    /// Something that people should know.
    pub(crate) fn note(&self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// What helps to understand a failed attempt.
    pub(crate) fn aftermath(&self, outcome: &Outcome, aftermath: &Aftermath, folder: &Path) {
        self.leftovers(aftermath);
        if outcome.is_ok() || matches!(outcome, Outcome::Cancelled { .. }) {
            return;
        }
        for line in &aftermath.stderr {
            self.say(&format!("  | {line}"));
        }
        self.say(&format!("  logs: {}", folder.display()));
    }

    fn leftovers(&self, aftermath: &Aftermath) {
        let held = match aftermath.held_pipes {
            true => ", its pipes held open",
            false => "",
        };
        for (fate, what) in [
            (Fate::Ended, "left processes behind; ended"),
            (Fate::Stuck, "left processes that cannot be ended"),
        ] {
            let left: Vec<_> = aftermath
                .left
                .iter()
                .filter(|left| left.fate == fate)
                .collect();
            if !left.is_empty() {
                self.note(&format!("{} {what}: {}{held}", self.current, list(&left)));
            }
        }
        if aftermath.left.is_empty() && aftermath.held_pipes {
            let what = "left its pipes open, held by a process that is not its own";
            self.note(&format!("{} {what}", self.current));
        }
    }

    fn started(&self, pid: u32) {
        match &self.bars {
            Some(bars) => bars.attempt(&self.current, &format!("start, process {pid}")),
            None => lines::started(&self.current, &self.tally, pid),
        }
    }

    fn message(&mut self, message: &WorkerEvent) {
        match message {
            WorkerEvent::Phase { phase } => self.phase(*phase),
            WorkerEvent::Sample { .. } => {
                self.current.samples += 1;
                self.iteration(
                    Phase::Measure,
                    self.current.samples,
                    self.current.iterations,
                );
            }
            WorkerEvent::Progress { done, total } => self.iteration(Phase::WarmUp, *done, *total),
            WorkerEvent::Warning { message } => self.note(&format!("{}: {message}", self.current)),
            WorkerEvent::Hello { .. }
            | WorkerEvent::Finished { .. }
            | WorkerEvent::Failed { .. } => {}
        }
    }

    fn phase(&self, phase: Phase) {
        self.progress(phase.as_str());
    }

    fn iteration(&self, phase: Phase, done: u32, total: u32) {
        if let Some(bars) = &self.bars {
            bars.attempt(&self.current, &format!("{} {done}/{total}", phase.as_str()));
        }
    }

    fn ended(&mut self, outcome: &Outcome, wall: Duration) {
        self.tally.count(outcome.is_ok(), wall);
        let (ended, planned) = (self.tally.ended, self.tally.planned_text());
        let result = match outcome {
            Outcome::Ok => "ok".to_owned(),
            Outcome::Cancelled { .. } => outcome.cause(),
            _ => format!("FAILED ({}): {}", outcome.name(), outcome.cause()),
        };
        self.say(&format!(
            "[{ended}/{planned}] {}: {result} ({})",
            self.current,
            duration(wall)
        ));
        if let Some(bars) = &self.bars {
            bars.count(&self.tally);
        }
    }

    fn say(&self, line: &str) {
        match &self.bars {
            Some(bars) => bars.say(line),
            None => say(line),
        }
    }

    fn clear(&self) {
        if let Some(bars) = &self.bars {
            bars.clear();
        }
    }
}

fn causes<'d>(disturbed: impl Iterator<Item = &'d Disturbance>) -> String {
    let causes: Vec<_> = disturbed.map(|d| d.what.cause()).collect();
    causes.join("; ")
}

fn list(left: &[&Leftover]) -> String {
    let one = |left: &&Leftover| match &left.name {
        Some(name) => format!("{} ({name})", left.pid),
        None => left.pid.to_string(),
    };
    let texts: Vec<_> = left.iter().map(one).collect();
    texts.join(", ")
}

fn stop_words(how: Stop) -> &'static str {
    match how {
        Stop::CloseStdin => "asked to stop",
        Stop::Terminate => "sent SIGTERM",
        Stop::Kill => "sent SIGKILL",
    }
}
