//! Drives one worker process through its lifecycle: turns what the process does into inputs, and carries
//! out the actions. Decides nothing by itself.

use std::path::Path;
use std::time::{Duration, Instant};

use anechoic_protocol::{Job, WorkerEvent, WorkerIdentity, encode_line};
use anechoic_record::{
    AttemptData, AttemptFiles, AttemptRecord, Leftover, Outcome, RecordError, RunEvent, result_json,
};
use anechoic_suite::{Case, WorkerCommand};
use jiff::Timestamp;
use tokio::time::sleep_until;

use super::cpu_time::own_cpu_time;
use super::interrupt::Urgency;
use super::lifecycle::{Action, Input, Lifecycle};
use super::limits::Limits;
use super::message::read_line;
use super::run::{Context, RunError};
use super::verdict::{with_leftovers, with_memory_kills};
use super::watch::under_policy;
use crate::process::{ExitKind, Launch, LaunchError, Logs, ProcessEvent, Worker};
use crate::reporter::Aftermath;

/// Lines of standard error that people are shown when an attempt fails.
const SHOWN_LINES: usize = 8;

/// Makes one attempt, from its folder to its record. What it measured.
pub(crate) async fn make_attempt(
    context: &mut Context<'_>,
    case: &Case,
    job: Job,
) -> Result<AttemptData, RunError> {
    let files = context.recorder.begin_attempt(&job.case, job.attempt)?;
    files.write_job(&job)?;
    let logs = open_logs(&files)?;
    let started = Timestamp::now();
    let cpu_before = own_cpu_time();
    let spawned = Instant::now();
    let run = &context.recorder.manifest().run;
    let mark = format!("{run}/{}/{}", job.case, job.attempt);
    let launch = Launch::of_case(case, context.worker, &mark);
    let (ending, aftermath, mut data) = match Worker::spawn(&launch, logs) {
        Err(error) => {
            let ending = Ending::not_started(&launch.program, &error);
            (ending, Aftermath::default(), AttemptData::default())
        }
        Ok(worker) => {
            context.sampler.begin(worker.pid(), spawned);
            let limits = Limits::of(case.timeout);
            let lifecycle = Lifecycle::new(job.clone(), limits, spawned);
            Drive::new(
                context,
                worker,
                lifecycle,
                limits.leak,
                case.worker.as_ref(),
            )
            .finish()
            .await?
        }
    };
    let disturbed = context.observed(&job)?;
    let policy = context.recorder.manifest().plan.when_restless;
    let outcome = under_policy(policy, ending.outcome, &disturbed);
    let record = AttemptRecord {
        attempt: job.attempt,
        started,
        wall_ns: nanos(ending.wall),
        outcome: outcome.clone(),
        disturbed: disturbed.clone(),
        left: ending.left.clone(),
        pipes_left: aftermath.held_pipes,
        worker_identity: ending.worker_identity,
    };
    let orchestrator_cpu_ns = nanos(own_cpu_time().saturating_sub(cpu_before));
    data.wall_ns = Some(record.wall_ns);
    data.orchestrator_cpu_ns = Some(orchestrator_cpu_ns);
    write_result(context, &files, &job, &outcome, &data)?;
    context.emit(RunEvent::AttemptEnded {
        case: job.case.clone(),
        attempt: job.attempt,
        outcome: outcome.clone(),
        wall_ns: record.wall_ns,
        orchestrator_cpu_ns,
        disturbed,
        left: ending.left,
        pipes_left: aftermath.held_pipes,
    })?;
    context.recorder.end_attempt(&job.case, record)?;
    context
        .reporter
        .aftermath(&outcome, &aftermath, &files.folder);
    Ok(data)
}

/// `result.json`, for an attempt whose result counts.
fn write_result(
    context: &Context<'_>,
    files: &AttemptFiles,
    job: &Job,
    outcome: &Outcome,
    data: &AttemptData,
) -> Result<(), RunError> {
    let manifest = context.recorder.manifest();
    match manifest.cases.iter().find(|case| case.case.id == job.case) {
        Some(case) if outcome.is_ok() => {
            Ok(files.write_result(&result_json(manifest, case, job.attempt, data))?)
        }
        Some(_) | None => Ok(()),
    }
}

fn open_logs(files: &AttemptFiles) -> Result<Logs, RunError> {
    let copy = |file: &std::fs::File, name: &str| {
        file.try_clone().map_err(|source| RecordError::Io {
            action: "open",
            path: files.folder.join(name),
            source,
        })
    };
    Ok(Logs {
        stdout: copy(&files.stdout, "stdout.log")?,
        stderr: copy(&files.stderr, "stderr.log")?,
    })
}

/// How an attempt ended, how long it took, what it left and who it was.
struct Ending {
    outcome: Outcome,
    wall: Duration,
    left: Vec<Leftover>,
    worker_identity: Option<WorkerIdentity>,
}

impl Ending {
    fn not_started(program: &Path, error: &LaunchError) -> Self {
        let message = format!("`{}`: {error}", program.display());
        Self {
            outcome: Outcome::SpawnFailed { message },
            wall: Duration::ZERO,
            left: Vec::new(),
            worker_identity: None,
        }
    }
}

