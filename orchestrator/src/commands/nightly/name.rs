//! How a suite is called whose file cannot be read.

use std::path::{Path, PathBuf};

use anechoic_record::{Manifest, list_runs};

/// The name of the suite that was read from this file the last time, so that its nights stay in one row when it cannot be read.
pub(super) fn measured_as(root: &Path, file: &Path) -> Option<String> {
    let file = resolved(file);
    let runs = list_runs(root).ok()?;
    let mut newest_first = runs.into_iter().rev().filter_map(|run| run.manifest.ok());
    let is_of = |manifest: &Manifest| {
        let first = manifest.starts.first();
        let of = first.and_then(|start| start.suite_file.as_ref());
        of.is_some_and(|of| Path::new(of) == file)
    };
    Some(newest_first.find(is_of)?.plan.name)
}

/// As runs have it, also of a file that is gone.
fn resolved(file: &Path) -> PathBuf {
    let whole = file.canonicalize().ok();
    let whole = whole.or_else(|| {
        let absolute = std::path::absolute(file).ok()?;
        let folder = absolute.parent()?.canonicalize().ok()?;
        Some(folder.join(absolute.file_name()?))
    });
    whole.unwrap_or_else(|| file.to_owned())
}

/// The suite's name as far as its file's name tells: there is no run of it.
pub(super) fn stem(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy());
    stem.map_or_else(|| "suite".to_owned(), |stem| stem.into_owned())
}
