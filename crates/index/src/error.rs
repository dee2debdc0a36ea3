//! Why an index cannot answer.

use std::path::PathBuf;

use anechoic_record::RecordError;

/// Why an index cannot answer. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A later build has made it.
    #[error(
        "open the index `{}`: it has version {found}, and this build knows up to {known}; use a newer anechoic, or make it anew with \
         `anechoic index rebuild`",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// What it is made of cannot be listed.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A pattern of cases that is none.
    #[error("match cases with `{pattern}`: {why}")]
    Pattern {
        /// What was given.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// The file cannot be written.
    #[error("write the index `{}`: {why}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system or SQLite said.
        why: String,
    },
    /// SQLite fails where nothing is left to try.
    #[error("use the index `{}`: {why}", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        why: String,
    },
}
