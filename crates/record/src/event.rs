//! What happens during a run, in order: the lines of `events.jsonl`.

use anechoic_protocol::{Job, WorkerEvent};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Containment, Disturbance, Leftover, Observation, Outcome, Placement, RuleCheck, RunState, Stop,
    Wait,
};

/// A run event with its time, as stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the orchestrator saw it.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: RunEvent,
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// The orchestrator started, or went on with, a run.
    RunStarted {
        /// [`crate::SCHEMA_VERSION`] of the writer.
        schema_version: u32,
        /// Version of `anechoic`.
        anechoic: String,
        /// The run's id.
        run: String,
        /// Attempts that this start is going to make.
        planned: u32,
    },
    /// A pause before an attempt.
    CooledDown {
        /// The case that waits.
        case: String,
        /// The attempt that waits.
        attempt: u32,
        /// How long, in all.
        waited_ms: u64,
        /// What it waited for beyond the fixed pause.
        #[serde(default)]
        waits: Vec<Wait>,
    },
    /// A worker process was started.
    AttemptStarted {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// The worker's process id.
        pid: u32,
        /// What holds it and all that it starts.
        #[serde(default)]
        containment: Containment,
    },
    /// The job was sent.
    JobSent {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// The job.
        job: Box<Job>,
    },
    /// The worker said something.
    Worker {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// Monotonic time since the process was started.
        since_spawn_ns: u64,
        /// What it said.
        message: WorkerEvent,
    },
    /// The worker was told to stop.
    Stopping {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// How.
        how: Stop,
    },
    /// What was seen of the machine while the worker ran; written at its end, so that nothing is written meanwhile.
    Observed {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// The readings, in order.
        observations: Vec<Observation>,
        /// CPU time that reading took.
        cost_ns: u64,
    },
    /// The attempt is over.
    AttemptEnded {
        /// The case.
        case: String,
        /// The attempt.
        attempt: u32,
        /// How it ended.
        #[serde(flatten)]
        outcome: Outcome,
        /// From spawn to the end of the process.
        wall_ns: u64,
        /// CPU time that the orchestrator itself used meanwhile.
        orchestrator_cpu_ns: u64,
        /// What makes it doubtful.
        #[serde(default)]
        disturbed: Vec<Disturbance>,
        /// Processes that it left behind.
        #[serde(default)]
        left: Vec<Leftover>,
        /// Whether something held its output open after its end.
        #[serde(default)]
        pipes_left: bool,
        /// Where it was made, where Slurm made it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        placement: Option<Box<Placement>>,
    },
    /// A stop rule was looked at for a case, between rounds of attempts. Builds that do not know rules
    /// call a run with such a line damaged, and name the line; they read a run of a rule that was not looked at yet.
    RuleChecked {
        /// The case.
        case: String,
        /// What was found, and what follows.
        #[serde(flatten)]
        check: RuleCheck,
    },
    /// The run stopped.
    RunEnded {
        /// In which state.
        state: RunState,
    },
}
