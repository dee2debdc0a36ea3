//! `anechoic attempt`: the node's side of an attempt that Slurm makes. Does what a run does on its own machine for one attempt,
//! and leaves its record beside the request, for the orchestrator of the run to take in.

use std::path::Path;
use std::time::Duration;

use anechoic_record::{MachineState, Recorder, StartedBy};
use anechoic_suite::Slot;

use super::CommandError;
use super::conditions::start;
use super::execute::supervise;
use super::ground::ClusterError;
use super::hold::hold_device;
use crate::exit_code::ExitCode;
use crate::lock::DeviceLock;
use crate::probe::{Gpus, machine};
use crate::process::Guard;
use crate::reporter::{Format, Reporter};
use crate::runner::{Context, Interrupts, RunError, Sampler, attempt_here};
use crate::settings::{DeviceChoice, usable};
use crate::slurm::{Desk, End, Request};

pub(super) fn attempt(request: &Path) -> Result<ExitCode, CommandError> {
    let desk = Desk::of_request(request);
    let asked = desk.asked().map_err(CommandError::Record)?;
    if desk.node().is_some() {
        // Slurm has started the job again. What the first start has recorded is not measured a second time.
        return Err(ClusterError::StartedAgain.into());
    }
    let case = &asked.manifest.plan.cases;
    let device = asked.manifest.settings.device;
    let here = start(StartedBy::Run, device, &asked.worker, case.iter());
    desk.say_node(&here).map_err(CommandError::Record)?;
    let end = match fit(&asked) {
        Ok(_held) => make(&desk, asked)?,
        Err(error) => End::Unfit {
            message: error.text_on_one_line(),
        },
    };
    desk.say_end(&end).map_err(CommandError::Record)?;
    Ok(match end {
        End::Made { .. } | End::Stopped => ExitCode::Done,
        End::Unfit { .. } => ExitCode::Unfit,
    })
}

/// Checks what only the node knows, and takes the device. Nobody is waited for: the queue is where jobs wait.
fn fit(asked: &Request) -> Result<DeviceLock, CommandError> {
    if asked.anechoic != env!("CARGO_PKG_VERSION") {
        return Err(ClusterError::OtherVersion(asked.anechoic.clone()).into());
    }
    let gpus = Gpus::find();
    let device = DeviceChoice::This(asked.manifest.settings.device).resolve(&gpus)?;
    if asked
        .manifest
        .cases
        .iter()
        .any(|case| case.case.worker.is_none())
    {
        usable(asked.worker.clone(), "as the run has it")?;
    }
    hold_device(device, &gpus, None)
}

fn make(desk: &Desk, asked: Request) -> Result<End, CommandError> {
    let failed = |source| CommandError::Run {
        run: desk.folder().to_owned(),
        source,
    };
    let recorder = Recorder::of_attempt(desk.folder(), asked.manifest.clone());
    let mut recorder = recorder.map_err(CommandError::Record)?;
    let guard = supervise();
    let rest = measure(&mut recorder, asked).map_err(failed)?;
    guard.into_iter().for_each(Guard::dismiss);
    let record = recorder
        .manifest()
        .cases
        .first()
        .and_then(|case| case.attempts.last());
    Ok(match record {
        Some(record) => End::Made {
            record: Box::new(record.clone()),
            reference: rest.map(Box::new),
        },
        None => End::Stopped,
    })
}

/// The state of rest of this node from now on.
fn measure(recorder: &mut Recorder, asked: Request) -> Result<Option<MachineState>, RunError> {
    let plan = &asked.manifest.plan;
    let mut reporter = Reporter::new(Format::Text, 1, plan.cooldown);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(RunError::Runtime)?;
    runtime.block_on(async {
        let name = machine(asked.manifest.settings.device).hostname;
        let rest = asked.references.get(&name.unwrap_or_default()).cloned();
        let sampler = Sampler::for_run(recorder.manifest()).with_rest(rest);
        let mut context = Context {
            worker: &asked.worker,
            timeout: asked.timeout_ms.map(Duration::from_millis),
            recorder,
            reporter: &mut reporter,
            interrupts: Interrupts::listen().map_err(RunError::Runtime)?,
            sampler,
            slurm: None,
        };
        let slot = Slot {
            case: 0,
            attempt: asked.attempt,
        };
        attempt_here(&mut context, slot, asked.is_first).await?;
        Ok(context.sampler.rest().cloned())
    })
}
