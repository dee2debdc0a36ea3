//! The benchmarks: each loads, verifies itself, and yields the raw measurements of one iteration at a time.

mod capture;
mod capture_check;

pub use capture::CaptureBenchmark;

use crate::cache::CacheError;
use crate::capture::UnequalSlots;
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
    /// The job asks for something that this benchmark cannot do.
    #[error("carry out the job: {0}")]
    Job(String),
    /// The result differs from an independent computation.
    #[error("verify the result: {0}")]
    Verification(String),
}
