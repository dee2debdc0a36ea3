//! The ways in which an attempt can end, by name. The facts of an ending are in the record.

use serde::{Deserialize, Serialize};

/// How an attempt can end. A closed list: suites name members of it in `retry-on`, reports and JSON show them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Finished, verified, echo equal to the job, nothing left behind.
    Ok,
    /// The worker said why it failed.
    WorkerFailed,
    /// The worker's result differs from its own independent computation.
    VerificationFailed,
    /// The worker used other settings than the job's.
    EchoMismatch,
    /// The process exited with a code before a result, or with another than 0 after it.
    ExitCode,
    /// The process was ended by a signal that we did not send.
    Signal,
    /// The attempt took longer than it may.
    Timeout,
    /// The host had no memory left: the kernel ended the worker for it, or refused an allocation.
    HostOutOfMemory,
    /// The device had no memory left.
    DeviceOutOfMemory,
    /// The worker speaks another protocol version.
    ProtocolMismatch,
    /// The worker broke the protocol.
    ProtocolViolation,
    /// The process could not be started.
    SpawnFailed,
    /// The machine was not at rest, and the policy is not to count such an attempt.
    Contaminated,
    /// The worker ended well and left processes behind.
    Leaked,
    /// The user stopped the run.
    Cancelled,
    /// The orchestrator itself died during the attempt.
    OrchestratorDied,
    /// Never asked for: the process that it was to share had ended before. In an audit alone.
    NotMade,
    /// Slurm refused the job that was to make it.
    SubmissionFailed,
    /// The node failed, or what supervised the attempt there did.
    NodeFailed,
    /// Slurm took the node away: the job was requeued, preempted or suspended.
    Requeued,
    /// Somebody else cancelled its Slurm job.
    JobCancelled,
}

impl Ending {
    /// Every ending, in the order in which lists show them.
    pub const ALL: [Self; 21] = [
        Self::Ok,
        Self::WorkerFailed,
        Self::VerificationFailed,
        Self::EchoMismatch,
        Self::ExitCode,
        Self::Signal,
        Self::Timeout,
        Self::HostOutOfMemory,
        Self::DeviceOutOfMemory,
        Self::ProtocolMismatch,
        Self::ProtocolViolation,
        Self::SpawnFailed,
        Self::Contaminated,
        Self::Leaked,
        Self::Cancelled,
        Self::OrchestratorDied,
        Self::NotMade,
        Self::SubmissionFailed,
        Self::NodeFailed,
        Self::Requeued,
        Self::JobCancelled,
    ];

    /// Whether a suite can ask for another attempt after it. Not after one that counts, that the user stopped, or during
    /// which there was nobody to make another; nor in an audit, which has rounds for that.
    pub fn can_be_retried(self) -> bool {
        match self {
            Self::Ok | Self::Cancelled | Self::OrchestratorDied | Self::NotMade => false,
            Self::WorkerFailed
            | Self::VerificationFailed
            | Self::EchoMismatch
            | Self::ExitCode
            | Self::Signal
            | Self::Timeout
            | Self::HostOutOfMemory
            | Self::DeviceOutOfMemory
            | Self::ProtocolMismatch
            | Self::ProtocolViolation
            | Self::SpawnFailed
            | Self::Contaminated
            | Self::Leaked
            | Self::SubmissionFailed
            | Self::NodeFailed
            | Self::Requeued
            | Self::JobCancelled => true,
        }
    }

    /// The name as JSON, suites and tables show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::WorkerFailed => "worker-failed",
            Self::VerificationFailed => "verification-failed",
            Self::EchoMismatch => "echo-mismatch",
            Self::ExitCode => "exit-code",
            Self::Signal => "signal",
            Self::Timeout => "timeout",
            Self::HostOutOfMemory => "host-out-of-memory",
            Self::DeviceOutOfMemory => "device-out-of-memory",
            Self::ProtocolMismatch => "protocol-mismatch",
            Self::ProtocolViolation => "protocol-violation",
            Self::SpawnFailed => "spawn-failed",
            Self::Contaminated => "contaminated",
            Self::Leaked => "leaked",
            Self::Cancelled => "cancelled",
            Self::OrchestratorDied => "orchestrator-died",
            Self::NotMade => "not-made",
            Self::SubmissionFailed => "submission-failed",
            Self::NodeFailed => "node-failed",
            Self::Requeued => "requeued",
            Self::JobCancelled => "job-cancelled",
        }
    }
}
