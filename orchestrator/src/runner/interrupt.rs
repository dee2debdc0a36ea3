//! Ctrl-C and SIGTERM. The first asks for an orderly stop, the second for an immediate one.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Counts the user's requests to stop.
#[derive(Debug)]
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
    count: u32,
}

/// How urgent a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Stop in order.
    Orderly,
    /// Stop at once.
    Immediate,
}

impl Interrupts {
    /// Takes over both signals. Needs a running runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            count: 0,
        })
    }

    /// Whether the user has asked to stop.
    pub(crate) fn requested(&self) -> bool {
        self.count > 0
    }

    /// Waits for the next request. May be cancelled without loss.
    pub(crate) async fn next(&mut self) -> Urgency {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
        self.count += 1;
        match self.count {
            1 => Urgency::Orderly,
            _ => Urgency::Immediate,
        }
    }
}
