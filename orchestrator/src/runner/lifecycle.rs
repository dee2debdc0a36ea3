//! The life of one attempt as a pure state machine: no clock, no process, no file, so that every order of
//! events can be tested. It decides what to send, when to stop the worker, and how the attempt ended. In a session of
//! several jobs, each attempt has a life of its own in the same process.

use std::time::{Duration, Instant};

use anechoic_protocol::{
    BenchmarkName, DeviceInfo, FailureKind, Job, PROTOCOL_VERSION, Phase, Sample, WorkerEvent,
};
use anechoic_record::{Containment, Outcome, RunEvent, Stop};

use super::check::{bad_result, bad_sample, unable, violation};
use super::limits::Limits;
use super::verdict::said;
use crate::process::ExitKind;

/// SIGKILLs before a process that does not go away (it hangs in the kernel) is given up.
const KILLS: u32 = 5;

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Input {
    /// The process was started.
    Spawned {
        /// Its process id.
        pid: u32,
        /// What holds it.
        containment: Containment,
    },
    /// It said something.
    Message(WorkerEvent),
    /// It said hello in another version of the protocol.
    ForeignHello(u32),
    /// It wrote a line that is no message.
    BadLine(String),
    /// Its standard output was closed, this many bytes after the last newline.
    OutputEnded(usize),
    /// Its standard error was closed.
    LogEnded,
    /// It ended.
    Exited(ExitKind),
    /// The time of the last [`Action::SetDeadline`] has come.
    DeadlinePassed,
    /// The user wants to stop.
    CancelRequested,
    /// The user wants to stop at once.
    KillRequested,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Action {
    /// Write the job to standard input.
    SendJob,
    /// Replaces the deadline before this one.
    SetDeadline(Instant),
    /// Stop the worker in this way.
    Signal(Stop),
    /// Record this, then show it.
    Emit(RunEvent),
    /// The attempt is over, and so is the process. Comes exactly once, and last.
    End(Outcome),
    /// The attempt is over, ended well, and the process waits for the next job. Comes in place of [`Action::End`].
    HandOver,
}

#[derive(Debug, Clone, PartialEq)]
enum Stage {
    /// No hello yet.
    Starting,
    /// The job was sent.
    Working,
    /// The last message has come; the process should end by itself.
    Reported(Report),
    /// The outcome is decided and the worker is being stopped.
    Stopping {
        verdict: Outcome,
        last: Stop,
        kills: u32,
    },
    /// [`Action::End`] or [`Action::HandOver`] was given.
    Over,
}

#[derive(Debug, Clone, PartialEq)]
enum Report {
    Finished,
    /// The user wants to stop, and nothing but the end of the process is missing.
    FinishedThenCancelled,
    Failed {
        kind: FailureKind,
        message: String,
    },
}

/// One attempt.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    job: Job,
    limits: Limits,
    spawned: Instant,
    stage: Stage,
    phase: Phase,
    /// What was measured so far.
    samples: Vec<Sample>,
    exited: Option<ExitKind>,
    /// Bytes after the last newline, once standard output was closed.
    output_rest: Option<usize>,
    log_ended: bool,
    /// Whether the process has said hello in an earlier attempt.
    is_greeted: bool,
}

type Actions = Vec<Action>;

impl Lifecycle {
    pub(crate) fn new(job: Job, limits: Limits, spawned: Instant) -> Self {
        Self {
            job,
            limits,
            spawned,
            stage: Stage::Starting,
            phase: Phase::Start,
            samples: Vec::new(),
            exited: None,
            output_rest: None,
            log_ended: false,
            is_greeted: false,
        }
    }

    /// The attempt at the next job, in the process of this one, which has handed over.
    pub(crate) fn next(self, job: Job, limits: Limits, now: Instant) -> Self {
        Self {
            job,
            limits,
            spawned: now,
            stage: Stage::Starting,
            phase: Phase::Start,
            samples: Vec::new(),
            is_greeted: true,
            ..self
        }
    }

    /// When its process was started; in a session, when its job came up.
    pub(crate) fn spawned(&self) -> Instant {
        self.spawned
    }

    /// What the worker is to do.
    pub(crate) fn job(&self) -> &Job {
        &self.job
    }

