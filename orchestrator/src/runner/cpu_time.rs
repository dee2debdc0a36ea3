//! CPU time of this process and of all that it has started, from the kernel's accounts.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

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

/// What has been started by this process. Orphans count: they become its children. `known` is a child that is found
/// also on a kernel that does not list children.
pub(super) fn descendants(known: Option<u32>) -> Descendants {
    let mut pids = BTreeSet::new();
    let mut open: Vec<u32> = children(std::process::id());
    open.extend(known);
    let mut time = ended_children();
    while let Some(pid) = open.pop() {
        if !pids.insert(pid) {
            continue;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        match cpu_time(&stat) {
            Some(own) => time += own,
            // Not ours any more: its parent has already reaped it.
            None => drop(pids.remove(&pid)),
        }
        open.extend(children(pid));
    }
    Descendants { time, pids }
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

/// The children of every thread of a process; none where the kernel does not list them.
fn children(pid: u32) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let of_task = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).ok();
    let lists = tasks.filter_map(|task| of_task(task.ok()?));
    let numbers = |list: String| -> Vec<u32> {
        let words = list.split_whitespace();
        words.filter_map(|pid| pid.parse().ok()).collect()
    };
    lists.flat_map(numbers).collect()
}

/// `utime + stime + cutime + cstime` of `/proc/PID/stat`, which counts in hundredths of a second.
fn cpu_time(stat: &str) -> Option<Duration> {
    // The name, in parentheses, may hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u64>().ok();
    let sum = ticks(11)? + ticks(12)? + ticks(13)? + ticks(14)?;
    Some(Duration::from_millis(sum * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_stand_after_a_name_that_may_hold_anything() {
        let stat = "42 (a ) b) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 0 0";
        assert_eq!(cpu_time(stat), Some(Duration::from_millis(1270)));
        assert_eq!(cpu_time("42 (a) S 1"), None);
        assert_eq!(cpu_time(""), None);
    }

    #[test]
    fn a_child_is_found_alive_and_its_time_is_kept_after_its_end() {
        let before = descendants(None).time;
        let burn = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read line";
        let mut child = std::process::Command::new("sh")
            .args(["-c", burn])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let used = before + Duration::from_millis(50);
        loop {
            let now = descendants(None);
            if now.pids.contains(&child.id()) && now.time >= used {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(child.stdin.take());
        child.wait().unwrap();
        let after = descendants(None);
        assert!(after.time >= used && !after.pids.contains(&child.id()));
    }
}
