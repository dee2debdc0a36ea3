//! Finding runs: by directory, by id, or the newest.

use std::fs;
use std::path::{Path, PathBuf};

use super::{LATEST, MANIFEST, RecordError};
use crate::Manifest;

/// A run in a results root; the manifest, or why it cannot be read.
#[derive(Debug)]
pub struct RunListing {
    /// Its directory's name.
    pub run: String,
    /// Its manifest.
    pub manifest: Result<Manifest, RecordError>,
}

/// The directory of the run that `name` means: `latest`, an id in `root`, or a directory.
pub fn find_run(root: &Path, name: &str) -> Result<PathBuf, RecordError> {
    let candidates = [root.join(name), PathBuf::from(name)];
    for path in candidates {
        if path.join(MANIFEST).is_file() {
            return path.canonicalize().map_err(RecordError::io("open", &path));
        }
    }
    Err(RecordError::NoSuchRun {
        name: name.to_owned(),
        root: root.to_owned(),
        hint: hint(root),
    })
}

fn hint(root: &Path) -> String {
    match list_runs(root) {
        Ok(runs) if !runs.is_empty() => {
            let newest: Vec<_> = runs.iter().rev().take(3).map(|r| r.run.as_str()).collect();
            format!("; the newest are {}", newest.join(", "))
        }
        _ => "; it holds no runs".to_owned(),
    }
}

/// Every run in `root`, oldest first. A missing root holds none.
pub fn list_runs(root: &Path) -> Result<Vec<RunListing>, RecordError> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(RecordError::io("list", root)(source)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RecordError::io("list", root))?;
        let run = entry.file_name().to_string_lossy().into_owned();
        if run != LATEST && entry.path().join(MANIFEST).is_file() {
            let manifest = super::read::read_manifest(&entry.path());
            runs.push(RunListing { run, manifest });
        }
    }
    let started = |listing: &RunListing| listing.manifest.as_ref().map(|m| m.started).ok();
    runs.sort_by(|a, b| started(a).cmp(&started(b)).then_with(|| a.run.cmp(&b.run)));
    Ok(runs)
}
