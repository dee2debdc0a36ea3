//! An attempt as a Slurm job: hands it over, takes in what the node records while it is made, and decides with Slurm how it
//! ended. The worker is supervised on the node, by the same code as here.

mod asking;
mod conclude;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anechoic_protocol::{Phase, WorkerEvent};
use anechoic_record::{
    AttemptData, AttemptFiles, CaseRecord, MachineState, Manifest, Outcome, RunEvent, Stamped,
};
use anechoic_suite::{Case, Plan, Slot};
use jiff::Timestamp;
use tokio::time::sleep;

use self::asking::Asking;
use self::verdict::Known;
use super::interrupt::Urgency;
use super::run::{Context, RunError, job_of};
use crate::process::{Guard, Identity};
use crate::slurm::{Desk, End, JobEnd, JobFiles, Need, Request, Shown, Slurm, Urgent};

/// Between two looks at what the node has written.
const LOOK: Duration = Duration::from_millis(500);

/// How long a file that the node has written may take to be seen here, where the job ended well, and where it did not and
/// there may be none.
const FILES_SEEN: Duration = Duration::from_secs(60);
const FILES_LOST: Duration = Duration::from_secs(4);

/// How long Slurm may take to see the end of a job whose attempt has ended.
const END_SEEN: Duration = Duration::from_secs(30);

/// How long a job that was told to stop may take before it is cancelled, and after that.
const STOP_GRACE: Duration = Duration::from_secs(30);

/// What a job takes beside the attempt: to start, to stop a worker and to end what it left.
const MARGIN: Duration = Duration::from_secs(120);

/// Hands attempts over to Slurm.
#[derive(Debug)]
pub(crate) struct Submitter<'a> {
    /// The cluster.
    pub(crate) slurm: Slurm,
    /// This program, as nodes find it.
    pub(crate) program: PathBuf,
    /// Cancels a job that nobody waits for any more.
    pub(crate) guard: Option<&'a mut Guard>,
    /// The state of rest of each node.
    pub(crate) references: BTreeMap<String, MachineState>,
}

/// What an attempt of this case needs of Slurm.
pub(crate) fn need(plan: &Plan, case: &Case, threads: u32, timeout: Option<Duration>) -> Need {
    let settle = plan.settle.map_or(Duration::ZERO, |settle| settle.limit);
    Need {
        time: plan.cooldown + settle + timeout.unwrap_or(case.timeout) + MARGIN,
        cpus: case.threads.unwrap_or(threads),
        memory_bytes: case.isolation.memory_limit_bytes,
    }
}

/// Makes one attempt as a Slurm job. What it measured.
pub(super) async fn make_slurm_attempt(
    context: &mut Context<'_>,
    (slurm, program): (Slurm, PathBuf),
    slot: Slot,
    is_first: bool,
) -> Result<AttemptData, RunError> {
    let mut case = context.recorder.manifest().cases[slot.case].case.clone();
    case.timeout = context.timeout.unwrap_or(case.timeout);
    let iterations = case.work.iterations();
    context.reporter.next(&case.id, slot.attempt, iterations);
    let job = job_of(context.recorder, &case, slot.attempt);
    let files = context.recorder.begin_attempt(&case.id, slot.attempt)?;
    files.write_job(&job)?;
    let desk = Desk::make(&files.folder)?;
    desk.ask(&request(context, slot, is_first))?;
    let manifest = context.recorder.manifest();
    let threads = manifest.settings.threads;
    let watch = Watch {
        slurm,
        program,
        need: need(&manifest.plan, &case, threads, context.timeout),
        name: job_name(&manifest.run, &case, slot.attempt),
        case,
        attempt: slot.attempt,
        desk,
        taken: 0,
        data: AttemptData::default(),
        phase: None,
        ended: None,
        met: None,
        submitted: Timestamp::now(),
        began: Instant::now(),
        stop: None,
        is_let_go: false,
    };
    watch.make(context, &files).await
}

fn job_name(run: &str, case: &Case, attempt: u32) -> String {
    crate::slurm::job_name(run, &case.id, attempt, &Identity::own().to_string())
}

/// The run as the node needs it: with this case alone, under the number that it has here.
fn request(context: &Context<'_>, slot: Slot, is_first: bool) -> Request {
    let whole = context.recorder.manifest();
    let case = whole.cases[slot.case].case.clone();
    let manifest = Manifest {
        plan: Plan {
            cases: vec![case.clone()],
            slots: vec![Slot { case: 0, ..slot }],
            ..whole.plan.clone()
        },
        cases: vec![CaseRecord {
            case,
            attempts: Vec::new(),
            granted: None,
        }],
        ..whole.clone()
    };
    let millis = |limit: Duration| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let submitter = context.slurm.as_ref();
    Request {
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        manifest,
        attempt: slot.attempt,
        is_first,
        timeout_ms: context.timeout.map(millis),
        worker: context.worker.to_owned(),
        references: submitter.map_or_else(BTreeMap::new, |s| s.references.clone()),
    }
}

