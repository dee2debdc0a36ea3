//! CPU time of this process and of all that it has started, from the kernel's accounts.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

use crate::process::{children, cpu_time};

/// CPU time of others is what is left after this.
#[derive(Debug, Clone, Default)]
pub(super) struct Descendants {
    /// CPU time so far of all that this process has started, the ended ones included.
    pub(super) time: Duration,
    /// Those that live.
    pub(super) pids: BTreeSet<u32>,
}

/// CPU time of this process so far.
pub(super) fn own_cpu_time() -> Duration {
    let clock = nix::time::ClockId::CLOCK_PROCESS_CPUTIME_ID;
    nix::time::clock_gettime(clock).map_or(Duration::ZERO, Duration::from)
}

/// How often processes are counted anew where one of them is reaped meanwhile.
const TRIES: u32 = 4;

/// What has been started by this process. Orphans count: they become its children. `known` is a child that is found
/// also on a kernel that does not list children.
pub(super) fn descendants(known: Option<u32>) -> Descendants {
    let roots = || {
        let mut roots = children(std::process::id());
        roots.extend(known);
        roots
    };
    counted(roots, ended_children)
}

/// One that is reaped between two readings has its time in neither: then all are read again.
fn counted(roots: impl Fn() -> Vec<u32>, ended: impl Fn() -> Duration) -> Descendants {
    let mut found = Descendants::default();
    for _ in 0..TRIES {
        let tree = below(roots());
        let (now, is_whole) = count(&tree, ended());
        found = now;
        let is_known = |pid: &u32| tree.contains(pid);
        if is_whole && roots().iter().all(is_known) {
            break;
        }
    }
    found
}

/// Each parent is read before its children, so that it does not have the time of one that is read after it. Also whether
/// none was missing.
fn count(tree: &[u32], ended: Duration) -> (Descendants, bool) {
    let mut found = Descendants {
        time: ended,
        pids: BTreeSet::new(),
    };
    for &pid in tree {
        if let Some(own) = cpu_time(pid) {
            found.time += own;
            found.pids.insert(pid);
        }
    }
    let is_whole = found.pids.len() == tree.len();
    (found, is_whole)
}

/// These processes and all that descend from them, parents first.
fn below(roots: Vec<u32>) -> Vec<u32> {
    let mut tree = Vec::new();
    let mut next = VecDeque::from(roots);
    while let Some(pid) = next.pop_front() {
        if !tree.contains(&pid) {
            tree.push(pid);
            next.extend(children(pid));
        }
    }
    tree
}

/// CPU time of children that have ended and were reaped, with that of theirs.
pub(super) fn ended_children() -> Duration {
    let duration = |time: TimeVal| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    };
    getrusage(UsageWho::RUSAGE_CHILDREN).map_or(Duration::ZERO, |usage| {
        duration(usage.user_time()) + duration(usage.system_time())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time of one child and of what it starts; `ended` stands for other tests.
    fn of_child(pid: u32) -> Descendants {
        counted(|| vec![pid], || Duration::ZERO)
    }

    fn shell(script: &str) -> std::process::Child {
        std::process::Command::new("sh")
            .args(["-c", script])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap()
    }

    #[test]
    fn a_child_is_found_alive_and_its_time_is_kept_after_its_end() {
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read line";
        let mut child = shell(burn);
        let used = Duration::from_millis(50);
        while of_child(child.id()).time < used {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(descendants(None).pids.contains(&child.id()));
        drop(child.stdin.take());
        child.wait().unwrap();
        let after = descendants(None);
        assert!(after.time >= used && !after.pids.contains(&child.id()));
    }

    #[test]
    fn time_is_not_lost_while_children_are_reaped() {
        let short = "( i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done; exit 1 )";
        let mut child = shell(&format!(
            "n=0; while [ $n -lt 60 ]; do {short}; n=$((n+1)); done"
        ));
        let mut most = Duration::ZERO;
        while child.try_wait().unwrap().is_none() {
            let now = of_child(child.id());
            // None where it has ended in between.
            if now.pids.contains(&child.id()) {
                assert!(now.time >= most, "{:?} after {most:?}", now.time);
                most = now.time;
            }
        }
        assert!(most > Duration::ZERO);
    }
}
