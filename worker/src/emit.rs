//! The channel to the orchestrator. It owns the real standard output; everything else that writes to
//! descriptor 1 ends up on standard error, so that noise cannot corrupt a result.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anechoic_protocol::{FailureKind, JobResult, Phase, WorkerEvent, encode_line};

use crate::ops;

/// Sends events, each as one line in one write. Closed by the last message: nothing can follow it.
#[derive(Debug)]
pub struct Emitter(Mutex<Option<File>>);

impl Emitter {
    /// Takes standard output for messages and points descriptor 1 at standard error.
    pub fn claim_stdout() -> std::io::Result<Self> {
        let messages = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 3)?;
        rustix::stdio::dup2_stdout(std::io::stderr())?;
        Ok(Self(Mutex::new(Some(File::from(messages)))))
    }

    /// Sends one event. Where nobody reads any more the process has no purpose and ends.
    pub fn emit(&self, event: &WorkerEvent) {
        if let Some(file) = self.channel().as_mut()
            && file.write_all(encode_line(event).as_bytes()).is_err()
        {
            ops::exit_at_once(1);
        }
    }

    /// Announces a phase.
    pub fn phase(&self, phase: Phase) {
        self.emit(&WorkerEvent::Phase { phase });
    }

    /// Sends the result as the last message and ends the process.
    pub fn finish(&self, result: JobResult) -> ! {
        let result = Box::new(result);
        self.end(&WorkerEvent::Finished { result }, 0)
    }

    /// Says that the work cannot be done and ends the process.
    pub fn fail(&self, kind: FailureKind, message: &str) -> ! {
        let message = message.to_owned();
        self.end(&WorkerEvent::Failed { kind, message }, 1)
    }

    fn end(&self, event: &WorkerEvent, code: i32) -> ! {
        let Some(mut file) = self.channel().take() else {
            // Another thread has sent the last message and is ending the process.
            loop {
                std::thread::park();
            }
        };
        let sent = file.write_all(encode_line(event).as_bytes());
        ops::exit_at_once(if sent.is_ok() { code } else { 1 })
    }

    fn channel(&self) -> std::sync::MutexGuard<'_, Option<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
