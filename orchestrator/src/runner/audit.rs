//! The attempts of an audit: those that have a process of their own, and sessions, in which one process makes several.

use anechoic_protocol::Job;
use anechoic_record::{AttemptRecord, Manifest, Outcome, RunEvent, RunState};
use anechoic_suite::{AuditSettings, Case, Slot, WhenRestless};
use jiff::Timestamp;

use super::attempt::{Waiting, begin, go_on};
use super::refusal::refuse;
use super::rounds::{Agenda, Rounds};
use super::run::{Context, Halt, RunError, attempt_here, job_of, start, state};
use super::waiting::{pace, wait_before, words};

/// Makes all attempts of an audit and marks the run's state. Only the user or the recorder can end it early.
pub(crate) async fn make_audit(
    context: &mut Context<'_>,
    audit: &AuditSettings,
) -> Result<Halt, RunError> {
    context.recorder.set_state(RunState::Running)?;
    let processes = processes(context.recorder.manifest(), audit);
    let slots: Vec<Slot> = processes.iter().flatten().copied().collect();
    let agenda = Agenda {
        slots,
        ..Agenda::default()
    };
    start(context, &agenda)?;
    let mut is_first = true;
    for slots in &processes {
        match slots[..] {
            [alone] => drop(attempt_here(context, alone, is_first).await?),
            _ => make_session(context, slots, is_first).await?,
        }
        is_first = false;
        if context.interrupts.requested() {
            break;
        }
    }
    // No rule adds rounds to an audit.
    let rounds = Rounds::new(context.recorder.manifest(), Agenda::default());
    let state = state(context.recorder.manifest(), &rounds);
    context.emit(RunEvent::RunEnded { state })?;
    context.recorder.set_state(state)?;
    Ok(match context.interrupts.requested() {
        true => Halt::Stopped,
        false => Halt::AllMade,
    })
}

/// The attempts of each process, in the plan's order.
fn processes(manifest: &Manifest, audit: &AuditSettings) -> Vec<Vec<Slot>> {
    let mut processes: Vec<Vec<Slot>> = Vec::new();
    for slot in &manifest.plan.slots {
        let session = audit.sessions.iter().find(|made| made.contains(slot));
        match session {
            None => processes.push(vec![*slot]),
            Some(made) if made.first() == Some(slot) => processes.push(made.clone()),
            // Already there with the first of its session.
            Some(_) => {}
        }
    }
    processes
}

/// Waits, and makes the attempts of one process. Where it ends early, those that it has not come to are not made.
async fn make_session(
    context: &mut Context<'_>,
    slots: &[Slot],
    is_first: bool,
) -> Result<(), RunError> {
    let plan = &context.recorder.manifest().plan;
    let (pace, policy) = (pace(plan, is_first), plan.when_restless);
    let (case, _) = asked(context, slots[0], true);
    announce(context, &case, slots[0]);
    let Some(before) = wait_before(context, &case, slots[0].attempt, pace).await? else {
        return Ok(());
    };
    if !before.is_empty() {
        context.reporter.restless(&before, words(policy));
        if policy == WhenRestless::Refuse {
            for slot in slots {
                let (_, job) = asked(context, *slot, false);
                refuse(context, &job, before.clone())?;
            }
            return Ok(());
        }
    }
    let mut waiting: Option<Waiting> = None;
    for (index, slot) in slots.iter().enumerate() {
        let (case, job) = asked(context, *slot, index + 1 < slots.len());
        announce(context, &case, *slot);
        // What disturbs the machine before a process disturbs all that it does.
        context.sampler.expect(before.clone());
        let (_, next) = match waiting.take() {
            None => begin(context, &case, job).await?,
            Some(process) => go_on(context, &case, job, process).await?,
        };
        waiting = next;
        let left = &slots[index + 1..];
        if waiting.is_none() && !left.is_empty() && !context.interrupts.requested() {
            return leave_out(context, left, &case.id);
        }
        if waiting.is_none() {
            return Ok(());
        }
    }
    Ok(())
}

/// The case with the limit of its time, and its job.
fn asked(context: &Context<'_>, slot: Slot, more: bool) -> (Case, Job) {
    let mut case = context.recorder.manifest().cases[slot.case].case.clone();
    let job = Job {
        more,
        ..job_of(context.recorder, &case, slot.attempt)
    };
    case.timeout = context.timeout.unwrap_or(case.timeout);
    (case, job)
}

fn announce(context: &mut Context<'_>, case: &Case, slot: Slot) {
    let iterations = case.work.iterations();
    context.reporter.next(&case.id, slot.attempt, iterations);
}

/// Records the attempts that a session does not come to, because its process has ended in `after`.
fn leave_out(context: &mut Context<'_>, slots: &[Slot], after: &str) -> Result<(), RunError> {
    for slot in slots {
        let (case, job) = asked(context, *slot, false);
        announce(context, &case, *slot);
        let files = context.recorder.begin_attempt(&job.case, job.attempt)?;
        files.write_job(&job)?;
        let outcome = Outcome::NotMade {
            after: after.to_owned(),
        };
        context.emit(RunEvent::AttemptEnded {
            case: job.case.clone(),
            attempt: job.attempt,
            outcome: outcome.clone(),
            wall_ns: 0,
            orchestrator_cpu_ns: 0,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            placement: None,
        })?;
        let record = AttemptRecord {
            attempt: job.attempt,
            started: Timestamp::now(),
            wall_ns: 0,
            outcome,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            worker_identity: None,
            placement: None,
        };
        context.recorder.end_attempt(&job.case, record)?;
    }
    Ok(())
}
