//! What the session asks of every benchmark.

use anechoic_protocol::{Job, ModelFacts, Sample, Verification};

use super::BenchmarkError;

/// A loaded benchmark. The session verifies it, warms it up, and then takes its samples, one per call.
pub trait Measure {
    /// Compares a small part of the work with an independent computation.
    fn verify(&mut self) -> Result<Verification, BenchmarkError>;

    /// Runs before the first sample that are not measured.
    fn warmups(&self) -> u32;

    /// Does the next of them.
    fn warm_up(&mut self) -> Result<(), BenchmarkError>;

    /// Measures once.
    fn sample(&mut self) -> Result<Sample, BenchmarkError>;

    /// The job as it was carried out, read back from what was really used. Only what names the job, and
    /// whether another follows, is the job's own.
    fn echo(&self, job: &Job) -> Job;

    /// With what it was measured.
    fn circumstances(&self) -> Circumstances;
}

/// Facts about what a benchmark measured with.
#[derive(Debug)]
pub struct Circumstances {
    /// The loaded model.
    pub model: ModelFacts,
    /// How linear layers are computed.
    pub linear_path: String,
    /// How attention of decode steps is computed, where that is part of the question.
    pub attention_path: Option<String>,
    /// Bytes that held captured rows at their peak.
    pub capture_bytes: u64,
}
