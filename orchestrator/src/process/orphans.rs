//! What a worker leaves behind. The orchestrator adopts orphaned descendants, so that even those that
//! moved to a process group or session of their own are found and ended.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, gettid};

/// The variable that marks a worker and all that it starts.
pub(crate) const MARK: &str = "ANECHOIC_ATTEMPT";

/// How long ended descendants may take to disappear.
const PATIENCE: Duration = Duration::from_secs(2);

/// Makes this process the parent of every descendant whose own parent has ended. A kernel that refuses
/// leaves the process group as the only net.
pub(crate) fn adopt_orphans() {
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        eprintln!("warning: descendants of workers cannot be adopted: {error}");
    }
}

/// Processes that outlived the worker that started them.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Ended now.
    pub(crate) ended: Vec<u32>,
    /// Not even SIGKILL has ended them: they hang in the kernel.
    pub(crate) stuck: Vec<u32>,
}

/// Ends and reaps every adopted process that carries this mark. `known` were seen alive before.
pub(crate) async fn end_orphans(mark: &str, known: Vec<Pid>) -> Leftovers {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = known;
    let stuck = loop {
        let alive = alive(mark);
        seen.extend(
            alive
                .iter()
                .filter(|pid| !seen.contains(pid))
                .copied()
                .collect::<Vec<_>>(),
        );
        if alive.is_empty() || Instant::now() > deadline {
            break alive;
        }
        for pid in alive {
            let _ = kill(pid, Signal::SIGKILL);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    seen.retain(|pid| !stuck.contains(pid));
    Leftovers {
        ended: numbers(&seen),
        stuck: numbers(&stuck),
    }
}

/// Adopted processes that carry this mark and are alive; the dead among all children are reaped.
pub(crate) fn alive(mark: &str) -> Vec<Pid> {
    let (marked, others): (Vec<_>, Vec<_>) = children()
        .into_iter()
        .partition(|pid| is_marked(*pid, mark));
    for pid in others {
        // A child that is alive and not ours to end stays untouched.
        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }
    marked
}

fn numbers(pids: &[Pid]) -> Vec<u32> {
    pids.iter().map(|pid| pid.as_raw().unsigned_abs()).collect()
}

fn children() -> Vec<Pid> {
    let path = format!("/proc/self/task/{}/children", gettid());
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok().map(Pid::from_raw))
        .collect()
}

/// Whether the process was started with this mark in its environment; a dead one has none.
fn is_marked(pid: Pid, mark: &str) -> bool {
    let wanted = format!("{MARK}={mark}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment
        .split(|&b| b == 0)
        .any(|entry| entry == wanted.as_bytes())
}
