//! Going on with an existing run, for `rerun` and `resume`: takes it, sees whether the conditions are those that it was
//! made under, and opens its record.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_record::{Manifest, Recorder, RunLock, RunRecord, Start, StartedBy, find_run};
use anechoic_suite::Slot;

use super::CommandError;
use super::conditions::{differences, start};
use super::execute::OpenRun;
use super::ground::{check, recorded};
use super::hold::{hold_device, hold_run};
use super::offers::own_workers;
use crate::cli::GoOnArgs;
use crate::lock::DeviceLock;
use crate::probe::Gpus;
use crate::process::{HELLO_MARK, Launch};
use crate::reporter::say;
use crate::runner::{Agenda, CheckedCase, Reach, offered_torch};
use crate::settings::{DeviceChoice, find_run_worker, usable};

/// A run that nobody else writes, as it was found.
#[derive(Debug)]
pub(super) struct TakenRun {
    pub(super) lock: RunLock,
    pub(super) record: RunRecord,
    /// What the stop rule said when the run was taken, where that led to further attempts.
    pub(super) checks: Vec<CheckedCase>,
}

impl TakenRun {
    /// Finds the run, takes it and reads it.
    pub(super) fn take(args: &GoOnArgs) -> Result<Self, CommandError> {
        let path = find_run(&args.results.root, &args.run).map_err(CommandError::Record)?;
        let lock = hold_run(&path, args.wait)?;
        let record = RunRecord::load_locked(&lock).map_err(CommandError::Record)?;
        if record.manifest.audit.is_some() {
            return Err(CommandError::IsAudit(record.manifest.run));
        }
        let checks = Vec::new();
        Ok(Self {
            lock,
            record,
            checks,
        })
    }

    /// Opens it for these attempts, under the conditions that it was made under or under others that are accepted.
    pub(super) fn open(
        self,
        by: StartedBy,
        slots: Vec<Slot>,
        timeout: Option<Duration>,
        args: &GoOnArgs,
    ) -> Result<OpenRun, CommandError> {
        let manifest = &self.record.manifest;
        let slurm = recorded(manifest);
        let mut device = match &slurm {
            None => Some(take_device(manifest, args)?),
            Some(slurm) => {
                check(slurm, &manifest.plan, manifest.settings.threads, timeout)?;
                None
            }
        };
        let worker = recorded_worker(manifest)?;
        let mut start = conditions(by, manifest, &slots, &worker);
        refuse_or_note(manifest, &start, args.accept_different_machine)?;
        tell_changed_suite(manifest, self.lock.path());
        start.timeout_ms =
            timeout.map(|limit| u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
        let mut recorder =
            Recorder::reopen(self.lock, &self.record).map_err(CommandError::Record)?;
        recorder.add_start(start);
        if let Some(device) = &mut device {
            device.name_run(recorder.path());
        }
        let has_rule = self.record.manifest.plan.until.is_some();
        let measured = has_rule.then_some(self.record.attempts);
        let agenda = Agenda {
            slots,
            reach: reach(by),
            checks: self.checks,
            measured: measured.unwrap_or_default(),
        };
        Ok(OpenRun {
            recorder,
            device,
            slurm,
            worker,
            agenda,
            timeout,
        })
    }
}

/// Somebody who reruns cases has chosen them; the plan's own goes on wherever its rule wants it.
fn reach(by: StartedBy) -> Reach {
    match by {
        StartedBy::Run | StartedBy::Resume => Reach::Plan,
        StartedBy::Rerun => Reach::Slots,
    }
}

/// The run's own device.
fn take_device(manifest: &Manifest, args: &GoOnArgs) -> Result<DeviceLock, CommandError> {
    let device = manifest.settings.device;
    let gpus = Gpus::find();
    let found = DeviceChoice::This(device).resolve(&gpus);
    found.map_err(|source| CommandError::RecordedDevice {
        run: manifest.run.clone(),
        source,
    })?;
    hold_device(device, &gpus, args.wait)
}

fn recorded_worker(manifest: &Manifest) -> Result<PathBuf, CommandError> {
    if own_workers(&manifest.plan) {
        return find_run_worker(&manifest.plan, None).map_err(CommandError::RecordedWorker);
    }
    let worker = Path::new(&manifest.settings.worker).to_owned();
    usable(worker, "as recorded in the run").map_err(CommandError::RecordedWorker)
}

/// The conditions now, with what of them is another than it was.
fn conditions(by: StartedBy, manifest: &Manifest, slots: &[Slot], worker: &Path) -> Start {
    let cases = slots.iter().map(|slot| &manifest.cases[slot.case].case);
    let mut start = start(by, manifest.settings.device, worker, cases.clone());
    // A run that is made with workers of its cases alone says nothing about another.
    let is_here = manifest.settings.executor.is_local();
    if !is_here {
        // Which nodes are given, their attempts tell.
        start.machine = manifest.machine.clone();
    }
    let is_asked =
        is_here && manifest.settings.torch.is_some() && cases.clone().any(|c| c.worker.is_none());
    let launch = Launch::plain(worker.to_owned(), HELLO_MARK);
    // A worker that says nothing is not known to have the same.
    let torch = is_asked.then(|| offered_torch(&launch).unwrap_or_else(|| "unknown".to_owned()));
    start.differences = differences(manifest, &start, torch.as_deref());
    start
}

fn refuse_or_note(manifest: &Manifest, start: &Start, accept: bool) -> Result<(), CommandError> {
    let texts: Vec<_> = start.differences.iter().map(|d| d.text()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    if !accept {
        return Err(CommandError::OtherConditions {
            run: manifest.run.clone(),
            difference: texts.join("; "),
        });
    }
    say(&format!(
        "warning: from here on the run is mixed: {}",
        texts.join("; ")
    ));
    Ok(())
}

/// The suite that is stored in the run counts, whatever has become of its file.
fn tell_changed_suite(manifest: &Manifest, run: &Path) {
    let Some(file) = manifest.starts.first().and_then(|s| s.suite_file.as_ref()) else {
        return;
    };
    let stored = fs::read(run.join("suite.toml"));
    if let (Ok(now), Ok(then)) = (fs::read(file), stored)
        && now != then
    {
        say(&format!(
            "note: `{file}` has changed since; the run goes on with the suite as it was"
        ));
    }
}
