//! What a transcript of a whole job says about the rules. Pure.

use std::time::Instant;

use anechoic_protocol::{Job, JobResult, Phase, Sample, WorkerEvent};
use anechoic_record::Outcome;

use super::rule::{Rule, STOPPED, Verdict};
use super::session::Transcript;
use crate::runner::{Action, Input, Lifecycle, bad_echo, bad_sample, unverified, with_leftovers};

/// A verdict on every rule that a whole job shows.
pub(super) fn whole_job(job: &Job, transcript: &Transcript) -> Vec<Verdict> {
    let fine = |found: Result<(), String>| found.map(|()| String::new());
    let mut verdicts = vec![
        Rule::Jobs.judged(fine(run_verdict(job, transcript))),
        Rule::Output.judged(fine(output(transcript))),
        Rule::Phases.judged(fine(phases(transcript))),
        Rule::Samples.judged(fine(samples(job, transcript))),
        Rule::Result.judged(fine(result(transcript))),
        Rule::ExitCode.judged(fine(exit_code(transcript))),
    ];
    let finished = transcript.messages().find_map(|message| match message {
        WorkerEvent::Finished { result } => Some(result),
        WorkerEvent::Hello { .. }
        | WorkerEvent::Phase { .. }
        | WorkerEvent::Progress { .. }
        | WorkerEvent::Sample { .. }
        | WorkerEvent::Warning { .. }
        | WorkerEvent::Failed { .. } => None,
    });
    verdicts.extend(match finished {
        Some(result) => [
            Rule::Echo.judged(fine(echo(job, transcript, result))),
            Rule::Verification.judged(fine(fault(unverified(result.verification.as_ref())))),
        ],
        None => [Rule::Echo, Rule::Verification].map(|rule| rule.not_tested("no `finished` came")),
    });
    verdicts
}

fn fault(outcome: Option<Outcome>) -> Result<(), String> {
    outcome.map_or(Ok(()), |outcome| Err(outcome.cause()))
}

/// Whether the attempt would have ended as `ok` in a run: the same state machine over the same events.
fn run_verdict(job: &Job, transcript: &Transcript) -> Result<(), String> {
    let outcome = with_leftovers(replayed(job, transcript), &transcript.swept);
    match outcome.is_ok() {
        true => Ok(()),
        false => Err(format!(
            "in a run: `{}`, {}",
            outcome.name(),
            outcome.cause()
        )),
    }
}

fn replayed(job: &Job, transcript: &Transcript) -> Outcome {
    let mut replay = Replay {
        lifecycle: Lifecycle::new(job.clone(), transcript.limits, transcript.spawned),
        deadline: transcript.spawned + transcript.limits.attempt,
        outcome: None,
    };
    let started = Input::Spawned {
        pid: transcript.pid,
        containment: transcript.containment,
    };
    replay.take(started, transcript.spawned);
    for (at, input) in &transcript.inputs {
        replay.pass_deadlines(*at);
        replay.take(input.clone(), *at);
    }
    replay.run_out()
}

/// A lifecycle that is fed what has already happened.
struct Replay {
    lifecycle: Lifecycle,
    deadline: Instant,
    outcome: Option<Outcome>,
}

/// Deadlines that a replay passes at most: far more than any lifecycle sets.
const MOST_DEADLINES: usize = 100;

impl Replay {
    fn take(&mut self, input: Input, now: Instant) {
        for action in self.lifecycle.step(input, now) {
            match action {
                Action::SetDeadline(deadline) => self.deadline = deadline,
                Action::End(outcome) => self.outcome = Some(outcome),
                // No job that is judged so says that another follows.
                Action::HandOver => self.outcome = Some(Outcome::Ok),
                Action::SendJob | Action::Signal(_) | Action::Emit(_) => {}
            }
        }
    }

    fn pass_deadlines(&mut self, until: Instant) {
        for _ in 0..MOST_DEADLINES {
            if self.outcome.is_some() || self.deadline > until {
                return;
            }
            let now = self.deadline;
            self.take(Input::DeadlinePassed, now);
        }
    }

