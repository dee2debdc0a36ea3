//! The attempts of a run, one after the other, each after its wait.

use std::io;
use std::path::Path;
use std::time::Duration;

use anechoic_protocol::{Job, PROTOCOL_VERSION, WorkerIdentity};
use anechoic_record::{
    AttemptData, Disturbance, Manifest, RecordError, Recorder, RunEvent, RunState, SCHEMA_VERSION,
};
use anechoic_suite::{Case, Slot, WhenRestless, WorkerCommand};

use super::attempt::{make_attempt, nanos};
use super::interrupt::Interrupts;
use super::queue::Queue;
use super::refusal::refuse;
use super::rounds::{Agenda, CheckedCase, Rounds, further_round};
use super::sampler::{Sampler, Seen};
use super::slurm::{Submitter, make_slurm_attempt};
use super::waiting::{pace, wait_before, words};
use crate::reporter::Reporter;

/// Why a run could not go on. What a worker does never ends a run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The record could not be written.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A worker's log could not be written.
    #[error("write the log of a worker")]
    Log(#[source] io::Error),
    /// Signals or the event loop could not be set up.
    #[error("start the event loop")]
    Runtime(#[source] io::Error),
}

/// What every attempt needs.
#[derive(Debug)]
pub(crate) struct Context<'a> {
    /// The worker program.
    pub(crate) worker: &'a Path,
    /// Time after which an attempt is ended, in place of its case's.
    pub(crate) timeout: Option<Duration>,
    /// The run's record.
    pub(crate) recorder: &'a mut Recorder,
    /// Who is told.
    pub(crate) reporter: &'a mut Reporter,
    /// The user's wish to stop.
    pub(crate) interrupts: Interrupts,
    /// Who reads the machine.
    pub(crate) sampler: Sampler,
    /// Who makes attempts elsewhere; none where they are made here.
    pub(crate) slurm: Option<Submitter<'a>>,
}

impl Context<'_> {
    /// Records an event, then shows it.
    pub(crate) fn emit(&mut self, event: RunEvent) -> Result<(), RunError> {
        let stamped = self.recorder.append(event)?;
        self.reporter.show(&stamped);
        Ok(())
    }

    /// Records what was seen of the machine during an attempt, and tells people what disturbed it meanwhile. Returns all
    /// that disturbed it.
    pub(super) fn observed(&mut self, job: &Job) -> Result<Vec<Disturbance>, RunError> {
        let Seen {
            observations,
            cost,
            disturbed,
        } = self.sampler.finish();
        if !observations.is_empty() {
            self.emit(RunEvent::Observed {
                case: job.case.clone(),
                attempt: job.attempt,
                observations,
                cost_ns: nanos(cost),
            })?;
        }
        self.reporter.disturbed(&disturbed);
        Ok(disturbed)
    }

    /// Notes who the worker is, a case's own or the run's. A change of the same program within a run is
    /// worth a warning.
    pub(crate) fn greet(
        &mut self,
        own: Option<&WorkerCommand>,
        worker: &WorkerIdentity,
        torch: Option<&String>,
    ) {
        let before = earlier_identity(self.recorder.manifest(), own);
        if let Some(before) = before.filter(|before| *before != worker) {
            self.reporter.note(&format!(
                "the worker is {} {} now and was {} {} earlier in this run",
                worker.name, worker.version, before.name, before.version
            ));
        }
        if own.is_none() {
            self.recorder.set_worker(worker.clone(), torch.cloned());
        }
    }
}

/// What the same program said it is when it was greeted last.
fn earlier_identity<'a>(
    manifest: &'a Manifest,
    own: Option<&WorkerCommand>,
) -> Option<&'a WorkerIdentity> {
    if own.is_none() {
        return manifest.settings.worker_identity.as_ref();
    }
    let same = manifest
        .cases
        .iter()
        .filter(|case| case.case.worker.as_ref() == own);
    let attempts = same.flat_map(|case| &case.attempts);
    let last = attempts
        .filter(|attempt| attempt.worker_identity.is_some())
        .max_by_key(|attempt| attempt.started);
    last.and_then(|attempt| attempt.worker_identity.as_ref())
}

/// Why a start makes no further attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Halt {
    /// It has made all that it was to make.
    AllMade,
    /// The user wanted to stop.
    Stopped,
}

