//! The command line of `cargo xtask`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Set up, bench, test and check the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) task: Task,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Task {
    /// Find or fetch libtorch and link `.libtorch` to it.
    Setup {
        /// With the CUDA libraries, even where no driver answers.
        #[arg(long, conflicts_with = "cpu")]
        cuda: bool,
        /// Without the CUDA libraries, even where a driver answers.
        #[arg(long)]
        cpu: bool,
        /// Look for libtorch anew, and fetch a cached one again.
        #[arg(long)]
        force: bool,
    },
    /// Set up, build both programs for release, run a suite.
    Bench {
        /// The suite file [default: suites/quick.toml].
        suite: Option<PathBuf>,
        /// Further arguments of `anechoic run`.
        #[arg(last = true, value_name = "ANECHOIC ARGS")]
        args: Vec<OsString>,
    },
    /// Set up, build both programs, run every test.
    Test {
        /// Arguments of `cargo test`.
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "CARGO TEST ARGS"
        )]
        args: Vec<OsString>,
    },
    /// Check format, lints and docs, then run `test`.
    Ci,
}

/// The arguments with a `--` right after `test` doubled: clap drops the first, and cargo needs it.
pub(crate) fn keep_separator(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.collect();
    let is = |at: usize, word: &str| args.get(at).is_some_and(|arg| arg == word);
    if is(1, "test") && is(2, "--") {
        args.insert(2, "--".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test_args(line: &str) -> Vec<String> {
        let words = line.split_whitespace().map(OsString::from);
        let Task::Test { args } = Cli::parse_from(keep_separator(words)).task else {
            panic!("`{line}` is not `test`");
        };
        args.into_iter()
            .map(|arg| arg.into_string().unwrap())
            .collect()
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn test_hands_every_argument_on() {
        assert_eq!(test_args("xtask test"), [""; 0]);
        assert_eq!(
            test_args("xtask test -- --nocapture"),
            ["--", "--nocapture"]
        );
        assert_eq!(
            test_args("xtask test -p anechoic-suite layers -- --exact"),
            ["-p", "anechoic-suite", "layers", "--", "--exact"]
        );
    }

    #[test]
    fn bench_tells_the_suite_from_further_arguments() {
        let words = ["xtask", "bench", "a.toml", "--", "--device", "cpu"];
        let Task::Bench { suite, args } = Cli::parse_from(words).task else {
            panic!("not `bench`");
        };
        assert_eq!(suite, Some(PathBuf::from("a.toml")));
        assert_eq!(args, ["--device", "cpu"]);
    }

    #[test]
    fn cpu_and_cuda_exclude_each_other() {
        assert!(Cli::try_parse_from(["xtask", "setup", "--cpu", "--cuda"]).is_err());
    }
}
