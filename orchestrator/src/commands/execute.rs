//! Starting a run, or going on with one: decides everything, opens the record, then makes the attempts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_protocol::Device;
use anechoic_record::{
    CaseRecord, Executor, Manifest, Recorder, RunLock, RunSettings, RunState, SCHEMA_VERSION,
    StartedBy,
};
use anechoic_suite::{AuditSettings, Plan};
use jiff::Timestamp;

use super::CommandError;
use super::conditions::start;
use super::ground::{self, Ground};
use super::hold::hold_device;
use super::offers::{offers, require_several_jobs, run_worker};
use crate::cli::Place;
use crate::lock::DeviceLock;
use crate::probe::Gpus;
use crate::process::{Guard, adopt_orphans, end_stale};
use crate::reporter::{Format, Reporter, say};
use crate::runner::{
    Agenda, Context, Halt, Interrupts, RunError, Sampler, Submitter, make_attempts, make_audit,
};
use crate::settings::{DeviceChoice, find_run_worker};
use crate::slurm::{Nodes, Slurm};

/// A run whose record and device are ours, with everything decided.
#[derive(Debug)]
pub(super) struct OpenRun {
    pub(super) recorder: Recorder,
    /// Absent where attempts are made elsewhere, on devices that are taken there.
    pub(super) device: Option<DeviceLock>,
    /// Who makes the attempts, where they are not made here.
    pub(super) slurm: Option<Slurm>,
    pub(super) worker: PathBuf,
    pub(super) agenda: Agenda,
    /// A limit of the time of an attempt in place of the plan's.
    pub(super) timeout: Option<Duration>,
}

/// A run after its attempts. Nobody else writes it, or measures on its device, before all is told.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) halt: Halt,
    pub(super) lock: RunLock,
    /// Absent where no attempt was left to be made, and where they were made elsewhere.
    pub(super) place: Option<TakenPlace>,
}

/// A device of this machine that was chosen and is ours, with the worker that measures on it.
#[derive(Debug)]
pub(super) struct TakenPlace {
    pub(super) device: Device,
    lock: DeviceLock,
    pub(super) worker: PathBuf,
}

impl TakenPlace {
    /// Finds the worker and takes the device.
    pub(super) fn take(plan: &Plan, place: &Place) -> Result<Self, CommandError> {
        let worker = find_run_worker(plan, place.worker.as_deref())?;
        let (device, lock) = take_device(place, plan, &worker)?;
        Ok(Self {
            device,
            lock,
            worker,
        })
    }

    /// Makes the directory of a run on the device.
    pub(super) fn open(
        mut self,
        plan: Plan,
        audit: Option<AuditSettings>,
        (suite, file): (&str, Option<&Path>),
        place: &Place,
    ) -> Result<OpenRun, CommandError> {
        let mut manifest = manifest(plan, file, place, &self.worker, self.device);
        manifest.audit = audit;
        let mut run = OpenRun::create(manifest, suite, place, self.worker)?;
        self.lock.name_run(run.recorder.path());
        run.device = Some(self.lock);
        Ok(run)
    }
}

/// Checks all that a plan needs, takes the device and makes the run's directory.
pub(super) fn open_run(plan: Plan, suite: &str, place: &Place) -> Result<OpenRun, CommandError> {
    open_run_from(plan, suite, None, place)
}

/// As [`open_run`], for a suite that was read from this file.
pub(super) fn open_run_from(
    plan: Plan,
    suite: &str,
    file: Option<&Path>,
    place: &Place,
) -> Result<OpenRun, CommandError> {
    open(plan, None, suite, file, place)
}

/// As [`open_run_from`], for the plan of an audit. Its workers have to do several jobs in one process.
pub(super) fn open_audit(
    (plan, audit): (Plan, AuditSettings),
    suite: &str,
    file: &Path,
    place: &Place,
) -> Result<OpenRun, CommandError> {
    open(plan, Some(audit), suite, Some(file), place)
}

fn open(
    plan: Plan,
    audit: Option<AuditSettings>,
    suite: &str,
    file: Option<&Path>,
    place: &Place,
) -> Result<OpenRun, CommandError> {
    if let Ground::Cluster { slurm, nodes } = Ground::of(place)? {
        return open_on_cluster(plan, (suite, file), place, (slurm, nodes));
    }
    let taken = TakenPlace::take(&plan, place)?;
    if audit.is_some() {
        require_several_jobs(&plan, &taken.worker)?;
    }
    taken.open(plan, audit, (suite, file), place)
}

/// A run whose attempts are made on the nodes of a cluster. An audit has no such place.
fn open_on_cluster(
    plan: Plan,
    (suite, file): (&str, Option<&Path>),
    place: &Place,
    (slurm, nodes): (Slurm, Nodes),
) -> Result<OpenRun, CommandError> {
    let worker = find_run_worker(&plan, place.worker.as_deref())?;
    let device = ground::device(place.device, &slurm);
    let mut manifest = manifest(plan, file, place, &worker, device);
    let settings = &mut manifest.settings;
    settings.threads = place.threads.unwrap_or(nodes.cores);
    settings.executor = Executor::Slurm(slurm.options.clone());
    ground::check(&slurm, &manifest.plan, settings.threads, None)?;
    let mut run = OpenRun::create(manifest, suite, place, worker)?;
    run.slurm = Some(slurm);
    Ok(run)
}

