//! The conditions that a run is made under, and what of them is another than it was. Numbers of one run are compared
//! with each other, so all of them should have been measured on the same machine with the same programs.

use std::collections::BTreeSet;
use std::env;
use std::path::{Path, PathBuf};

use anechoic_protocol::Device;
use anechoic_record::{Difference, Machine, Manifest, ProgramFile, Start, StartedBy};
use anechoic_suite::Case;
use jiff::Timestamp;

use super::passed::{changed, passed};
use crate::probe::machine;

/// A kernel counts some of the memory as its own, a little more or less with each version.
const MEMORY_TOLERANCE: f64 = 0.02;

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
        differences: Vec::new(),
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
    let mut found = of_machine(&manifest.machine, &now.machine);
    let starts = manifest.starts.iter().rev();
    let then: Vec<_> = starts.flat_map(|start| start.programs.clone()).collect();
    found.extend(of_programs(&then, &measured(manifest, &now.programs)));
    if let Some(first) = manifest.starts.first() {
        found.extend(changed(&first.environment, &now.environment));
    }
    let recorded = manifest.settings.torch.as_deref();
    if let (Some(then), Some(now)) = (recorded, torch) {
        found.extend(difference("libtorch", then, now));
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

/// A host name may change in a container; it is in the record and decides nothing.
fn of_machine(then: &Machine, now: &Machine) -> Vec<Difference> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let mut found = Vec::new();
    found.extend(difference("processor", &text(&then.cpu), &text(&now.cpu)));
    for (what, then, now) in [
        ("cores", then.physical_cores, now.physical_cores),
        ("CPUs", then.logical_cpus, now.logical_cpus),
    ] {
        found.extend(difference(what, &then.to_string(), &now.to_string()));
    }
    found.extend(of_memory(then.memory_bytes, now.memory_bytes));
    found.extend(difference("GPU", &text(&then.gpu), &text(&now.gpu)));
    if let (Some(then), Some(now)) = (&then.gpu_uuid, &now.gpu_uuid) {
        found.extend(difference("GPU identifier", then, now));
    }
    found.extend(difference(
        "kernel",
        &text(&then.kernel),
        &text(&now.kernel),
    ));
    found
}

fn of_memory(then: Option<u64>, now: Option<u64>) -> Option<Difference> {
    let (then, now) = (then?, now?);
    let text = |bytes: u64| format!("{} MiB", bytes >> 20);
    match then.abs_diff(now) as f64 > then as f64 * MEMORY_TOLERANCE {
        true => difference("memory", &text(then), &text(now)),
        false => None,
    }
}

/// Programs of both starts that have changed; a start that makes fewer cases needs fewer.
fn of_programs(then: &[ProgramFile], now: &[ProgramFile]) -> Vec<Difference> {
    let text = |file: &ProgramFile| format!("{} bytes of {}", file.size_bytes, file.modified);
    let changed = |now: &ProgramFile| {
        let then = then.iter().find(|then| then.path == now.path)?;
        let what = format!("program `{}`", now.path);
        difference(&what, &text(then), &text(now))
    };
    now.iter().filter_map(changed).collect()
}

fn difference(what: &str, then: &str, now: &str) -> Option<Difference> {
    (then != now).then(|| Difference {
        what: what.to_owned(),
        then: then.to_owned(),
        now: now.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Machine {
        Machine {
            hostname: None,
            kernel: Some("Linux 6.1".to_owned()),
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 4,
            physical_cores: 2,
            memory_bytes: Some(16 << 30),
            gpu: None,
            gpu_uuid: Some("GPU-a".to_owned()),
        }
    }

    #[test]
    fn a_machine_differs_in_what_measuring_depends_on() {
        let check = |change: fn(&mut Machine), expected: &[&str]| {
            let mut now = here();
            change(&mut now);
            let found = of_machine(&here(), &now);
            let names: Vec<_> = found.iter().map(|d| d.what.as_str()).collect();
            assert_eq!(names, expected);
        };
        check(|_| {}, &[]);
        check(|m| m.hostname = Some("renamed".to_owned()), &[]);
        check(|m| m.memory_bytes = Some((16 << 30) - (64 << 20)), &[]);
        check(|m| m.memory_bytes = Some(8 << 30), &["memory"]);
        check(|m| m.memory_bytes = None, &[]);
        check(|m| m.kernel = Some("Linux 6.2".to_owned()), &["kernel"]);
        check(|m| m.cpu = None, &["processor"]);
        check(|m| m.gpu_uuid = None, &[]);
        check(
            |m| m.gpu_uuid = Some("GPU-b".to_owned()),
            &["GPU identifier"],
        );
        check(|m| m.physical_cores = 1, &["cores"]);
        check(
            |m| {
                m.logical_cpus = 2;
                m.gpu = Some("A GPU".to_owned());
            },
            &["CPUs", "GPU"],
        );
    }

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
