//! Processes: who uses the CPUs, and who belongs to an `anechoic`.

use std::collections::BTreeMap;

use anechoic_suite::{ATTEMPT_MARK, ORCHESTRATOR_MARK};

use super::super::facts::{Busy, ProcessFacts, Related};
use crate::probe::Root;
use crate::process::Identity;

/// The orchestrator's program, where a mark does not tell which process it is.
const OWN: &str = "anechoic";

/// So many of the busiest are named, and none that used less of a CPU than this (thousandths).
const NAMED: usize = 3;
const NAMED_MILLI: u64 = 50;

/// A process, as its `stat` describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    name: String,
    parent: u32,
    cpu_ms: u64,
    /// In ticks of the clock since the machine was started.
    started: u64,
    /// Nobody has asked yet how it ended.
    ended: bool,
}

/// Every process that can be seen but this one.
pub(super) fn cpu_times(root: &Root) -> BTreeMap<u32, Process> {
    let own = std::process::id();
    let pids = root.numbered("proc", "").into_iter();
    let others = pids.filter(|(pid, _)| *pid != own);
    others
        .filter_map(|(pid, folder)| {
            let stat = root.text(&format!("{folder}/stat"))?;
            Some((pid, process(&stat)?))
        })
        .collect()
}

/// `pid (name) state ppid … utime stime …`; the name may hold anything.
fn process(stat: &str) -> Option<Process> {
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some(Process {
        name: name.to_owned(),
        parent: u32::try_from(number(1)?).ok()?,
        // Hundredths of a second, whatever the kernel's own tick.
        cpu_ms: (number(11)? + number(12)?) * 10,
        started: number(19)?,
        ended: fields.first() == Some(&"Z"),
    })
}

/// Those that used the CPUs most in between.
pub(super) fn busiest(
    before: &BTreeMap<u32, Process>,
    after: &BTreeMap<u32, Process>,
    length_ms: u64,
) -> Vec<Busy> {
    let used = after.iter().map(|(pid, process)| {
        let start = before.get(pid).map_or(0, |process| process.cpu_ms);
        Busy {
            pid: *pid,
            name: process.name.clone(),
            milli: process.cpu_ms.saturating_sub(start) * 1000 / length_ms,
        }
    });
    let mut busy: Vec<_> = used
        .filter(|process| process.milli >= NAMED_MILLI)
        .collect();
    busy.sort_by_key(|process| std::cmp::Reverse(process.milli));
    busy.truncate(NAMED);
    busy
}

/// Marked processes with a living orchestrator above them, and without one.
pub(super) fn related(root: &Root) -> ProcessFacts {
    let all = cpu_times(root);
    let mut facts = ProcessFacts::default();
    for (pid, process) in &all {
        let Some(attempt) = mark(root, *pid) else {
            continue;
        };
        match orchestrator(root, &all, *pid) {
            None => facts.leftovers.push(Related {
                pid: *pid,
                name: process.name.clone(),
                attempt,
            }),
            Some(above) if facts.runs.iter().all(|run| run.pid != above) => {
                facts.runs.push(Related {
                    pid: above,
                    name: all.get(&above).map_or(OWN, |found| &found.name).to_owned(),
                    attempt,
                });
            }
            Some(_) => {}
        }
    }
    facts
}

/// The attempt that a process was started for. One of another user does not tell; one that was only asked for its
/// hello has none.
fn mark(root: &Root, pid: u32) -> Option<String> {
    variable(root, pid, ATTEMPT_MARK).filter(|attempt| attempt.contains('/'))
}

