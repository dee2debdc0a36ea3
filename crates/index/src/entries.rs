//! What a results root holds: its runs and nights with the state of their files. Reads nothing but names and the facts of files.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anechoic_record::{NIGHTS, RecordError};

use crate::read::{Wanted, What};

/// The link to the newest run.
const LATEST: &str = "latest";

/// Runs and nights of a root by name, each with the stamp of its files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// Stamps of run directories by name.
    pub(crate) runs: BTreeMap<String, String>,
    /// Stamps of the files of nights by name.
    pub(crate) nights: BTreeMap<String, String>,
}

impl Entries {
    /// Lists a root; a missing one holds nothing.
    pub(crate) fn of(root: &Path) -> Result<Self, RecordError> {
        let runs = list(root, "list the results folder", |entry, name| {
            let is_run = name != LATEST && !name.starts_with('.') && !is_alias(root, entry);
            is_run.then(|| run_stamp(&entry.path())).flatten()
        })?;
        let nights = list(&root.join(NIGHTS), "list", |entry, name| {
            let is_night = name.ends_with(".json") && !name.starts_with('.');
            let facts = is_night.then(|| fs::metadata(entry.path()).ok()).flatten();
            Some(stamp(facts.as_ref()?))
        })?;
        Ok(Self { runs, nights })
    }

    /// All of it, as something to read.
    pub(crate) fn wanted(&self) -> Vec<Wanted> {
        let of = |what, stamps: &BTreeMap<String, String>| {
            let wanted = stamps.iter().map(move |(name, stamp)| Wanted {
                what,
                name: name.clone(),
                stamp: stamp.clone(),
            });
            wanted.collect::<Vec<_>>()
        };
        [of(What::Run, &self.runs), of(What::Night, &self.nights)].concat()
    }

    /// Whether there is nothing that could be indexed.
    pub(crate) fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.nights.is_empty()
    }
}

/// The name of a night in lists of both.
pub(crate) fn night_entry(file: &str) -> String {
    format!("{NIGHTS}/{file}")
}

fn list(
    folder: &Path,
    action: &'static str,
    stamp: impl Fn(&DirEntry, &str) -> Option<String>,
) -> Result<BTreeMap<String, String>, RecordError> {
    let refused = |source| RecordError::Io {
        action,
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(refused(error)),
    };
    let mut found = BTreeMap::new();
    for entry in entries {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(stamp) = stamp(&entry, &name) {
            found.insert(name, stamp);
        }
    }
    Ok(found)
}

/// A link to a run of the same root, which would be told twice.
fn is_alias(root: &Path, entry: &DirEntry) -> bool {
    let whole = |path: PathBuf| path.canonicalize().ok();
    entry.file_type().is_ok_and(|kind| kind.is_symlink())
        && whole(entry.path())
            .is_some_and(|target| target.parent().map(Path::to_owned) == whole(root.to_owned()))
}

/// The state of a run's manifest and log. A folder with neither is no run.
fn run_stamp(run: &Path) -> Option<String> {
    let facts = |name: &str| fs::metadata(run.join(name)).ok().filter(Metadata::is_file);
    let (manifest, events) = (facts("run.json"), facts("events.jsonl"));
    if manifest.is_none() && events.is_none() {
        return None;
    }
    let of = |facts: Option<Metadata>| facts.as_ref().map_or_else(|| "none".to_owned(), stamp);
    Some(format!("{} {}", of(manifest), of(events)))
}

/// When a file was written, its size and its number: a file that is replaced has another number, one that is appended to another size.
fn stamp(facts: &Metadata) -> String {
    let (seconds, nanoseconds) = (facts.mtime(), facts.mtime_nsec());
    format!(
        "{seconds}.{nanoseconds:09}:{}:{}",
        facts.size(),
        facts.ino()
    )
}
