//! The machine a run was measured on.

use serde::{Deserialize, Serialize};

/// Facts that decide whether two runs may be compared. What could not be read is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub hostname: Option<String>,
    /// `uname -sr`.
    pub kernel: Option<String>,
    /// CPU model name.
    pub cpu: Option<String>,
    /// Logical CPUs that this process may use.
    pub logical_cpus: u32,
    /// Physical cores among them.
    pub physical_cores: u32,
    /// RAM.
    pub memory_bytes: Option<u64>,
    /// GPU model name, where one was chosen.
    pub gpu: Option<String>,
    /// Its identifier (`GPU-…`), where the driver tells.
    #[serde(default)]
    pub gpu_uuid: Option<String>,
}
