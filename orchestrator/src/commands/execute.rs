//! Starting a run, or going on with one: decides everything, opens the record, then makes the attempts.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_protocol::Device;
use anechoic_record::{
    CaseRecord, Manifest, RecordError, Recorder, RunSettings, RunState, SCHEMA_VERSION,
};
use anechoic_suite::{Plan, Slot};
use jiff::Timestamp;

use super::CommandError;
use crate::cli::Place;
use crate::probe::{Gpus, machine};
use crate::process::adopt_orphans;
use crate::reporter::{Format, Reporter, say};
use crate::runner::{Context, Halt, Interrupts, RunError, Sampler, make_attempts, offered_devices};
use crate::settings::{DeviceChoice, find_worker};

/// A run whose record is open and locked, with everything decided.
#[derive(Debug)]
pub(super) struct OpenRun {
    pub(super) recorder: Recorder,
    pub(super) lock: File,
    pub(super) worker: PathBuf,
    pub(super) slots: Vec<Slot>,
}

/// A run after its attempts.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    pub(super) halt: Halt,
}

/// Checks all that a plan needs and makes the run's directory.
pub(super) fn open_run(plan: Plan, suite: &str, place: &Place) -> Result<OpenRun, CommandError> {
    let worker = find_worker(place.worker.as_deref())?;
    let device = choose_device(place.device, &worker)?;
    let machine = machine(device);
    let slots = plan.slots.clone();
    let cases = plan.cases.iter().map(|case| CaseRecord {
        case: case.clone(),
        attempts: Vec::new(),
    });
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run: String::new(),
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        started: Timestamp::now(),
        state: RunState::Running,
        settings: RunSettings {
            device,
            threads: place.threads.unwrap_or(machine.physical_cores),
            worker: worker.display().to_string(),
            worker_identity: None,
            torch: None,
        },
        machine,
        cases: cases.collect(),
        plan,
    };
    let recorder =
        Recorder::create(&place.results.root, manifest, suite).map_err(CommandError::NoRecord)?;
    let lock = lock(recorder.path())?;
    Ok(OpenRun {
        recorder,
        lock,
        worker,
        slots,
    })
}

fn choose_device(choice: DeviceChoice, worker: &Path) -> Result<Device, CommandError> {
    let gpus = Gpus::find();
    let device = choice.settle(&gpus, || offered_devices(worker))?;
    if device == Device::Cpu && choice == DeviceChoice::Auto && gpus.count() > 0 {
        say("note: a GPU is visible, but the worker does not offer it; measuring on the CPU");
    }
    Ok(device)
}

impl OpenRun {
    /// Makes the attempts. The run stays locked meanwhile.
    pub(super) fn execute(self, format: Format) -> Result<Made, CommandError> {
        let Self {
            mut recorder,
            lock: _held,
            worker,
            slots,
        } = self;
        let path = recorder.path().to_owned();
        let cooldown = recorder.manifest().plan.cooldown;
        adopt_orphans();
        match attempt_all(&mut recorder, &worker, &slots, cooldown, format) {
            Ok(halt) => Ok(Made { path, halt }),
            Err(source) => Err(CommandError::Run { run: path, source }),
        }
    }
}

/// One thread: a worker's parent-death signal follows the thread that spawned it.
fn attempt_all(
    recorder: &mut Recorder,
    worker: &Path,
    slots: &[Slot],
    cooldown: Duration,
    format: Format,
) -> Result<Halt, RunError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    runtime.block_on(async {
        let sampler = Sampler::for_run(recorder.manifest());
        let mut reporter = Reporter::new(format, slots.len(), cooldown);
        let mut context = Context {
            worker,
            recorder,
            reporter: &mut reporter,
            interrupts: Interrupts::listen().map_err(RunError::Runtime)?,
            sampler,
        };
        make_attempts(&mut context, slots).await
    })
}

/// Holds the run's directory, so that two orchestrators never write one run. The kernel lets go of it
/// when this process ends, however it ends.
pub(super) fn lock(run: &Path) -> Result<File, CommandError> {
    let refused = |source| {
        CommandError::Record(RecordError::Io {
            action: "lock the run",
            path: run.to_owned(),
            source,
        })
    };
    let folder = File::open(run).map_err(refused)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(CommandError::Busy(run.to_owned())),
        Err(TryLockError::Error(error)) => Err(refused(error)),
    }
}