/// Makes the attempts in order, round by round as the stop rule wants them, and marks the run's state. Only the user or
/// the recorder can end it early.
pub(crate) async fn make_attempts(
    context: &mut Context<'_>,
    agenda: Agenda,
) -> Result<Halt, RunError> {
    context.recorder.set_state(RunState::Running)?;
    start(context, &agenda)?;
    let mut queue = Queue::new(&agenda.slots);
    let mut rounds = Rounds::new(context.recorder.manifest(), agenda);
    let mut is_first = true;
    loop {
        while let Some(slot) = queue.next() {
            let data = attempt_slot(context, slot, is_first).await?;
            rounds.keep(context.recorder.manifest(), slot, data.unwrap_or_default());
            is_first = false;
            if context.interrupts.requested() {
                break;
            }
            if let Some(retry) = queue.retry(context.recorder.manifest(), slot.case) {
                context.reporter.retrying(&retry);
            }
        }
        if context.interrupts.requested() || !add_round(context, &mut queue, &mut rounds)? {
            break;
        }
    }
    let state = state(context.recorder.manifest(), &rounds);
    context.emit(RunEvent::RunEnded { state })?;
    context.recorder.set_state(state)?;
    Ok(match context.interrupts.requested() {
        true => Halt::Stopped,
        false => Halt::AllMade,
    })
}

/// Looks at the stop rule and queues the round that it wants. Whether there is one.
fn add_round(
    context: &mut Context<'_>,
    queue: &mut Queue,
    rounds: &mut Rounds,
) -> Result<bool, RunError> {
    let checked = rounds.check(context.recorder.manifest());
    record_checks(context, &checked)?;
    let Some(round) = further_round(context.recorder.manifest(), &checked) else {
        return Ok(false);
    };
    context.recorder.grant(&round.cases)?;
    queue.add_round(context.recorder.manifest(), &round.cases);
    context.reporter.another_round(&round);
    Ok(true)
}

fn record_checks(context: &mut Context<'_>, checked: &[CheckedCase]) -> Result<(), RunError> {
    for CheckedCase { case, check } in checked {
        let case = context.recorder.manifest().cases[*case].case.id.clone();
        let check = check.clone();
        context.emit(RunEvent::RuleChecked { case, check })?;
    }
    Ok(())
}

/// Makes one attempt, here or where the run is made. What it measured, where it was made.
async fn attempt_slot(
    context: &mut Context<'_>,
    slot: Slot,
    is_first: bool,
) -> Result<Option<AttemptData>, RunError> {
    let elsewhere = context.slurm.as_ref();
    match elsewhere.map(|submitter| (submitter.slurm.clone(), submitter.program.clone())) {
        Some(slurm) => make_slurm_attempt(context, slurm, slot, is_first)
            .await
            .map(Some),
        None => attempt_here(context, slot, is_first).await,
    }
}

/// Waits, and makes one attempt on this machine or refuses it. What it measured, where it was made.
pub(crate) async fn attempt_here(
    context: &mut Context<'_>,
    slot: Slot,
    is_first: bool,
) -> Result<Option<AttemptData>, RunError> {
    let plan = &context.recorder.manifest().plan;
    let (pace, policy) = (pace(plan, is_first), plan.when_restless);
    let mut case = context.recorder.manifest().cases[slot.case].case.clone();
    let iterations = case.work.iterations();
    context.reporter.next(&case.id, slot.attempt, iterations);
    let Some(before) = wait_before(context, &case, slot.attempt, pace).await? else {
        return Ok(None);
    };
    let job = job_of(context.recorder, &case, slot.attempt);
    let is_restless = !before.is_empty();
    if is_restless {
        context.reporter.restless(&before, words(policy));
    }
    if is_restless && policy == WhenRestless::Refuse {
        refuse(context, &job, before)?;
        return Ok(None);
    }
    context.sampler.expect(before);
    case.timeout = context.timeout.unwrap_or(case.timeout);
    make_attempt(context, &case, job).await.map(Some)
}

/// A run is complete when every planned attempt and every retry was made, in this start or an earlier one, none was cut
/// short without another in its place, and the stop rule wants no more.
pub(super) fn state(manifest: &Manifest, rounds: &Rounds) -> RunState {
    let plan = &manifest.plan;
    let are_made = manifest.cases.iter().all(|case| case.unmade(plan) == 0);
    match are_made && rounds.are_over(manifest) {
        true => RunState::Complete,
        false => RunState::Interrupted,
    }
}

pub(super) fn start(context: &mut Context<'_>, agenda: &Agenda) -> Result<(), RunError> {
    let manifest = context.recorder.manifest();
    let started = RunEvent::RunStarted {
        schema_version: SCHEMA_VERSION,
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        run: manifest.run.clone(),
        planned: u32::try_from(agenda.slots.len()).unwrap_or(u32::MAX),
    };
    context.emit(started)?;
    record_checks(context, &agenda.checks)
}

pub(super) fn job_of(recorder: &Recorder, case: &Case, attempt: u32) -> Job {
    let settings = &recorder.manifest().settings;
    Job {
        protocol: PROTOCOL_VERSION,
        case: case.id.clone(),
        attempt,
        device: settings.device,
        threads: case.threads.unwrap_or(settings.threads),
        seed: case.seed,
        work: case.work.clone(),
        more: false,
    }
}