/// One job from its hand-over to its end.
struct Watch {
    slurm: Slurm,
    program: PathBuf,
    need: Need,
    name: String,
    case: Case,
    attempt: u32,
    desk: Desk,
    /// Bytes of the node's log that were taken in.
    taken: u64,
    data: AttemptData,
    /// The phase that the worker announced last; none where none was started.
    phase: Option<Phase>,
    /// The node's own word of the attempt's end.
    ended: Option<RunEvent>,
    /// The node.
    met: Option<String>,
    submitted: Timestamp,
    began: Instant,
    /// Set once the user wants it to stop.
    stop: Option<Stopping>,
    /// Whether the user waits for Slurm no longer.
    is_let_go: bool,
}

/// How long a job that the user wants to stop is waited for.
struct Stopping {
    /// When it is cancelled, once.
    cancel: Option<Instant>,
    /// When it is waited for no longer.
    give_up: Instant,
}

/// The end of a job.
struct Over {
    job: Option<u64>,
    outcome: Outcome,
    said: Option<End>,
    shown: Option<Shown>,
}

impl Watch {
    async fn make(
        mut self,
        context: &mut Context<'_>,
        files: &AttemptFiles,
    ) -> Result<AttemptData, RunError> {
        tell_guard(context, Some(&self.name));
        let over = match self.hand_over(context).await {
            Ok(job) => {
                context.reporter.handed_over(job);
                self.follow(context, job).await?
            }
            Err(outcome) => Over {
                job: None,
                outcome,
                said: None,
                shown: None,
            },
        };
        tell_guard(context, None);
        self.take_in(context)?;
        self.conclude(context, files, over)
    }

    /// The number of the job, or what the attempt has come to without one. A controller that is away may take minutes for
    /// its answer; the user need not.
    async fn hand_over(&mut self, context: &mut Context<'_>) -> Result<u64, Outcome> {
        let outcome = tokio::select! {
            submitted = self.submit() => match submitted {
                Ok(job) => return Ok(job),
                Err(message) => Outcome::SubmissionFailed { message },
            },
            urgency = context.interrupts.next() => {
                self.want_stop(context, urgency);
                // A job that gets into the queue all the same shall find nothing to do.
                self.desk.withdraw();
                Outcome::Cancelled { phase: Phase::Start }
            }
        };
        // The answer may be lost, and the job not.
        self.cancel(context, Urgent::Now).await;
        Err(outcome)
    }

    async fn submit(&self) -> Result<u64, String> {
        let (request, script) = (self.desk.request(), self.desk.script());
        let output = self.desk.output();
        let files = JobFiles {
            program: &self.program,
            request: &request,
            script: &script,
            output: &output,
        };
        let submitted = self.slurm.submit(&self.need, &self.name, &files).await;
        submitted.map_err(|error| error.to_string())
    }

    /// Takes in what the node writes and asks Slurm, until the job is over or is given up.
    async fn follow(&mut self, context: &mut Context<'_>, job: u64) -> Result<Over, RunError> {
        let mut asking = Asking::new(Instant::now());
        loop {
            self.take_in(context)?;
            let said = self.desk.end();
            if said.is_some() {
                asking.hurry();
            }
            if asking.is_due(self.met.is_some()) {
                self.ask(context, job, &mut asking).await;
            }
            if self.is_over(said.as_ref(), &asking) {
                return self.end(context, job, said, asking).await;
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                urgency = context.interrupts.next() => self.stop(context, urgency, &mut asking).await,
            }
            self.cancel_overdue(context).await;
        }
    }

    /// A controller that is away may take its time; the user need not.
    async fn ask(&mut self, context: &mut Context<'_>, job: u64, asking: &mut Asking) {
        let slurm = self.slurm.clone();
        tokio::select! {
            shown = slurm.show(job) => asking.take(shown.ok(), context),
            urgency = context.interrupts.next() => self.stop(context, urgency, asking).await,
        }
    }

    /// What the job has come to. One that is not over for Slurm does not stay.
    async fn end(
        &mut self,
        context: &mut Context<'_>,
        job: u64,
        said: Option<End>,
        asking: Asking,
    ) -> Result<Over, RunError> {
        self.take_in(context)?;
        let end = asking.end();
        let cancelled = self.stop.is_some();
        if matches!(end, None | Some(JobEnd::Interrupted(_))) && !self.is_let_go {
            self.cancel(context, Urgent::Now).await;
        }
        let known = Known {
            job,
            said: said.as_ref(),
            end,
            cancelled,
            phase: self.phase,
            limit: self.need.time,
        };
        Ok(Over {
            job: Some(job),
            outcome: known.outcome(),
            said,
            shown: asking.shown,
        })
    }

    /// The second request does not wait for the node.
    async fn stop(&mut self, context: &mut Context<'_>, urgency: Urgency, asking: &mut Asking) {
        self.want_stop(context, urgency);
        let urgent = match urgency {
            Urgency::Orderly => Urgent::Orderly,
            Urgency::Immediate => Urgent::Now,
        };
        self.cancel(context, urgent).await;
        asking.hurry();
    }

