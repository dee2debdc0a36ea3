//! The arguments of `anechoic kv`.

use std::path::PathBuf;

use anechoic_protocol::{BenchmarkFamily, BenchmarkName, Preset, UnknownName, Version};
use anechoic_suite::PlanOptions;
use clap::{Args, ValueEnum};

use super::{Place, Selection};

#[derive(Debug, Args)]
pub(crate) struct KvArgs {
    /// What to measure; several may be named.
    #[arg(value_name = "BENCHMARK", value_enum, default_value = "all")]
    pub(crate) benchmarks: Vec<KvBenchmark>,
    /// KV-cache versions in place of the suite's, e.g. `--version v0 v1`; `anechoic list versions` shows them.
    #[arg(long, value_name = "VERSION", num_args = 1.., value_delimiter = ',', value_parser = version)]
    pub(crate) version: Vec<Version>,
    /// A model shape with random weights in place of the suite's models, e.g. `gpt2-medium`.
    #[arg(long, value_name = "PRESET", conflicts_with = "model")]
    pub(crate) preset: Option<Preset>,
    /// A model in place of the suite's: preset, checkpoint folder, shipped model, or `org/name` in the local cache.
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<String>,
    /// Suite file, or the name of a file in `suites/` without `.toml` [default: a suite that is built in].
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Share one process: `version` measures all T of a version one after the other.
    #[arg(long, value_enum)]
    pub(crate) group: Option<Group>,
    /// UTF-8 text to measure quality on, in place of the synthetic one; the model needs a `tokenizer.json`.
    #[arg(long, value_name = "FILE")]
    pub(crate) text: Option<String>,
    /// Append the rows of the run's `results.jsonl` to this file as well.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,
    /// Empty the file of `--log` when the first worker is about to start.
    #[arg(long, requires = "log")]
    pub(crate) clear_log: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    #[command(flatten)]
    pub(crate) place: Place,
}

/// A benchmark of KV-cache versions, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KvBenchmark {
    /// Time to generate T tokens, prefill and decode apart.
    Latency,
    /// Memory while generating T tokens.
    Vram,
    /// Where the time of generating T tokens goes.
    Phase,
    /// Quality through the cache.
    Perplexity,
    /// Generation against the machine's ceilings.
    Roofline,
    /// The largest batch within a memory budget.
    Capacity,
    /// All of them.
    All,
}

/// What shares one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Group {
    /// All T of a version.
    Version,
}

impl KvBenchmark {
    fn names(self) -> Vec<BenchmarkName> {
        match self {
            Self::Latency => vec![BenchmarkName::Latency],
            Self::Vram => vec![BenchmarkName::Vram],
            Self::Phase => vec![BenchmarkName::Phase],
            Self::Perplexity => vec![BenchmarkName::Perplexity],
            Self::Roofline => vec![BenchmarkName::Roofline],
            Self::Capacity => vec![BenchmarkName::Capacity],
            Self::All => {
                let mut all = BenchmarkName::ALL.to_vec();
                all.retain(|name| name.family() == BenchmarkFamily::Kv);
                all
            }
        }
    }
}

impl KvArgs {
    /// The options of a plan. An option of its own wins over the same key in `--set`.
    pub(crate) fn options(&self) -> PlanOptions {
        let mut options = self.selection.options(self.place.threads);
        options.set.extend(self.settings());
        options.benchmarks = self.benchmarks.iter().flat_map(|b| b.names()).collect();
        if self.leaves_out_quality() {
            let names = &mut options.benchmarks;
            names.retain(|name| *name != BenchmarkName::Perplexity);
        }
        options.group_tokens = self.group == Some(Group::Version);
        options
    }

    /// Whether all benchmarks are asked for, and one of them would say nothing: a preset has random weights.
    pub(crate) fn leaves_out_quality(&self) -> bool {
        let is_named = self.benchmarks.contains(&KvBenchmark::Perplexity);
        self.preset.is_some() && self.benchmarks.contains(&KvBenchmark::All) && !is_named
    }

    fn settings(&self) -> Vec<(String, String)> {
        let preset = self.preset.map(|preset| preset.as_str().to_owned());
        let given = [
            ("version", self.versions()),
            ("model", preset.or_else(|| self.model.clone())),
            ("text", self.text.clone()),
        ];
        let given = given.into_iter();
        given
            .filter_map(|(key, value)| Some((key.to_owned(), value?)))
            .collect()
    }

    /// The versions as a list of a suite.
    fn versions(&self) -> Option<String> {
        let quoted = self.version.iter().map(|v| format!("\"{}\"", v.as_str()));
        let list = quoted.collect::<Vec<_>>().join(",");
        (!list.is_empty()).then(|| format!("[{list}]"))
    }
}

/// Reads a version. A benchmark that stands behind `--version` is told apart from one that does not exist.
fn version(text: &str) -> Result<Version, String> {
    let is_benchmark = KvBenchmark::from_str(text, false).is_ok();
    text.parse()
        .map_err(|error: UnknownName| match is_benchmark {
            true => format!("`{text}` is a benchmark; benchmarks stand before the options"),
            false => error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn options(line: &str) -> PlanOptions {
        let words = ["anechoic", "kv"]
            .into_iter()
            .chain(line.split_whitespace());
        match Cli::try_parse_from(words).unwrap().command {
            Command::Kv(args) => args.options(),
            other => panic!("it is {other:?}"),
        }
    }

    fn set(line: &str) -> Vec<(String, String)> {
        options(line).set
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn one_word_names_every_benchmark_of_the_family() {
        let all = options("").benchmarks;
        assert_eq!(options("all").benchmarks, all);
        for name in BenchmarkName::ALL {
            assert_eq!(all.contains(&name), name.family() == BenchmarkFamily::Kv);
            let is_taken = KvBenchmark::from_str(name.as_str(), false).is_ok();
            assert_eq!(is_taken, name.family() == BenchmarkFamily::Kv, "{name:?}");
        }
        let two = [BenchmarkName::Latency, BenchmarkName::Vram];
        assert_eq!(options("latency vram").benchmarks, two);
    }

    #[test]
    fn several_versions_follow_one_option() {
        let expected = [pair("version", r#"["v0","v4"]"#)];
        for line in [
            "latency --version v0 v4",
            "latency --version v0,v4",
            "--version v0 --version v4",
        ] {
            assert_eq!(set(line), expected, "{line}");
        }
        assert_eq!(set("latency"), []);
    }

    #[test]
    fn options_of_their_own_come_last_and_so_win() {
        let line = "latency --preset gpt2-medium --set model=gpt2 --threads 2";
        let expected = [pair("model", "gpt2"), pair("model", "gpt2-medium")];
        assert_eq!(set(line), expected);
        assert_eq!(options(line).threads, Some(2));
        assert!(options("--group version").group_tokens);
        assert!(!options("").group_tokens);
    }
}
