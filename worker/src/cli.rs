//! The worker's command line. Without a command it is a filter: a job on standard input, events on
//! standard output.

use std::path::PathBuf;

use anechoic_protocol::{Device, Dtype};
use clap::{Args, Parser, Subcommand};

/// Runs one benchmark job on libtorch.
///
/// Without a command it says hello on standard output, reads one job as a line of JSON from standard
/// input and answers with one event per line. Closing standard input stops it.
#[derive(Debug, Parser)]
#[command(name = "anechoic-worker", version)]
pub struct Cli {
    /// Read the job from this file and do not watch standard input: for running a stored job.json by hand.
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What a worker can do beside running a job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write logits and every layer's residual stream for given token ids.
    Forward(Forward),
}

/// Arguments of `forward`.
#[derive(Debug, Args)]
pub struct Forward {
    /// Checkpoint folder with config.json and safetensors.
    #[arg(long, value_name = "DIR")]
    pub model: PathBuf,
    /// Token ids: `,` between tokens, `;` between requests of equal length.
    #[arg(long, value_name = "IDS")]
    pub tokens: String,
    /// The safetensors file to write: `logits` and `hidden.N`.
    #[arg(long, value_name = "FILE")]
    pub output: PathBuf,
    /// Type of weights and activations: f32, bf16 or f16.
    #[arg(long, default_value = "f32")]
    pub dtype: Dtype,
    /// Where to compute: `cpu`, `cuda` or `cuda:N`.
    #[arg(long, default_value = "cpu")]
    pub device: Device,
}
