//! Why a call into C++ failed.

/// A failed call. The text reads after "failed to".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpsError {
    /// libtorch refused or failed.
    #[error("{action}: {message}")]
    Torch {
        /// What was being done.
        action: &'static str,
        /// libtorch's words.
        message: String,
    },
    /// libtorch's CUDA part, or a library that it needs, is missing.
    #[error("load libtorch's CUDA part: {0}")]
    CudaLibrary(String),
    /// The device is no GPU, so that it keeps no such statistics.
    #[error("{action}: {device:?} is not a GPU")]
    NotAGpu {
        /// What was being done.
        action: &'static str,
        /// The device.
        device: tch::Device,
    },
}
