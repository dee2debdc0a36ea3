//! Taking the device before anything is made with it, at once or when whoever has it is done.

use std::path::Path;
use std::time::{Duration, Instant};

use anechoic_protocol::Device;
use anechoic_record::RunLock;
use tokio::time::sleep;

use super::CommandError;
use crate::cli::Wait;
use crate::lock::{Attempt, DeviceLock, Holder, folder};
use crate::probe::Gpus;
use crate::reporter::say;
use crate::runner::{Interrupts, RunError};

/// How often a held lock is asked for. The kernel could wake us at once, but not for a signal as well.
const PAUSE: Duration = Duration::from_millis(200);

/// Takes the device, with the user's patience.
pub(super) fn hold_device(
    device: Device,
    gpus: &Gpus,
    wait: Option<Wait>,
) -> Result<DeviceLock, CommandError> {
    let folder = folder()?;
    let name = match device {
        Device::Cpu => "cpu".to_owned(),
        Device::Cuda(index) => gpus.lock_name(index),
    };
    patiently(wait, || {
        Ok(match DeviceLock::attempt(&folder, &name)? {
            Attempt::Taken(lock) => Ok(lock),
            Attempt::Held(holder) => Err(Held::Device { device, holder }),
        })
    })
}

/// Takes an existing run.
pub(super) fn hold_run(run: &Path, wait: Option<Wait>) -> Result<RunLock, CommandError> {
    patiently(wait, || {
        let taken = RunLock::take(run).map_err(CommandError::Record)?;
        Ok(taken.ok_or_else(|| Held::Run(run.to_owned())))
    })
}

/// What somebody else has.
#[derive(Debug)]
pub(crate) enum Held {
    /// A device.
    Device {
        device: Device,
        holder: Option<Holder>,
    },
    /// A run's directory.
    Run(std::path::PathBuf),
}

impl Held {
    /// Who has what, in words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Device { device, holder } => {
                let who = holder.as_ref().map(Holder::text);
                let who = who.unwrap_or_else(|| "a process that does not say who it is".to_owned());
                format!("the device {device} is held by {who}")
            }
            Self::Run(run) => format!(
                "the run `{}` is being written by another anechoic",
                run.display()
            ),
        }
    }
}

/// Asks once, or again and again until the thing is free, the patience is at its end, or the user wants to stop.
fn patiently<T>(
    wait: Option<Wait>,
    ask: impl Fn() -> Result<Result<T, Held>, CommandError>,
) -> Result<T, CommandError> {
    let held = match (ask()?, wait) {
        (Ok(taken), _) => return Ok(taken),
        (Err(held), None) => return Err(CommandError::Held { held, waited: None }),
        (Err(held), Some(_)) => held,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(no_runtime)?;
    let limit = wait.and_then(Wait::limit);
    runtime.block_on(ask_until(limit, held, ask))
}

async fn ask_until<T>(
    limit: Option<Duration>,
    mut held: Held,
    ask: impl Fn() -> Result<Result<T, Held>, CommandError>,
) -> Result<T, CommandError> {
    let mut interrupts = Interrupts::listen().map_err(no_runtime)?;
    say(&format!("waiting: {}", held.text()));
    let start = Instant::now();
    loop {
        let left = limit.map(|limit| limit.saturating_sub(start.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            let waited = Some(start.elapsed());
            return Err(CommandError::Held { held, waited });
        }
        tokio::select! {
            () = sleep(left.unwrap_or(PAUSE).min(PAUSE)) => {}
            _ = interrupts.next() => return Err(CommandError::StoppedWaiting(held)),
        }
        match ask()? {
            Ok(taken) => return Ok(taken),
            Err(still) => held = still,
        }
    }
}

fn no_runtime(source: std::io::Error) -> CommandError {
    CommandError::Wait(RunError::Runtime(source))
}
