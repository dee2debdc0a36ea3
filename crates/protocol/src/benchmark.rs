//! The closed list of benchmarks a job can ask for. A new benchmark is a new variant.

use serde::{Deserialize, Serialize};

use crate::CaptureWork;

/// What a worker is asked to measure, with every setting resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "benchmark", rename_all = "kebab-case")]
pub enum Benchmark {
    /// Activation capture while generating.
    Capture(CaptureWork),
}

impl Benchmark {
    /// The name without the settings.
    pub fn name(&self) -> BenchmarkName {
        match self {
            Self::Capture(_) => BenchmarkName::Capture,
        }
    }

    /// Measured iterations that the job asks for.
    pub fn iterations(&self) -> u32 {
        match self {
            Self::Capture(work) => work.workload.iterations,
        }
    }
}

/// A benchmark's name, as used in suites, tables and a worker's `hello`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BenchmarkName {
    /// Activation capture while generating.
    Capture,
}

impl BenchmarkName {
    /// Every benchmark, in the order in which lists show them.
    pub const ALL: [Self; 1] = [Self::Capture];

    /// The name as written in suites.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Capture => "capture",
        }
    }
}