    /// Takes in one event and says what is to be done about it.
    pub(crate) fn step(&mut self, input: Input, now: Instant) -> Actions {
        if self.stage == Stage::Over {
            return Vec::new();
        }
        let mut actions = match input {
            Input::Spawned { pid, containment } => self.on_spawned(pid, containment, now),
            Input::Message(message) => self.on_message(message, now),
            Input::ForeignHello(found) => self.on_foreign_hello(found, now),
            Input::BadLine(detail) => self.decide(violation(detail), now),
            Input::OutputEnded(rest) => self.on_output_ended(rest, now),
            Input::LogEnded => {
                self.log_ended = true;
                Vec::new()
            }
            Input::Exited(how) => {
                self.exited = Some(how);
                vec![Action::SetDeadline(now + self.limits.leak)]
            }
            Input::DeadlinePassed => self.on_deadline(now),
            Input::CancelRequested => self.on_cancel(now),
            Input::KillRequested => self.on_kill(now),
        };
        if self.exited.is_some() && self.output_rest.is_some() && self.log_ended {
            actions.extend(self.end());
        }
        actions
    }

    fn on_spawned(&mut self, pid: u32, containment: Containment, now: Instant) -> Actions {
        let started = RunEvent::AttemptStarted {
            case: self.job.case.clone(),
            attempt: self.job.attempt,
            pid,
            containment,
        };
        if self.is_greeted {
            return self.go_on(started, now);
        }
        let limit = self.limits.hello.min(self.limits.attempt);
        vec![
            Action::Emit(started),
            Action::SetDeadline(self.spawned + limit),
        ]
    }

    /// The job goes to a process that has said hello before. One that has ended meanwhile is given the leak limit.
    fn go_on(&mut self, started: RunEvent, now: Instant) -> Actions {
        let mut actions = vec![Action::Emit(started)];
        actions.extend(self.accept_hello());
        if self.exited.is_some() || self.output_rest.is_some() {
            actions.push(Action::SetDeadline(now + self.limits.leak));
        }
        actions
    }

    fn on_message(&mut self, message: WorkerEvent, now: Instant) -> Actions {
        // Once the outcome is decided, what the worker says is kept in its log only.
        if matches!(self.stage, Stage::Stopping { .. }) {
            return Vec::new();
        }
        let mut actions = vec![Action::Emit(self.worker_event(message.clone(), now))];
        actions.extend(match message {
            WorkerEvent::Hello {
                protocol,
                devices,
                benchmarks,
                several_jobs,
                worker: _,
                torch: _,
            } => match self.refuse_hello(protocol, &devices, &benchmarks, several_jobs) {
                Some(verdict) => self.decide(verdict, now),
                None => self.accept_hello(),
            },
            WorkerEvent::Phase { phase } => self.while_working("a phase", now, |s| {
                s.phase = phase;
                Ok(())
            }),
            WorkerEvent::Progress { .. } => self.while_working("progress", now, |_| Ok(())),
            WorkerEvent::Warning { .. } => self.while_working("a warning", now, |_| Ok(())),
            WorkerEvent::Sample { sample } => {
                self.while_working("a sample", now, |s| s.take_sample(sample))
            }
            WorkerEvent::Finished { result } => self.while_working("a result", now, |s| {
                s.refuse(bad_result(&s.job, &s.samples, &result))?;
                s.stage = Stage::Reported(Report::Finished);
                Ok(())
            }),
            WorkerEvent::Failed { kind, message } => self.while_working("a failure", now, |s| {
                s.stage = Stage::Reported(Report::Failed { kind, message });
                Ok(())
            }),
        });
        match &self.stage {
            Stage::Reported(Report::Finished) if self.job.more => {
                self.stage = Stage::Over;
                actions.push(Action::HandOver);
            }
            Stage::Reported(_) => actions.extend(self.let_go(now)),
            Stage::Starting | Stage::Working | Stage::Stopping { .. } | Stage::Over => {}
        }
        actions
    }

    fn refuse_hello(
        &self,
        protocol: u32,
        devices: &[DeviceInfo],
        benchmarks: &[BenchmarkName],
        several_jobs: bool,
    ) -> Option<Outcome> {
        if self.stage != Stage::Starting {
            return Some(violation("it sent a second hello".to_owned()));
        }
        if protocol != PROTOCOL_VERSION {
            return Some(protocol_mismatch(protocol));
        }
        if self.job.more && !several_jobs {
            return Some(single_job());
        }
        unable(&self.job, devices, benchmarks)
    }

    fn on_foreign_hello(&mut self, found: u32, now: Instant) -> Actions {
        let verdict = match self.stage {
            Stage::Starting => protocol_mismatch(found),
            _ => violation("it sent a second hello".to_owned()),
        };
        self.decide(verdict, now)
    }

    fn accept_hello(&mut self) -> Actions {
        self.stage = Stage::Working;
        // Hello was still in the pipe: nobody is there any more to take the job, and the leak limit runs.
        if self.exited.is_some() {
            return Vec::new();
        }
        let sent = RunEvent::JobSent {
            case: self.job.case.clone(),
            attempt: self.job.attempt,
            job: Box::new(self.job.clone()),
        };
        let deadline = self.spawned + self.limits.attempt;
        vec![
            Action::Emit(sent),
            Action::SendJob,
            Action::SetDeadline(deadline),
        ]
    }

