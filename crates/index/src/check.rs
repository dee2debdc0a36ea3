//! Compares an index with what it is made of. Changes nothing.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;
use serde::Serialize;

use crate::digests::runs;
use crate::entries::{Entries, night_entry};
use crate::nights::nights;
use crate::read::{Content, Wanted, read_all};
use crate::refresh::Known;
use crate::schema::{self, Kind, VERSION};
use crate::trouble::Trouble;
use crate::{IndexError, Query, file};

/// Something that an index, or what it is made of, should not have. An entry is a run's name or a night's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "fault", rename_all = "kebab-case")]
pub enum Fault {
    /// There is no index yet.
    NoIndex,
    /// An earlier build has made the index: the next use makes it anew.
    Older,
    /// The file is no sound index.
    Damaged {
        /// What is wrong with it.
        why: String,
    },
    /// The index does not have it yet.
    Missing {
        /// A run or a night.
        entry: String,
    },
    /// It has changed since the index read it, or is still being made.
    Stale {
        /// A run or a night.
        entry: String,
    },
    /// It is gone, and the index still has it.
    Surplus {
        /// A run or a night.
        entry: String,
    },
    /// Its files are as they were, and the index says something else of it.
    Differs {
        /// A run or a night.
        entry: String,
    },
    /// It cannot be read, and the index leaves it out.
    Unreadable {
        /// A run or a night.
        entry: String,
        /// Why.
        why: String,
    },
}

impl Fault {
    /// Whether it only says that something has happened since the index was used last: the next use sees to it.
    pub fn is_behind(&self) -> bool {
        match self {
            Self::NoIndex
            | Self::Older
            | Self::Missing { .. }
            | Self::Stale { .. }
            | Self::Surplus { .. } => true,
            Self::Damaged { .. } | Self::Differs { .. } | Self::Unreadable { .. } => false,
        }
    }

    /// In a few words.
    pub fn text(&self) -> String {
        match self {
            Self::NoIndex => "there is no index yet".to_owned(),
            Self::Older => {
                "an earlier build has made the index: the next use makes it anew".to_owned()
            }
            Self::Damaged { why } => format!("the index is damaged: {why}"),
            Self::Missing { entry } => format!("`{entry}` is not in the index yet"),
            Self::Stale { entry } => format!("`{entry}` has changed since, or is still being made"),
            Self::Surplus { entry } => format!("`{entry}` is gone and still in the index"),
            Self::Differs { entry } => format!("`{entry}` says something else than the index"),
            Self::Unreadable { entry, why } => format!("`{entry}` cannot be read: {why}"),
        }
    }
}

/// Checks the index of a results root: SQLite's own check of the file, then every run and night against what is stored of it. Reads all
/// of them.
///
/// # Errors
/// [`IndexError::Newer`], where the root cannot be listed, and where the file cannot be used at all.
pub fn check(root: &Path) -> Result<Vec<Fault>, IndexError> {
    if file::identity(root).is_none() {
        // A root that cannot be listed is no root without an index.
        Entries::of(root)?;
        return Ok(vec![Fault::NoIndex]);
    }
    let path = file::path(root);
    match checked(root) {
        Ok(faults) => Ok(faults),
        Err(Trouble::Damaged(why)) => Ok(vec![Fault::Damaged { why }]),
        Err(Trouble::Unlisted(error)) => Err(error.into()),
        Err(Trouble::Newer(found)) => Err(IndexError::Newer {
            path,
            found,
            known: VERSION,
        }),
        Err(trouble) => Err(IndexError::Failed {
            path,
            why: trouble.text(),
        }),
    }
}

fn checked(root: &Path) -> Result<Vec<Fault>, Trouble> {
    let connection = file::open(&file::path(root))?;
    match schema::kind(&connection)? {
        Kind::Known => {}
        Kind::Empty => return Ok(vec![Fault::NoIndex]),
        Kind::Older => return Ok(vec![Fault::Older]),
    }
    let unsound = unsound(&connection)?;
    if !unsound.is_empty() {
        return Ok(unsound);
    }
    let known = Known::load(&connection)?;
    let stored = stored(&connection)?;
    let entries = Entries::of(root)?;
    let owed = known.owed(&entries);
    let mut faults: Vec<Fault> = owed
        .remove
        .iter()
        .map(|gone| Fault::Surplus {
            entry: gone.entry(),
        })
        .collect();
    read_all(root, &entries.wanted(), |wanted, content| {
        let is_owed = owed.read.contains(wanted);
        faults.extend(compared(&known, &stored, wanted, content, is_owed));
        Ok::<_, Trouble>(())
    })?;
    faults.sort();
    Ok(faults)
}

/// What SQLite says of the file.
fn unsound(connection: &Connection) -> Result<Vec<Fault>, Trouble> {
    let mut found = Vec::new();
    let mut select = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let why: String = row.get(0)?;
        if why != "ok" {
            found.push(Fault::Damaged { why });
        }
    }
    let orphans: i64 =
        connection.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| {
            row.get(0)
        })?;
    if orphans > 0 {
        let why = format!("{orphans} rows belong to nothing");
        found.push(Fault::Damaged { why });
    }
    Ok(found)
}

/// All that an index says, by entry.
fn stored(connection: &Connection) -> Result<BTreeMap<String, Content>, Trouble> {
    let everything = Query::default();
    let cells = everything
        .cells()
        .map_err(|error| Trouble::Damaged(error.to_string()))?;
    let runs = runs(connection, None, &cells, None, true)?;
    let nights = nights(connection, None, &cells, None)?;
    let runs = runs
        .into_iter()
        .map(|run| (run.run.clone(), Content::Run(run)));
    let nights = nights
        .into_iter()
        .map(|night| (night_entry(&night.file), Content::Night(night.night)));
    Ok(runs.chain(nights).collect())
}

fn compared(
    known: &Known,
    stored: &BTreeMap<String, Content>,
    wanted: &Wanted,
    content: Content,
    is_owed: bool,
) -> Option<Fault> {
    let entry = wanted.entry();
    if let Content::Unreadable { why, .. } = content {
        return Some(Fault::Unreadable { entry, why });
    }
    match (is_owed, known.has(&entry)) {
        (true, true) => Some(Fault::Stale { entry }),
        (true, false) => Some(Fault::Missing { entry }),
        (false, _) if stored.get(&entry) == Some(&content) => None,
        (false, _) => Some(Fault::Differs { entry }),
    }
}
