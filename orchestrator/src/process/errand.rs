//! Programs that people hook in: started once with something to read, and ended with all that they started where they take too long, or
//! where nobody wants to wait for them any more.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_suite::ORCHESTRATOR_MARK;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::{Pid, getpid};

use super::awaited::Awaited;
use super::confine::detach_with_parent;
use super::exit::ExitKind;
use super::identity::Identity;
use super::table::{self, Process};
use super::waiting::Waiting;

/// Names the errand in the environment of all that it starts.
const MARK: &str = "ANECHOIC_ERRAND";

/// How often it is looked whether the program has ended. Nothing is measured meanwhile.
const PAUSE: Duration = Duration::from_millis(10);

/// From SIGTERM to SIGKILL.
const GRACE: Duration = Duration::from_secs(1);

/// How long processes may take to disappear after SIGKILL.
const PATIENCE: Duration = Duration::from_secs(2);

/// Errands of this process are counted, so that each has a mark of its own.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A program and what it is given.
#[derive(Debug)]
pub(crate) struct Errand<'a> {
    /// The program, as a path or as a name in `PATH`.
    pub(crate) program: &'a OsStr,
    /// Its arguments.
    pub(crate) arguments: &'a [&'a str],
    /// Variables over those of this process.
    pub(crate) environment: &'a [(&'a str, String)],
    /// What it reads from standard input.
    pub(crate) input: &'a [u8],
    /// How long it may take.
    pub(crate) limit: Duration,
    /// What becomes of processes that it leaves.
    pub(crate) remains: Remains,
}

/// What becomes of processes that outlive the program which started them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remains {
    /// They are ended.
    End,
    /// Where the program ended in time, they are waited for while the limit allows, and go on then. Mail is often sent in the background,
    /// and systemd kills what is left when its service ends.
    Leave,
}

/// Why an errand was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrandError {
    /// The system does not start it, or loses it.
    #[error("it cannot be run: {0}")]
    Start(#[from] io::Error),
    /// It was ended.
    #[error("it took longer than {} and was ended", humantime::format_duration(*.0))]
    Limit(Duration),
    /// It was not waited for to its end.
    #[error("interrupted")]
    Interrupted,
    /// It says that it failed.
    #[error("{}", text(.0))]
    Failed(ExitKind),
}

fn text(exit: &ExitKind) -> String {
    match exit {
        ExitKind::Code(code) => format!("it ended with exit code {code}"),
        ExitKind::Signal { name, .. } => format!("it was ended by {name}"),
    }
}

/// How waiting for a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waited {
    Ended,
    /// It has not ended in time.
    Late,
    Interrupted,
}

impl Errand<'_> {
    /// Runs the program in a session of its own, and waits for it. What it writes goes to standard error.
    pub(crate) fn run(&self, waiting: &mut Waiting<'_>) -> Result<(), ErrandError> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", Identity::own());
        let (mut child, _awaited) = Awaited::spawn(&mut self.command(&mark)?)?;
        let leader = child.id();
        let deadline = Instant::now() + self.limit;
        let waited = match (wait(leader, deadline, waiting), self.remains) {
            (Ok(Waited::Ended), Remains::Leave) => {
                Ok(wait_for_kin(leader, &mark, deadline, waiting))
            }
            (waited, Remains::Leave | Remains::End) => {
                end_all(leader, &mark);
                waited
            }
        };
        // Until here the program is not reaped, so that its number is nobody else's.
        let ended = child.try_wait();
        match (waited?, ended?.map(ExitKind::of)) {
            (Waited::Interrupted, _) => Err(ErrandError::Interrupted),
            (Waited::Late, _) | (Waited::Ended, None) => Err(ErrandError::Limit(self.limit)),
            (Waited::Ended, Some(ExitKind::Code(0))) => Ok(()),
            (Waited::Ended, Some(exit)) => Err(ErrandError::Failed(exit)),
        }
    }

    fn command(&self, mark: &str) -> io::Result<Command> {
        let mut command = Command::new(self.program);
        let words = || io::stderr().as_fd().try_clone_to_owned();
        command
            .args(self.arguments)
            .env(MARK, mark)
            .stdin(Stdio::from(memory(self.input)?))
            .stdout(words()?)
            .stderr(words()?);
        for (name, value) in self.environment {
            // A NUL cannot be passed on.
            command.env(name, OsString::from(value.replace('\0', "\u{fffd}")));
        }
        if self.remains == Remains::End {
            command.env(ORCHESTRATOR_MARK, Identity::own().to_string());
        }
        detach_with_parent(&mut command, getpid());
        Ok(command)
    }
}

