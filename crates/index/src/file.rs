//! The file of an index: opening it, putting a new one in its place, and doing without it.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::schema::{self, Kind};
use crate::trouble::Trouble;

/// Name of the index in a results root.
pub const INDEX: &str = "index.sqlite";

/// How long is waited for others who have the file. They hold it for some milliseconds at a time.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(10);

/// The file of a root's index.
pub(crate) fn path(root: &Path) -> PathBuf {
    root.join(INDEX)
}

/// Opens a database; makes it where it is missing.
pub(crate) fn open(path: &Path) -> Result<Connection, Trouble> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(PATIENCE)?;
    // Temporary files would be one more thing that a full disk refuses.
    connection.pragma_update(None, "temp_store", "memory")?;
    Ok(connection)
}

/// Opens the index of a root with its tables.
pub(crate) fn open_index(root: &Path) -> Result<Connection, Trouble> {
    let mut connection = open(&path(root))?;
    match schema::kind(&connection)? {
        Kind::Known => {}
        Kind::Empty => schema::create(&mut connection)?,
        Kind::Older => return Err(Trouble::Damaged("an earlier build has made it".to_owned())),
    }
    Ok(connection)
}

/// An index in memory: a copy of the file's where that can be read, else an empty one.
pub(crate) fn in_memory(root: &Path) -> Result<Connection, Trouble> {
    match copied(root) {
        Ok(connection) => Ok(connection),
        Err(_) => empty_in_memory(),
    }
}

/// An index in memory with nothing in it.
pub(crate) fn empty_in_memory() -> Result<Connection, Trouble> {
    let mut connection = Connection::open_in_memory()?;
    schema::create(&mut connection)?;
    Ok(connection)
}

fn copied(root: &Path) -> Result<Connection, Trouble> {
    let source = Connection::open_with_flags(path(root), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut copy = Connection::open_in_memory()?;
    // Who has waited for the file already does not do so again.
    source.busy_timeout(Duration::ZERO)?;
    let copied = Backup::new(&source, &mut copy)?.step(-1)?;
    if copied != StepResult::Done {
        return Err(Trouble::Refused("somebody has it".to_owned()));
    }
    match schema::kind(&copy)? {
        Kind::Known => Ok(copy),
        Kind::Empty | Kind::Older => Err(Trouble::Damaged("nothing is in it".to_owned())),
    }
}

/// Which file is under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// The file of a root's index as it is now; `None` where there is none.
pub(crate) fn identity(root: &Path) -> Option<Identity> {
    let facts = fs::symlink_metadata(path(root)).ok()?;
    Some(Identity(facts.dev(), facts.ino()))
}

/// Removes a file that does not do, unless another process has done so already.
pub(crate) fn discard(root: &Path, bad: Option<Identity>) -> io::Result<()> {
    let _alone = alone(root)?;
    if identity(root) == bad {
        remove(root)?;
    }
    Ok(())
}

/// Puts a finished file in the place of a root's index.
///
/// A file under the name of the old one's journal would be taken for the new one's. So the old one is held while it is replaced: then it
/// has no journal, and SQLite refuses to begin one for a file that has lost its name.
pub(crate) fn replace(root: &Path, new: &Path) -> io::Result<()> {
    let _alone = alone(root)?;
    let held = identity(root).map(|_| hold(root)).transpose()?.flatten();
    if held.is_none() {
        remove(root)?;
    }
    fs::rename(new, path(root))?;
    File::open(root)?.sync_all()
}

/// Nobody else reads or writes the index while this is there; `None` where it is none.
fn hold(root: &Path) -> io::Result<Option<Connection>> {
    let held = open(&path(root)).and_then(|connection| {
        connection.execute_batch("PRAGMA journal_mode = delete; BEGIN EXCLUSIVE")?;
        Ok(connection)
    });
    match held {
        Ok(connection) => Ok(Some(connection)),
        Err(Trouble::Refused(why)) => Err(io::Error::other(why)),
        Err(_) => Ok(None),
    }
}

/// First the index and then its journal: a journal without an index is passed over, an index without its journal may be half-written.
fn remove(root: &Path) -> io::Result<()> {
    for ending in ["", "-journal", "-wal", "-shm"] {
        let removed = fs::remove_file(root.join(format!("{INDEX}{ending}")));
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whoever replaces the index of a root does so alone. Where folders cannot be locked, nobody is waited for.
fn alone(root: &Path) -> io::Result<File> {
    let folder = File::open(root)?;
    let start = Instant::now();
    loop {
        match folder.try_lock() {
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::other("another anechoic is replacing it"));
            }
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(folder),
        }
    }
}
