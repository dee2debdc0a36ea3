//! The command line. Scripts depend on it; `docs/cli.md` describes it.

mod audit;
mod certify;
mod compare;
mod history;
mod index;
mod kv;
mod nightly;
mod notify;
mod prune;
mod schedule;
mod slurm;
mod tip;
mod wait;
mod worker;

use std::path::PathBuf;
use std::time::Duration;

use anechoic_suite::{Cooldown, HalfWidth, Order, PlanOptions, WhenRestless};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::exit_code::ExitCode;
use crate::reporter::Format;
use crate::settings::DeviceChoice;

pub(crate) use audit::{AuditArgs, AuditFormat, FailOn};
pub(crate) use certify::{CertifyArgs, CertifyFormat};
pub(crate) use compare::{CompareArgs, CompareFormat};
pub(crate) use history::{HistoryArgs, HistoryFormat};
pub(crate) use index::{IndexAction, IndexArgs, IndexOfArgs};
pub(crate) use kv::KvArgs;
pub(crate) use nightly::NightlyArgs;
pub(crate) use notify::NotifyArgs;
pub(crate) use prune::PruneArgs;
pub(crate) use schedule::{
    AddArgs, NamedArgs, ScheduleAction, ScheduleArgs, ScheduleListArgs, StatusArgs, Where,
};
pub(crate) use slurm::ExecutorArgs;
pub(crate) use tip::read;
pub(crate) use wait::Wait;
pub(crate) use worker::{CheckArgs, WorkerAction, WorkerArgs};

/// Runs every benchmark configuration in a process of its own and records all that happened.
#[derive(Debug, Parser)]
#[command(name = "anechoic", version, after_help = ExitCode::help(), color = ColorChoice::Never)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run every case of a suite, each attempt in a fresh worker.
    Run(Box<RunArgs>),
    /// Make further attempts in an existing run: what it still owes, or chosen cases.
    Rerun(RerunArgs),
    /// Go on with an interrupted run: make the attempts it has not come to, or that were cut off. What failed is for `rerun`.
    Resume(ResumeArgs),
    /// Find out whether the cases of a suite would spoil each other in one process, and which of them does.
    Audit(Box<AuditArgs>),
    /// Measure how much equal runs differ on this machine, and so which change can be seen between two of them.
    Certify(Box<CertifyArgs>),
    /// Show what would run, in which order, and how long it may take.
    Plan(PlanArgs),
    /// Run one capture configuration without a suite file.
    Capture(Box<CaptureArgs>),
    /// Measure KV-cache versions: time, memory, phases, quality, ceilings, capacity.
    Kv(Box<KvArgs>),
    /// Report on a run.
    Report(ReportArgs),
    /// The job of a night: measure a suite, compare with the nights before, and tell people what has changed.
    #[command(mut_arg("format", |arg| arg.help("What goes to standard output: the night as text, or as JSON")))]
    Nightly(Box<NightlyArgs>),
    /// Compare two runs, or cases inside one run: faster, slower, same or undecided.
    Compare(Box<CompareArgs>),
    /// Show how every value went over the runs of a results folder, and where it changed.
    History(Box<HistoryArgs>),
    /// List what there is.
    List(ListArgs),
    /// Remove old runs that nothing needs any more; says which without `--apply`.
    Prune(PruneArgs),
    /// Make the index of a results folder anew, or check it.
    Index(IndexArgs),
    /// Check workers of one's own.
    Worker(WorkerArgs),
    /// Have suites measured every night, by systemd or cron.
    Schedule(ScheduleArgs),
    /// Print the JSON Schema of a file or a message.
    Schema(SchemaArgs),
    /// Say what on this machine will spoil a measurement, and what to do about it.
    Doctor(DoctorArgs),
    /// Sleeps beside a run, and ends what its workers have started if the run is killed.
    #[command(hide = true)]
    Guard {
        /// The orchestrator of the run.
        orchestrator: String,
    },
    /// Makes the attempt of a request on a node of a cluster; Slurm starts it.
    #[command(hide = true)]
    Attempt {
        /// The file of the request.
        request: PathBuf,
    },
}

/// Where results are unless something else is said.
pub(crate) const DEFAULT_RESULTS: &str = "results";

/// Where results are.
#[derive(Debug, Args)]
pub(crate) struct Results {
    /// Folder that holds the runs.
    #[arg(long = "results", value_name = "DIR", default_value = DEFAULT_RESULTS)]
    pub(crate) root: PathBuf,
}

/// Where and with what a run is made.
#[derive(Debug, Args)]
pub(crate) struct Place {
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
    /// What goes to standard output: the report as text, or events and summary as JSON lines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) executor: ExecutorArgs,
}

/// What of a suite is run, and how.
#[derive(Debug, Args)]
pub(crate) struct Selection {
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
    /// `listed`, `interleaved` or `random[:SEED]`.
    #[arg(long)]
    pub(crate) order: Option<Order>,
    #[command(flatten)]
    pub(crate) effort: Effort,
}

