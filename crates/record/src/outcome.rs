//! How an attempt ended. A closed list with the facts inside.

use anechoic_protocol::{FailureKind, Phase};
use anechoic_suite::Ending;
use serde::{Deserialize, Serialize};

use crate::Disturbance;

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
    /// The worker's result differs from its own independent computation: there is no timing.
    VerificationFailed {
        /// What was found.
        detail: String,
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
    /// The host had no memory left.
    HostOutOfMemory {
        /// How that is known.
        #[serde(flatten)]
        evidence: MemoryEvidence,
    },
    /// The device had no memory left.
    DeviceOutOfMemory {
        /// The worker's words.
        message: String,
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
    /// The machine was not at rest, and the policy is not to count such an attempt.
    Contaminated {
        /// What disturbed it.
        disturbances: Vec<Disturbance>,
        /// Whether a worker was started at all. In JSON it stands beside the time at which the attempt was started.
        #[serde(rename = "worker_started")]
        started: bool,
    },
    /// The worker ended well and left processes behind, which ran beside what was measured.
    Leaked {
        /// How many processes; the attempt's record lists them.
        processes: u32,
        /// Whether its pipes were still held when the leak limit had passed.
        held_pipes: bool,
    },
    /// The user stopped the run.
    Cancelled {
        /// The phase it was in.
        phase: Phase,
    },
    /// The orchestrator itself died during the attempt; what it had recorded until then is kept.
    OrchestratorDied {
        /// The phase it was in.
        phase: Phase,
    },
    /// Its job was never sent: the process that it was to share with others had ended. In an audit alone; builds from
    /// before audits cannot read a run that holds it.
    NotMade {
        /// The case during which the process ended.
        after: String,
    },
    /// Slurm refused the job that was to make it. As the three that follow, with Slurm alone; builds from before it cannot
    /// read a run that holds one of them.
    SubmissionFailed {
        /// Slurm's words.
        message: String,
    },
    /// The node failed, or what supervised the attempt there ended without a word.
    NodeFailed {
        /// What is known of it.
        detail: String,
    },
    /// Slurm took the node away from it.
    Requeued {
        /// How.
        how: Interruption,
    },
    /// Somebody else cancelled its Slurm job.
    JobCancelled {
        /// The reason that Slurm names.
        reason: String,
    },
}

/// How Slurm takes the node away from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interruption {
    /// The job went back into the queue. It does not measure a second time.
    Requeued,
    /// Another job was given its place.
    Preempted,
    /// It was stopped and continued.
    Suspended,
}

/// How it is known that the host had no memory left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "evidence", rename_all = "kebab-case")]
pub enum MemoryEvidence {
    /// The worker was ended by SIGKILL, and its control group counts an out-of-memory kill.
    ControlGroup {
        /// Kills in the group.
        kills: u64,
    },
    /// The worker was ended by SIGKILL, and the kernel counts out-of-memory kills meanwhile.
    Kernel {
        /// Kills on the whole machine meanwhile.
        kills: u64,
    },
    /// An allocation was refused, and the worker said so.
    Refused {
        /// The worker's words.
        message: String,
    },
    /// Slurm ended the job for it. Builds from before Slurm cannot read a run that holds it.
    Slurm {
        /// The Slurm job.
        slurm_job: u64,
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

    /// Whether the attempt was ended from outside before it could end by itself.
    pub fn is_cut_short(&self) -> bool {
        matches!(self, Self::Cancelled { .. } | Self::OrchestratorDied { .. })
    }

    /// Which of the endings this is.
    pub fn ending(&self) -> Ending {
        match self {
            Self::Ok => Ending::Ok,
            Self::WorkerFailed { .. } => Ending::WorkerFailed,
            Self::VerificationFailed { .. } => Ending::VerificationFailed,
            Self::EchoMismatch { .. } => Ending::EchoMismatch,
            Self::ExitCode { .. } => Ending::ExitCode,
            Self::Signal { .. } => Ending::Signal,
            Self::Timeout { .. } => Ending::Timeout,
            Self::HostOutOfMemory { .. } => Ending::HostOutOfMemory,
            Self::DeviceOutOfMemory { .. } => Ending::DeviceOutOfMemory,
            Self::ProtocolMismatch { .. } => Ending::ProtocolMismatch,
            Self::ProtocolViolation { .. } => Ending::ProtocolViolation,
            Self::SpawnFailed { .. } => Ending::SpawnFailed,
            Self::Contaminated { .. } => Ending::Contaminated,
            Self::Leaked { .. } => Ending::Leaked,
            Self::Cancelled { .. } => Ending::Cancelled,
            Self::OrchestratorDied { .. } => Ending::OrchestratorDied,
            Self::NotMade { .. } => Ending::NotMade,
            Self::SubmissionFailed { .. } => Ending::SubmissionFailed,
            Self::NodeFailed { .. } => Ending::NodeFailed,
            Self::Requeued { .. } => Ending::Requeued,
            Self::JobCancelled { .. } => Ending::JobCancelled,
        }
    }

    /// The name as JSON and tables show it.
    pub fn name(&self) -> &'static str {
        self.ending().as_str()
    }

