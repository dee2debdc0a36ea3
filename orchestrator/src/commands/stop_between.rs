//! The user's wish to stop, in commands that make several runs.

use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::time::sleep;

use super::CommandError;
use crate::reporter::{duration, say};
use crate::runner::Interrupts;

/// Long enough to hear of a signal that came while a run's files were written.
const LISTENING: Duration = Duration::from_millis(5);

/// Hears the user's wish to stop between two runs; in them, each run hears it itself.
#[derive(Debug)]
pub(super) struct StopBetween {
    runtime: Runtime,
    interrupts: Interrupts,
}

impl StopBetween {
    /// Takes over both signals.
    pub(super) fn listen() -> Result<Self, CommandError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(CommandError::Runtime)?;
        let interrupts = runtime.block_on(async { Interrupts::listen() });
        Ok(Self {
            interrupts: interrupts.map_err(CommandError::Runtime)?,
            runtime,
        })
    }

    /// Sleeps, and says whether the user wanted to stop meanwhile or since the run before.
    pub(super) fn comes_within(&mut self, pause: Duration) -> bool {
        if pause > Duration::from_secs(1) {
            say(&format!("pause of {}", duration(pause)));
        }
        self.is_heard_within(pause)
    }

    /// The same without a word.
    pub(super) fn is_heard_within(&mut self, pause: Duration) -> bool {
        let Self {
            runtime,
            interrupts,
        } = self;
        runtime.block_on(async {
            tokio::select! {
                biased;
                _ = interrupts.next() => true,
                () = sleep(pause.max(LISTENING)) => false,
            }
        })
    }
}
