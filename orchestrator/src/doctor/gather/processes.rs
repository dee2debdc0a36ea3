//! Processes: who uses the CPUs, and who belongs to an `anechoic`.

use std::collections::BTreeMap;

use anechoic_suite::{ATTEMPT_MARK, ORCHESTRATOR_MARK};

use super::super::facts::{Busy, ProcessFacts, Related};
use crate::probe::Root;
use crate::process::Identity;

/// The name of an orchestrator that cannot be seen.
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

/// Marked processes whose orchestrator is there, and those whose orchestrator is certainly gone. A process that does
/// not name one is neither.
pub(super) fn related(root: &Root) -> ProcessFacts {
    let all = cpu_times(root);
    let mut facts = ProcessFacts::default();
    for (pid, process) in &all {
        let Some((attempt, owner)) = marks(root, *pid) else {
            continue;
        };
        let above = owner.pid();
        if owner.is_dead() {
            facts.leftovers.push(Related {
                pid: *pid,
                name: process.name.clone(),
                attempt,
            });
        } else if facts.runs.iter().all(|run| run.pid != above) {
            let name = all.get(&above).map_or(OWN, |process| &process.name);
            facts.runs.push(Related {
                pid: above,
                name: name.to_owned(),
                attempt,
            });
        }
    }
    facts
}

/// The attempt that a process was started for, and by whom. One of another user does not tell; one that was only asked
/// for its hello has no attempt.
fn marks(root: &Root, pid: u32) -> Option<(String, Identity)> {
    let environment = std::fs::read(root.path(&format!("proc/{pid}/environ"))).ok()?;
    let attempt = variable(&environment, ATTEMPT_MARK)?;
    let owner = Identity::parse(&variable(&environment, ORCHESTRATOR_MARK)?)?;
    attempt.contains('/').then_some((attempt, owner))
}

fn variable(environment: &[u8], name: &str) -> Option<String> {
    let mut entries = environment.split(|byte| *byte == 0);
    let value =
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn stat(name: &str, parent: u32, ticks: u64) -> String {
        format!("1 ({name}) S {parent} 1 1 0 -1 0 0 0 0 0 {ticks} 1 0 0 20 0 1 0 5\n")
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        let expected = Process {
            name: "a) (b".to_owned(),
            parent: 7,
            cpu_ms: 110,
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
        let own = Identity::own();
        // The number was given again, to this process.
        let text = own.to_string();
        let namespace = text.rsplit('.').next().unwrap();
        let dead = format!("{}.1.{namespace}", own.pid());
        put(1, "init", 0, "");
        // Whatever its program is called, and whoever its parent is now.
        let marked = |attempt: &str, by: &str| {
            format!("A=1\0{ATTEMPT_MARK}={attempt}\0{ORCHESTRATOR_MARK}={by}\0")
        };
        put(21, "worker", 20, &marked("r/c/1", &text));
        put(22, "child", 1, &marked("r/c/1", &text));
        put(30, "worker", 1, &marked("old/c/2", &dead));
        put(31, "asked", 1, &marked("hello", &dead));
        put(32, "anybody", 1, "ANECHOIC_ATTEMPT=r/c/1\0");
        let facts = related(&root);
        let one = |pid, name: &str, attempt: &str| Related {
            pid,
            name: name.to_owned(),
            attempt: attempt.to_owned(),
        };
        assert_eq!(facts.runs, [one(own.pid(), OWN, "r/c/1")]);
        assert_eq!(facts.leftovers, [one(30, "worker", "old/c/2")]);
    }
}
