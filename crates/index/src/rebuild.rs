//! Makes the index of a results root anew, beside the old one, and puts it in its place when it is whole.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;
use serde::Serialize;

use crate::refresh::refresh;
use crate::trouble::Trouble;
use crate::{Fault, IndexError, file, schema};

/// How the name of an index begins that is not whole yet.
const WRITING: &str = ".writing-index-";
/// Whoever makes an index writes it all the time; one that was not written for so long has nobody any more.
const ABANDONED: Duration = Duration::from_secs(600);

/// What a new index holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuilt {
    /// The file.
    pub path: PathBuf,
    /// Runs in it.
    pub runs: i64,
    /// Nights in it.
    pub nights: i64,
    /// What could not be read.
    pub faults: Vec<Fault>,
}

/// Makes the index anew from runs and nights. Whatever file has its name is replaced, also one of a later build; killed at any moment, it
/// leaves the one that was there.
///
/// # Errors
/// Where the root cannot be listed or written.
pub fn rebuild(root: &Path) -> Result<Rebuilt, IndexError> {
    let refused = |why: String| IndexError::Write {
        path: file::path(root),
        why,
    };
    clear_away(root);
    let new = tempfile::Builder::new()
        .prefix(WRITING)
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(root)
        .map_err(|error| refused(error.to_string()))?
        .into_temp_path();
    let rebuilt = match fill(&new, root) {
        Ok(rebuilt) => rebuilt,
        Err(Trouble::Unlisted(error)) => return Err(error.into()),
        Err(trouble) => return Err(refused(trouble.text())),
    };
    let synced = File::open(&new).and_then(|file| file.sync_all());
    let placed = synced.and_then(|()| file::replace(root, &new));
    placed.map_err(|error| refused(error.to_string()))?;
    Ok(rebuilt)
}

fn fill(new: &Path, root: &Path) -> Result<Rebuilt, Trouble> {
    let mut connection = file::open(new)?;
    // Nobody else has it, and one that is not finished is thrown away.
    connection.execute_batch("PRAGMA journal_mode = off; PRAGMA synchronous = off")?;
    schema::create(&mut connection)?;
    refresh(&mut connection, root)?;
    let count = |table: &str| {
        let count = format!("SELECT count(*) FROM {table}");
        connection.query_row(&count, [], |row| row.get::<_, i64>(0))
    };
    Ok(Rebuilt {
        path: file::path(root),
        runs: count("runs")?,
        nights: count("nights")?,
        faults: unreadable(&connection)?,
    })
}

/// What an index has noted of runs and nights that cannot be read.
pub(crate) fn unreadable(connection: &Connection) -> Result<Vec<Fault>, Trouble> {
    let mut select = connection.prepare_cached("SELECT entry, why FROM faults ORDER BY entry")?;
    let rows = select.query_map([], |row| {
        let (entry, why) = (row.get(0)?, row.get(1)?);
        Ok(Fault::Unreadable { entry, why })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Removes what others have begun and were killed over. What cannot be removed stays and harms nobody.
fn clear_away(root: &Path) {
    for entry in fs::read_dir(root).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_string_lossy().starts_with(WRITING);
        let written = entry.metadata().and_then(|facts| facts.modified()).ok();
        let age = written.and_then(|at| SystemTime::now().duration_since(at).ok());
        if is_ours && age.is_some_and(|age| age > ABANDONED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