    /// Takes in a message that may only come between hello and the last message.
    fn while_working(
        &mut self,
        what: &str,
        now: Instant,
        take_in: impl FnOnce(&mut Self) -> Result<(), Outcome>,
    ) -> Actions {
        let misplaced = match self.stage {
            Stage::Starting => Some("before its hello"),
            Stage::Reported(_) => Some("after its last message"),
            Stage::Working | Stage::Stopping { .. } | Stage::Over => None,
        };
        let taken = match misplaced {
            Some(when) => Err(violation(format!("it sent {what} {when}"))),
            None => take_in(self),
        };
        match taken {
            Ok(()) => Vec::new(),
            Err(verdict) => self.decide(verdict, now),
        }
    }

    fn take_sample(&mut self, sample: Sample) -> Result<(), Outcome> {
        let seen = u32::try_from(self.samples.len()).unwrap_or(u32::MAX);
        self.refuse(bad_sample(&self.job, seen, &sample))?;
        self.samples.push(sample);
        Ok(())
    }

    fn refuse(&self, found: Option<Outcome>) -> Result<(), Outcome> {
        found.map_or(Ok(()), Err)
    }

    /// After the last message: nothing more will be asked, and the process has a while to end.
    fn let_go(&mut self, now: Instant) -> Actions {
        self.phase = Phase::Stop;
        if self.exited.is_some() {
            return Vec::new();
        }
        let limit = (now + self.limits.exit).min(self.spawned + self.limits.attempt);
        vec![Action::Signal(Stop::CloseStdin), Action::SetDeadline(limit)]
    }

    /// Fixes the outcome and begins to stop the worker. The first verdict stands.
    fn decide(&mut self, verdict: Outcome, now: Instant) -> Actions {
        if matches!(self.stage, Stage::Stopping { .. }) {
            return Vec::new();
        }
        self.stage = Stage::Stopping {
            verdict,
            last: Stop::CloseStdin,
            kills: 0,
        };
        if self.exited.is_some() {
            return Vec::new();
        }
        self.tell_to_stop(Stop::CloseStdin, now)
    }

    fn tell_to_stop(&self, how: Stop, now: Instant) -> Actions {
        let grace = match how {
            Stop::CloseStdin => self.limits.close_grace,
            Stop::Terminate | Stop::Kill => self.limits.term_grace,
        };
        vec![
            Action::Emit(self.stopping_event(how)),
            Action::Signal(how),
            Action::SetDeadline(now + grace),
        ]
    }

    fn on_output_ended(&mut self, rest: usize, now: Instant) -> Actions {
        self.output_rest = Some(rest);
        match self.stage {
            // Either the process is just ending, or it can never report; the leak limit tells.
            Stage::Starting | Stage::Working if self.exited.is_none() => {
                vec![Action::SetDeadline(now + self.limits.leak)]
            }
            _ => Vec::new(),
        }
    }

    fn on_deadline(&mut self, now: Instant) -> Actions {
        if self.exited.is_some() {
            // Something that the process started still holds its pipes; what is left is ended after this.
            return self.end();
        }
        match self.stage.clone() {
            Stage::Starting | Stage::Working => {
                let verdict = if self.output_rest.is_some() {
                    violation("it closed its standard output before a result".to_owned())
                } else {
                    self.timeout(self.running_limit())
                };
                self.decide(verdict, now)
            }
            Stage::Reported(Report::Failed { kind, message }) => {
                self.decide(said(kind, message), now)
            }
            Stage::Reported(Report::Finished) => {
                let limit = self.limits.exit.min(self.limits.attempt);
                let verdict = self.timeout(limit);
                self.decide(verdict, now)
            }
            Stage::Reported(Report::FinishedThenCancelled) => {
                self.give_up_result();
                self.escalate(Stop::CloseStdin, 0, now)
            }
            Stage::Stopping { last, kills, .. } => self.escalate(last, kills, now),
            Stage::Over => Vec::new(),
        }
    }

    fn running_limit(&self) -> Duration {
        match self.stage {
            Stage::Starting => self.limits.hello.min(self.limits.attempt),
            _ => self.limits.attempt,
        }
    }

    fn timeout(&self, limit: Duration) -> Outcome {
        Outcome::Timeout {
            phase: self.phase,
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        }
    }

