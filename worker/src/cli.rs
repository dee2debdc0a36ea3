//! The worker's command line. Without a command it is a filter: a job on standard input, events on
//! standard output.

use std::path::PathBuf;

use anechoic_protocol::{Device, Dtype, Sharing};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::slow_down::{SlowDown, Stretch};

/// Runs one benchmark job on libtorch.
///
/// Without a command it says hello on standard output, reads one job as a line of JSON from standard
/// input and answers with one event per line. Closing standard input stops it.
#[derive(Debug, Parser)]
#[command(
    name = "anechoic-worker",
    version,
    args_conflicts_with_subcommands = true,
    color = ColorChoice::Never
)]
pub struct Cli {
    /// Read the job from this file and do not watch standard input: for running a stored job.json by hand.
    #[arg(long, value_name = "FILE")]
    pub job: Option<PathBuf>,
    /// Make every timed region take that much longer than its work, e.g. `3%`: for tests of what finds slow-downs. The
    /// result says so in a warning.
    #[arg(long, value_name = "PERCENT")]
    pub slow_down: Option<Stretch>,
    /// Only in cases whose id matches, with `*` for anything.
    #[arg(long, value_name = "PATTERN", requires = "slow_down")]
    pub slow_down_case: Option<String>,
    /// What else to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

impl Cli {
    /// What is slowed down on purpose.
    pub fn slowed(&self) -> Option<SlowDown> {
        let cases = self.slow_down_case.clone();
        self.slow_down.map(|by| SlowDown { by, cases })
    }
}

/// What a worker can do beside running a job.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write logits and every layer's residual stream for given token ids.
    Forward(Forward),
    /// Write text of the synthetic source whose entropy is known.
    Text(Text),
    /// Train a small GPT-2 on the synthetic source and write it as a checkpoint folder.
    Train(Train),
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

/// Arguments of `text`.
#[derive(Debug, Args)]
pub struct Text {
    /// Characters to write: one per token.
    #[arg(long, value_name = "N")]
    pub tokens: u64,
    /// Seed that the text follows from.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// The file to write; standard output where there is none.
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Arguments of `train`.
#[derive(Debug, Args)]
pub struct Train {
    /// With `pairs`, every other step shares keys and values between the layers of pairs, as v3 and v4 do.
    #[arg(long, value_enum, default_value = "none")]
    pub sharing: TrainedSharing,
    /// Optimiser steps.
    #[arg(long, value_name = "N", default_value_t = STEPS, value_parser = clap::value_parser!(u32).range(1..))]
    pub steps: u32,
    /// Seed of the first parameters and of the text.
    #[arg(long, value_name = "S", default_value_t = 1)]
    pub seed: u64,
    /// Threads to compute with; another number rounds differently and gives other weights of the same quality.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub threads: u16,
    /// The folder to write, new or empty.
    #[arg(long, value_name = "DIR")]
    pub output: PathBuf,
}

/// Steps of the shipped models.
const STEPS: u32 = 1000;

/// Which layers of a trained model own keys and values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TrainedSharing {
    /// Every layer.
    None,
    /// In every other step the even layers alone.
    Pairs,
}

impl From<TrainedSharing> for Sharing {
    fn from(sharing: TrainedSharing) -> Self {
        match sharing {
            TrainedSharing::None => Self::None,
            TrainedSharing::Pairs => Self::Pairs,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Command, String> {
        let words = std::iter::once("anechoic-worker").chain(line.split(' '));
        let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
        Ok(cli.command.expect("the line names a command"))
    }

    #[test]
    fn usage_is_not_coloured() {
        assert_eq!(Cli::command().get_color(), ColorChoice::Never);
    }

    #[test]
    fn a_slow_down_is_read_with_its_cases() {
        let words = ["anechoic-worker", "--slow-down", "3%"];
        let slowed = Cli::try_parse_from(words).unwrap().slowed().unwrap();
        assert_eq!((slowed.by.ppm(), slowed.cases), (30_000, None));
        for (line, expected) in [
            ("--slow-down fast", "`fast` is not a percentage"),
            ("--slow-down-case a", "--slow-down <PERCENT>"),
            ("--slow-down 3% text --tokens 1", "cannot be used with"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }

    #[test]
    fn training_has_defaults_and_limits() {
        let Ok(Command::Train(train)) = parse("train --output DIR") else {
            panic!("`train` needs no more than a folder");
        };
        assert_eq!(
            (train.sharing, train.steps, train.seed, train.threads),
            (TrainedSharing::None, STEPS, 1, 1)
        );
        for (line, expected) in [
            ("train", "--output <DIR>"),
            (
                "train --output DIR --sharing half",
                "[possible values: none, pairs]",
            ),
            (
                "train --output DIR --steps 0",
                "invalid value '0' for '--steps <N>'",
            ),
            (
                "train --output DIR --threads 0",
                "invalid value '0' for '--threads <N>'",
            ),
            ("text --tokens -3", "unexpected argument '-3'"),
            ("text", "--tokens <N>"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains(expected), "{line}: {error}");
        }
    }
}