    /// From here on the attempt is one that the user has stopped.
    fn want_stop(&mut self, context: &Context<'_>, urgency: Urgency) {
        context.reporter.stopping(urgency);
        let now = Instant::now();
        self.stop = Some(match urgency {
            Urgency::Orderly => Stopping {
                cancel: Some(now + STOP_GRACE),
                give_up: now + 2 * STOP_GRACE,
            },
            Urgency::Immediate => Stopping {
                cancel: None,
                give_up: now,
            },
        });
    }

    /// Has Slurm end the job. A further request makes it urgent, and one more waits for Slurm no longer.
    async fn cancel(&mut self, context: &mut Context<'_>, mut urgent: Urgent) {
        loop {
            let urgency = tokio::select! {
                () = self.slurm.cancel(&self.name, urgent) => return,
                urgency = context.interrupts.next() => urgency,
            };
            if self.is_given_up() {
                let name = &self.name;
                context.reporter.note(&format!(
                    "Slurm has not confirmed the end of the job: `scancel --name {name}` ends what is left of it"
                ));
                self.is_let_go = true;
                return;
            }
            self.want_stop(context, urgency);
            match urgency {
                Urgency::Orderly => {}
                Urgency::Immediate => urgent = Urgent::Now,
            }
        }
    }

    /// A job that was told to stop has had its time for it.
    async fn cancel_overdue(&mut self, context: &mut Context<'_>) {
        let now = Instant::now();
        let overdue = self
            .stop
            .as_mut()
            .and_then(|stop| stop.cancel.take_if(|at| *at <= now));
        if overdue.is_some() {
            self.cancel(context, Urgent::Now).await;
        }
    }

    fn is_given_up(&self) -> bool {
        let stop = self.stop.as_ref();
        stop.is_some_and(|stop| stop.give_up <= Instant::now())
    }

    fn is_over(&self, said: Option<&End>, asking: &Asking) -> bool {
        let given_up = self.is_given_up();
        let past =
            |since: Option<Instant>, limit| since.is_some_and(|since| since.elapsed() > limit);
        match (said, asking.end()) {
            (Some(_), Some(_)) => true,
            (Some(_), None) => given_up || past(asking.hurried, END_SEEN),
            (None, Some(JobEnd::Completed)) => given_up || past(asking.over, FILES_SEEN),
            // A node that was told to stop says so; one that was cut off may say nothing, and without one nothing is said.
            (None, Some(_)) => {
                let had_node = asking.has_node() || self.met.is_some();
                given_up || !had_node || past(asking.over, FILES_LOST)
            }
            (None, None) => given_up,
        }
    }

    /// Records what the node has recorded since the last look, and shows it.
    fn take_in(&mut self, context: &mut Context<'_>) -> Result<(), RunError> {
        self.meet(context);
        let (events, taken) = self.desk.events(self.taken)?;
        self.taken = taken;
        for stamped in events {
            self.data.take(stamped.clone());
            match stamped.event {
                RunEvent::AttemptEnded { .. } => self.ended = Some(stamped.event),
                _ => self.absorb(context, stamped)?,
            }
        }
        Ok(())
    }

    fn absorb(&mut self, context: &mut Context<'_>, stamped: Stamped) -> Result<(), RunError> {
        context.recorder.absorb(&stamped)?;
        context.reporter.show(&stamped);
        match stamped.event {
            RunEvent::AttemptStarted { .. } => self.phase = Some(Phase::Start),
            RunEvent::Worker { message, .. } => match message {
                WorkerEvent::Hello { worker, torch, .. } => {
                    context.greet(self.case.worker.as_ref(), &worker, torch.as_ref());
                }
                WorkerEvent::Phase { phase } => self.phase = Some(phase),
                WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. } => {
                    self.phase = Some(Phase::Stop);
                }
                WorkerEvent::Sample { .. }
                | WorkerEvent::Progress { .. }
                | WorkerEvent::Warning { .. } => {}
            },
            RunEvent::RunStarted { .. }
            | RunEvent::CooledDown { .. }
            | RunEvent::JobSent { .. }
            | RunEvent::Stopping { .. }
            | RunEvent::Observed { .. }
            | RunEvent::AttemptEnded { .. }
            | RunEvent::RuleChecked { .. }
            | RunEvent::RunEnded { .. } => {}
        }
        Ok(())
    }

    /// Notes the node, once it has said where it is.
    fn meet(&mut self, context: &mut Context<'_>) {
        if self.met.is_some() {
            return;
        }
        if let Some(start) = self.desk.node() {
            let before = context.recorder.manifest().mixed();
            context.recorder.meet(&start);
            for text in context.recorder.manifest().mixed() {
                if !before.contains(&text) {
                    let warning = format!("the run is mixed from here on: {text}");
                    context.reporter.note(&warning);
                }
            }
            self.met = Some(start.machine.hostname.unwrap_or_default());
        }
    }
}

fn tell_guard(context: &mut Context<'_>, name: Option<&str>) {
    let guard = context
        .slurm
        .as_mut()
        .and_then(|submitter| submitter.guard.as_mut());
    if let Some(guard) = guard {
        guard.watch_slurm_job(name);
    }
}
