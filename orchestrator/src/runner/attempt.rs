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
pub(super) const SHOWN_LINES: usize = 8;

/// Makes one attempt in a process of its own, from its folder to its record. What it measured.
pub(crate) async fn make_attempt(
    context: &mut Context<'_>,
    case: &Case,
    job: Job,
) -> Result<AttemptData, RunError> {
    // A job that no other follows is never handed over.
    begin(context, case, job).await.map(|(data, _)| data)
}

/// A process that has done its job and waits for the next one.
pub(super) struct Waiting {
    worker: Worker,
    lifecycle: Lifecycle,
}

/// Makes the first attempt of a process. The process, where it waits for another job.
pub(super) async fn begin(
    context: &mut Context<'_>,
    case: &Case,
    job: Job,
) -> Result<(AttemptData, Option<Waiting>), RunError> {
    let opened = Opened::new(context, job)?;
    let run = &context.recorder.manifest().run;
    let mark = format!("{run}/{}/{}", opened.job.case, opened.job.attempt);
    let launch = Launch::of_case(case, context.worker, &mark);
    match Worker::spawn(&launch, open_logs(&opened.files)?) {
        Err(error) => {
            let ending = Ending::not_started(&launch.program, &error);
            let parts = (ending, Aftermath::default(), AttemptData::default());
            Ok((opened.conclude(context, parts)?, None))
        }
        Ok(worker) => {
            context.sampler.begin(worker.pid(), opened.spawned);
            let limits = Limits::of(case.timeout);
            let lifecycle = Lifecycle::new(opened.job.clone(), limits, opened.spawned);
            drive(context, case, opened, Waiting { worker, lifecycle }).await
        }
    }
}

/// Makes a further attempt in a process that waits.
pub(super) async fn go_on(
    context: &mut Context<'_>,
    case: &Case,
    job: Job,
    waiting: Waiting,
) -> Result<(AttemptData, Option<Waiting>), RunError> {
    let opened = Opened::new(context, job)?;
    let Waiting {
        mut worker,
        lifecycle,
    } = waiting;
    worker.log_to(open_logs(&opened.files)?);
    context.sampler.go_on(worker.pid(), opened.spawned);
    let limits = Limits::of(case.timeout);
    let lifecycle = lifecycle.next(opened.job.clone(), limits, opened.spawned);
    drive(context, case, opened, Waiting { worker, lifecycle }).await
}

async fn drive(
    context: &mut Context<'_>,
    case: &Case,
    opened: Opened,
    at_work: Waiting,
) -> Result<(AttemptData, Option<Waiting>), RunError> {
    let leak = Limits::of(case.timeout).leak;
    let own = case.worker.as_ref();
    let drive = Drive::new(context, at_work, leak, own);
    let (parts, waiting) = drive.finish().await?;
    Ok((opened.conclude(context, parts)?, waiting))
}

/// How an attempt ended, and all that is known of it.
type Parts = (Ending, Aftermath, AttemptData);

/// An attempt whose folder was made.
struct Opened {
    job: Job,
    files: AttemptFiles,
    started: Timestamp,
    cpu_before: Duration,
    spawned: Instant,
}

impl Opened {
    fn new(context: &Context<'_>, job: Job) -> Result<Self, RunError> {
        let files = context.recorder.begin_attempt(&job.case, job.attempt)?;
        files.write_job(&job)?;
        Ok(Self {
            job,
            files,
            started: Timestamp::now(),
            cpu_before: own_cpu_time(),
            spawned: Instant::now(),
        })
    }

    /// Records how it ended. What it measured.
    fn conclude(self, context: &mut Context<'_>, parts: Parts) -> Result<AttemptData, RunError> {
        let (ending, aftermath, mut data) = parts;
        let (job, files) = (self.job, self.files);
        let disturbed = context.observed(&job)?;
        let policy = context.recorder.manifest().plan.when_restless;
        let outcome = under_policy(policy, ending.outcome, &disturbed);
        let record = AttemptRecord {
            attempt: job.attempt,
            started: self.started,
            wall_ns: nanos(ending.wall),
            outcome: outcome.clone(),
            disturbed: disturbed.clone(),
            left: ending.left.clone(),
            pipes_left: aftermath.held_pipes,
            worker_identity: ending.worker_identity,
            placement: None,
        };
        let orchestrator_cpu_ns = nanos(own_cpu_time().saturating_sub(self.cpu_before));
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
            placement: None,
        })?;
        context.recorder.end_attempt(&job.case, record)?;
        context
            .reporter
            .aftermath(&outcome, &aftermath, &files.folder);
        Ok(data)
    }
}

/// `result.json`, for an attempt whose result counts.
pub(super) fn write_result(
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

/// What the lifecycle has come to.
enum Turn {
    /// The process has ended, and the attempt so.
    Ended(Outcome),
    /// The attempt ended well, and the process waits.
    HandedOver,
}

impl<'a, 'c> Drive<'a, 'c> {
    fn new(
        context: &'a mut Context<'c>,
        Waiting { worker, lifecycle }: Waiting,
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

    async fn finish(mut self) -> Result<(Parts, Option<Waiting>), RunError> {
        let mut input = Input::Spawned {
            pid: self.worker.pid(),
            containment: self.worker.containment(),
        };
        loop {
            match self.take(input)? {
                Some(Turn::Ended(outcome)) => return Ok((self.sweep(outcome).await?, None)),
                Some(Turn::HandedOver) => return Ok(self.hand_over()),
                None => input = self.next_input().await?,
            }
        }
    }

    /// The process goes on: there is nothing to sweep.
    fn hand_over(self) -> (Parts, Option<Waiting>) {
        self.context.sampler.end();
        let ending = Ending {
            outcome: Outcome::Ok,
            wall: self.spawned.elapsed(),
            left: Vec::new(),
            worker_identity: self.identity,
        };
        let waiting = Waiting {
            worker: self.worker,
            lifecycle: self.lifecycle,
        };
        ((ending, Aftermath::default(), self.data), Some(waiting))
    }

    async fn sweep(self, outcome: Outcome) -> Result<Parts, RunError> {
        let exited = self.exited.unwrap_or_else(Instant::now);
        let outcome = with_memory_kills(outcome, self.worker.memory_kills());
        let swept = self.worker.sweep(SHOWN_LINES, exited + self.leak).await;
        for how in &swept.stops {
            self.context.emit(self.lifecycle.stopping_event(*how))?;
        }
        let ending = Ending {
            outcome: with_leftovers(outcome, &swept),
            wall: exited.saturating_duration_since(self.spawned),
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

    /// Feeds one input and carries out the actions; what it has come to, when it has.
    fn take(&mut self, input: Input) -> Result<Option<Turn>, RunError> {
        for action in self.lifecycle.step(input, Instant::now()) {
            match action {
                Action::SendJob => self.worker.send(&encode_line(self.lifecycle.job())),
                Action::SetDeadline(deadline) => self.deadline = deadline,
                Action::Signal(how) => self.worker.stop(how),
                Action::Emit(event) => self.emit(event)?,
                Action::End(outcome) => return Ok(Some(Turn::Ended(outcome))),
                Action::HandOver => return Ok(Some(Turn::HandedOver)),
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
                several_jobs: _,
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
