//! Stopping a worker: its input closed, SIGTERM, nobody reading. Each in every phase that it announces.

use anechoic_protocol::{FailureKind, Job, Phase, WorkerEvent, encode_line};

use super::attacks::Attacker;
use super::jobs::{Lasting, lasting};
use super::rule::{Rule, Verdict};
use super::session::{End, Session, Transcript};
use crate::process::LaunchError;

/// The part that has to last so that a phase can be met.
fn part_for(phase: Phase) -> Lasting {
    match phase {
        Phase::Start | Phase::Load | Phase::Verify | Phase::WarmUp => Lasting::WarmUp,
        Phase::Measure => Lasting::Measure,
        Phase::Stop => Lasting::Nothing,
    }
}

/// A worker at work on the job, which has just announced the phase; `Err` with its end where it did not.
async fn in_phase(
    attacker: &mut Attacker<'_>,
    job: &Job,
    phase: Phase,
) -> Result<Result<Session, Box<Transcript>>, LaunchError> {
    let mut session = attacker.start(&format!("in-{}", phase.as_str())).await?;
    if phase == Phase::Start {
        return Ok(Ok(session));
    }
    session.send(&encode_line(&lasting(job, part_for(phase))));
    let limit = attacker.subject.timeout;
    match session.wait_for_phase(phase, limit).await {
        true => Ok(Ok(session)),
        false => Ok(Err(Box::new(attacker.finish_at_once(session).await))),
    }
}

fn unmet(rule: Rule, transcript: &Transcript) -> Verdict {
    rule.not_tested(format!(
        "it did not announce the phase: {}",
        transcript.ending_with_log()
    ))
}

/// Standard input is closed: `failed` `stopped` or a whole result, and the end, before SIGTERM would come.
pub(super) async fn close_input(
    attacker: &mut Attacker<'_>,
    job: &Job,
    phase: Phase,
) -> Result<Verdict, LaunchError> {
    let rule = Rule::Stop(phase);
    let mut session = match in_phase(attacker, job, phase).await? {
        Ok(session) => session,
        Err(transcript) => return Ok(unmet(rule, &transcript)),
    };
    session.close_input();
    let grace = session.limits().close_grace;
    let transcript = attacker.finish_within(session, grace).await;
    Ok(rule.judged(stopped(&transcript)))
}

fn stopped(transcript: &Transcript) -> Result<String, String> {
    if transcript.end != End::ByItself {
        let grace = transcript.limits.close_grace.as_secs();
        return Err(format!(
            "{grace} s later it was still there, and {}",
            transcript.ending()
        ));
    }
    match transcript.results()[..] {
        [
            WorkerEvent::Failed {
                kind: FailureKind::Stopped,
                ..
            },
        ] => Ok("`failed` `stopped`".to_owned()),
        [WorkerEvent::Finished { .. }] if transcript.ended_well() => Ok("`finished`".to_owned()),
        [WorkerEvent::Failed { kind, .. }] => Err(format!(
            "it said `failed` `{}`, not `stopped`",
            kind.as_str()
        )),
        [] => Err(format!(
            "it did not say so: {}",
            transcript.ending_with_log()
        )),
        [_] => Err(transcript.ending_with_log()),
        [_, _, ..] => Err("it sent several results".to_owned()),
    }
}

/// SIGTERM to its group: it is gone before SIGKILL would come.
pub(super) async fn terminate(
    attacker: &mut Attacker<'_>,
    job: &Job,
    phase: Phase,
) -> Result<Verdict, LaunchError> {
    let rule = Rule::Terminate(phase);
    let mut session = match in_phase(attacker, job, phase).await? {
        Ok(session) => session,
        Err(transcript) => return Ok(unmet(rule, &transcript)),
    };
    session.terminate();
    let grace = session.limits().term_grace;
    let gone = session.wait_for_exit(grace).await;
    let transcript = attacker.finish_at_once(session).await;
    Ok(rule.judged(match gone {
        true => Ok(transcript.ending()),
        false => Err(format!("{} s later it was still there", grace.as_secs())),
    }))
}

/// Nobody reads its output: the first write that fails is the end of a worker that cares.
pub(super) async fn close_output(
    attacker: &mut Attacker<'_>,
    job: &Job,
) -> Result<Verdict, LaunchError> {
    let mut session = attacker.start("output-closed").await?;
    session.close_output();
    session.send(&encode_line(&lasting(job, Lasting::Measure)));
    let gone = session.wait_for_exit(attacker.subject.timeout).await;
    let transcript = attacker.finish_at_once(session).await;
    Ok(Rule::OutputClosed.judged(match gone {
        true => Ok(transcript.ending()),
        false => Err("it worked on, although nobody read what it wrote".to_owned()),
    }))
}
