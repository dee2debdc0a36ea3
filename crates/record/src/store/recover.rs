//! What an orchestrator that died has left in the event log and in folders, and has not brought into the manifest.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use anechoic_protocol::{Phase, WorkerEvent, WorkerIdentity};
use jiff::Timestamp;

use super::attempt_folder;
use crate::{AttemptRecord, Manifest, Outcome, RunEvent, Stamped};

/// Whether somebody may be making an attempt at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writer {
    /// An unfinished attempt may be in flight.
    AtWork,
    /// An unfinished attempt was cut off.
    Gone,
}

/// What the log tells of one attempt.
#[derive(Debug, Default)]
pub(super) struct Trace {
    started: Option<Timestamp>,
    last: Option<Timestamp>,
    phase: Option<Phase>,
    identity: Option<WorkerIdentity>,
    ended: Option<AttemptRecord>,
}

/// Traces by case and attempt.
pub(super) type Traces = BTreeMap<(String, u32), Trace>;

/// Notes what an event tells of its attempt. A pause alone is no attempt.
pub(super) fn note(traces: &mut Traces, stamped: &Stamped) {
    let at = stamped.at;
    let (case, attempt) = match &stamped.event {
        RunEvent::RunStarted { .. }
        | RunEvent::RunEnded { .. }
        | RunEvent::RuleChecked { .. }
        | RunEvent::CooledDown { .. } => return,
        RunEvent::AttemptStarted { case, attempt, .. }
        | RunEvent::JobSent { case, attempt, .. }
        | RunEvent::Worker { case, attempt, .. }
        | RunEvent::Stopping { case, attempt, .. }
        | RunEvent::Observed { case, attempt, .. }
        | RunEvent::AttemptEnded { case, attempt, .. } => (case, *attempt),
    };
    let trace = traces.entry((case.clone(), attempt)).or_default();
    trace.started.get_or_insert(at);
    trace.last = Some(at);
    trace.take(&stamped.event, attempt, at);
}

impl Trace {
    fn take(&mut self, event: &RunEvent, attempt: u32, at: Timestamp) {
        match event {
            RunEvent::Worker { message, .. } => self.hear(message),
            RunEvent::AttemptEnded {
                outcome,
                wall_ns,
                disturbed,
                left,
                pipes_left,
                placement,
                ..
            } => {
                let record = AttemptRecord {
                    attempt,
                    started: self.started.unwrap_or(at),
                    wall_ns: *wall_ns,
                    outcome: outcome.clone(),
                    disturbed: disturbed.clone(),
                    left: left.clone(),
                    pipes_left: *pipes_left,
                    worker_identity: self.identity.clone(),
                    placement: placement.as_deref().cloned(),
                };
                // The first stands: an attempt ends once.
                self.ended.get_or_insert(record);
            }
            RunEvent::RunStarted { .. }
            | RunEvent::RunEnded { .. }
            | RunEvent::RuleChecked { .. }
            | RunEvent::CooledDown { .. }
            | RunEvent::AttemptStarted { .. }
            | RunEvent::JobSent { .. }
            | RunEvent::Stopping { .. }
            | RunEvent::Observed { .. } => {}
        }
    }

    fn hear(&mut self, message: &WorkerEvent) {
        match message {
            WorkerEvent::Hello { worker, .. } => self.identity = Some(worker.clone()),
            WorkerEvent::Phase { phase } => self.phase = Some(*phase),
            WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. } => {
                self.phase = Some(Phase::Stop);
            }
            WorkerEvent::Sample { .. }
            | WorkerEvent::Progress { .. }
            | WorkerEvent::Warning { .. } => {}
        }
    }

    /// The record of an attempt that nobody has ended.
    fn cut_off(&self, attempt: u32, seen: Timestamp) -> AttemptRecord {
        let started = self.started.unwrap_or(seen);
        let last = self.last.unwrap_or(started);
        let wall = Duration::try_from(last.duration_since(started)).unwrap_or_default();
        AttemptRecord {
            attempt,
            started,
            wall_ns: u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX),
            outcome: Outcome::OrchestratorDied {
                phase: self.phase.unwrap_or(Phase::Start),
            },
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            worker_identity: self.identity.clone(),
            placement: None,
        }
    }
}

/// Brings into the manifest, once, every attempt that the log or a folder knows and the manifest does not.
pub(super) fn complete(manifest: &mut Manifest, run: &Path, traces: &mut Traces, writer: Writer) {
    let run_started = manifest.started;
    for case in &mut manifest.cases {
        let id = case.case.id.clone();
        for attempt in attempt_numbers(run, &id) {
            traces.entry((id.clone(), attempt)).or_default();
        }
        let known: Vec<u32> = case.attempts.iter().map(|a| a.attempt).collect();
        let of_case = traces.range((id.clone(), 0)..=(id.clone(), u32::MAX));
        let lacking = of_case.filter(|((_, attempt), _)| !known.contains(attempt));
        for ((_, attempt), trace) in lacking {
            let made = || made_at(&attempt_folder(run, &id, *attempt)).unwrap_or(run_started);
            let record = match (&trace.ended, writer) {
                (Some(ended), _) => ended.clone(),
                (None, Writer::Gone) => trace.cut_off(*attempt, made()),
                (None, Writer::AtWork) => continue,
            };
            case.attempts.push(record);
        }
    }
}

/// Numbers of the attempts that have a folder; a case without any has none.
pub(super) fn attempt_numbers(run: &Path, case: &str) -> Vec<u32> {
    let Ok(entries) = fs::read_dir(run.join("cases").join(case)) else {
        return Vec::new();
    };
    let number = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        name.strip_prefix("attempt-")?.parse().ok()
    };
    entries.filter_map(|entry| number(entry.ok()?)).collect()
}

fn made_at(folder: &Path) -> Option<Timestamp> {
    let modified = folder.metadata().and_then(|m| m.modified()).ok()?;
    Timestamp::try_from(modified).ok()
}