    /// Nothing more happens: every deadline passes.
    fn run_out(mut self) -> Outcome {
        for _ in 0..MOST_DEADLINES {
            let now = self.deadline;
            match self.outcome {
                Some(outcome) => return outcome,
                None => self.take(Input::DeadlinePassed, now),
            }
        }
        unreachable!("a lifecycle gives up after its last SIGKILL")
    }
}

fn output(transcript: &Transcript) -> Result<(), String> {
    for (_, input) in &transcript.inputs {
        match input {
            Input::BadLine(what) => return Err(what.clone()),
            Input::OutputEnded(rest) if *rest > 0 => {
                return Err(format!("it ended within a line of {rest} bytes"));
            }
            Input::OutputEnded(_)
            | Input::Spawned { .. }
            | Input::Message(_)
            | Input::ForeignHello(_)
            | Input::LogEnded
            | Input::Exited(_)
            | Input::DeadlinePassed
            | Input::CancelRequested
            | Input::KillRequested => {}
        }
    }
    Ok(())
}

fn phases(transcript: &Transcript) -> Result<(), String> {
    let announced: Vec<Phase> = transcript
        .messages()
        .filter_map(|message| match message {
            WorkerEvent::Phase { phase } => Some(*phase),
            WorkerEvent::Hello { .. }
            | WorkerEvent::Progress { .. }
            | WorkerEvent::Sample { .. }
            | WorkerEvent::Warning { .. }
            | WorkerEvent::Finished { .. }
            | WorkerEvent::Failed { .. } => None,
        })
        .collect();
    if announced == STOPPED {
        return Ok(());
    }
    let names = |phases: &[Phase]| {
        let names: Vec<_> = phases.iter().map(|phase| phase.as_str()).collect();
        match names.is_empty() {
            true => "none".to_owned(),
            false => names.join(", "),
        }
    };
    Err(format!(
        "it announced {}, not {}",
        names(&announced),
        names(&STOPPED)
    ))
}

fn samples_of(transcript: &Transcript) -> Vec<Sample> {
    let messages = transcript.messages();
    messages
        .filter_map(|message| match message {
            WorkerEvent::Sample { sample } => Some(sample.clone()),
            WorkerEvent::Hello { .. }
            | WorkerEvent::Phase { .. }
            | WorkerEvent::Progress { .. }
            | WorkerEvent::Warning { .. }
            | WorkerEvent::Finished { .. }
            | WorkerEvent::Failed { .. } => None,
        })
        .collect()
}

fn samples(job: &Job, transcript: &Transcript) -> Result<(), String> {
    let samples = samples_of(transcript);
    for (seen, sample) in (0..).zip(&samples) {
        fault(bad_sample(job, seen, sample))?;
    }
    let (sent, asked) = (samples.len(), job.work.iterations());
    match sent == asked as usize {
        true => Ok(()),
        false => Err(format!("it sent {sent} of {asked} samples")),
    }
}

fn echo(job: &Job, transcript: &Transcript, result: &JobResult) -> Result<(), String> {
    let samples = samples_of(transcript);
    let wanted = job.work.name();
    if let Some(other) = samples.iter().find(|sample| sample.benchmark() != wanted) {
        let other = other.benchmark().as_str();
        return Err(format!("its samples are of the benchmark `{other}`"));
    }
    fault(bad_echo(job, &samples, result))
}

/// Exactly one result, with nothing after it.
pub(super) fn result(transcript: &Transcript) -> Result<(), String> {
    let results = transcript.results().len();
    if results != 1 {
        return Err(match results {
            0 => format!("no result came: {}", transcript.ending_with_log()),
            several => format!("it sent {several} results"),
        });
    }
    let last = transcript.messages().last();
    match last {
        Some(WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. }) => Ok(()),
        Some(_) | None => Err("it said something after its result".to_owned()),
    }
}

pub(super) fn exit_code(transcript: &Transcript) -> Result<(), String> {
    match transcript.ended_well() {
        true => Ok(()),
        false => Err(transcript.ending_with_log()),
    }
}