/// A running worker with its lifecycle.
struct Drive<'a, 'c> {
    context: &'a mut Context<'c>,
    worker: Worker,
    lifecycle: Lifecycle,
    own_worker: Option<&'a WorkerCommand>,
    spawned: Instant,
    deadline: Instant,
    leak: Duration,
    exited: Option<Instant>,
    identity: Option<WorkerIdentity>,
    data: AttemptData,
}

impl<'a, 'c> Drive<'a, 'c> {
    fn new(
        context: &'a mut Context<'c>,
        worker: Worker,
        lifecycle: Lifecycle,
        leak: Duration,
        own_worker: Option<&'a WorkerCommand>,
    ) -> Self {
        let spawned = lifecycle.spawned();
        Self {
            context,
            worker,
            lifecycle,
            own_worker,
            spawned,
            deadline: spawned,
            leak,
            exited: None,
            identity: None,
            data: AttemptData::default(),
        }
    }

    async fn finish(mut self) -> Result<(Ending, Aftermath, AttemptData), RunError> {
        let mut input = Input::Spawned {
            pid: self.worker.pid(),
            containment: self.worker.containment(),
        };
        let outcome = loop {
            if let Some(outcome) = self.take(input)? {
                break outcome;
            }
            input = self.next_input().await?;
        };
        let exited = self.exited.unwrap_or_else(Instant::now);
        let outcome = with_memory_kills(outcome, self.worker.memory_kills());
        let swept = self.worker.sweep(SHOWN_LINES, exited + self.leak).await;
        for how in &swept.stops {
            self.context.emit(self.lifecycle.stopping_event(*how))?;
        }
        let ending = Ending {
            outcome: with_leftovers(outcome, &swept),
            wall: exited - self.spawned,
            left: swept.left.clone(),
            worker_identity: self.identity,
        };
        let aftermath = Aftermath {
            stderr: swept.stderr,
            left: swept.left,
            held_pipes: swept.held_pipes,
        };
        Ok((ending, aftermath, self.data))
    }

    /// Feeds one input and carries out the actions; the outcome, when there is one.
    fn take(&mut self, input: Input) -> Result<Option<Outcome>, RunError> {
        for action in self.lifecycle.step(input, Instant::now()) {
            match action {
                Action::SendJob => self.worker.send(&encode_line(self.lifecycle.job())),
                Action::SetDeadline(deadline) => self.deadline = deadline,
                Action::Signal(how) => self.worker.stop(how),
                Action::Emit(event) => self.emit(event)?,
                Action::End(outcome) => return Ok(Some(outcome)),
            }
        }
        Ok(None)
    }

    fn emit(&mut self, event: RunEvent) -> Result<(), RunError> {
        self.context.emit(event.clone())?;
        if let RunEvent::Worker {
            message,
            since_spawn_ns,
            ..
        } = event
        {
            self.keep(message, since_spawn_ns);
        }
        Ok(())
    }

    /// Keeps what the attempt's result is made of.
    fn keep(&mut self, message: WorkerEvent, since_spawn_ns: u64) {
        match message {
            WorkerEvent::Hello {
                worker,
                torch,
                devices,
                protocol: _,
                benchmarks: _,
            } => {
                self.context.greet(self.own_worker, &worker, torch.as_ref());
                self.identity = Some(worker);
                self.data.hello_ns = Some(since_spawn_ns);
                self.data.devices = devices;
            }
            WorkerEvent::Sample { sample } => self.data.samples.push(sample),
            WorkerEvent::Warning { message } => self.data.warnings.push(message),
            WorkerEvent::Finished { result } => self.data.result = Some(*result),
            WorkerEvent::Phase { .. }
            | WorkerEvent::Progress { .. }
            | WorkerEvent::Failed { .. } => {}
        }
    }

    /// Sleeps until something happens, but for a look at the machine once a second: no polling, so that nothing
    /// disturbs a measurement.
    async fn next_input(&mut self) -> Result<Input, RunError> {
        loop {
            tokio::select! {
                event = self.worker.next() => {
                    let event = event.map_err(RunError::Log)?;
                    return Ok(self.translate(event));
                }
                urgency = self.context.interrupts.next() => {
                    self.context.reporter.stopping(urgency);
                    return Ok(match urgency {
                        Urgency::Orderly => Input::CancelRequested,
                        Urgency::Immediate => Input::KillRequested,
                    });
                }
                () = sleep_until(self.deadline.into()) => return Ok(Input::DeadlinePassed),
                () = self.context.sampler.due() => {}
            }
            self.context.sampler.sample();
        }
    }

    fn translate(&mut self, event: ProcessEvent) -> Input {
        match event {
            ProcessEvent::Line(line) => read_line(&line),
            ProcessEvent::OverlongLine => Input::BadLine(format!(
                "the line is longer than the {} bytes accepted",
                anechoic_protocol::MAX_LINE_BYTES
            )),
            ProcessEvent::OutputEnded(rest) => Input::OutputEnded(rest),
            ProcessEvent::LogEnded => Input::LogEnded,
            ProcessEvent::Exited(how) => self.note_exit(how),
        }
    }

    fn note_exit(&mut self, how: ExitKind) -> Input {
        self.exited = Some(Instant::now());
        self.context.sampler.end();
        Input::Exited(how)
    }
}

pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