/// How much each case may take.
#[derive(Debug, Args)]
pub(crate) struct Effort {
    /// Worker processes per case; beside `--until` or `--max-attempts`, the fewest.
    #[arg(long, value_name = "N")]
    pub(crate) attempts: Option<u32>,
    /// Further worker processes per case until its interval is narrow enough, e.g. `"ci 2%"`: half its width is at most 2 %.
    #[arg(long, value_name = "RULE")]
    pub(crate) until: Option<HalfWidth>,
    /// The most worker processes per case of `--until`, or of the suite's stop rule.
    #[arg(long, value_name = "N")]
    pub(crate) max_attempts: Option<u32>,
    /// Time after which an attempt is ended, e.g. `20m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Further worker processes per case, in place of some that ended as the suite's `retry-on` says.
    #[arg(long, value_name = "N")]
    pub(crate) retries: Option<u32>,
    #[command(flatten)]
    pub(crate) rest: Rest,
}

/// What lies between two attempts, and what becomes of one that was disturbed.
#[derive(Debug, Args)]
pub(crate) struct Rest {
    /// Pause before each attempt but the first, e.g. `5s`, or `until-settled`: until the machine has come to rest.
    #[arg(long, value_name = "COOLDOWN")]
    pub(crate) cooldown: Option<Cooldown>,
    /// The longest wait for the machine to come to rest, e.g. `2m`; with a pause, turns that wait on.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) settle_limit: Option<Duration>,
    /// What becomes of attempts without rest: `label`, `discard` or `refuse`.
    #[arg(long, value_name = "POLICY", value_parser = when_restless)]
    pub(crate) when_restless: Option<WhenRestless>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct RerunArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
    /// As many attempts as cases still owe: those that failed, were stopped or never came (the default).
    #[arg(long, conflicts_with = "case")]
    pub(crate) failed: bool,
    /// Cases whose id matches: what they still owe, and at least one attempt.
    #[arg(long, value_name = "GLOB")]
    pub(crate) case: Vec<String>,
    /// Time after which an attempt of this start is ended, in place of the suite's, e.g. `20m`.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    pub(crate) go_on: GoOnArgs,
}

/// With which run to go on, and how.
#[derive(Debug, Args)]
pub(crate) struct GoOnArgs {
    /// Directory of a run, its id, or `latest`.
    pub(crate) run: String,
    /// Go on although the machine or a program is another than when the run was made; its results are marked as mixed.
    #[arg(long)]
    pub(crate) accept_different_machine: bool,
    /// Wait while another `anechoic` has the device or writes the run, at most for DURATION where one is given.
    #[arg(long, value_name = "DURATION", num_args = 0..=1, require_equals = true, default_missing_value = "forever")]
    pub(crate) wait: Option<Wait>,
    #[command(flatten)]
    pub(crate) results: Results,
    /// What goes to standard output: the report as text, or events and summary as JSON lines.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// Suite file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: PathBuf,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) results: Results,
    /// Text for people, or the plan as JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// The settings are checked where those of suites are; here they are only text.
#[derive(Debug, Args)]
pub(crate) struct CaptureArgs {
    /// `baseline`, `zero-layer`, `all-layers` or `custom`.
    #[arg(long, default_value = "all-layers")]
    pub(crate) mode: String,
    /// With `--mode custom`: layers like `0,5,10`, `9-26` or `every:4`.
    #[arg(long)]
    pub(crate) layers: Option<String>,
    /// Preset, checkpoint folder, or `org/name` in the local Hugging Face cache.
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// `f32`, `bf16` or `f16`.
    #[arg(long)]
    pub(crate) dtype: Option<String>,
    /// Requests that run together.
    #[arg(long, value_name = "N")]
    pub(crate) batch_size: Option<String>,
    /// Prompt tokens per request.
    #[arg(long, value_name = "N")]
    pub(crate) prefill_tokens: Option<String>,
    /// Generated tokens per request.
    #[arg(long, value_name = "N")]
    pub(crate) decode_tokens: Option<String>,
    /// Prompt tokens per forward call.
    #[arg(long, value_name = "N")]
    pub(crate) prefill_chunk: Option<String>,
    /// Measured iterations.
    #[arg(long, value_name = "N")]
    pub(crate) iterations: Option<String>,
    /// Iterations before the first measured one.
    #[arg(long, value_name = "N")]
    pub(crate) warmup_iterations: Option<String>,
    /// `arena`, `concat` or `buffered:N`.
    #[arg(long)]
    pub(crate) strategy: Option<String>,
    /// `noop`, `slice`, `copy` or `full`.
    #[arg(long)]
    pub(crate) probe: Option<String>,
    /// `off`, `inside` or `paired`.
    #[arg(long)]
    pub(crate) attribution: Option<String>,
    /// Type that fetched rows are converted to.
    #[arg(long, value_name = "DTYPE")]
    pub(crate) fetch_dtype: Option<String>,
    /// Time fetch in parts.
    #[arg(long)]
    pub(crate) fetch_breakdown: bool,
    /// Seed of weights and prompts.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<String>,
    /// Write the result to this file as well: an object, or an array where `--attempts` is above 1.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) effort: Effort,
    #[command(flatten)]
    pub(crate) place: Place,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// Directory of a run, its id, or `latest`.
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) results: Results,
    /// The report's form.
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// Tables for a terminal.
    Text,
    /// Markdown.
    Md,
    /// One page for a browser that needs no network. Its links lead to files in the run's directory.
    Html,
    /// The summary as JSON.
    Json,
    /// One row per measured point.
    Csv,
    /// One row per value, the same columns for every benchmark: for pandas and DuckDB.
    LongCsv,
    /// The course of the run as a trace for ui.perfetto.dev.
    Perfetto,
    /// What `hyperfine --export-json` writes, for scripts that read it.
    Hyperfine,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of what.
    #[arg(value_enum)]
    pub(crate) of: Described,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Described {
    /// A suite file.
    Suite,
    /// The job that a worker gets.
    Job,
    /// A message that a worker sends.
    Event,
    /// The result in a worker's last message.
    Result,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// What to list.
    #[arg(value_enum)]
    pub(crate) what: Listed,
    #[command(flatten)]
    pub(crate) results: Results,
    /// Columns for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Suite whose `[requires]` have to be met: a file, or the name of a file in `suites/` without `.toml`.
    pub(crate) suite: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) results: Results,
    /// `auto` (the first GPU, else the CPU), `cpu`, `cuda` or `cuda:N`.
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    pub(crate) device: DeviceChoice,
    /// The worker program [default: $ANECHOIC_WORKER, else `anechoic-worker` beside this program].
    #[arg(long, value_name = "PATH")]
    pub(crate) worker: Option<PathBuf>,
    /// A table for people, or JSON.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listed {
    /// Models known by name: presets, and those that are shipped.
    Models,
    /// KV-cache versions.
    Versions,
    /// Modes of the capture benchmark.
    Modes,
    /// Suite files in `suites/`.
    Suites,
    /// Runs, newest last.
    Runs,
    /// Certificates, newest last, and whether they hold here and now.
    Certificates,
}

