//! What a run found, in one value: the content of `summary.json`.

use anechoic_record::{
    AttemptRecord, CaseRecord, Machine, Outcome, RuleVerdict, RunRecord, RunSettings, RunState,
    SCHEMA_VERSION,
};
use serde::{Deserialize, Serialize};

use crate::rest::{disturbed, left_behind};
use crate::stopping::stopping;
use crate::trust::trust;
use crate::{
    Audit, CaptureSummary, CustomSummary, DisturbedAttempt, KvSummary, LeftBehind, SlurmJobs,
    Stopping, TrustLine, Waiting,
};

/// Everything a report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// [`SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The run.
    pub run: String,
    /// Name of the suite.
    pub suite: String,
    /// The question it answers.
    pub question: Option<String>,
    /// When it was started, RFC 3339.
    pub started: String,
    /// Whether it is complete.
    pub state: RunState,
    /// Where it ran.
    pub machine: Machine,
    /// With which settings.
    pub settings: RunSettings,
    /// Order of the attempts.
    pub order: String,
    /// Attempts and what they cost.
    pub tally: Tally,
    /// The capture cases, where there are any.
    pub capture: Option<CaptureSummary>,
    /// The KV-cache cases, where there are any.
    #[serde(default)]
    pub kv: Option<KvSummary>,
    /// What workers of one's own measured, where there are such cases.
    #[serde(default)]
    pub custom: Option<CustomSummary>,
    /// What an audit found; its cases are told of here and not above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// How far the first metric of each case can be trusted. Empty in summaries that older programs wrote.
    #[serde(default)]
    pub trust: Vec<TrustLine>,
    /// Every attempt that did not end well; later ones may have made up for it. Those that were cut short are not among
    /// them.
    pub failed: Vec<FailedAttempt>,
    /// Attempts that the user or the orchestrator's own end has cut short.
    #[serde(default)]
    pub cut_short: Vec<FailedAttempt>,
    /// Where each case stands under the plan's stop rule; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stopping: Vec<Stopping>,
    /// What waiting has cost.
    #[serde(default)]
    pub waiting: Waiting,
    /// The Slurm jobs that made the attempts; absent where they were made on the machine of the orchestrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slurm: Option<SlurmJobs>,
    /// Attempts for which the machine was not at rest.
    #[serde(default)]
    pub disturbed: Vec<DisturbedAttempt>,
    /// What workers left behind.
    #[serde(default)]
    pub left: Vec<LeftBehind>,
    /// What differed between the starts of the run and was accepted; empty where all was made under one set of conditions.
    #[serde(default)]
    pub mixed: Vec<String>,
    /// What workers warned of, each text once, with the first case that said it.
    pub warnings: Vec<String>,
}

/// Attempts and what they cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Cases in the plan.
    pub cases: usize,
    /// Cases with as many good attempts as planned.
    pub complete_cases: usize,
    /// Attempts planned per case; the fewest, under a stop rule.
    pub planned_attempts: u32,
    /// Attempts that ended well.
    pub ok_attempts: usize,
    /// Attempts that did not.
    pub failed_attempts: usize,
    /// Attempts that were cut short.
    #[serde(default)]
    pub cut_short_attempts: usize,
    /// Time in worker processes.
    pub workers_ns: u64,
    /// Time in waits before attempts.
    pub cooldown_ms: u64,
    /// CPU time of the orchestrator while workers ran.
    pub orchestrator_cpu_ns: u64,
    /// The part of it that readings of the machine took.
    #[serde(default)]
    pub observing_ns: u64,
}

/// An attempt that did not end well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedAttempt {
    /// The case.
    pub case: String,
    /// The attempt.
    pub attempt: u32,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// Whether the case has its planned number of good attempts all the same.
    pub made_up: bool,
}

