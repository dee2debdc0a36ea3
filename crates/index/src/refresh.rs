//! Brings the tables up to date with what a results root holds.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::Connection;

use crate::entries::{Entries, night_entry};
use crate::read::{Content, Wanted, What, read_all};
use crate::trouble::Trouble;
use crate::write::{self, RUNNING};

/// Runs and nights that are stored in one transaction: few enough that others who wait for it do not notice, and so many that syncing
/// files does not count.
const BATCH: usize = 64;

/// What the tables hold, by entry.
pub(crate) struct Known {
    /// The state of the files of each; of a run in progress none, as it has to be read again.
    stamps: HashMap<String, String>,
    /// Names of runs and nights.
    names: Vec<(What, String)>,
}

/// What has to be done to a set of tables.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Owed {
    /// What is not there, or was read in another state.
    pub(crate) read: Vec<Wanted>,
    /// What is there and no longer in the root.
    pub(crate) remove: Vec<Wanted>,
}

impl Known {
    pub(crate) fn load(connection: &Connection) -> Result<Self, Trouble> {
        let transaction = connection.unchecked_transaction()?;
        let mut known = Self {
            stamps: HashMap::new(),
            names: Vec::new(),
        };
        let mut select = transaction
            .prepare_cached("SELECT folder, CASE state WHEN ?1 THEN '' ELSE stamp END FROM runs")?;
        let mut rows = select.query([RUNNING])?;
        while let Some(row) = rows.next()? {
            known.add(What::Run, row.get(0)?, row.get(1)?);
        }
        let mut select = transaction.prepare_cached("SELECT file, stamp FROM nights")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            known.add(What::Night, row.get(0)?, row.get(1)?);
        }
        let mut select = transaction.prepare_cached("SELECT entry, stamp FROM faults")?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let entry: String = row.get(0)?;
            match entry.strip_prefix(&night_entry("")) {
                Some(file) => known.add(What::Night, file.to_owned(), row.get(1)?),
                None => known.add(What::Run, entry, row.get(1)?),
            }
        }
        Ok(known)
    }

    /// Whether anything is stored of it, be it that it cannot be read.
    pub(crate) fn has(&self, entry: &str) -> bool {
        self.stamps.contains_key(entry)
    }

    fn add(&mut self, what: What, name: String, stamp: String) {
        let entry = match what {
            What::Run => name.clone(),
            What::Night => night_entry(&name),
        };
        self.stamps.insert(entry, stamp);
        self.names.push((what, name));
    }

    /// What has to be done so that the tables say what the root does.
    pub(crate) fn owed(&self, entries: &Entries) -> Owed {
        let is_new = |one: &Wanted| self.stamps.get(&one.entry()) != Some(&one.stamp);
        let is_gone = |(what, name): &&(What, String)| match what {
            What::Run => !entries.runs.contains_key(name),
            What::Night => !entries.nights.contains_key(name),
        };
        let removed = |(what, name): &(What, String)| Wanted {
            what: *what,
            name: name.clone(),
            stamp: String::new(),
        };
        Owed {
            read: entries.wanted().into_iter().filter(is_new).collect(),
            remove: self.names.iter().filter(is_gone).map(removed).collect(),
        }
    }
}

/// Brings the tables up to date. Killed at any moment, it leaves what it has stored until then, and the next call does the rest.
pub(crate) fn refresh(connection: &mut Connection, root: &Path) -> Result<(), Trouble> {
    // In this order: what others store meanwhile is not taken for gone.
    let known = Known::load(connection)?;
    let owed = known.owed(&Entries::of(root)?);
    if owed == Owed::default() {
        return Ok(());
    }
    if !owed.remove.is_empty() {
        write::remove(connection, &owed.remove)?;
    }
    let mut batch: Vec<(Wanted, Content)> = Vec::new();
    read_all(root, &owed.read, |wanted, content| {
        batch.push((wanted.clone(), content));
        if batch.len() < BATCH {
            return Ok(());
        }
        write::store(connection, &std::mem::take(&mut batch))
    })?;
    if !batch.is_empty() {
        write::store(connection, &batch)?;
    }
    write::sweep(connection)
}
