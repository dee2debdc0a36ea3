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
use crate::slurm::Slurm;

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
    /// Absent where no attempt was left to be made.
    pub(super) _device: Option<DeviceLock>,
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
    let worker = find_run_worker(&plan, place.worker.as_deref())?;
    let ground = Ground::of(place)?;
    let (device, mut lock) = match &ground {
        Ground::Here => {
            take_device(place, &plan, &worker).map(|(device, lock)| (device, Some(lock)))?
        }
        Ground::Cluster { slurm, .. } => (ground::device(place.device, slurm), None),
    };
    if audit.is_some() {
        require_several_jobs(&plan, &worker)?;
    }
    let slots = plan.slots.clone();
    let mut manifest = manifest(plan, file, place, &worker, device);
    manifest.audit = audit;
    let slurm = match ground {
        Ground::Here => None,
        Ground::Cluster { slurm, nodes } => {
            let settings = &mut manifest.settings;
            settings.threads = place.threads.unwrap_or(nodes.cores);
            settings.executor = Executor::Slurm(slurm.options.clone());
            ground::check(&slurm, &manifest.plan, settings.threads, None)?;
            Some(slurm)
        }
    };
    let recorder =
        Recorder::create(&place.results.root, manifest, suite).map_err(CommandError::NoRecord)?;
    if let Some(lock) = &mut lock {
        lock.name_run(recorder.path());
    }
    Ok(OpenRun {
        recorder,
        device: lock,
        slurm,
        worker,
        agenda: Agenda {
            slots,
            ..Agenda::default()
        },
        timeout: None,
    })
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
                Ok(Made {
                    halt,
                    lock: self.recorder.close(),
                    _device: self.device,
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