impl Summary {
    /// Summarises a record.
    pub fn of(record: &RunRecord) -> Self {
        let manifest = &record.manifest;
        let stopping = stopping(record);
        // Attempts that shared a process never count as those of a measurement.
        let unaudited = manifest.audit.is_none().then_some(record);
        Self {
            schema_version: SCHEMA_VERSION,
            run: manifest.run.clone(),
            suite: manifest.plan.name.clone(),
            question: manifest.plan.question.clone(),
            started: manifest.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            state: manifest.state,
            machine: manifest.machine.clone(),
            settings: manifest.settings.clone(),
            order: manifest.plan.order.to_string(),
            tally: tally(record, &stopping),
            capture: unaudited.and_then(CaptureSummary::of),
            kv: unaudited.and_then(KvSummary::of),
            custom: unaudited.and_then(CustomSummary::of),
            audit: Audit::of(record),
            trust: unaudited.map(trust).unwrap_or_default(),
            failed: bad_attempts(record, &stopping, |outcome| !outcome.is_cut_short()),
            cut_short: bad_attempts(record, &stopping, Outcome::is_cut_short),
            stopping,
            waiting: Waiting::of(record),
            slurm: SlurmJobs::of(record),
            disturbed: disturbed(record),
            left: left_behind(record),
            mixed: manifest.mixed(),
            warnings: warnings(record),
        }
    }

    /// Whether every case has its planned number of good attempts, and those that its stop rule wants.
    pub fn is_complete(&self) -> bool {
        self.tally.complete_cases == self.tally.cases
    }
}

/// A case that has had its most processes is complete: what its stop rule did not reach is told beside it.
fn is_complete(record: &RunRecord, stopping: &[Stopping], case: &CaseRecord) -> bool {
    let wants_more = |stopping: &Stopping| {
        stopping.case == case.case.id && stopping.check.verdict == RuleVerdict::Another
    };
    case.lacks(&record.manifest.plan) == 0 && !stopping.iter().any(wants_more)
}

fn tally(record: &RunRecord, stopping: &[Stopping]) -> Tally {
    let cases = &record.manifest.cases;
    let all = record.manifest.attempts().count();
    let cut_short_attempts = (record.manifest.attempts())
        .filter(|(_, attempt)| attempt.outcome.is_cut_short())
        .count();
    let ok_attempts = cases.iter().map(|c| c.ok_attempts().count()).sum();
    let data = || record.attempts.values();
    Tally {
        cases: cases.len(),
        complete_cases: cases
            .iter()
            .filter(|case| is_complete(record, stopping, case))
            .count(),
        planned_attempts: record.manifest.plan.attempts,
        ok_attempts,
        failed_attempts: all - ok_attempts - cut_short_attempts,
        cut_short_attempts,
        workers_ns: data().filter_map(|a| a.wall_ns).sum(),
        cooldown_ms: data().map(|a| a.waited_ms).sum(),
        orchestrator_cpu_ns: data().filter_map(|a| a.orchestrator_cpu_ns).sum(),
        observing_ns: data().filter_map(|a| a.observing_ns).sum(),
    }
}

/// Attempts that did not end well, of the kind that is wanted.
fn bad_attempts(
    record: &RunRecord,
    stopping: &[Stopping],
    wanted: impl Fn(&Outcome) -> bool,
) -> Vec<FailedAttempt> {
    let mut bad = Vec::new();
    for case in &record.manifest.cases {
        let is_wanted = |a: &&AttemptRecord| !a.outcome.is_ok() && wanted(&a.outcome);
        for attempt in case.attempts.iter().filter(is_wanted) {
            bad.push(FailedAttempt {
                case: case.case.id.clone(),
                attempt: attempt.attempt,
                outcome: attempt.outcome.clone(),
                made_up: is_complete(record, stopping, case),
            });
        }
    }
    bad
}

fn warnings(record: &RunRecord) -> Vec<String> {
    let mut seen: Vec<(&str, String)> = Vec::new();
    for ((case, _), data) in &record.attempts {
        for warning in &data.warnings {
            if !seen.iter().any(|(text, _)| text == warning) {
                seen.push((warning, format!("{case}: {warning}")));
            }
        }
    }
    seen.into_iter().map(|(_, line)| line).collect()
}
