//! Programs of the system, such as `systemctl` and `crontab`: asked one thing, within a time limit, by a thread that has nothing else
//! to do. Knows nothing of what they are asked.

use std::convert::Infallible;
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::awaited::Awaited;

/// How often it is looked whether the program has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// How long pipes may be open when the program has ended.
const LEAK: Duration = Duration::from_secs(1);

/// What a program of the system is asked.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    /// The program, looked for in `PATH`.
    pub(crate) program: &'a str,
    pub(crate) arguments: &'a [&'a str],
    /// What it is to read; nothing where it is empty.
    pub(crate) input: &'a [u8],
    /// After so long it is killed, with what it has started.
    pub(crate) limit: Duration,
}

/// What it said.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// A program that gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    /// `PATH` does not hold it.
    #[error("there is no program `{0}`")]
    Absent(String),
    /// It cannot be started, or not be spoken with.
    #[error("`{program}` cannot be run: {source}")]
    Failed { program: String, source: io::Error },
    /// It took too long.
    #[error("`{program}` did not end within {} s and was killed", limit.as_secs_f32())]
    TooSlow { program: String, limit: Duration },
}

/// Asks a program of the system. Its words are those of the locale `C`, and its times are UTC.
pub(crate) fn ask_system(question: &Question<'_>) -> Result<Answer, NoAnswer> {
    let mut command = Command::new(question.program);
    command
        .args(question.arguments)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let failed = |source: io::Error| {
        let program = question.program.to_owned();
        match source.kind() {
            ErrorKind::NotFound => NoAnswer::Absent(program),
            _ => NoAnswer::Failed { program, source },
        }
    };
    let (mut child, _awaited) = Awaited::spawn(&mut command).map_err(failed)?;
    write(child.stdin.take(), question.input.to_vec());
    let (stdout, stderr) = (read(child.stdout.take()), read(child.stderr.take()));
    let ended = wait(&mut child, question.limit);
    let status = ended.map_err(failed)?.ok_or_else(|| NoAnswer::TooSlow {
        program: question.program.to_owned(),
        limit: question.limit,
    })?;
    // A program that ends without having read everything has said so by its status.
    Ok(Answer {
        status,
        stdout: stdout.heard(),
        stderr: stderr.heard(),
    })
}

/// Makes this process the program, which it only ends by failing to. Variables are added to those that there are.
pub(crate) fn become_program(
    words: &[String],
    folder: &Path,
    variables: &[(String, String)],
) -> io::Error {
    let [program, arguments @ ..] = words else {
        return ErrorKind::InvalidInput.into();
    };
    let variables = variables.iter().map(|(name, value)| (name, value));
    Command::new(OsStr::new(program))
        .args(arguments)
        .envs(variables)
        .current_dir(folder)
        .exec()
}

/// The end of the program; `None` where it had to be killed.
fn wait(child: &mut Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let end = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            let _ = killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL);
            child.wait()?;
            return Ok(None);
        }
        sleep(PAUSE);
    }
}

/// What a program says on one of its pipes.
struct Said {
    bytes: Arc<Mutex<Vec<u8>>>,
    /// Nothing comes over it: it is closed where the pipe is.
    open: Receiver<Infallible>,
}

impl Said {
    /// All that it has said. What it has started may hold the pipe for ever, and is not heard any more.
    fn heard(self) -> Vec<u8> {
        let _ = self.open.recv_timeout(LEAK);
        let mut bytes = self.bytes.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *bytes)
    }
}

/// By a thread that nobody waits for.
fn write(pipe: Option<impl Write + Send + 'static>, input: Vec<u8>) {
    thread::spawn(move || {
        if let Some(mut pipe) = pipe {
            let _ = pipe.write_all(&input);
        }
    });
}

fn read(pipe: Option<impl Read + Send + 'static>) -> Said {
    let bytes = Arc::<Mutex<Vec<u8>>>::default();
    let (end, open) = channel();
    let target = Arc::clone(&bytes);
    thread::spawn(move || {
        let _end: Sender<Infallible> = end;
        let mut chunk = [0; 8192];
        let Some(mut pipe) = pipe else { return };
        while let Ok(length @ 1..) = pipe.read(&mut chunk) {
            let mut bytes = target.lock().unwrap_or_else(PoisonError::into_inner);
            bytes.extend_from_slice(&chunk[..length]);
        }
    });
    Said { bytes, open }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(script: &str, input: &[u8], limit: Duration) -> Result<Answer, NoAnswer> {
        ask_system(&Question {
            program: "sh",
            arguments: &["-c", script],
            input,
            limit,
        })
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_program_reads_its_input_and_both_its_outputs_are_kept() {
        let input = vec![b'x'; 1 << 20];
        let answer = ask("cat; echo no >&2; exit 3", &input, LONG).unwrap();
        assert_eq!(answer.status.code(), Some(3));
        assert_eq!(
            (answer.stdout.len(), answer.stderr.as_slice()),
            (1 << 20, &b"no\n"[..])
        );
        let deaf = ask("exec <&-; exit 0", &input, LONG).unwrap();
        assert!(deaf.status.success() && deaf.stdout.is_empty());
    }

    #[test]
    fn a_slow_program_is_killed_with_what_it_started() {
        let slow = ask("sleep 600 & sleep 600", b"", Duration::from_millis(200));
        let told = slow.unwrap_err().to_string();
        assert_eq!(told, "`sh` did not end within 0.2 s and was killed");
    }

    #[test]
    fn what_a_program_leaves_on_its_pipes_is_not_waited_for() {
        let script = "sleep 600 <&0 & echo $!; echo no >&2";
        let answer = ask(script, &vec![b'x'; 1 << 20], LONG).unwrap();
        let text = String::from_utf8(answer.stdout).unwrap();
        let left = Pid::from_raw(text.trim().parse().unwrap());
        nix::sys::signal::kill(left, Signal::SIGKILL).unwrap();
        assert!(answer.status.success());
        assert_eq!(answer.stderr, b"no\n");
    }

    #[test]
    fn a_program_that_is_not_there_is_told_from_one_that_fails() {
        let question = Question {
            program: "no-such-program",
            arguments: &[],
            input: b"",
            limit: LONG,
        };
        assert!(matches!(ask_system(&question), Err(NoAnswer::Absent(_))));
    }
}
