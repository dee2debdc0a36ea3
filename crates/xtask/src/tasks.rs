//! The tasks that build and run: bench, test, ci. Each sets the machine up first.
//! The last program of a task replaces this one, so that its output, exit code and signals are the task's.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::env::Env;
use crate::setup::{self, SetupError};

/// Why a task stops.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TaskError {
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// It has said itself what is wrong.
    #[error("{step} failed: {status}")]
    Failed {
        step: &'static str,
        status: ExitStatus,
    },
    #[error("cannot run `{program}`")]
    Start {
        program: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot read the surroundings")]
    Surroundings(#[from] io::Error),
}

impl TaskError {
    /// Prints the error with its causes and the next step. A step that failed has printed its own.
    pub(crate) fn report(&self) {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        match self {
            Self::Setup(error) => eprintln!("error: {text}\n  hint: {}", error.hint()),
            Self::Failed { .. } | Self::Start { .. } | Self::Surroundings(_) => {
                eprintln!("error: {text}")
            }
        }
    }

    /// 4 for an unfit machine, as `anechoic` has it; else the code of the program that failed.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Setup(_) => 4,
            Self::Failed { status, .. } => {
                let code = status
                    .code()
                    .or_else(|| status.signal().map(|signal| 128 + signal));
                code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
            }
            Self::Start { .. } | Self::Surroundings(_) => 1,
        }
    }
}

/// Builds both programs for release and runs a suite.
pub(crate) fn bench(env: &Env, suite: Option<PathBuf>, args: &[OsString]) -> Result<(), TaskError> {
    setup::ensure(env)?;
    let build = [
        "build",
        "--release",
        "-p",
        "anechoic",
        "-p",
        "anechoic-worker",
    ];
    step(env, "build", cargo(env).args(build))?;
    let mut anechoic = env.command(env.target.join("release/anechoic"));
    anechoic.arg("run").arg(suite_path(env, suite)).args(args);
    without_cargos_library_path(env, &mut anechoic);
    replace_this(env, "bench", anechoic)
}

/// A suite that lies where the user stands, by its whole path, because `anechoic` runs in the repository.
fn suite_path(env: &Env, suite: Option<PathBuf>) -> PathBuf {
    match suite {
        Some(suite) if env.cwd.join(&suite).exists() => env.cwd.join(suite),
        Some(suite) => suite,
        None => PathBuf::from("suites/quick.toml"),
    }
}

/// Builds the programs that tests start, then runs the tests.
pub(crate) fn test(env: &Env, args: &[OsString]) -> Result<(), TaskError> {
    setup::ensure(env)?;
    step(
        env,
        "build",
        cargo(env).args(["build", "--workspace", "--bins"]),
    )?;
    let mut tests = cargo(env);
    tests
        .arg("test")
        .args(workspace_unless_chosen(args))
        .args(args);
    replace_this(env, "test", tests)
}

/// `--workspace`, unless the arguments choose packages themselves.
fn workspace_unless_chosen(args: &[OsString]) -> Option<&'static str> {
    let of_cargo = args.iter().take_while(|arg| *arg != "--");
    let mut words = of_cargo.map(|arg| arg.to_string_lossy());
    let chooses = |word: &str| {
        word.starts_with("-p")
            || word.starts_with("--package")
            || word == "--workspace"
            || word == "--all"
    };
    (!words.any(|word| chooses(&word))).then_some("--workspace")
}

/// Everything that must hold before a change is merged; stops at the first failure.
pub(crate) fn ci(env: &Env) -> Result<(), TaskError> {
    setup::ensure(env)?;
    step(env, "format", cargo(env).args(["fmt", "--all", "--check"]))?;
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    step(env, "lints", cargo(env).args(clippy))?;
    let mut docs = cargo(env);
    docs.args(["doc", "--workspace", "--no-deps"])
        .env("RUSTDOCFLAGS", "-D warnings");
    step(env, "docs", &mut docs)?;
    test(env, &[])
}

/// The cargo that runs this, building into the same place wherever it is started.
fn cargo(env: &Env) -> Command {
    let mut cargo = env.command(&env.cargo);
    cargo.env("CARGO_TARGET_DIR", &env.target);
    cargo
}

/// Announces a command, runs it, and takes a failure for one's own.
fn step(env: &Env, step: &'static str, command: &mut Command) -> Result<(), TaskError> {
    announce(env, step, command);
    let status = command.status().map_err(|source| TaskError::Start {
        program: command.get_program().display().to_string(),
        source,
    })?;
    if status.success() {
        Ok(())
    } else {
        Err(TaskError::Failed { step, status })
    }
}

/// Announces a command and becomes it.
fn replace_this(env: &Env, step: &str, mut command: Command) -> Result<(), TaskError> {
    announce(env, step, &command);
    let source = command.exec();
    Err(TaskError::Start {
        program: command.get_program().display().to_string(),
        source,
    })
}

/// Takes away the library folders that `cargo run` added: measured programs run as they would by hand.
fn without_cargos_library_path(env: &Env, command: &mut Command) {
    let sysroot = env.cargo.parent().and_then(Path::parent);
    let of_cargo = |dir: &PathBuf| {
        dir.starts_with(&env.target)
            || sysroot.is_some_and(|sysroot| dir.starts_with(sysroot.join("lib")))
    };
    let kept: Vec<PathBuf> = std::env::split_paths(&env.library_path)
        .filter(|dir| !of_cargo(dir))
        .collect();
    match std::env::join_paths(kept) {
        Ok(path) if !path.is_empty() => command.env("LD_LIBRARY_PATH", path),
        Ok(_) | Err(_) => command.env_remove("LD_LIBRARY_PATH"),
    };
}

fn announce(env: &Env, step: &str, command: &Command) {
    let program = command.get_program();
    let shown = if program == env.cargo {
        OsStr::new("cargo")
    } else {
        program
    };
    let words: Vec<_> = command.get_args().map(OsStr::to_string_lossy).collect();
    env.say(format!(
        "==> {step}: {} {}",
        shown.display(),
        words.join(" ")
    ));
}
