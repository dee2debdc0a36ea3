//! Why a command cannot be carried out, with its exit code and the next step.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anechoic_index::IndexError;
use anechoic_record::RecordError;
use anechoic_report::{NoMatch, NotCertified};
use anechoic_suite::SuiteError;

use super::ground::ClusterError;
use super::hold::Held;
use super::next_step::{list_command, resume_command};
use super::schedule::ScheduleError;
use super::target::Target;
use crate::exit_code::ExitCode;
use crate::lock::LockError;
use crate::notify::NotifyError;
use crate::reporter::duration;
use crate::runner::RunError;
use crate::settings::{DeviceError, ProgramError};

/// Why a command cannot be carried out. What a worker does is never among the reasons.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("cannot read the suite `{}`{}", path.display(), by_name_text(by_name.as_deref()))]
    NoSuite {
        path: PathBuf,
        /// Where it was looked for as well.
        by_name: Option<PathBuf>,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Suite(#[from] SuiteError),
    #[error("{0}")]
    NoModel(SuiteError),
    #[error("{0}")]
    NoProgram(SuiteError),
    #[error(transparent)]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Program(#[from] ProgramError),
    #[error(transparent)]
    Notify(#[from] NotifyError),
    #[error("the run `{run}` cannot go on: {source}")]
    RecordedDevice {
        run: String,
        #[source]
        source: DeviceError,
    },
    #[error(transparent)]
    RecordedWorker(ProgramError),
    #[error("failed to {0}")]
    NoRecord(#[source] RecordErrorText),
    #[error("failed to {0}")]
    Record(#[source] RecordErrorText),
    #[error("failed to {0}")]
    Index(#[from] IndexError),
    #[error("failed to {source}")]
    Run {
        run: PathBuf,
        #[source]
        source: RunError,
    },
    #[error("the file `{}` ({}) cannot be written: {cause}", path.display(), target.option())]
    Target {
        target: Target,
        path: PathBuf,
        cause: String,
    },
    #[error("{}{}", held.text(), waited_text(*waited))]
    Held {
        held: Held,
        waited: Option<Duration>,
    },
    #[error("stopped while waiting: {}", .0.text())]
    StoppedWaiting(Held),
    #[error("failed to wait")]
    Wait(#[source] RunError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error("the run `{run}` was made under other conditions: {difference}")]
    OtherConditions { run: String, difference: String },
    #[error("the worker `{worker}` cannot be audited: {cause}")]
    SingleJob { worker: String, cause: String },
    #[error("the cases `{first}` and `{other}` cannot share a process: they differ in {what}")]
    NotShared {
        first: String,
        other: String,
        what: &'static str,
    },
    #[error("the run `{0}` is an audit, which is made in one go")]
    IsAudit(String),
    #[error(
        "the run `{}` is an audit, whose processes are shared by several cases; nothing is compared with them",
        .0.display()
    )]
    AuditCompared(PathBuf),
    #[error("`--case {pattern}` {why}")]
    CasePattern { pattern: String, why: String },
    #[error("nothing to compare: {0}")]
    NothingAlike(#[source] NoMatch),
    #[error("nothing can be certified: {}", .0.text())]
    NotCertified(NotCertified),
    #[error("nothing to run: {0}")]
    NothingToRun(String),
    #[error("cannot check the worker: {0}")]
    NoSubject(#[source] ProgramError),
    #[error("cannot start the worker `{}`: {cause}", program.display())]
    NotStarted { program: PathBuf, cause: String },
    #[error("`{}` (--job) is no job: {cause}", path.display())]
    JobFile { path: PathBuf, cause: String },
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    #[error("failed to start the event loop")]
    Runtime(#[source] io::Error),
    #[error("failed to write to standard output")]
    Stdout(#[source] io::Error),
}

fn by_name_text(by_name: Option<&Path>) -> String {
    by_name.map_or_else(String::new, |path| {
        format!(", and there is no `{}`", path.display())
    })
}

fn waited_text(waited: Option<Duration>) -> String {
    waited.map_or_else(String::new, |waited| {
        format!(", and still is after {}", duration(waited))
    })
}

fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), FileTooLarge | QuotaExceeded | StorageFull)
}

/// Where the directory of a run is not where it was.
const GONE_HINT: &str =
    "put it back where it was moved away and `resume` it; one that was removed is measured again";

/// Where runs can neither be put nor looked for.
const FOLDER_HINT: &str = "choose another folder with --results";

/// How cases are named.
const PATTERN_HINT: &str =
    "write a whole case id, or a pattern with `*`, `?`, `[ab]` or `{a,b}` in quotes";

fn index_hint(error: &IndexError) -> Option<String> {
    let hint = match error {
        IndexError::Pattern { .. } => PATTERN_HINT,
        IndexError::Write { .. } => {
            "name the folder of the runs with --results; it has to be writable, with room for the index"
        }
        IndexError::Failed { .. } => "delete the file: it is made anew from the runs",
        IndexError::Record(_) => FOLDER_HINT,
        IndexError::Newer { .. } => return None,
    };
    Some(hint.to_owned())
}

/// How a run that could not go on is gone on with.
fn go_on_hint(run: &Path, source: &RunError) -> String {
    if matches!(source, RunError::Record(RecordError::Gone(_))) || !run.is_dir() {
        return GONE_HINT.to_owned();
    }
    let first = match source {
        RunError::Record(RecordError::Io { source, .. }) | RunError::Log(source)
            if is_full(source) =>
        {
            "make room"
        }
        RunError::Record(_) | RunError::Log(_) | RunError::Runtime(_) => {
            "see to what the message names"
        }
    };
    let again = resume_command(run);
    format!("what was measured is kept; {first}, then `{again}`")
}

/// What an audit found stands in its own report.
fn audit_hint(run: &Path) -> String {
    format!("`anechoic report {}` says what it found", run.display())
}

/// Runs that do not belong together were named wrongly; others say too little.
fn of_refusal(refused: &NotCertified) -> ExitCode {
    match refused {
        NotCertified::Twice { .. }
        | NotCertified::Audit { .. }
        | NotCertified::OtherSuite { .. } => ExitCode::Usage,
        NotCertified::TooFew { .. }
        | NotCertified::Mixed { .. }
        | NotCertified::OtherConditions { .. }
        | NotCertified::NoCase { .. } => ExitCode::Nothing,
    }
}

fn refusal_hint(refused: &NotCertified) -> &'static str {
    match refused {
        NotCertified::TooFew { .. } => {
            "name more runs with --from, or let `anechoic certify SUITE` make them"
        }
        NotCertified::Twice { .. }
        | NotCertified::Audit { .. }
        | NotCertified::OtherSuite { .. } => "name different runs of one suite with --from",
        NotCertified::Mixed { .. } | NotCertified::OtherConditions { .. } => {
            "certify runs of equal conditions, or make new ones while nothing is changed"
        }
        NotCertified::NoCase { .. } => "see to the causes, and certify again; the runs are kept",
    }
}

/// A record's error, whose text holds its cause already.
pub(crate) type RecordErrorText = RecordError;

impl CommandError {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::NoSuite { .. } | Self::NotShared { .. } | Self::Suite(SuiteError::Invalid(_)) => {
                ExitCode::BadSuite
            }
            Self::Suite(SuiteError::NothingToRun { .. }) | Self::NothingToRun(_) => {
                ExitCode::Nothing
            }
            Self::NoModel(_)
            | Self::NoProgram(_)
            | Self::Device(_)
            | Self::Program(_)
            | Self::RecordedDevice { .. }
            | Self::RecordedWorker(_)
            | Self::NoSubject(_)
            | Self::NotStarted { .. }
            | Self::SingleJob { .. }
            | Self::NoRecord(_)
            | Self::Index(IndexError::Write { .. } | IndexError::Record(_))
            | Self::Target { .. }
            | Self::Held { .. }
            | Self::Lock(_)
            | Self::Record(RecordError::Busy(_))
            | Self::OtherConditions { .. } => ExitCode::Unfit,
            Self::NothingAlike(NoMatch::NoSuchKey { .. } | NoMatch::NothingAlike { .. }) => {
                ExitCode::Nothing
            }
            Self::NothingAlike(NoMatch::Ambiguous { .. } | NoMatch::NoSuchBase { .. }) => {
                ExitCode::Usage
            }
            Self::Notify(error) if error.is_of_machine() => ExitCode::Unfit,
            Self::Schedule(error) => error.exit_code(),
            Self::StoppedWaiting(_) => ExitCode::Interrupted,
            Self::NotCertified(refused) => of_refusal(refused),
            Self::CasePattern { .. }
            | Self::Notify(_)
            | Self::IsAudit(_)
            | Self::AuditCompared(_)
            | Self::JobFile { .. }
            | Self::Index(IndexError::Pattern { .. })
            | Self::Record(RecordError::NoSuchRun { .. }) => ExitCode::Usage,
            Self::Record(_)
            | Self::Index(IndexError::Newer { .. } | IndexError::Failed { .. })
            | Self::Run { .. }
            | Self::Runtime(_)
            | Self::Wait(_)
            | Self::Stdout(_) => ExitCode::Internal,
            Self::Cluster(error) => error.exit_code(),
        }
    }

    /// The message with its causes and, where there is one, the next step.
    pub(crate) fn text(&self) -> String {
        let mut text = format!("error: {self}");
        let mut source = self.source();
        while let Some(cause) = source {
            let cause_text = cause.to_string();
            // Some texts hold their cause already.
            if !text.contains(&cause_text) {
                text.push_str(": ");
                text.push_str(&cause_text);
            }
            source = cause.source();
        }
        if let Some(hint) = self.hint() {
            text.push_str("\n  hint: ");
            text.push_str(&hint);
        }
        text
    }

    /// The message alone, for a place in another.
    pub(crate) fn text_on_one_line(&self) -> String {
        let text = self.text();
        let first = text.lines().next().unwrap_or_default();
        first.strip_prefix("error: ").unwrap_or(first).to_owned()
    }

    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoSuite { .. } => "`anechoic list suites` shows the suites in `suites/`",
            Self::Suite(SuiteError::NothingToRun { cases: 0, .. }) => {
                "name other benchmarks, or a suite that has them with --config"
            }
            Self::Suite(SuiteError::NothingToRun { .. }) => "change --only or --skip",
            Self::NoModel(_) => {
                "pass the folder of a complete checkpoint, or use a preset from `anechoic list models`"
            }
            Self::NoProgram(_) => {
                "install the program, or correct the first word of the worker's `command`"
            }
            Self::Device(_) => "pass `--device cpu`, or check that `nvidia-smi` sees the GPU",
            Self::Program(_) => {
                "build it with `cargo xtask setup` and `cargo build --release -p anechoic-worker`, \
                 or name it with --worker"
            }
            Self::RecordedDevice { .. } => {
                "check that `nvidia-smi` sees the GPU; a run on another device is a new run"
            }
            Self::RecordedWorker(_) => "put it back there; a run with another worker is a new run",
            Self::Notify(error) => return Some(error.hint()),
            Self::NoRecord(_) => FOLDER_HINT,
            Self::Target { target, .. } => {
                return Some(format!("choose another file with {}", target.option()));
            }
            Self::Held { .. } | Self::Record(RecordError::Busy(_)) => {
                "wait until it has ended, or let `--wait` do so"
            }
            Self::Lock(_) => {
                "name a folder that every user of this machine may write in ANECHOIC_LOCKS"
            }
            Self::OtherConditions { .. } => {
                "results under different conditions are not compared; start a new run, or mix them knowingly with \
                 `--accept-different-machine`"
            }
            Self::Record(RecordError::NoSuchRun { root, .. }) => {
                return Some(format!("`{}` shows the runs", list_command(root)));
            }
            Self::Schedule(error) => return error.hint().map(str::to_owned),
            Self::Run { run, source } => return Some(go_on_hint(run, source)),
            Self::NoSubject(_) => {
                "write the program behind `--` as a shell would find it: `anechoic worker check -- python3 my_worker.py`"
            }
            Self::NotStarted { .. } => {
                "start it by hand: its interpreter or a library may be missing"
            }
            Self::SingleJob { .. } => {
                "an audit sends several jobs to one process; docs/protocol.md says how a worker offers that"
            }
            Self::NotShared { .. } => "choose cases that are alike in it with --only or --skip",
            Self::NotCertified(refused) => refusal_hint(refused),
            Self::IsAudit(_) => "make a new one with `anechoic audit`",
            Self::AuditCompared(run) => return Some(audit_hint(run)),
            Self::Cluster(error) => error.hint()?,
            Self::JobFile { .. } => "pass a job as JSON, such as the `job.json` of an attempt",
            Self::NothingAlike(NoMatch::Ambiguous { .. }) => "write the whole name with --by",
            Self::NothingAlike(NoMatch::NoSuchBase { .. }) => "name one of them with --base",
            Self::NothingAlike(_) => {
                "name a setting with --by in which two cases differ and that nothing else goes with"
            }
            Self::Index(error) => return index_hint(error),
            Self::CasePattern { .. } => PATTERN_HINT,
            Self::Record(RecordError::Damaged { .. }) => {
                "put the file back from a copy, or measure again in a new run"
            }
            Self::Record(RecordError::Io { source, .. }) if is_full(source) => {
                "make room; nothing is lost, and the same command can be given again"
            }
            Self::Record(RecordError::Gone(_)) => GONE_HINT,
            Self::Record(RecordError::Io { .. }) => "check that the file is there and may be used",
            Self::Record(RecordError::Newer { .. } | RecordError::NoSuchCase(_))
            | Self::Suite(SuiteError::Invalid(_))
            | Self::NothingToRun(_)
            | Self::Runtime(_)
            | Self::StoppedWaiting(_)
            | Self::Wait(_)
            | Self::Stdout(_) => return None,
        };
        Some(hint.to_owned())
    }
}
