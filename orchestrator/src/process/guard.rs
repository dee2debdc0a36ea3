//! A process that sleeps beside a run and outlives it if the orchestrator is killed: then it ends what
//! workers have started, which the kernel does not do, and cancels the Slurm job that was waited for. It wakes for nothing else.

use std::env;
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
const DISMISSED: &str = "dismissed";

/// What a line begins with that names the Slurm job to cancel in place of the one before it; none where nothing follows.
const SLURM_JOB: &str = "slurm-job ";

/// What of the environment the guard needs to find `scancel` and the cluster.
const KEPT: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "SLURM_CONF"];

/// A job may be on its way into the queue when its orchestrator is killed: it is cancelled more than once.
const CANCELS: u32 = 3;
const BETWEEN_CANCELS: Duration = Duration::from_secs(3);

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
        let kept = KEPT
            .iter()
            .filter_map(|name| Some((name, env::var_os(name)?)));
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("anechoic")
            .arg("guard")
            .arg(Identity::own().to_string())
            .env_clear()
            .envs(kept)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        detach(&mut command);
        let child = command.spawn()?;
        PID.store(child.id(), Ordering::Relaxed);
        Ok(Self(child))
    }

    /// Has it cancel the Slurm job of this name, should the orchestrator be killed; none from now on where there is none.
    pub(crate) fn watch_slurm_job(&mut self, name: Option<&str>) {
        if let Some(input) = &mut self.0.stdin {
            // A guard that is gone guards nothing, which a warning has told or its own end.
            let _ = writeln!(input, "{SLURM_JOB}{}", name.unwrap_or_default());
        }
    }

    /// Ends it, where all that was started has been swept away.
    pub(crate) fn dismiss(mut self) {
        if let Some(mut input) = self.0.stdin.take() {
            // A guard that is gone needs no word.
            let _ = input.write_all(DISMISSED.as_bytes());
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
    let told = String::from_utf8_lossy(&told);
    if told.lines().last() == Some(DISMISSED) {
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
    if let Some(job) = slurm_job(&told) {
        cancel(job);
    }
}

/// The Slurm job that was named last and is not over.
fn slurm_job(told: &str) -> Option<&str> {
    let mut named = told.lines().filter_map(|line| line.strip_prefix(SLURM_JOB));
    named.next_back().filter(|name| !name.is_empty())
}

/// By its name: its number may not have been known yet.
fn cancel(job: &str) {
    for round in 0..CANCELS {
        if round > 0 {
            sleep(BETWEEN_CANCELS);
        }
        let mut command = Command::new("scancel");
        command.args(["--quiet", "--name", job]);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let _ = command.stderr(Stdio::null()).status();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_job_that_is_not_over_is_cancelled() {
        let check = |told: &str, expected: Option<&str>| assert_eq!(slurm_job(told), expected);
        check("", None);
        check("slurm-job a/1\n", Some("a/1"));
        check("slurm-job a/1\nslurm-job \n", None);
        check("slurm-job a/1\nslurm-job \nslurm-job a/2\n", Some("a/2"));
    }
}
