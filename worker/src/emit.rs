//! The channel to the orchestrator. It owns the real standard output; everything else that writes to
//! descriptor 1 ends up on standard error, so that noise cannot corrupt a result.

use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use anechoic_protocol::{FailureKind, JobResult, Phase, WorkerEvent, encode_line};

use crate::ops;

/// Sends events, each as one line in one write. Closed by the last message: nothing can follow it.
#[derive(Debug)]
pub struct Emitter(Mutex<Channel>);

#[derive(Debug)]
struct Channel {
    /// Absent once the last message was sent.
    file: Option<File>,
    /// Jobs that were asked for and have no result yet.
    open_jobs: usize,
}

impl Emitter {
    /// Takes standard output for messages and points descriptor 1 at standard error.
    pub fn claim_stdout() -> std::io::Result<Self> {
        let messages = rustix::io::fcntl_dupfd_cloexec(std::io::stdout(), 3)?;
        rustix::stdio::dup2_stdout(std::io::stderr())?;
        Ok(Self(Mutex::new(Channel {
            file: Some(File::from(messages)),
            open_jobs: 0,
        })))
    }

    /// Sends one event. Where nobody reads any more the process has no purpose and ends.
    pub fn emit(&self, event: &WorkerEvent) {
        self.channel().send(event);
    }

    /// Announces a phase.
    pub fn phase(&self, phase: Phase) {
        self.emit(&WorkerEvent::Phase { phase });
    }

    /// Notes that a job has come.
    pub fn asked(&self) {
        self.channel().open_jobs += 1;
    }

    /// Sends the result of a job behind which others may follow. In one step, so that closed input means that the job
    /// is to be stopped before it, and nothing after it.
    pub fn finish_one(&self, result: JobResult) {
        let result = Box::new(result);
        let mut channel = self.channel();
        channel.send(&WorkerEvent::Finished { result });
        channel.open_jobs = channel.open_jobs.saturating_sub(1);
    }

    /// Sends the result as the last message and ends the process.
    pub fn finish(&self, result: JobResult) -> ! {
        let result = Box::new(result);
        end(self.channel(), &WorkerEvent::Finished { result }, 0)
    }

    /// Says that the work cannot be done and ends the process.
    pub fn fail(&self, kind: FailureKind, message: &str) -> ! {
        let message = message.to_owned();
        end(self.channel(), &WorkerEvent::Failed { kind, message }, 1)
    }

    /// Nobody will ask for anything any more: a job that is open is to be stopped, and without one the process has
    /// done all that was asked. Ends it.
    pub fn input_ended(&self) -> ! {
        let channel = self.channel();
        if channel.open_jobs == 0 && channel.file.is_some() {
            ops::exit_at_once(0);
        }
        let kind = FailureKind::Stopped;
        let message = "standard input was closed before the result".to_owned();
        end(channel, &WorkerEvent::Failed { kind, message }, 1)
    }

    fn channel(&self) -> MutexGuard<'_, Channel> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Channel {
    fn send(&mut self, event: &WorkerEvent) {
        if let Some(file) = self.file.as_mut()
            && file.write_all(encode_line(event).as_bytes()).is_err()
        {
            ops::exit_at_once(1);
        }
    }
}

fn end(mut channel: MutexGuard<'_, Channel>, event: &WorkerEvent, code: i32) -> ! {
    let Some(mut file) = channel.file.take() else {
        drop(channel);
        // Another thread has sent the last message and is ending the process.
        loop {
            std::thread::park();
        }
    };
    let sent = file.write_all(encode_line(event).as_bytes());
    ops::exit_at_once(if sent.is_ok() { code } else { 1 })
}