fn manifest(
    plan: Plan,
    file: Option<&Path>,
    place: &Place,
    worker: &Path,
    device: Device,
) -> Manifest {
    let mut start = start(StartedBy::Run, device, worker, plan.cases.iter());
    let file = file.and_then(|file| file.canonicalize().ok());
    start.suite_file = file.map(|file| file.display().to_string());
    let cases = plan.cases.iter().map(|case| CaseRecord {
        case: case.clone(),
        attempts: Vec::new(),
        granted: None,
    });
    let machine = start.machine.clone();
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: String::new(),
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        started: Timestamp::now(),
        state: RunState::Running,
        settings: RunSettings {
            device,
            threads: place.threads.unwrap_or(machine.physical_cores),
            worker: run_worker(&plan, worker),
            worker_identity: None,
            torch: None,
            executor: Executor::Local,
        },
        machine,
        cases: cases.collect(),
        plan,
        starts: vec![start],
        audit: None,
    }
}

/// Takes the device that was asked for before the workers are asked about it, which would be heard by whoever measures
/// on it.
fn take_device(
    place: &Place,
    plan: &Plan,
    worker: &Path,
) -> Result<(Device, DeviceLock), CommandError> {
    let gpus = Gpus::find();
    let wanted = place.device.resolve(&gpus)?;
    let lock = hold_device(wanted, &gpus, place.wait)?;
    let device = choose_device(place.device, &gpus, plan, worker)?;
    if device == wanted {
        return Ok((device, lock));
    }
    drop(lock);
    Ok((device, hold_device(device, &gpus, place.wait)?))
}

fn choose_device(
    choice: DeviceChoice,
    gpus: &Gpus,
    plan: &Plan,
    worker: &Path,
) -> Result<Device, CommandError> {
    let mut last = None;
    let offers = offers(&plan.cases, worker).inspect(|offer| last = Some(offer.worker.clone()));
    let device = choice.settle(gpus, offers)?;
    if let (Device::Cpu, DeviceChoice::Auto, Some(worker)) = (device, choice, last) {
        say(&format!(
            "note: a GPU is visible, but the worker `{worker}` does not offer it; measuring on the CPU"
        ));
    }
    Ok(device)
}

impl OpenRun {
    /// Makes the directory of a run that is to make all attempts of its plan.
    fn create(
        manifest: Manifest,
        suite: &str,
        place: &Place,
        worker: PathBuf,
    ) -> Result<Self, CommandError> {
        let slots = manifest.plan.slots.clone();
        let recorder = Recorder::create(&place.results.root, manifest, suite)
            .map_err(CommandError::NoRecord)?;
        Ok(Self {
            recorder,
            device: None,
            slurm: None,
            worker,
            agenda: Agenda {
                slots,
                ..Agenda::default()
            },
            timeout: None,
        })
    }

    /// Makes the attempts. The run and its device are held meanwhile.
    pub(super) fn execute(mut self, format: Format) -> Result<Made, CommandError> {
        let path = self.recorder.path().to_owned();
        let mut guard = supervise();
        let slurm = self.slurm.take();
        let slurm = slurm
            .map(|slurm| submitter(slurm, guard.as_mut()))
            .transpose()?;
        match self.attempt_all(format, slurm) {
            Ok(halt) => {
                guard.into_iter().for_each(Guard::dismiss);
                let device = self.recorder.manifest().settings.device;
                let place = self.device.map(|lock| TakenPlace {
                    device,
                    lock,
                    worker: self.worker,
                });
                Ok(Made {
                    halt,
                    lock: self.recorder.close(),
                    place,
                })
            }
            Err(source) => Err(CommandError::Run { run: path, source }),
        }
    }

    /// One thread: a worker's parent-death signal follows the thread that spawned it.
    fn attempt_all(
        &mut self,
        format: Format,
        slurm: Option<Submitter<'_>>,
    ) -> Result<Halt, RunError> {
        let recorder = &mut self.recorder;
        let agenda = std::mem::take(&mut self.agenda);
        let plan = &recorder.manifest().plan;
        let reporter = Reporter::new(format, agenda.slots.len(), plan.cooldown);
        let mut reporter = reporter.under(plan.until.as_ref());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(RunError::Runtime)?;
        runtime.block_on(async {
            let sampler = Sampler::for_run(recorder.manifest());
            let mut context = Context {
                worker: &self.worker,
                timeout: self.timeout,
                recorder,
                reporter: &mut reporter,
                interrupts: Interrupts::listen().map_err(RunError::Runtime)?,
                sampler,
                slurm,
            };
            match context.recorder.manifest().audit.clone() {
                Some(audit) => make_audit(&mut context, &audit).await,
                None => make_attempts(&mut context, agenda).await,
            }
        })
    }
}

fn submitter(slurm: Slurm, guard: Option<&mut Guard>) -> Result<Submitter<'_>, CommandError> {
    Ok(Submitter {
        slurm,
        program: ground::own_program()?,
        guard,
        references: BTreeMap::new(),
    })
}

/// Sets up what finds and ends all that workers leave. The guard is dismissed where the attempts came to their end. What an `anechoic` that was killed had left would run
/// beside what is measured now.
pub(super) fn supervise() -> Option<Guard> {
    adopt_orphans();
    let ended = end_stale();
    if !ended.is_empty() {
        let ended = ended.join(", ");
        say(&format!(
            "note: an anechoic that was killed had left processes behind; ended: {ended}"
        ));
    }
    Guard::start()
        .inspect_err(|error| {
            say(&format!(
                "warning: what workers start would outlive an anechoic that is killed: its guard cannot be started: {error}"
            ));
        })
        .ok()
}
