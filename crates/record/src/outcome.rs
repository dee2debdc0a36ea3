//! How an attempt ended. A closed list with the facts inside.

use anechoic_protocol::{FailureKind, Phase};
use serde::{Deserialize, Serialize};

/// The one ending of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Finished, verified, echo equal to the job.
    Ok,
    /// The worker said why it failed.
    WorkerFailed {
        /// Its reason.
        kind: FailureKind,
        /// Its words.
        message: String,
    },
    /// The worker used other settings than the job's, or sent samples that do not fit them.
    EchoMismatch {
        /// The settings that differ: name, asked, used.
        differences: Vec<String>,
    },
    /// The process exited with a code before it sent a result, or with another than 0 after it.
    ExitCode {
        /// The code.
        code: i32,
    },
    /// The process was ended by a signal that we did not send.
    Signal {
        /// Its number.
        number: i32,
        /// Its name, e.g. `SIGKILL`.
        name: String,
    },
    /// The attempt took longer than it may.
    Timeout {
        /// The phase it was in.
        phase: Phase,
        /// The limit.
        limit_ms: u64,
    },
    /// The worker speaks another protocol version.
    ProtocolMismatch {
        /// Ours.
        expected: u32,
        /// The worker's.
        found: u32,
    },
    /// The worker broke the protocol: garbage, messages out of order, no result at exit.
    ProtocolViolation {
        /// What it did.
        detail: String,
    },
    /// The process could not be started.
    SpawnFailed {
        /// What the system said.
        message: String,
    },
    /// The user stopped the run.
    Cancelled {
        /// The phase it was in.
        phase: Phase,
    },
}

/// How an attempt is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stop {
    /// Close its standard input.
    CloseStdin,
    /// SIGTERM to its process group.
    Terminate,
    /// SIGKILL to its process group.
    Kill,
}

impl Outcome {
    /// Whether the attempt's samples count.
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    /// The name as JSON and tables show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::WorkerFailed { .. } => "worker-failed",
            Self::EchoMismatch { .. } => "echo-mismatch",
            Self::ExitCode { .. } => "exit-code",
            Self::Signal { .. } => "signal",
            Self::Timeout { .. } => "timeout",
            Self::ProtocolMismatch { .. } => "protocol-mismatch",
            Self::ProtocolViolation { .. } => "protocol-violation",
            Self::SpawnFailed { .. } => "spawn-failed",
            Self::Cancelled { .. } => "cancelled",
        }
    }

    /// The cause in a few words, for tables.
    pub fn cause(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::WorkerFailed { kind, message } => {
                format!("worker failed ({}): {message}", kind.as_str())
            }
            Self::EchoMismatch { differences } => {
                format!("worker used other settings: {}", differences.join("; "))
            }
            Self::ExitCode { code } => format!("exited with code {code}"),
            Self::Signal { number, name } => format!("ended by {name} (signal {number})"),
            Self::Timeout { phase, limit_ms } => format!(
                "timed out in {} after {} s",
                phase.as_str(),
                *limit_ms as f64 / 1e3
            ),
            Self::ProtocolMismatch { expected, found } => {
                format!("worker speaks protocol {found}, this build speaks {expected}")
            }
            Self::ProtocolViolation { detail } => format!("worker broke the protocol: {detail}"),
            Self::SpawnFailed { message } => format!("worker could not be started: {message}"),
            Self::Cancelled { phase } => format!("cancelled in {}", phase.as_str()),
        }
    }
}