    fn escalate(&mut self, reached: Stop, given: u32, now: Instant) -> Actions {
        if given == KILLS {
            return self.end();
        }
        let next = match reached {
            Stop::CloseStdin => Stop::Terminate,
            Stop::Terminate | Stop::Kill => Stop::Kill,
        };
        if let Stage::Stopping { last, kills, .. } = &mut self.stage {
            *last = next;
            *kills = given + u32::from(next == Stop::Kill);
        }
        self.tell_to_stop(next, now)
    }

    fn on_cancel(&mut self, now: Instant) -> Actions {
        let verdict = match &self.stage {
            Stage::Reported(Report::Finished) => return self.cancel_after_result(now),
            Stage::Reported(Report::FinishedThenCancelled) => return Vec::new(),
            Stage::Reported(Report::Failed { kind, message }) => said(*kind, message.clone()),
            Stage::Starting | Stage::Working | Stage::Stopping { .. } | Stage::Over => {
                self.cancelled()
            }
        };
        self.decide(verdict, now)
    }

    /// A complete result is not thrown away: the process has the grace of a stop to end by itself.
    fn cancel_after_result(&mut self, now: Instant) -> Actions {
        if self.exited.is_some() {
            return Vec::new();
        }
        self.stage = Stage::Reported(Report::FinishedThenCancelled);
        self.tell_to_stop(Stop::CloseStdin, now)
    }

    fn give_up_result(&mut self) {
        self.stage = Stage::Stopping {
            verdict: self.cancelled(),
            last: Stop::CloseStdin,
            kills: 0,
        };
    }

    fn cancelled(&self) -> Outcome {
        Outcome::Cancelled { phase: self.phase }
    }

    fn on_kill(&mut self, now: Instant) -> Actions {
        let mut actions = self.on_cancel(now);
        if self.exited.is_none() {
            if self.stage == Stage::Reported(Report::FinishedThenCancelled) {
                self.give_up_result();
            }
            actions.extend(self.escalate(Stop::Kill, 0, now));
        }
        actions
    }

    fn end(&mut self) -> Actions {
        let outcome = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Stopping { verdict, .. } => verdict,
            Stage::Reported(Report::Failed { kind, message }) => said(kind, message),
            Stage::Reported(Report::Finished) => self.ended_after_result(),
            Stage::Reported(Report::FinishedThenCancelled) => {
                let outcome = Some(self.ended_after_result());
                outcome.filter(Outcome::is_ok).unwrap_or(self.cancelled())
            }
            Stage::Starting | Stage::Working => self.ended_without_result(),
            Stage::Over => return Vec::new(),
        };
        vec![Action::End(outcome)]
    }

    fn ended_after_result(&self) -> Outcome {
        match &self.exited {
            // `None` cannot be: before the process ends, a finished attempt goes through `decide`.
            Some(ExitKind::Code(0)) | None => Outcome::Ok,
            Some(how) => abnormal_exit(how),
        }
    }

    fn ended_without_result(&self) -> Outcome {
        match &self.exited {
            Some(ExitKind::Code(0)) | None => violation(match self.output_rest {
                Some(rest) if rest > 0 => {
                    format!(
                        "it exited with code 0 and its output ended in the middle of a line ({rest} bytes)"
                    )
                }
                _ => "it exited with code 0 and without a result".to_owned(),
            }),
            Some(how) => abnormal_exit(how),
        }
    }

    fn worker_event(&self, message: WorkerEvent, now: Instant) -> RunEvent {
        let since = now.saturating_duration_since(self.spawned);
        RunEvent::Worker {
            case: self.job.case.clone(),
            attempt: self.job.attempt,
            since_spawn_ns: u64::try_from(since.as_nanos()).unwrap_or(u64::MAX),
            message,
        }
    }

    /// The event of stopping the worker in this way.
    pub(crate) fn stopping_event(&self, how: Stop) -> RunEvent {
        RunEvent::Stopping {
            case: self.job.case.clone(),
            attempt: self.job.attempt,
            how,
        }
    }
}

/// A worker that was asked whether it does several jobs in one process, and does not.
fn single_job() -> Outcome {
    Outcome::WorkerFailed {
        kind: FailureKind::InvalidJob,
        message: "the worker does not offer several jobs in one process".to_owned(),
    }
}

fn protocol_mismatch(found: u32) -> Outcome {
    Outcome::ProtocolMismatch {
        expected: PROTOCOL_VERSION,
        found,
    }
}

fn abnormal_exit(how: &ExitKind) -> Outcome {
    match how {
        ExitKind::Code(code) => Outcome::ExitCode { code: *code },
        ExitKind::Signal { number, name } => Outcome::Signal {
            number: *number,
            name: name.clone(),
        },
    }
}
