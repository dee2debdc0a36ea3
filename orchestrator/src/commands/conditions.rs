//! The conditions that a run is made under, and what of them is another than it was. Numbers of one run are compared
//! with each other, so all of them should have been measured on the same machine with the same programs.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use anechoic_protocol::Device;
use anechoic_record::{Difference, Fingerprint, Manifest, ProgramFile, Start, StartedBy};
use anechoic_suite::Case;
use jiff::Timestamp;

use super::passed::{changed, passed};
use crate::probe::{clocks, machine};

/// The conditions of a start that is made now, of attempts at these cases.
pub(super) fn start<'a>(
    by: StartedBy,
    device: Device,
    worker: &Path,
    cases: impl Iterator<Item = &'a Case> + Clone,
) -> Start {
    Start {
        at: Timestamp::now(),
        by,
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine(device),
        programs: programs(worker, cases.clone()),
        environment: passed(cases),
        suite_file: None,
        timeout_ms: None,
        clocks: clocks(device),
        differences: Vec::new(),
    }
}

/// The conditions here and now of what `then` is about: its device, threads and programs. libtorch is unknown, as only a worker that is
/// started could tell it.
pub(super) fn here_and_now(then: &Fingerprint) -> Fingerprint {
    let programs = then.programs.iter();
    Fingerprint {
        machine: machine(then.device),
        device: then.device,
        threads: then.threads,
        clocks: clocks(then.device),
        torch: None,
        programs: programs
            .filter_map(|file| program(Path::new(&file.path)))
            .collect(),
        anechoic: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

/// The programs that attempts at these cases are made with: the run's worker, workers of cases, and those of their
/// arguments that are files, such as scripts. What cannot be looked at is left out.
fn programs<'a>(worker: &Path, cases: impl Iterator<Item = &'a Case>) -> Vec<ProgramFile> {
    let mut paths = BTreeSet::new();
    for case in cases {
        match &case.worker {
            Some(command) => paths.extend(command_files(case, &command.0)),
            None => drop(paths.insert(worker.to_owned())),
        }
    }
    paths.iter().filter_map(|path| program(path)).collect()
}

/// Relative arguments are seen from where the worker is started.
fn command_files(case: &Case, command: &[String]) -> Vec<PathBuf> {
    let here = || env::current_dir().unwrap_or_default();
    let folder = case.isolation.working_directory.as_ref();
    let folder = folder.map_or_else(here, PathBuf::from);
    let paths = command.iter().map(|word| folder.join(word));
    paths.filter(|path| path.is_file()).collect()
}

fn program(path: &Path) -> Option<ProgramFile> {
    let metadata = path.metadata().ok()?;
    Some(ProgramFile {
        path: path.display().to_string(),
        size_bytes: metadata.len(),
        modified: Timestamp::try_from(metadata.modified().ok()?).ok()?,
    })
}

/// What is another now than when the run was made. What was not recorded then is not compared.
pub(super) fn differences(
    manifest: &Manifest,
    now: &Start,
    torch: Option<&str>,
) -> Vec<Difference> {
    let mut found = manifest.machine.differences(&now.machine);
    let starts = manifest.starts.iter().rev();
    let then: Vec<_> = starts.flat_map(|start| start.programs.clone()).collect();
    found.extend(of_programs(&then, &measured(manifest, &now.programs)));
    if let Some(first) = manifest.starts.first() {
        found.extend(first.clocks.differences(&now.clocks));
        found.extend(changed(&first.environment, &now.environment));
    }
    let recorded = manifest.settings.torch.as_deref();
    if let (Some(then), Some(now)) = (recorded, torch) {
        found.extend(Difference::between("libtorch", then, now));
    }
    found
}

/// Those of the programs with which good attempts were made. One that has only failed may be corrected: nothing that
/// it measured would be mixed.
fn measured(manifest: &Manifest, programs_now: &[ProgramFile]) -> Vec<ProgramFile> {
    let worker = Path::new(&manifest.settings.worker);
    let good = manifest
        .cases
        .iter()
        .filter(|case| case.ok_attempts().next().is_some());
    let good = programs(worker, good.map(|case| &case.case));
    let counts = |now: &&ProgramFile| good.iter().any(|program| program.path == now.path);
    programs_now.iter().filter(counts).cloned().collect()
}

/// Programs of both starts that have changed; a start that makes fewer cases needs fewer.
fn of_programs(then: &[ProgramFile], now: &[ProgramFile]) -> Vec<Difference> {
    let text = |file: &ProgramFile| format!("{} bytes of {}", file.size_bytes, file.modified);
    let changed = |now: &ProgramFile| {
        let then = then.iter().find(|then| then.path == now.path)?;
        let what = format!("program `{}`", now.path);
        Difference::between(&what, &text(then), &text(now))
    };
    now.iter().filter_map(changed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_differs_when_it_was_built_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker");
        std::fs::write(&path, "a").unwrap();
        let look = || vec![program(&path).unwrap()];
        let then = look();
        assert_eq!(of_programs(&then, &look()), []);
        std::fs::write(&path, "ab").unwrap();
        let found = of_programs(&then, &look());
        assert_eq!(found.len(), 1);
        let text = found[0].text();
        assert!(
            text.contains("was 1 bytes of") && text.contains("is 2 bytes of"),
            "{text}"
        );
        assert_eq!(of_programs(&[], &look()), [], "nothing was recorded");
    }
}