impl Selection {
    /// The options of a plan.
    pub(crate) fn options(&self, threads: Option<u32>) -> PlanOptions {
        PlanOptions {
            only: self.only.clone(),
            skip: self.skip.clone(),
            order: self.order,
            threads,
            set: self.set.clone(),
            ..self.effort.options()
        }
    }
}

impl Effort {
    /// The options of a plan that these are.
    pub(crate) fn options(&self) -> PlanOptions {
        PlanOptions {
            attempts: self.attempts,
            until: self.until,
            max_attempts: self.max_attempts,
            timeout: self.timeout,
            retries: self.retries,
            cooldown: self.rest.cooldown,
            settle_limit: self.rest.settle_limit,
            when_restless: self.rest.when_restless,
            ..PlanOptions::default()
        }
    }
}

impl CaptureArgs {
    /// The settings that were given, as a case of a suite writes them.
    pub(crate) fn settings(&self) -> Vec<(&'static str, &str)> {
        let optional = [
            ("layers", &self.layers),
            ("model", &self.model),
            ("dtype", &self.dtype),
            ("batch-size", &self.batch_size),
            ("prefill-tokens", &self.prefill_tokens),
            ("decode-tokens", &self.decode_tokens),
            ("prefill-chunk", &self.prefill_chunk),
            ("iterations", &self.iterations),
            ("warmup-iterations", &self.warmup_iterations),
            ("strategy", &self.strategy),
            ("probe", &self.probe),
            ("attribution", &self.attribution),
            ("fetch-dtype", &self.fetch_dtype),
            ("seed", &self.seed),
        ];
        let mut settings = vec![("benchmark", "capture"), ("mode", self.mode.as_str())];
        let given = optional
            .iter()
            .filter_map(|(key, value)| Some((*key, value.as_deref()?)));
        settings.extend(given);
        settings.extend(self.fetch_breakdown.then_some(("fetch-breakdown", "true")));
        settings
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("write it as KEY=VALUE, for example iterations=5".to_owned()),
    }
}

fn when_restless(text: &str) -> Result<WhenRestless, String> {
    let known = WhenRestless::ALL.into_iter();
    let mut known = known.filter(|policy| policy.as_str() == text);
    known.next().ok_or_else(|| {
        let names = WhenRestless::ALL.map(WhenRestless::as_str).join(", ");
        format!("accepted are {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_are_split_at_the_first_equals_sign() {
        assert_eq!(setting("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(setting("a").is_err() && setting("=a").is_err());
    }

    fn check_page(page: &str, parent: &clap::Command) {
        for command in parent.get_subcommands().filter(|c| !c.is_hide_set()) {
            let name = format!("{} {}", parent.get_name(), command.get_name());
            assert!(page.contains(&name), "missing: {name}");
            for option in command.get_opts() {
                let long = format!("`--{}", option.get_long().unwrap());
                assert!(page.contains(&long), "missing: {long} of {name}");
            }
            check_page(page, command);
        }
    }

    #[test]
    fn the_page_names_every_command_and_option() {
        let page = include_str!("../../docs/cli.md");
        check_page(page, &Cli::command());
    }
}