/// A file in memory: a program that does not read it cannot make this process wait.
fn memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"anechoic-message", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Waits for the program until then, and looks once more where waiting is cut short. It is left to be reaped.
fn wait(leader: u32, deadline: Instant, waiting: &mut Waiting<'_>) -> io::Result<Waited> {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    loop {
        let is_over = waiting.is_over_after(PAUSE);
        let found = waitid(Id::Pid(Pid::from_raw(leader.cast_signed())), look)?;
        if found != WaitStatus::StillAlive {
            return Ok(Waited::Ended);
        }
        if Instant::now() >= deadline {
            return Ok(Waited::Late);
        }
        if is_over {
            return Ok(Waited::Interrupted);
        }
    }
}

/// Gives what a program has left until then to end, and leaves it to itself then. Whether it does its work is only known where it was
/// waited for.
fn wait_for_kin(leader: u32, mark: &str, deadline: Instant, waiting: &mut Waiting<'_>) -> Waited {
    while Instant::now() < deadline && !kin(leader, mark).is_empty() {
        if waiting.is_over_after(PAUSE) && !kin(leader, mark).is_empty() {
            return Waited::Interrupted;
        }
    }
    Waited::Ended
}

/// Ends the program, which is not reaped yet, and whatever descends from it, is in its group or has its mark.
fn end_all(leader: u32, mark: &str) {
    for (signal, patience) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, PATIENCE)] {
        let deadline = Instant::now() + patience;
        let mut signalled: Vec<u32> = Vec::new();
        loop {
            let alive = kin(leader, mark);
            if alive.is_empty() {
                return;
            }
            for pid in alive {
                // Each is asked once to end, and killed as often as it takes.
                if signal == Signal::SIGKILL || !signalled.contains(&pid) {
                    let _ = kill(Pid::from_raw(pid.cast_signed()), signal);
                    signalled.push(pid);
                }
            }
            if Instant::now() >= deadline {
                break;
            }
            sleep(PAUSE);
        }
    }
}

/// Who of an errand is alive.
fn kin(leader: u32, mark: &str) -> Vec<u32> {
    let is_marked = |pid: u32| table::variable(pid, MARK).as_deref() == Some(mark);
    let own = std::process::id();
    let roots: Vec<u32> = table::all()
        .into_iter()
        .filter(|(pid, process)| *pid != own && !process.ended)
        .filter(|(pid, process)| is_of(*pid, process, leader) || is_marked(*pid))
        .map(|(pid, _)| pid)
        .collect();
    match roots.is_empty() {
        true => roots,
        false => table::with_descendants(&roots).into_keys().collect(),
    }
}

fn is_of(pid: u32, process: &Process, leader: u32) -> bool {
    pid == leader || process.group == leader
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_a_program_that_has_ended_is_kept_until_its_kin_are_looked_for() {
        let (mut child, _awaited) = Awaited::spawn(&mut Command::new("true")).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut pause = |pause| {
            sleep(pause);
            false
        };
        let waited = wait(child.id(), deadline, &mut Waiting::by(&mut pause));
        assert_eq!(waited.unwrap(), Waited::Ended);
        assert!(table::read(child.id()).is_some_and(|process| process.ended));
        assert!(child.wait().unwrap().success());
    }
}
