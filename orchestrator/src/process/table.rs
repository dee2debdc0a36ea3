//! The processes of the machine, as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: u32,
    pub(super) group: u32,
    /// When it was started, in clock ticks since the machine was.
    pub(super) started: u64,
    pub(super) name: String,
    /// Whether it has ended and only waits to be reaped.
    pub(super) ended: bool,
}

/// The process with this number.
pub(super) fn read(pid: u32) -> Option<Process> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// Every process that can be seen, by number.
pub(super) fn all() -> BTreeMap<u32, Process> {
    let pids = numbers_in("/proc");
    pids.filter_map(|pid| Some((pid, read(pid)?))).collect()
}

/// The children of this process, dead ones among them.
pub(super) fn own_children() -> Vec<u32> {
    let own = std::process::id();
    // The kernel may have been built without these lists.
    listed_children(own).unwrap_or_else(|| children_in(&all(), own))
}

/// The children of every thread of a process, dead ones among them; none where the kernel does not list them.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    listed_children(pid).unwrap_or_default()
}

fn listed_children(pid: u32) -> Option<Vec<u32>> {
    let folder = format!("/proc/{pid}/task");
    let mut children = Vec::new();
    for thread in numbers_in(&folder) {
        let list = match fs::read_to_string(format!("{folder}/{thread}/children")) {
            Ok(list) => list,
            Err(_) if fs::exists(format!("{folder}/{thread}")).unwrap_or(false) => return None,
            // The thread has ended since.
            Err(_) => continue,
        };
        let pids = list.split_whitespace();
        children.extend(pids.filter_map(|pid| pid.parse::<u32>().ok()));
    }
    Some(children)
}

/// CPU time of a process and of those of its children that it has reaped; none where it is gone.
pub(crate) fn cpu_time(pid: u32) -> Option<Duration> {
    used(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// `utime + stime + cutime + cstime` of `/proc/PID/stat`, which counts in hundredths of a second.
fn used(stat: &str) -> Option<Duration> {
    let (_, fields) = split(stat)?;
    let ticks = (11..=14).map(|index| number(&fields, index));
    Some(Duration::from_millis(ticks.sum::<Option<u64>>()? * 10))
}

/// The children of this process that are alive.
pub(super) fn living_children() -> Vec<u32> {
    let mut children = own_children();
    children.retain(|pid| read(*pid).is_some_and(|process| !process.ended));
    children
}

/// These processes with all that descends from them, ended ones left out.
pub(super) fn with_descendants(roots: &[u32]) -> BTreeMap<u32, Process> {
    let mut all = all();
    let mut found = BTreeMap::new();
    let mut next = roots.to_vec();
    while let Some(pid) = next.pop() {
        next.extend(children_in(&all, pid));
        if let Some(process) = all.remove(&pid).filter(|process| !process.ended) {
            found.insert(pid, process);
        }
    }
    found
}

/// The value of a variable in the environment that a process was started with; a dead one has none.
pub(super) fn variable(pid: u32, name: &str) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let mut entries = environment.split(|&byte| byte == 0);
    let value =
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
    String::from_utf8(value.to_vec()).ok()
}

fn children_in(all: &BTreeMap<u32, Process>, parent: u32) -> Vec<u32> {
    let children = all.iter().filter(|(_, process)| process.parent == parent);
    children.map(|(pid, _)| *pid).collect()
}

fn numbers_in(folder: &str) -> impl Iterator<Item = u32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// The name of a process, and what follows it in a line of `/proc/PID/stat`. The name is in parentheses and may hold
/// any character.
fn split(stat: &str) -> Option<(&str, Vec<&str>)> {
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    Some((name, rest.split_whitespace().collect()))
}

fn number(fields: &[&str], index: usize) -> Option<u64> {
    fields.get(index)?.parse().ok()
}

/// Reads a line of `/proc/PID/stat`.
fn parse(stat: &str) -> Option<Process> {
    let (name, fields) = split(stat)?;
    Some(Process {
        parent: u32::try_from(number(&fields, 1)?).ok()?,
        group: u32::try_from(number(&fields, 2)?).ok()?,
        started: number(&fields, 19)?,
        name: name.to_owned(),
        ended: matches!(*fields.first()?, "Z" | "X"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let line = "42 (a) b (c)) S 7 41 41 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 1";
        let process = parse(line).unwrap();
        assert_eq!(process.name, "a) b (c)");
        assert_eq!((process.parent, process.group), (7, 41));
        assert_eq!(process.started, 987_654);
        assert!(!process.ended);
        assert_eq!(parse("42 (cut"), None);
    }

    #[test]
    fn time_is_that_of_the_process_and_of_those_that_it_reaped() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 0 0";
        assert_eq!(used(stat), Some(Duration::from_millis(1270)));
        assert_eq!(used("42 (a) S 1"), None);
        assert_eq!(used(""), None);
    }

    #[test]
    fn this_process_descends_from_its_parent() {
        let own = std::process::id();
        let parent = read(own).unwrap().parent;
        assert!(with_descendants(&[parent]).contains_key(&own));
        assert!(variable(own, "PATH").is_some_and(|path| !path.is_empty()));
        assert_eq!(variable(own, "ANECHOIC_NO_SUCH_VARIABLE"), None);
    }
}
