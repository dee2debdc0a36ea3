//! What a worker left behind.

use serde::{Deserialize, Serialize};

/// A process that outlived the worker that started it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leftover {
    /// Its id.
    pub pid: u32,
    /// The name of its program, where it could still be read.
    pub name: Option<String>,
    /// Whether it had left the worker's process group.
    pub left_group: bool,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a process that was left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It was ended.
    Ended,
    /// Not even SIGKILL has ended it: it hangs in the kernel.
    Stuck,
}
