//! `run.json`: what was asked, where, and how every attempt ended.

use anechoic_protocol::{Device, WorkerIdentity};
use anechoic_suite::{AuditSettings, Case, Plan};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Disturbance, Executor, Leftover, Machine, Outcome, Placement, Start};

/// The manifest of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`crate::SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The run's id, which is the name of its directory.
    pub run: String,
    /// Version of `anechoic`.
    pub anechoic: String,
    /// When it was started.
    pub started: Timestamp,
    /// Whether it is complete.
    pub state: RunState,
    /// Resolved settings that hold for every case.
    pub settings: RunSettings,
    /// Where.
    pub machine: Machine,
    /// What was planned.
    pub plan: Plan,
    /// The cases with their attempts so far, in the plan's order.
    pub cases: Vec<CaseRecord>,
    /// The starts of the orchestrator on it, oldest first. Absent in runs of earlier builds.
    #[serde(default)]
    pub starts: Vec<Start>,
    /// What makes an audit of this run; absent in others. Builds from before audits show its cases as those of any run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditSettings>,
}

/// Settings that hold for every case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// The device that was chosen.
    pub device: Device,
    /// Compute threads for cases that leave them open.
    pub threads: u32,
    /// The worker program; where every case has its own, the command of the first.
    pub worker: String,
    /// What the worker said it is, once one has said hello.
    pub worker_identity: Option<WorkerIdentity>,
    /// libtorch's version, once a worker has told it.
    pub torch: Option<String>,
    /// Who starts the workers.
    #[serde(default, skip_serializing_if = "Executor::is_local")]
    pub executor: Executor,
}

/// Whether a run is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunState {
    /// An orchestrator is at work, or was killed; which of both, the lock on the run's directory tells.
    Running,
    /// Every case has its good attempts, or has used up those planned and its retries.
    Complete,
    /// The user stopped it.
    Interrupted,
}

/// A case with its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseRecord {
    /// The configuration.
    #[serde(flatten)]
    pub case: Case,
    /// Its attempts, oldest first.
    pub attempts: Vec<AttemptRecord>,
    /// Attempts that a stop rule has it planned with by now, once that are more than the plan's. Where it is
    /// there the log has `rule-checked`, for which builds that do not know rules call the run damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<u32>,
}

/// One ended attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// From 1.
    pub attempt: u32,
    /// When its process was started.
    pub started: Timestamp,
    /// From spawn to the end of the process.
    pub wall_ns: u64,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// What makes it doubtful; also where it counts.
    #[serde(default)]
    pub disturbed: Vec<Disturbance>,
    /// Processes that it left behind.
    #[serde(default)]
    pub left: Vec<Leftover>,
    /// Whether something held its output open after its end, which need not be one of the processes in `left`. A `leaked`
    /// ending says the same in `held_pipes`.
    #[serde(default)]
    pub pipes_left: bool,
    /// What its worker said it is.
    #[serde(default)]
    pub worker_identity: Option<WorkerIdentity>,
    /// Where it was made, and what that cost, where Slurm made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}

impl Manifest {
    /// Every attempt with the id of its case, case by case.
    pub fn attempts(&self) -> impl Iterator<Item = (&str, &AttemptRecord)> {
        let cases = self.cases.iter();
        cases.flat_map(|case| case.attempts.iter().map(|a| (case.case.id.as_str(), a)))
    }
}

impl AttemptRecord {
    /// The names of what disturbed it, each once, in their order.
    pub fn disturbances(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        for name in self.disturbed.iter().map(|one| one.what.name()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

impl CaseRecord {
    /// Attempts whose samples count.
    pub fn ok_attempts(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.iter().filter(|a| a.outcome.is_ok())
    }

    /// Attempts that this case still owes: those planned less those that ended well.
    pub fn owed(&self, planned: u32) -> u32 {
        let ok = u32::try_from(self.ok_attempts().count()).unwrap_or(u32::MAX);
        planned.saturating_sub(ok)
    }

    /// Retries that the plan grants this case so far: one per ending that it names, up to their number.
    pub fn retries_due(&self, plan: &Plan) -> u32 {
        let retried = |a: &&AttemptRecord| plan.retries.on.contains(&a.outcome.ending());
        let endings = self.attempts.iter().filter(retried).count();
        u32::try_from(endings)
            .unwrap_or(u32::MAX)
            .min(plan.retries.count)
    }

    /// Attempts planned by now: those of the plan, or more where a stop rule has added some.
    pub fn planned(&self, plan: &Plan) -> u32 {
        plan.attempts.max(self.granted.unwrap_or(0))
    }

    /// Attempts that the plan still makes of this case: planned ones and retries, less those that were made and not
    /// cut short. None once it has its good attempts.
    pub fn unmade(&self, plan: &Plan) -> u32 {
        let planned = self.planned(plan);
        let granted = planned.saturating_add(self.retries_due(plan));
        self.owed(planned).min(granted.saturating_sub(self.made()))
    }

    /// Good attempts that it lacks: of the plan's number, or those that a stop rule has added and that were not made.
    pub fn lacks(&self, plan: &Plan) -> u32 {
        self.owed(plan.attempts).max(self.unmade(plan))
    }

    /// Attempts that count towards the most of a stop rule: those that were made and not cut short, whether they ended
    /// well or not, less retries.
    pub fn processes(&self, plan: &Plan) -> u32 {
        self.made().saturating_sub(self.retries_due(plan))
    }

    /// Plans one attempt more than were made, as a stop rule wants it.
    pub fn grant(&mut self, plan: &Plan) {
        self.granted = Some(self.processes(plan).saturating_add(1));
    }

    fn made(&self) -> u32 {
        let whole = |a: &&AttemptRecord| !a.outcome.is_cut_short();
        u32::try_from(self.attempts.iter().filter(whole).count()).unwrap_or(u32::MAX)
    }

    /// The number for its next attempt.
    pub fn next_attempt(&self) -> u32 {
        self.attempts.iter().map(|a| a.attempt).max().unwrap_or(0) + 1
    }
}
