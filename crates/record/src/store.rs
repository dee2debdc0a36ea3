//! A run directory: who writes it ([`Recorder`]) and who reads it ([`RunRecord`]).

mod clean;
mod find;
mod kept;
mod lock;
mod read;
mod recover;
mod remove;
mod write;

pub use find::{RunListing, find_run, list_runs};
pub use kept::{
    CERTIFICATES, FoundCertificate, Kept, NIGHTS, SuiteCertificates, certificates,
    find_certificate, nights, read_night, write_certificate, write_night,
};
pub use lock::RunLock;
pub(crate) use read::Fold;
pub use read::{AttemptData, RunRecord};
pub use remove::{
    Removal, bytes_on_disk, half_removed, is_run_of, latest_run, remove_half_removed, remove_run,
};
pub use write::{AttemptFiles, Recorder, write_atomically};

use std::path::{Path, PathBuf};

/// Name of the manifest in a run directory.
pub(crate) const MANIFEST: &str = "run.json";
/// Name of the event log in a run directory.
pub(crate) const EVENTS: &str = "events.jsonl";
/// Name of the suite in a run directory.
pub(crate) const SUITE: &str = "suite.toml";
/// Name of the folder of plots in a run directory.
pub const PLOTS: &str = "plots";
/// Name of the link to the newest run in a results root.
pub(crate) const LATEST: &str = "latest";
/// How the names of runs begin that are not whole yet.
pub(crate) const MAKING: &str = ".making-";
/// How the names of runs begin that are being removed.
pub(crate) const PRUNING: &str = ".pruning-";
/// How the names of files begin that are not whole yet.
pub(crate) const WRITING: &str = ".writing-";

/// Why a record cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system refused an operation on a file.
    #[error("{action} `{}`: {source}", path.display())]
    Io {
        /// What was being done, e.g. `create the results folder`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A stored file does not hold what its name promises.
    #[error("read `{}`{}: {detail}", path.display(), line.map(|l| format!(" line {l}")).unwrap_or_default())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, in line-oriented files.
        line: Option<usize>,
        /// What is wrong.
        detail: String,
    },
    /// A file of a version that this build does not know.
    #[error(
        "read `{}`: it has schema version {found}, and this build reads up to {}; use a newer anechoic",
        path.display(),
        crate::SCHEMA_VERSION
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// No run of that name.
    #[error("find the run `{name}`: no such run in `{}`{hint}", root.display())]
    NoSuchRun {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        root: PathBuf,
        /// What there is instead.
        hint: String,
    },
    /// Somebody writes the run.
    #[error("go on with the run `{}`: another anechoic is writing it", .0.display())]
    Busy(PathBuf),
    /// A run's directory was taken away from under its writer.
    #[error("write the run `{}`: it was removed, moved or replaced while it was being made", .0.display())]
    Gone(PathBuf),
    /// The record holds no such case.
    #[error("record an attempt of `{0}`: the run has no such case")]
    NoSuchCase(String),
}

impl RecordError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, line: Option<usize>, detail: impl ToString) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            line,
            detail: detail.to_string(),
        }
    }
}

/// The folder of one attempt's files.
pub(crate) fn attempt_folder(run: &Path, case: &str, attempt: u32) -> PathBuf {
    run.join("cases")
        .join(case)
        .join(format!("attempt-{attempt}"))
}
