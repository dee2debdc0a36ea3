//! What held a worker and all that it started.

use serde::{Deserialize, Serialize};

/// The nets around a worker, beside its process group and the adoption of orphans, which are always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Containment {
    /// Whether it ran in a control group (version 2) of its own.
    pub control_group: bool,
    /// What keeps its memory limit; `None` where none was asked for.
    pub memory: Option<MemoryEnforcement>,
}

/// What keeps a memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MemoryEnforcement {
    /// The control group: for the worker and all that it starts together, without swap.
    ControlGroup,
    /// `RLIMIT_DATA`: for each process by itself, and for its private writable memory.
    DataSegment,
}
