//! Removing whole runs, so that a kill at any moment leaves no half run under a run's name. Nothing outside the results root is touched:
//! links are never followed.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::lock::{RunLock, is_same_folder, try_lock};
use super::write::sync_folder;
use super::{EVENTS, LATEST, MANIFEST, PRUNING, RecordError};

/// What became of a run that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// It is gone.
    Removed,
    /// Somebody writes it; it stays.
    Busy,
    /// It was not there any more, or is no directory of its own.
    NotThere,
}

/// Removes the run of this name in a results root: its directory loses its name first, and then all that is in it. The run is locked
/// meanwhile.
///
/// # Errors
/// What the system refuses. What could not be removed lies under a name that [`half_removed`] lists.
pub fn remove_run(root: &Path, run: &str) -> Result<Removal, RecordError> {
    let path = root.join(run);
    if !is_run_of(root, run) {
        return Ok(Removal::NotThere);
    }
    let Some(lock) = RunLock::take(&path)? else {
        return Ok(Removal::Busy);
    };
    // Another may have removed it, and even made one of the same name, before it was locked.
    if !is_same_folder(&lock) {
        return Ok(Removal::NotThere);
    }
    let unnamed = root.join(format!("{PRUNING}{run}"));
    fs::rename(&path, &unnamed).map_err(RecordError::io("rename", &path))?;
    sync_folder(root)?;
    remove_folder(&unnamed)?;
    Ok(Removal::Removed)
}

/// Directories of runs whose removal did not come to its end, by name, but those that somebody removes now.
pub fn half_removed(root: &Path) -> Result<Vec<String>, RecordError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(RecordError::io("list", root)(source)),
    };
    let names = entries
        .flatten()
        .map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut found: Vec<String> = names
        .filter(|name| name.starts_with(PRUNING) && is_folder(&root.join(name)))
        .filter(|name| matches!(try_lock(&root.join(name)), Ok(Some(_))))
        .collect();
    found.sort();
    Ok(found)
}

/// Removes one of [`half_removed`].
///
/// # Errors
/// What the system refuses.
pub fn remove_half_removed(root: &Path, name: &str) -> Result<Removal, RecordError> {
    let path = root.join(name);
    if !name.starts_with(PRUNING) || !is_folder(&path) {
        return Ok(Removal::NotThere);
    }
    let Some(_lock) = RunLock::take(&path)? else {
        return Ok(Removal::Busy);
    };
    remove_folder(&path)?;
    Ok(Removal::Removed)
}

/// Whether a results root holds a run of this name as a directory of its own: no link, and nothing that only looks like a run.
pub fn is_run_of(root: &Path, run: &str) -> bool {
    let path = root.join(run);
    let is_one_name = !run.is_empty() && !run.starts_with('.') && !run.contains('/');
    let is_file = |name: &str| {
        let facts = fs::symlink_metadata(path.join(name));
        facts.is_ok_and(|facts| facts.is_file())
    };
    is_one_name && run != LATEST && is_folder(&path) && is_file(MANIFEST) && is_file(EVENTS)
}

/// The name that the link to the newest run holds, where there is one.
pub fn latest_run(root: &Path) -> Option<String> {
    let target = fs::read_link(root.join(LATEST)).ok()?;
    Some(target.file_name()?.to_string_lossy().into_owned())
}

/// Bytes that a directory of the root takes on its disk. Links count as themselves; what cannot be read counts nothing.
pub fn bytes_on_disk(root: &Path, name: &str) -> u64 {
    let mut bytes = 0;
    let mut next: Vec<PathBuf> = vec![root.join(name)];
    while let Some(path) = next.pop() {
        let Ok(facts) = fs::symlink_metadata(&path) else {
            continue;
        };
        bytes += facts.blocks() * 512;
        if facts.is_dir() {
            let entries = fs::read_dir(&path).into_iter().flatten().flatten();
            next.extend(entries.map(|entry| entry.path()));
        }
    }
    bytes
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|facts| facts.is_dir())
}

/// One that another removes as well is no error.
fn remove_folder(path: &Path) -> Result<(), RecordError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(RecordError::io("remove", path)(error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
