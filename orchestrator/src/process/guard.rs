//! A process that sleeps beside a run and outlives it if the orchestrator is killed: then it ends what
//! workers have started, which the kernel does not do. It wakes for nothing else.

use std::ffi::CStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::confine::detach;
use super::identity::Identity;
use super::stale::end_stale;

/// What the guard is told when a run ends in order.
const DISMISSED: &[u8] = b"dismissed";

/// Its name in lists of processes.
const NAME: &CStr = c"anechoic-guard";

/// How long a killed orchestrator may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// The number of this process's guard; 0 where there is none.
static PID: AtomicU32 = AtomicU32::new(0);

/// The guard of a run. One that is dropped undismissed, after an error or a panic, looks for what was left once this
/// process has ended.
#[derive(Debug)]
pub(crate) struct Guard(Child);

impl Guard {
    /// Starts it, as this program with a command of its own.
    pub(crate) fn start() -> io::Result<Self> {
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("anechoic")
            .arg("guard")
            .arg(Identity::own().to_string())
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        detach(&mut command);
        let child = command.spawn()?;
        PID.store(child.id(), Ordering::Relaxed);
        Ok(Self(child))
    }

    /// Ends it, where all that was started has been swept away.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            // A guard that is gone needs no word.
            let _ = input.write_all(DISMISSED);
        }
        let _ = self.0.wait();
        PID.store(0, Ordering::Relaxed);
    }
}

/// Whether this process is the guard.
pub(super) fn is_guard(pid: u32) -> bool {
    pid == PID.load(Ordering::Relaxed)
}

/// The work of the guard itself. Its standard input is closed by the kernel when the orchestrator dies.
pub(crate) fn keep_guard(orchestrator: &str) {
    // It was started through a link, whose name would be shown in lists of processes.
    let _ = nix::sys::prctl::set_name(NAME);
    let mut told = Vec::new();
    let _ = io::stdin().read_to_end(&mut told);
    if told == DISMISSED {
        return;
    }
    let Some(orchestrator) = Identity::parse(orchestrator) else {
        return;
    };
    let deadline = Instant::now() + PATIENCE;
    while !orchestrator.is_dead() && Instant::now() < deadline {
        sleep(Duration::from_millis(2));
    }
    end_stale();
}
