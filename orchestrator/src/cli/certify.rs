//! The arguments of `anechoic certify`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::{ExecutorArgs, Place, Results, Selection, Wait};
use crate::reporter::Format;
use crate::settings::DeviceChoice;

/// What has no meaning where no run is made.
const OF_RUNS: [&str; 19] = [
    "suite",
    "rounds",
    "pause",
    "only",
    "skip",
    "set",
    "order",
    "attempts",
    "until",
    "max_attempts",
    "timeout",
    "retries",
    "cooldown",
    "settle_limit",
    "when_restless",
    "device",
    "threads",
    "worker",
    "wait",
];

#[derive(Debug, Args)]
pub(crate) struct CertifyArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    #[arg(required_unless_present = "from")]
    pub(crate) suite: Option<PathBuf>,
    /// Equal runs that are made, one after the other.
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(3..=1000))]
    pub(crate) rounds: u32,
    /// Pause before each run but the first, e.g. `10m` [default: the cooldown between two attempts].
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) pause: Option<Duration>,
    /// Make no runs; take these, at least three equal ones: directories or ids.
    #[arg(long, value_name = "RUN", num_args = 1.., conflicts_with_all = OF_RUNS)]
    pub(crate) from: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
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
    /// The certificate's form on standard output.
    #[arg(long, value_enum, default_value_t = CertifyFormat::Text)]
    pub(crate) format: CertifyFormat,
}

/// What goes to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CertifyFormat {
    /// Tables for a terminal.
    Text,
    /// Markdown.
    Md,
    /// The certificate as JSON.
    Json,
}

impl CertifyArgs {
    /// Where and with what each run is made. Standard output is the certificate's alone.
    pub(crate) fn place(&self) -> Place {
        Place {
            results: Results {
                root: self.results.root.clone(),
            },
            device: self.device,
            threads: self.threads,
            worker: self.worker.clone(),
            wait: self.wait,
            format: Format::Text,
            executor: ExecutorArgs::default(),
        }
    }
}
