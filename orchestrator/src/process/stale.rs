//! What orchestrators that were killed have left running: found by the variable that names the orchestrator,
//! and by the names of control groups.

use std::collections::BTreeMap;
use std::process;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_suite::ORCHESTRATOR_MARK;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::identity::Identity;
use super::scope;
use super::table::{self, Process};

/// How long they may take to disappear.
const PATIENCE: Duration = Duration::from_secs(2);

/// Ends what orchestrators that are certainly gone have left, and removes their control groups. Returns the
/// processes, as `number (name)`.
pub(crate) fn end_stale() -> Vec<String> {
    let groups = scope::stale();
    let all = table::all();
    let kept = with_ancestors(&all, process::id());
    let in_groups = groups.iter().flat_map(|group| scope::members(group));
    let marked = all.keys().copied().filter(|pid| belongs_to_the_dead(*pid));
    let mut stale: Vec<u32> = in_groups
        .chain(marked)
        .filter(|pid| !kept.contains(pid))
        .collect();
    stale.sort_unstable();
    stale.dedup();
    for pid in stale.iter().filter(|pid| is_same(all.get(pid), **pid)) {
        let _ = kill(Pid::from_raw(pid.cast_signed()), Signal::SIGKILL);
    }
    wait_for_end(&stale);
    groups.iter().for_each(|group| scope::remove(group));
    let named = |pid: &u32| Some(format!("{pid} ({})", all.get(pid)?.name));
    stale.iter().filter_map(named).collect()
}

/// Whether the number is still that of the process that was seen under it.
fn is_same(seen: Option<&Process>, pid: u32) -> bool {
    let now = table::read(pid);
    seen.is_none_or(|seen| now.is_some_and(|now| now.started == seen.started))
}

fn belongs_to_the_dead(pid: u32) -> bool {
    let owner = table::variable(pid, ORCHESTRATOR_MARK);
    owner
        .and_then(|text| Identity::parse(&text))
        .is_some_and(Identity::is_dead)
}

/// Whoever started this process is not ended, whatever it was started by.
fn with_ancestors(all: &BTreeMap<u32, Process>, pid: u32) -> Vec<u32> {
    let parent = |pid: &u32| all.get(pid).map(|process| process.parent);
    std::iter::successors(Some(pid), parent).collect()
}

fn wait_for_end(pids: &[u32]) {
    let deadline = Instant::now() + PATIENCE;
    let alive = |pid: &u32| table::read(*pid).is_some_and(|process| !process.ended);
    while pids.iter().any(alive) && Instant::now() < deadline {
        sleep(Duration::from_millis(2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ancestors_are_followed_to_the_first_process() {
        let process = |parent| Process {
            parent,
            group: 1,
            started: 1,
            name: String::new(),
            ended: false,
        };
        let all = BTreeMap::from([
            (1, process(0)),
            (7, process(1)),
            (9, process(7)),
            (8, process(7)),
        ]);
        assert_eq!(with_ancestors(&all, 9), [9, 7, 1, 0]);
    }

    #[test]
    fn a_number_that_was_given_again_is_spared() {
        let own = process::id();
        let seen = table::read(own).unwrap();
        assert!(is_same(Some(&seen), own));
        let former = Process {
            started: seen.started + 1,
            ..seen
        };
        assert!(!is_same(Some(&former), own));
    }

    #[test]
    fn this_process_belongs_to_nobody_dead() {
        assert!(!belongs_to_the_dead(process::id()));
    }
}
