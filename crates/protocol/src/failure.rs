//! Why a worker says that it failed.

use serde::{Deserialize, Serialize};

/// The cause a worker names in its `failed` event. A closed list: reports and policies match on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The job asks for something this worker cannot do.
    InvalidJob,
    /// The device is absent or its driver does not answer.
    DeviceUnavailable,
    /// The checkpoint is missing, truncated, of an unsupported family or does not fit its configuration.
    ModelLoad,
    /// The worker's result differs from an independent computation, or rows are missing.
    Verification,
    /// The host refused an allocation.
    OutOfMemory,
    /// The device refused an allocation.
    DeviceOutOfMemory,
    /// Standard input was closed before the result: the orchestrator asked the worker to stop.
    Stopped,
    /// Anything else that the worker could still report.
    Internal,
}

impl FailureKind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::InvalidJob,
        Self::DeviceUnavailable,
        Self::ModelLoad,
        Self::Verification,
        Self::OutOfMemory,
        Self::DeviceOutOfMemory,
        Self::Stopped,
        Self::Internal,
    ];

    /// The kind as people and JSON read it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidJob => "invalid-job",
            Self::DeviceUnavailable => "device-unavailable",
            Self::ModelLoad => "model-load",
            Self::Verification => "verification",
            Self::OutOfMemory => "out-of-memory",
            Self::DeviceOutOfMemory => "device-out-of-memory",
            Self::Stopped => "stopped",
            Self::Internal => "internal",
        }
    }
}
