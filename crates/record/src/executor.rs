//! Who starts the workers of a run: this machine itself, or Slurm on a node of a cluster.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where the attempts of a run are made. Builds from before Slurm read such a run as one of their own machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Executor {
    /// On the machine of the orchestrator.
    #[default]
    Local,
    /// Each as a Slurm job of its own.
    Slurm(SlurmOptions),
}

/// What Slurm is asked for, the same for every attempt of a run. What is `None` is left to Slurm.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SlurmOptions {
    /// `--partition`.
    pub partition: Option<String>,
    /// `--gres`, such as `gpu:1`.
    pub gres: Option<String>,
    /// `--account`.
    pub account: Option<String>,
    /// `--qos`.
    pub qos: Option<String>,
    /// `--constraint`.
    pub constraint: Option<String>,
    /// `--nodelist`.
    pub nodelist: Option<String>,
    /// Whether nobody else may use the node meanwhile.
    pub exclusive: bool,
    /// Further options of `sbatch`, without their dashes.
    pub further: BTreeMap<String, String>,
}

/// Where Slurm made an attempt, and what that cost beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// The Slurm job; absent where none was accepted.
    pub slurm_job: Option<u64>,
    /// The node, once the job has had one.
    pub node: Option<String>,
    /// When it was handed over, by the clock of the orchestrator.
    pub submitted: Timestamp,
    /// When it was started, by the clock of Slurm.
    pub started: Option<Timestamp>,
    /// When it ended, by the clock of Slurm.
    pub ended: Option<Timestamp>,
    /// The wait for a node, which Slurm counts in whole seconds.
    pub queued_ms: u64,
    /// From the hand-over until the end was known, less the wait for the machine to come to rest and the worker's own time:
    /// the wait for a node, and what handing over, starting and noticing the end take.
    pub beside_ms: u64,
}

impl Executor {
    /// Whether attempts are made on the machine of the orchestrator.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Local)
    }
}
