//! What a worker leaves behind. The orchestrator adopts orphaned descendants, so that even those that made
//! a session of their own and cleared their environment are found, waited for, and ended.

use std::collections::BTreeMap;
use std::process;
use std::time::{Duration, Instant};

use anechoic_record::{Fate, Leftover, Stop};
use anechoic_suite::ATTEMPT_MARK;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;
use tokio::time::sleep;

use super::awaited;
use super::guard::is_guard;
use super::scope::Scope;
use super::table::{self, Process};

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(2);

/// How long processes may take to disappear after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(2);

/// How often it is looked whether they are gone. No worker runs meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

/// Makes this process the parent of every descendant whose own parent has ended. A kernel that refuses
/// leaves the control group, or the process group, as the only net.
pub(crate) fn adopt_orphans() {
    if let Err(error) = nix::sys::prctl::set_child_subreaper(true) {
        eprintln!("warning: descendants of workers cannot be adopted: {error}");
    }
}

/// Processes that outlived the worker that started them.
#[derive(Debug, Default)]
pub(crate) struct Remains {
    /// Each once, by process id.
    pub(crate) left: Vec<Leftover>,
    /// The signals that they were sent, in order.
    pub(crate) stops: Vec<Stop>,
}

/// How the processes of one worker are told from others.
#[derive(Debug)]
pub(super) struct Kin {
    worker: u32,
    mark: String,
    /// Children that this process had before the worker.
    before: Vec<u32>,
}

type Processes = BTreeMap<u32, Process>;

impl Kin {
    /// The kin of a worker, given the children before it was started.
    pub(super) fn new(worker: u32, mark: &str, before: Vec<u32>) -> Self {
        let mark = mark.to_owned();
        Self {
            worker,
            mark,
            before,
        }
    }

    /// Waits until then for the descendants to end by themselves; ends and reaps those that do not.
    pub(super) async fn end(&self, scope: Option<&Scope>, until: Instant) -> Remains {
        let mut seen = BTreeMap::new();
        let mut stops = Vec::new();
        if self.wait(scope, until, |_| {}).await.is_empty() {
            return Remains::default();
        }
        stops.push(Stop::Terminate);
        let signalled = &mut Processes::new();
        let deadline = Instant::now() + GRACE;
        let mut left = self
            .wait(scope, deadline, |alive| {
                let new = alive.iter().filter(|(pid, _)| !signalled.contains_key(pid));
                new.for_each(|(pid, _)| send(*pid, Signal::SIGTERM));
                signalled.extend(alive.clone());
            })
            .await;
        seen.append(signalled);
        if !left.is_empty() {
            stops.push(Stop::Kill);
            let deadline = Instant::now() + PATIENCE;
            left = self
                .wait(scope, deadline, |alive| {
                    scope.inspect(|scope| scope.kill());
                    alive.keys().for_each(|pid| send(*pid, Signal::SIGKILL));
                    seen.extend(alive.clone());
                })
                .await;
        }
        let left = seen
            .iter()
            .map(|(pid, process)| self.leftover(*pid, process, &left));
        Remains {
            left: left.collect(),
            stops,
        }
    }

    /// Kills the worker and its descendants, where nobody can wait for them in order.
    pub(super) fn kill(&self, scope: Option<&Scope>) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            scope.inspect(|scope| scope.kill());
            let alive = self.alive(scope);
            alive.keys().for_each(|pid| send(*pid, Signal::SIGKILL));
            if alive.is_empty() || Instant::now() >= deadline {
                return;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Does this to those that are alive until none is, or the time has come. Returns who is alive then.
    async fn wait(
        &self,
        scope: Option<&Scope>,
        until: Instant,
        mut act: impl FnMut(&Processes),
    ) -> Processes {
        loop {
            let alive = self.alive(scope);
            if alive.is_empty() {
                return alive;
            }
            act(&alive);
            if Instant::now() >= until {
                return alive;
            }
            sleep(PAUSE).await;
        }
    }

    fn leftover(&self, pid: u32, process: &Process, stuck: &Processes) -> Leftover {
        Leftover {
            pid,
            name: Some(process.name.clone()).filter(|name| !name.is_empty()),
            left_group: process.group != self.worker,
            fate: match stuck.contains_key(&pid) {
                true => Fate::Stuck,
                false => Fate::Ended,
            },
        }
    }

    /// All that descend from the worker and are alive; the dead among all children are reaped.
    fn alive(&self, scope: Option<&Scope>) -> Processes {
        let members = scope.map(Scope::members).unwrap_or_default();
        let children = table::own_children();
        self.reap(&children);
        let adopted = children
            .into_iter()
            .filter(|pid| !self.before.contains(pid) && !is_guard(*pid));
        let ours = adopted.filter(|pid| members.contains(pid) || self.owns(*pid, scope.is_some()));
        let roots: Vec<u32> = ours.chain(members.iter().copied()).collect();
        match roots.is_empty() {
            true => Processes::new(),
            false => table::with_descendants(&roots),
        }
    }

    /// Whether a child that came after the worker, and is in no control group of it, is the worker or descends from it.
    fn owns(&self, pid: u32, has_scope: bool) -> bool {
        let Some(process) = table::read(pid).filter(|process| !process.ended) else {
            return false;
        };
        pid == self.worker
            || process.group == self.worker
            || table::variable(pid, ATTEMPT_MARK).as_ref() == Some(&self.mark)
            || (!has_scope && adopts_from_workers_only(&self.before))
    }

    fn reap(&self, children: &[u32]) {
        let awaited = awaited::all();
        // The runtime reaps the worker itself.
        let others = children.iter().filter(|pid| **pid != self.worker);
        for pid in others.filter(|pid| !awaited.contains(pid)) {
            let _ = waitpid(Pid::from_raw(pid.cast_signed()), Some(WaitPidFlag::WNOHANG));
        }
    }
}

/// Whether whatever is adopted comes from a worker: nobody else who could leave an orphan to this process
/// existed. In a container the first process adopts from everybody.
fn adopts_from_workers_only(before: &[u32]) -> bool {
    before.iter().all(|pid| is_guard(*pid)) && process::id() != 1
}

/// One that is already gone is not an error.
fn send(pid: u32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
}
