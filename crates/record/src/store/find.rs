//! Finding runs: by directory, by id, or the newest.

use std::fs;
use std::path::{Path, PathBuf};

use super::lock::is_being_written;
use super::read::{mark_interrupted, read_manifest};
use super::recover::Writer;
use super::{EVENTS, LATEST, MAKING, MANIFEST, PRUNING, RecordError};
use crate::{Manifest, RunState};

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
    let newest = (name == LATEST).then(|| newest(root)).flatten();
    let candidates = [root.join(name), PathBuf::from(name)]
        .into_iter()
        .chain(newest);
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

/// The newest run, for where the link to it leads nowhere: that run was removed, or never became whole.
fn newest(root: &Path) -> Option<PathBuf> {
    if root.join(LATEST).join(MANIFEST).is_file() {
        return None;
    }
    let runs = list_runs(root).ok()?;
    runs.last().map(|run| root.join(&run.run))
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
        Err(source) => return Err(RecordError::io("list the results folder", root)(source)),
    };
    let mut runs = Vec::new();
    for entry in entries {
        let entry = entry.map_err(RecordError::io("list", root))?;
        let run = entry.file_name().to_string_lossy().into_owned();
        let is_half = run.starts_with(MAKING) || run.starts_with(PRUNING);
        if run != LATEST && !is_half && entry.path().is_dir() {
            runs.extend(listing(run, &entry.path()));
        }
    }
    let started = |listing: &RunListing| listing.manifest.as_ref().map(|m| m.started).ok();
    runs.sort_by(|a, b| started(a).cmp(&started(b)).then_with(|| a.run.cmp(&b.run)));
    Ok(runs)
}

/// A folder with a manifest or an event log is a run, also where one of them is missing.
fn listing(run: String, path: &Path) -> Option<RunListing> {
    if !path.join(MANIFEST).is_file() && !path.join(EVENTS).is_file() {
        return None;
    }
    let manifest = read_manifest(path).map(|mut manifest| {
        if manifest.state == RunState::Running && !is_being_written(path) {
            mark_interrupted(&mut manifest, Writer::Gone);
        }
        manifest
    });
    Some(RunListing { run, manifest })
}
