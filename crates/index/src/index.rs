//! An index that answers, whatever has become of its file.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use anechoic_report::RunDigest;
use rusqlite::Connection;

use crate::entries::Entries;
use crate::file::{self, Identity};
use crate::nights::{StoredNight, nights};
use crate::refresh::refresh;
use crate::schema::VERSION;
use crate::trouble::Trouble;
use crate::{IndexError, Query, digests};

/// Times that a file which does not do is replaced before it is done without.
const TRIES: u32 = 3;

/// The index of a results root, as of when it was opened.
#[derive(Debug)]
pub struct Index {
    root: PathBuf,
    connection: Connection,
    /// The file that was opened; `None` in memory.
    file: Option<Identity>,
    notes: Vec<String>,
    /// What took its place when damage was met on reading.
    healed: OnceCell<Box<Self>>,
}

impl Index {
    /// Opens the index of a results root and brings it up to date with runs and nights. A file that is missing or damaged is made anew;
    /// where it cannot be used the work is done in memory. Both are in [`Self::notes`].
    ///
    /// # Errors
    /// [`IndexError::Newer`], and where the root cannot be listed.
    pub fn open(root: &Path) -> Result<Self, IndexError> {
        let is_new = file::identity(root).is_none();
        if is_new && Entries::of(root)?.is_empty() {
            // A folder without runs is not written to.
            return Self::in_memory(root, Vec::new());
        }
        Self::from_file(root, Vec::new())
    }

    /// What people should know of the index itself, each in a sentence.
    pub fn notes(&self) -> &[String] {
        &self.healed.get().map_or(self, |healed| healed).notes
    }

    /// Runs, oldest first, with the cells that fit. Audits are left out; where cases or metrics are named, also runs that have no such
    /// cell.
    ///
    /// # Errors
    /// [`IndexError::Pattern`], and where SQLite fails with nothing left to try.
    pub fn digests(&self, query: &Query) -> Result<Vec<RunDigest>, IndexError> {
        let cells = query.cells()?;
        let suite = query.suite.as_deref();
        self.ask(|connection| digests::runs(connection, suite, &cells, query.last, false))
    }

    /// The suite of the newest run that is no audit; where there is none, that of the newest night.
    ///
    /// # Errors
    /// Where SQLite fails with nothing left to try.
    pub fn newest_suite(&self) -> Result<Option<String>, IndexError> {
        self.ask(digests::newest_suite)
    }

    /// Every night of a suite, or of all, oldest first.
    ///
    /// # Errors
    /// Where SQLite fails with nothing left to try.
    pub fn nights(&self, suite: Option<&str>) -> Result<Vec<StoredNight>, IndexError> {
        self.nights_of(&Query {
            suite: suite.map(str::to_owned),
            ..Query::default()
        })
    }

    /// Nights, oldest first, with the cells that fit; also those of which none does.
    ///
    /// # Errors
    /// As of [`Self::digests`].
    pub fn nights_of(&self, query: &Query) -> Result<Vec<StoredNight>, IndexError> {
        let cells = query.cells()?;
        let suite = query.suite.as_deref();
        self.ask(|connection| nights(connection, suite, &cells, query.last))
    }