    /// The cause in a few words, for tables.
    pub fn cause(&self) -> String {
        match self {
            Self::Ok => "ok".to_owned(),
            Self::WorkerFailed { kind, message } => {
                format!("worker failed ({}): {message}", kind.as_str())
            }
            Self::VerificationFailed { detail } => format!("verification failed: {detail}"),
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
            Self::HostOutOfMemory { evidence } => {
                format!("the host has no memory left: {}", evidence.cause())
            }
            Self::DeviceOutOfMemory { message } => {
                format!("the device has no memory left: {message}")
            }
            Self::ProtocolMismatch { expected, found } => {
                format!("worker speaks protocol {found}, this build speaks {expected}")
            }
            Self::ProtocolViolation { detail } => format!("worker broke the protocol: {detail}"),
            Self::SpawnFailed { message } => format!("worker could not be started: {message}"),
            Self::Contaminated {
                disturbances,
                started,
            } => {
                let causes: Vec<_> = disturbances.iter().map(Disturbance::cause).collect();
                let what = if *started { "contaminated" } else { "not made" };
                format!("{what}: {}", causes.join("; "))
            }
            Self::Leaked {
                processes,
                held_pipes,
            } => leak(*processes, *held_pipes),
            Self::Cancelled { phase } => format!("cancelled in {}", phase.as_str()),
            Self::OrchestratorDied { phase } => {
                format!("the orchestrator died while it was in {}", phase.as_str())
            }
            Self::NotMade { after } => format!("not made: its process ended in `{after}`"),
            Self::SubmissionFailed { message } => format!("Slurm refused the job: {message}"),
            Self::NodeFailed { detail } => format!("the node failed: {detail}"),
            Self::Requeued { how } => format!("its Slurm job was {}", how.as_str()),
            Self::JobCancelled { reason } => {
                format!("somebody else cancelled its Slurm job ({reason})")
            }
        }
    }
}

fn leak(processes: u32, held_pipes: bool) -> String {
    let held = match held_pipes {
        true => ", and its pipes were held open",
        false => "",
    };
    format!("ended well but left {processes} process(es) behind{held}")
}

impl Interruption {
    /// The name as JSON and texts show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requeued => "requeued",
            Self::Preempted => "preempted",
            Self::Suspended => "suspended",
        }
    }
}

impl MemoryEvidence {
    fn cause(&self) -> String {
        match self {
            Self::ControlGroup { kills } => {
                format!("killed at the memory limit of its control group ({kills} kill(s))")
            }
            Self::Kernel { kills } => {
                format!("killed while the kernel counted {kills} out-of-memory kill(s)")
            }
            Self::Refused { message } => message.clone(),
            Self::Slurm { slurm_job } => format!("Slurm ended job {slurm_job} for it"),
        }
    }
}
