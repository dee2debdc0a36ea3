//! The message a worker receives: one, but in an audit.

use serde::{Deserialize, Serialize};

use crate::{Benchmark, Device};

/// What a worker process has to do. Sent as one line on standard input, after the `hello`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Job {
    /// Version of the protocol that the sender speaks.
    pub protocol: u32,
    /// The case's id, for the worker's messages only.
    pub case: String,
    /// Which attempt at the case this is, from 1.
    pub attempt: u32,
    /// Where to compute.
    pub device: Device,
    /// Threads for computing on the CPU.
    pub threads: u32,
    /// Seed of weights and prompts.
    pub seed: u64,
    /// What to measure.
    pub work: Benchmark,
    /// Whether another job follows in this process. Only a worker whose hello offers [`several_jobs`] is sent such a job;
    /// after it, the worker drops all that it loaded and waits for the next line.
    ///
    /// [`several_jobs`]: crate::WorkerEvent::Hello
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}
