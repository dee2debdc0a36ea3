//! The attempts of a run, one after the other, each after its cooldown.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use anechoic_protocol::{Job, PROTOCOL_VERSION, WorkerIdentity};
use anechoic_record::{
    AttemptRecord, CaseRecord, Manifest, Outcome, RecordError, Recorder, RunEvent, RunState,
    SCHEMA_VERSION,
};
use anechoic_suite::{Case, Slot, WorkerCommand};
use tokio::time::sleep;

use super::attempt::make_attempt;
use super::interrupt::Interrupts;
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
    /// The run's record.
    pub(crate) recorder: &'a mut Recorder,
    /// Who is told.
    pub(crate) reporter: &'a mut Reporter,
    /// The user's wish to stop.
    pub(crate) interrupts: Interrupts,
}

impl Context<'_> {
    /// Records an event, then shows it.
    pub(crate) fn emit(&mut self, event: RunEvent) -> Result<(), RunError> {
        let stamped = self.recorder.append(event)?;
        self.reporter.show(&stamped);
        Ok(())
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

/// Makes the attempts in order and marks the run's state. Only the user or the recorder can end it early.
pub(crate) async fn make_attempts(
    context: &mut Context<'_>,
    slots: &[Slot],
    cooldown: Duration,
) -> Result<Halt, RunError> {
    context.recorder.set_state(RunState::Running)?;
    start(context, slots)?;
    for (index, slot) in slots.iter().enumerate() {
        let case = context.recorder.manifest().cases[slot.case].case.clone();
        context
            .reporter
            .next(&case.id, slot.attempt, case.work.iterations());
        if index > 0 {
            cool_down(context, &case, slot.attempt, cooldown).await?;
        }
        if context.interrupts.requested() {
            break;
        }
        let job = job_of(context.recorder, &case, slot.attempt);
        make_attempt(context, &case, job).await?;
        if context.interrupts.requested() {
            break;
        }
    }
    let state = state(context.recorder.manifest());
    context.emit(RunEvent::RunEnded { state })?;
    context.recorder.set_state(state)?;
    Ok(match context.interrupts.requested() {
        true => Halt::Stopped,
        false => Halt::AllMade,
    })
}

/// A run is complete when every planned attempt was made, in this start or an earlier one, and none was
/// cut short by the user without another in its place.
fn state(manifest: &Manifest) -> RunState {
    let made = |case: &CaseRecord| {
        let whole =
            |attempt: &&AttemptRecord| !matches!(attempt.outcome, Outcome::Cancelled { .. });
        case.attempts.iter().filter(whole).count()
    };
    let planned = manifest.plan.attempts as usize;
    if manifest.cases.iter().all(|case| made(case) >= planned) {
        RunState::Complete
    } else {
        RunState::Interrupted
    }
}

fn start(context: &mut Context<'_>, slots: &[Slot]) -> Result<(), RunError> {
    let manifest = context.recorder.manifest();
    let started = RunEvent::RunStarted {
        schema_version: SCHEMA_VERSION,
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        run: manifest.run.clone(),
        planned: u32::try_from(slots.len()).unwrap_or(u32::MAX),
    };
    context.emit(started)
}

fn job_of(recorder: &Recorder, case: &Case, attempt: u32) -> Job {
    let settings = &recorder.manifest().settings;
    Job {
        protocol: PROTOCOL_VERSION,
        case: case.id.clone(),
        attempt,
        device: settings.device,
        threads: case.threads.unwrap_or(settings.threads),
        seed: case.seed,
        work: case.work.clone(),
    }
}

/// Pauses, unless the user wants to stop. Wakes once a second, and no worker runs meanwhile.
async fn cool_down(
    context: &mut Context<'_>,
    case: &Case,
    attempt: u32,
    cooldown: Duration,
) -> Result<(), RunError> {
    if cooldown.is_zero() {
        return Ok(());
    }
    let start = Instant::now();
    while start.elapsed() < cooldown && !context.interrupts.requested() {
        let left = cooldown - start.elapsed().min(cooldown);
        context.reporter.cooling(left, cooldown);
        tokio::select! {
            () = sleep(left.min(Duration::from_secs(1))) => {}
            urgency = context.interrupts.next() => context.reporter.stopping(urgency),
        }
    }
    let waited = start.elapsed().as_millis();
    context.emit(RunEvent::CooledDown {
        case: case.id.clone(),
        attempt,
        waited_ms: u64::try_from(waited).unwrap_or(u64::MAX),
        waits: Vec::new(),
    })
}