    /// Asks the tables, and once more after the file was made anew where they turn out to be damaged.
    fn ask<T>(
        &self,
        question: impl Fn(&Connection) -> Result<T, Trouble>,
    ) -> Result<T, IndexError> {
        let failed = |trouble: Trouble| IndexError::Failed {
            path: file::path(&self.root),
            why: trouble.text(),
        };
        if let Some(healed) = self.healed.get() {
            return question(&healed.connection).map_err(failed);
        }
        let trouble = match question(&self.connection) {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        let mut notes = self.notes.clone();
        let anew = match trouble {
            Trouble::Damaged(why) if self.file.is_some() => {
                match discard(&self.root, self.file, why, &mut notes) {
                    Ok(()) => Self::from_file(&self.root, notes)?,
                    Err(why) => Self::without_file(&self.root, &why, notes)?,
                }
            }
            Trouble::Refused(why) if self.file.is_some() => {
                Self::without_file(&self.root, &why, notes)?
            }
            trouble => return Err(failed(trouble)),
        };
        let anew = self.healed.get_or_init(|| Box::new(anew));
        question(&anew.connection).map_err(failed)
    }

    fn from_file(root: &Path, mut notes: Vec<String>) -> Result<Self, IndexError> {
        for _ in 0..TRIES {
            let file = file::identity(root);
            let opened = file::open_index(root).and_then(|mut connection| {
                refresh(&mut connection, root)?;
                Ok(connection)
            });
            match opened {
                Ok(connection) => {
                    let file = file::identity(root);
                    return Self::new(root, connection, file, notes);
                }
                Err(Trouble::Moved) => {}
                Err(Trouble::Unlisted(error)) => return Err(error.into()),
                Err(Trouble::Newer(found)) => {
                    return Err(IndexError::Newer {
                        path: file::path(root),
                        found,
                        known: VERSION,
                    });
                }
                Err(Trouble::Damaged(why)) => {
                    if let Err(why) = discard(root, file, why, &mut notes) {
                        return Self::without_file(root, &why, notes);
                    }
                }
                Err(Trouble::Refused(why)) => return Self::without_file(root, &why, notes),
            }
        }
        Self::without_file(root, "it does not stay whole", notes)
    }

    fn without_file(root: &Path, why: &str, mut notes: Vec<String>) -> Result<Self, IndexError> {
        let path = file::path(root);
        notes.push(format!(
            "the index `{}` cannot be used ({why}); runs that it does not hold are read again each time",
            path.display()
        ));
        Self::in_memory(root, notes)
    }

    fn in_memory(root: &Path, notes: Vec<String>) -> Result<Self, IndexError> {
        let refreshed = |connection: Result<Connection, Trouble>| {
            let mut connection = connection?;
            refresh(&mut connection, root)?;
            Ok(connection)
        };
        let connection = match refreshed(file::in_memory(root)) {
            // The copy of a damaged file is damaged.
            Err(Trouble::Damaged(_)) => refreshed(file::empty_in_memory()),
            other => other,
        };
        match connection {
            Ok(connection) => Self::new(root, connection, None, notes),
            Err(Trouble::Unlisted(error)) => Err(error.into()),
            Err(trouble) => Err(IndexError::Failed {
                path: file::path(root),
                why: trouble.text(),
            }),
        }
    }

    fn new(
        root: &Path,
        connection: Connection,
        file: Option<Identity>,
        mut notes: Vec<String>,
    ) -> Result<Self, IndexError> {
        notes.extend(unreadable(&connection, root));
        Ok(Self {
            root: root.to_owned(),
            connection,
            file,
            notes,
            healed: OnceCell::new(),
        })
    }
}

/// Removes a damaged file.
///
/// # Errors
/// Why it stays, in words.
fn discard(
    root: &Path,
    file: Option<Identity>,
    why: String,
    notes: &mut Vec<String>,
) -> Result<(), String> {
    file::discard(root, file).map_err(|error| format!("{why}; {error}"))?;
    let path = file::path(root);
    notes.push(format!(
        "the index `{}` was made anew: {why}",
        path.display()
    ));
    Ok(())
}

/// One sentence on all that could not be read. Where the table of faults cannot be read either, the next question finds that out.
fn unreadable(connection: &Connection, root: &Path) -> Option<String> {
    let count = "SELECT count(*), min(entry) FROM faults";
    let found = connection.query_row(count, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<String>>(1)?))
    });
    let (count, first) = found.ok()?;
    let others = match count {
        1 => String::new(),
        2 => " and one more".to_owned(),
        more => format!(" and {} more", more - 1),
    };
    Some(format!(
        "`{}`{others} cannot be read and is left out; `anechoic index check --results {}` says why",
        first?,
        root.display()
    ))
}
