//! The channel to the orchestrator. It owns the real standard output; everything else that writes to
//! descriptor 1 ends up on standard error, so that noise cannot corrupt a result.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anechoic_protocol::{FailureKind, Phase, WorkerEvent, encode_line};

/// Sends events, each as one line in one write.
#[derive(Debug)]
pub struct Emitter(Mutex<File>);

impl Emitter {
    /// Takes standard output for messages and points descriptor 1 at standard error.
    pub fn claim_stdout() -> std::io::Result<Self> {
        let messages = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 3)?;
        rustix::stdio::dup2_stdout(std::io::stderr())?;
        Ok(Self(Mutex::new(File::from(messages))))
    }

    /// Sends one event. Where nobody reads any more the process has no purpose and ends.
    pub fn emit(&self, event: &WorkerEvent) {
        let line = encode_line(event);
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if file.write_all(line.as_bytes()).is_err() {
            std::process::exit(1);
        }
    }

    /// Announces a phase.
    pub fn phase(&self, phase: Phase) {
        self.emit(&WorkerEvent::Phase { phase });
    }

    /// Says that the work cannot be done, and ends the process. Nothing can be sent after it.
    pub fn fail(&self, kind: FailureKind, message: &str) -> ! {
        let line = encode_line(&WorkerEvent::Failed {
            kind,
            message: message.to_owned(),
        });
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nothing is left to do where even this cannot be written.
        let _ = file.write_all(line.as_bytes());
        std::process::exit(1)
    }
}
