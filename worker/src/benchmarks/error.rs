//! Why a benchmark gives no result.

use std::any::Any;

use crate::cache::CacheError;
use crate::capture::UnequalSlots;
use crate::ops::OpsError;
use crate::weights::LoadError;

/// Why a benchmark cannot give a result. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum BenchmarkError {
    /// The model could not be loaded.
    #[error("load the model")]
    Load(#[from] LoadError),
    /// There is no KV cache for the workload.
    #[error("prepare the workload")]
    Cache(#[from] CacheError),
    /// The device refused memory for captured rows.
    #[error("allocate memory for the captured rows")]
    Rows(#[source] tch::TchError),
    /// The machinery has lost count of rows.
    #[error("fetch the captured rows")]
    Unequal(#[from] UnequalSlots),
    /// The device does not tell what is to be measured.
    #[error("measure the device")]
    Device(#[from] OpsError),
    /// The job asks for something that this benchmark cannot do.
    #[error("carry out the job: {0}")]
    Job(String),
    /// The result differs from an independent computation.
    #[error("verify the result: {0}")]
    Verification(String),
}

/// libtorch has no error code for it; these are the words of its allocators.
pub fn is_out_of_memory(text: &str) -> bool {
    [
        "out of memory",
        "can't allocate memory",
        "not enough memory",
    ]
    .iter()
    .any(|words| text.contains(words))
}

/// The text of a panic; tch's operators panic with libtorch's.
pub fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    text.unwrap_or_else(|| "the worker panicked".to_owned())
}
