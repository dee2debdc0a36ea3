//! Programs that people hook in: started once with something to read, and ended with all that they started where they take too long.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Seek, Write};
use std::os::fd::AsFd;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anechoic_suite::ORCHESTRATOR_MARK;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpid};

use super::confine::detach_with_parent;
use super::exit::ExitKind;
use super::identity::Identity;
use super::table::{self, Process};

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
    /// They go on, where the program ended in time: mail is often sent in the background.
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

impl Errand<'_> {
    /// Runs the program in a session of its own, and waits for it. What it writes goes to standard error.
    pub(crate) fn run(&self) -> Result<(), ErrandError> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", Identity::own());
        let mut child = self.command(&mark)?.spawn()?;
        let ended = wait(&mut child, self.limit);
        let is_late = matches!(ended, Ok(None));
        if is_late || self.remains == Remains::End {
            end_all(child.id(), &mark, &mut child);
        }
        match ended?.map(ExitKind::of) {
            None => Err(ErrandError::Limit(self.limit)),
            Some(ExitKind::Code(0)) => Ok(()),
            Some(exit) => Err(ErrandError::Failed(exit)),
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

/// How it ended; `None` where it has not in this time.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        let ended = child.try_wait()?;
        if ended.is_some() || Instant::now() >= deadline {
            return Ok(ended);
        }
        sleep(PAUSE);
    }
}

/// Ends the program and whatever descends from it, is in its group or has its mark.
fn end_all(leader: u32, mark: &str, child: &mut Child) {
    for (signal, patience) in [(Signal::SIGTERM, GRACE), (Signal::SIGKILL, PATIENCE)] {
        let deadline = Instant::now() + patience;
        let mut signalled: Vec<u32> = Vec::new();
        loop {
            let _ = child.try_wait();
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
