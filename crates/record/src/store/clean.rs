//! Removes what processes that were killed have left half-made: runs that never became whole, and files under their
//! temporary names.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::lock::try_lock;
use super::{LATEST, MAKING, PLOTS, WRITING};

/// A link is put into place, and a run's folder locked, at once after it is made; what is older and is neither has nobody
/// any more.
const ABANDONED: Duration = Duration::from_secs(60);

/// Removes runs below `root` that nobody makes any more. What cannot be removed stays and harms nobody.
pub(super) fn unfinished_runs(root: &Path) {
    for (name, path) in entries(root) {
        if name.starts_with(MAKING) && is_abandoned(&path) {
            // Whoever makes a run holds it from before it has a name, but for the moment between making and locking it.
            if let Ok(Some(_held)) = try_lock(&path) {
                let _ = fs::remove_dir_all(&path);
            }
        } else if name.starts_with(&format!(".{LATEST}-")) && is_abandoned(&path) {
            let _ = fs::remove_file(&path);
        }
    }
}

/// Removes half-written files of a run that is locked by the caller.
pub(super) fn unfinished_files(run: &Path) {
    for folder in [run.to_owned(), run.join(PLOTS)]
        .into_iter()
        .chain(attempts(run))
    {
        for (name, path) in entries(&folder) {
            if name.starts_with(WRITING) {
                let _ = fs::remove_file(&path);
            }
        }
    }
}

fn attempts(run: &Path) -> impl Iterator<Item = std::path::PathBuf> {
    let cases = entries(&run.join("cases")).into_iter();
    cases.flat_map(|(_, case)| entries(&case).into_iter().map(|(_, attempt)| attempt))
}

fn entries(folder: &Path) -> Vec<(String, std::path::PathBuf)> {
    let found = fs::read_dir(folder).into_iter().flatten().flatten();
    found
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path())
        })
        .collect()
}

fn is_abandoned(path: &Path) -> bool {
    let made = fs::symlink_metadata(path).and_then(|m| m.modified()).ok();
    let age = made.and_then(|made| made.elapsed().ok());
    age.is_some_and(|age| age > ABANDONED)
}
