//! One worker process: its pipes, its group, its end.

use std::fs::File;
use std::future::pending;
use std::io;
use std::path::Path;
use std::process::Stdio;

use anechoic_protocol::MAX_LINE_BYTES;
use anechoic_record::Stop;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, getpid, getppid};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::ExitKind;
use super::lines::{LineReader, Piece};
use super::log::{LogCopier, Tail};
use super::orphans::{Leftovers, MARK, alive, end_orphans};

/// Where the raw output of a worker goes.
#[derive(Debug)]
pub(crate) struct Logs {
    /// All of standard output.
    pub(crate) stdout: File,
    /// All of standard error.
    pub(crate) stderr: File,
}

/// What a process did.
#[derive(Debug)]
pub(crate) enum ProcessEvent {
    /// It wrote a line to standard output.
    Line(Vec<u8>),
    /// It wrote a line longer than the cap; nothing after it is passed on.
    OverlongLine,
    /// Its standard output was closed, this many bytes after the last newline.
    OutputEnded(usize),
    /// Its standard error was closed.
    LogEnded,
    /// It ended.
    Exited(ExitKind),
}

/// A worker process, leader of its own process group.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    group: Pid,
    mark: String,
    exited: bool,
    input: Option<ChildStdin>,
    unsent: Vec<u8>,
    output: Option<LineReader<ChildStdout, File>>,
    log: Option<LogCopier<ChildStderr, File>>,
    tail: Tail,
}

impl Worker {
    /// Starts `program`. Must be called on the main thread: the parent-death signal follows the thread.
    pub(crate) fn spawn(program: &Path, mark: &str, logs: Logs) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env(MARK, mark)
            .process_group(0)
            .kill_on_drop(true);
        die_with_parent(&mut command);
        let mut child = command.spawn()?;
        let pid = child.id().expect("a child that was not awaited has an id");
        let output = child.stdout.take().expect("standard output is piped");
        let log = child.stderr.take().expect("standard error is piped");
        Ok(Self {
            group: Pid::from_raw(pid.cast_signed()),
            mark: mark.to_owned(),
            exited: false,
            input: child.stdin.take(),
            unsent: Vec::new(),
            output: Some(LineReader::new(output, logs.stdout, MAX_LINE_BYTES)),
            log: Some(LogCopier::new(log, logs.stderr)),
            tail: Tail::default(),
            child,
        })
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.group.as_raw().unsigned_abs()
    }

    /// Queues a line for standard input; [`Worker::next`] writes it.
    pub(crate) fn send(&mut self, line: &str) {
        self.unsent.extend_from_slice(line.as_bytes());
    }

    /// Carries out one way of stopping. A process that is already gone is not an error.
    pub(crate) fn stop(&mut self, how: Stop) {
        match how {
            Stop::CloseStdin => self.input = None,
            Stop::Terminate => self.signal_group(Signal::SIGTERM),
            Stop::Kill => self.signal_group(Signal::SIGKILL),
        }
    }

    fn signal_group(&self, signal: Signal) {
        // ESRCH: nobody is left in the group, which is what was wanted.
        let _ = killpg(self.group, signal);
    }

    /// Waits for the next thing that the process does; both pipes are drained meanwhile. May be
    /// cancelled without loss. An error is one of writing the logs.
    pub(crate) async fn next(&mut self) -> io::Result<ProcessEvent> {
        loop {
            tokio::select! {
                piece = next_piece(&mut self.output) => return self.on_piece(piece?),
                more = copy_some(&mut self.log) => {
                    if !more? {
                        self.close_log();
                        return Ok(ProcessEvent::LogEnded);
                    }
                }
                written = write_some(&mut self.input, &self.unsent) => self.on_written(written),
                status = self.child.wait(), if !self.exited => {
                    self.exited = true;
                    return status.map(|status| ProcessEvent::Exited(ExitKind::of(status)));
                }
            }
        }
    }

    fn on_piece(&mut self, piece: Piece) -> io::Result<ProcessEvent> {
        Ok(match piece {
            Piece::Line(line) => ProcessEvent::Line(line),
            Piece::Overlong => ProcessEvent::OverlongLine,
            Piece::End(rest) => {
                self.output = None;
                ProcessEvent::OutputEnded(rest)
            }
        })
    }

    fn on_written(&mut self, written: io::Result<usize>) {
        match written {
            Ok(count) => drop(self.unsent.drain(..count)),
            // The worker does not read any more. Its exit or silence will tell why.
            Err(_) => {
                self.input = None;
                self.unsent.clear();
            }
        }
    }

    fn close_log(&mut self) {
        if let Some(log) = self.log.take() {
            self.tail = log.into_tail();
        }
    }

    /// Ends whatever is left of the process and its descendants. Returns the last lines of its standard
    /// error, and which descendants had outlived it.
    pub(crate) async fn sweep(mut self, lines: usize) -> (Vec<String>, Leftovers) {
        let known = alive(&self.mark);
        self.signal_group(Signal::SIGKILL);
        let left = end_orphans(&self.mark, known).await;
        self.close_log();
        (self.tail.last_lines(lines), left)
    }
}

impl Drop for Worker {
    /// An error between spawn and sweep must not leave a group behind.
    fn drop(&mut self) {
        self.signal_group(Signal::SIGKILL);
    }
}

/// Has the kernel kill the worker when this process dies, however it dies.
#[expect(
    unsafe_code,
    reason = "the parent-death signal is set between fork and exec"
)]
fn die_with_parent(command: &mut Command) {
    let parent = getpid();
    let set_up = move || {
        nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
        // The parent may have died before the signal was set.
        if getppid() != parent {
            return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure makes two system calls and allocates nothing, which is allowed after fork.
    unsafe {
        command.pre_exec(set_up);
    }
}

async fn next_piece(output: &mut Option<LineReader<ChildStdout, File>>) -> io::Result<Piece> {
    match output {
        Some(reader) => reader.next().await,
        None => pending().await,
    }
}

async fn copy_some(log: &mut Option<LogCopier<ChildStderr, File>>) -> io::Result<bool> {
    match log {
        Some(copier) => copier.copy_some().await,
        None => pending().await,
    }
}

async fn write_some(input: &mut Option<ChildStdin>, bytes: &[u8]) -> io::Result<usize> {
    match input {
        Some(pipe) if !bytes.is_empty() => pipe.write(bytes).await,
        Some(_) | None => pending().await,
    }
}
