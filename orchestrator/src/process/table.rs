//! The processes of the machine, as `/proc` shows them.

use std::collections::BTreeMap;
use std::fs;

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
    let mut children = Vec::new();
    for thread in numbers_in("/proc/self/task") {
        let Ok(text) = fs::read_to_string(format!("/proc/self/task/{thread}/children")) else {
            // The kernel was built without these lists.
            return children_in(&all(), std::process::id());
        };
        children.extend(
            text.split_whitespace()
                .filter_map(|pid| pid.parse::<u32>().ok()),
        );
    }
    children
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

/// Reads a line of `/proc/PID/stat`. The name is in parentheses and may hold any character.
fn parse(stat: &str) -> Option<Process> {
    let (start, rest) = stat.rsplit_once(')')?;
    let (_, name) = start.split_once('(')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some(Process {
        parent: u32::try_from(number(1)?).ok()?,
        group: u32::try_from(number(2)?).ok()?,
        started: number(19)?,
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
    fn this_process_descends_from_its_parent() {
        let own = std::process::id();
        let parent = read(own).unwrap().parent;
        assert!(with_descendants(&[parent]).contains_key(&own));
        assert!(variable(own, "PATH").is_some_and(|path| !path.is_empty()));
        assert_eq!(variable(own, "ANECHOIC_NO_SUCH_VARIABLE"), None);
    }
}
