//! Short commands of other programs, such as those of Slurm: started, read to their end, and ended with what they started where that does
//! not come. Unlike [`super::ask_system`] it waits beside other things, and whoever stops listening ends the command.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::time::timeout;

use super::ExitKind;

/// What a command has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Said {
    /// How it ended.
    pub(crate) exit: ExitKind,
    /// Its standard output.
    pub(crate) stdout: String,
    /// Its standard error.
    pub(crate) stderr: String,
}

impl Said {
    /// Whether it ended with code 0.
    pub(crate) fn is_good(&self) -> bool {
        self.exit == ExitKind::Code(0)
    }
}

/// What a command gets of the environment beside what this program has.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Surroundings<'a> {
    /// Variables that are set.
    pub(crate) set: &'a [(&'a str, &'a str)],
    /// How the names of those begin that it does not get.
    pub(crate) without: &'a [&'a str],
}

/// Runs a command to its end. Ctrl-C at a terminal does not reach it: what it has begun it shall finish.
///
/// # Errors
/// Where it cannot be started, and where it has not ended within the limit.
pub(crate) async fn ask_tool<A: AsRef<OsStr>>(
    program: &str,
    arguments: &[A],
    environment: Surroundings<'_>,
    limit: Duration,
) -> io::Result<Said> {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        let begins = |prefix: &&str| name.as_encoded_bytes().starts_with(prefix.as_bytes());
        if environment.without.iter().any(begins) {
            command.env_remove(&name);
        }
    }
    command
        .args(arguments)
        .envs(environment.set.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    let child = command.spawn()?;
    let group = child.id();
    let output = pin!(child.wait_with_output());
    // Dropped before the command is, whose number is its own until then.
    let mut unheard = Unheard(group);
    let output = timeout(limit, output).await;
    let output = output.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    unheard.0 = None;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Said {
        exit: ExitKind::of(output.status),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// The group of a command that nobody listens to any more, which is ended.
struct Unheard(Option<u32>);

impl Drop for Unheard {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = killpg(Pid::from_raw(group.cast_signed()), Signal::SIGKILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;
    use std::time::Instant;

    use super::super::table;
    use super::*;

    fn ask(script: &str, limit: Duration) -> io::Result<Said> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let words = ["-c", script];
        let environment = Surroundings {
            set: &[("WORD", "heard")],
            without: &["CARGO_"],
        };
        runtime.block_on(ask_tool("/bin/sh", &words, environment, limit))
    }

    #[test]
    fn a_command_is_heard_to_its_end() {
        let said = ask(
            "echo $WORD; echo wrong >&2; exit 3",
            Duration::from_secs(60),
        )
        .unwrap();
        assert_eq!(
            (said.stdout.as_str(), said.stderr.as_str()),
            ("heard\n", "wrong\n")
        );
        assert_eq!(said.exit, ExitKind::Code(3));
        assert!(!said.is_good());
    }

    #[test]
    fn variables_that_it_is_not_to_get_are_left_out() {
        assert!(env::var_os("CARGO_PKG_NAME").is_some(), "cargo sets it");
        let said = ask("env", Duration::from_secs(60)).unwrap();
        let has = |start: &str| said.stdout.lines().any(|line| line.starts_with(start));
        assert!(has("WORD=heard") && has("PATH="), "{}", said.stdout);
        assert!(!has("CARGO_"), "{}", said.stdout);
    }

    #[test]
    fn a_command_that_does_not_end_is_ended() {
        let error = ask("exec sleep 600", Duration::from_millis(50)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn what_a_command_has_started_is_ended_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let script = format!("sleep 600 & echo $! > {}; wait", file.display());
        let error = ask(&script, Duration::from_secs(2)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let child = std::fs::read_to_string(file).unwrap();
        let child = child.trim().parse().unwrap();
        let is_alive = || table::read(child).is_some_and(|process| !process.ended);
        let deadline = Instant::now() + Duration::from_secs(60);
        while is_alive() && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
        assert!(!is_alive());
    }
}
