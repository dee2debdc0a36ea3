//! The arguments of `anechoic audit`.

use std::path::PathBuf;
use std::time::Duration;

use anechoic_suite::PlanOptions;
use clap::{Args, ValueEnum};

use super::{ExecutorArgs, Place, Rest, Results, Wait, setting};
use crate::reporter::Format;
use crate::settings::DeviceChoice;

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: PathBuf,
    /// How often every case is made alone, and together with the others in the suite's order and in shuffled ones.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Shuffled orders in each round.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=100))]
    pub(crate) shuffles: u32,
    /// Seed of the shuffled orders.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Only cases whose id matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// No case whose id matches; may be given several times.
    #[arg(long, value_name = "GLOB")]
    pub(crate) skip: Vec<String>,
    /// Put a setting over that of every case, e.g. `iterations=5`, or over a matrix's values, e.g. `tokens=[32,128]`; may
    /// be given several times.
    #[arg(long, value_name = "KEY=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Time after which an attempt is ended, e.g. `20m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    #[command(flatten)]
    pub(crate) rest: Rest,
    /// End with exit code 11 where this was found.
    #[arg(long, value_enum)]
    pub(crate) fail_on: Option<FailOn>,
    #[command(flatten)]
    pub(crate) results: Results,
    /// `auto` (the first GPU, else the CPU), `cpu`, `cuda` or `cuda:N`.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// Compute threads of a worker, over those of the suite [default: one per physical core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: Option<u32>,
    /// The worker program [default: $ANECHOIC_WORKER, else `anechoic-worker` beside this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) worker: Option<PathBuf>,
    /// Wait while another `anechoic` has the device, at most for DURATION where one is given.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "forever")]
    pub(crate) wait: Option<Wait>,
    /// What goes to standard output: the report as text or Markdown, or events and summary as JSON lines.
    #[arg(long, value_enum, default_value_t = AuditFormat::Text)]
    pub(crate) format: AuditFormat,
}

/// What makes an audit fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// A case is measured otherwise beside others than alone.
    CarryOver,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditFormat {
    /// Tables for people.
    Text,
    /// Markdown.
    Md,
    /// JSON for programs.
    Json,
}

impl AuditArgs {
    /// The options of the plan that is audited.
    pub(crate) fn options(&self) -> PlanOptions {
        PlanOptions {
            only: self.only.clone(),
            skip: self.skip.clone(),
            set: self.set.clone(),
            threads: self.threads,
            timeout: self.timeout,
            cooldown: self.rest.cooldown,
            settle_limit: self.rest.settle_limit,
            when_restless: self.rest.when_restless,
            ..PlanOptions::default()
        }
    }

    /// Where and with what the audit is made.
    pub(crate) fn place(&self) -> Place {
        Place {
            results: Results {
                root: self.results.root.clone(),
            },
            device: self.device,
            threads: self.threads,
            worker: self.worker.clone(),
            wait: self.wait,
            format: match self.format {
                AuditFormat::Text | AuditFormat::Md => Format::Text,
                AuditFormat::Json => Format::Json,
            },
            executor: ExecutorArgs::default(),
        }
    }
}