fn variable(root: &Root, pid: u32, name: &str) -> Option<String> {
    let environment = std::fs::read(root.path(&format!("proc/{pid}/environ"))).ok()?;
    let mut entries = environment.split(|byte| *byte == 0);
    let value =
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// The living process that a marked one belongs to. Of an orchestrator in another container nothing is certain: then the
/// marked process itself stands for it.
fn orchestrator(root: &Root, all: &BTreeMap<u32, Process>, pid: u32) -> Option<u32> {
    let named = variable(root, pid, ORCHESTRATOR_MARK).and_then(|text| Identity::parse(&text));
    let Some(identity) = named else {
        return ancestor(all, pid);
    };
    if identity.is_elsewhere() {
        return Some(pid);
    }
    let found = all.get(&identity.pid())?;
    (!found.ended && identity.is_that_of(found.started)).then(|| identity.pid())
}

/// The nearest orchestrator among its ancestors. The list may change while it is read, so the way is bounded.
fn ancestor(all: &BTreeMap<u32, Process>, pid: u32) -> Option<u32> {
    let mut at = all.get(&pid)?.parent;
    for _ in 0..all.len() {
        let process = all.get(&at)?;
        if process.name == OWN {
            return Some(at);
        }
        at = process.parent;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    fn stat(name: &str, parent: u32, ticks: u64) -> String {
        format!("1 ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 1 0 0 20 0 1 0 5\n")
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        let expected = Process {
            name: "a) (b".to_owned(),
            parent: 7,
            cpu_ms: 110,
            started: 5,
            ended: false,
        };
        assert_eq!(process(&stat("a) (b", 7, 10)), Some(expected));
        assert_eq!(process("1 (x"), None);
        assert_eq!(process("1 (x) S 1"), None);
    }

    #[test]
    fn the_busiest_come_first_and_the_idle_not_at_all() {
        let at = |ticks: [u64; 5]| {
            let all = ticks.iter().enumerate().map(|(pid, ticks)| {
                let name = format!("p{pid}");
                (
                    u32::try_from(pid).unwrap(),
                    process(&stat(&name, 1, *ticks)).unwrap(),
                )
            });
            all.collect::<BTreeMap<_, _>>()
        };
        let busy = busiest(&at([0; 5]), &at([1, 50, 100, 20, 10]), 1000);
        let seen: Vec<_> = busy.iter().map(|busy| (busy.pid, busy.milli)).collect();
        assert_eq!(seen, [(2, 1000), (1, 500), (3, 200)]);
    }

    #[test]
    fn a_worker_without_an_orchestrator_is_left_over() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        let put = |pid: u32, name: &str, parent: u32, environment: &str| {
            let place = folder.path().join(format!("proc/{pid}"));
            fs::create_dir_all(&place).unwrap();
            fs::write(place.join("stat"), stat(name, parent, 0)).unwrap();
            fs::write(place.join("environ"), environment).unwrap();
        };
        put(1, "init", 0, "");
        put(20, "anechoic", 1, "A=1");
        put(21, "worker", 20, "A=1\0ANECHOIC_ATTEMPT=r/c/1\0");
        put(22, "child", 21, "ANECHOIC_ATTEMPT=r/c/1\0");
        put(30, "worker", 1, "ANECHOIC_ATTEMPT=old/c/2\0");
        put(31, "asked", 1, "ANECHOIC_ATTEMPT=hello\0");
        let facts = related(&root);
        let one = |pid, name: &str, attempt: &str| Related {
            pid,
            name: name.to_owned(),
            attempt: attempt.to_owned(),
        };
        assert_eq!(facts.runs, [one(20, "anechoic", "r/c/1")]);
        assert_eq!(facts.leftovers, [one(30, "worker", "old/c/2")]);

        // Whatever the orchestrator's program is called. All processes here were started at 5.
        let namespace = fs::metadata("/proc/self/ns/pid").unwrap().ino();
        let marks =
            |owner: String| format!("ANECHOIC_ATTEMPT=r/d/1\0ANECHOIC_ORCHESTRATOR={owner}\0");
        put(20, "renamed", 1, "A=1");
        put(21, "worker", 1, &marks(format!("20.5.{namespace}")));
        put(22, "child", 1, &marks(format!("20.4.{namespace}")));
        put(
            30,
            "elsewhere",
            1,
            &marks(format!("20.4.{}", namespace + 1)),
        );
        let facts = related(&root);
        let expected = [one(20, "renamed", "r/d/1"), one(30, "elsewhere", "r/d/1")];
        assert_eq!(facts.runs, expected);
        assert_eq!(facts.leftovers, [one(22, "child", "r/d/1")]);
    }
}
