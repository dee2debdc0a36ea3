//! What can go wrong with the file of an index, by what is to be done about it.

use anechoic_record::RecordError;
use rusqlite::ffi;
use rusqlite::{Error, ErrorCode};

/// Why the file did not do.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It does not hold what it should: make it anew.
    Damaged(String),
    /// The system, or somebody who holds it, does not let it be used: work without it.
    Refused(String),
    /// Another process has put a new file in its place: open that.
    Moved,
    /// A later build has made it.
    Newer(i64),
    /// What it is made of cannot be listed.
    Unlisted(RecordError),
}

impl From<RecordError> for Trouble {
    fn from(error: RecordError) -> Self {
        Self::Unlisted(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let Error::SqliteFailure(failure, _) = &error else {
            // A value of another type, or one that is none: what a sound index does not hold.
            return Self::Damaged(text);
        };
        match (failure.extended_code, failure.code) {
            (ffi::SQLITE_READONLY_DBMOVED, _) => Self::Moved,
            (ffi::SQLITE_IOERR_SHORT_READ, _) => Self::Damaged(text),
            (
                _,
                ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::SystemIoFailure
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
                | ErrorCode::OutOfMemory
                | ErrorCode::NoLargeFileSupport,
            ) => Self::Refused(text),
            _ => Self::Damaged(text),
        }
    }
}

impl Trouble {
    /// A value in the file that says nothing.
    pub(crate) fn unreadable(what: &str, found: &str) -> Self {
        Self::Damaged(format!("`{found}` is no {what}"))
    }

    /// In words.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Damaged(why) | Self::Refused(why) => why.clone(),
            Self::Moved => "it was replaced meanwhile".to_owned(),
            Self::Unlisted(error) => error.to_string(),
            Self::Newer(found) => format!("it has version {found}"),
        }
    }
}
