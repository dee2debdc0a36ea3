//! One worker process: its pipes, its groups, its end.

use std::fs::File;
use std::future::pending;
use std::io;
use std::time::Instant;

use anechoic_protocol::MAX_LINE_BYTES;
use anechoic_record::{Containment, Leftover, Stop};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};

use super::ExitKind;
use super::launch::{Launch, LaunchError, Launched};
use super::leftovers::Kin;
use super::lines::{LineReader, Piece};
use super::log::{LogCopier, Tail};
use super::scope::{Scope, machine_kills};
use super::table;

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

/// Out-of-memory kills since a worker was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct MemoryKills {
    /// In its control group.
    pub(crate) in_group: u64,
    /// On the whole machine.
    pub(crate) on_machine: u64,
}

/// What was found when a worker was swept away.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// The last lines of its standard error.
    pub(crate) stderr: Vec<String>,
    /// Processes that outlived it.
    pub(crate) left: Vec<Leftover>,
    /// Whether somebody still held its pipes.
    pub(crate) held_pipes: bool,
    /// The signals that what it left was sent, in order.
    pub(crate) stops: Vec<Stop>,
}

/// A worker process, leader of its own process group.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    group: Pid,
    kin: Kin,
    scope: Option<Scope>,
    containment: Containment,
    kills_before: u64,
    exited: bool,
    swept: bool,
    input: Option<ChildStdin>,
    unsent: Vec<u8>,
    output: Option<LineReader<ChildStdout, File>>,
    log: Option<LogCopier<ChildStderr, File>>,
    tail: Tail,
}

impl Worker {
    /// Starts a worker. Must be called on the main thread: the parent-death signal follows the thread.
    pub(crate) fn spawn(launch: &Launch, logs: Logs) -> Result<Self, LaunchError> {
        let before = table::living_children();
        let kills_before = machine_kills();
        let Launched {
            mut child,
            scope,
            containment,
        } = launch.start()?;
        let pid = child.id().expect("a child that was not awaited has an id");
        let output = child.stdout.take().expect("standard output is piped");
        let log = child.stderr.take().expect("standard error is piped");
        Ok(Self {
            group: Pid::from_raw(pid.cast_signed()),
            kin: Kin::new(pid, &launch.mark, before),
            scope,
            containment,
            kills_before,
            exited: false,
            swept: false,
            input: child.stdin.take(),
            unsent: Vec::new(),
            output: Some(LineReader::new(output, logs.stdout, MAX_LINE_BYTES)),
            log: Some(LogCopier::new(log, logs.stderr)),
            tail: Tail::default(),
            child,
        })
    }

    /// What holds it and all that it starts.
    pub(crate) fn containment(&self) -> Containment {
        self.containment
    }

    /// Out-of-memory kills since it was started.
    pub(crate) fn memory_kills(&self) -> MemoryKills {
        let in_group = self.scope.as_ref().map(Scope::out_of_memory_kills);
        MemoryKills {
            in_group: in_group.unwrap_or(0),
            on_machine: machine_kills().saturating_sub(self.kills_before),
        }
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

    /// What it writes from now on goes to these logs.
    pub(crate) fn log_to(&mut self, logs: Logs) {
        if let Some(output) = &mut self.output {
            output.log_to(logs.stdout);
        }
        if let Some(log) = &mut self.log {
            log.log_to(logs.stderr);
        }
    }

    /// Closes this end of its standard output: what it writes from now on finds no reader.
    pub(crate) fn close_output(&mut self) {
        self.output = None;
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

    /// Waits until then for what is left of the process and its descendants, and ends what remains. The last
    /// `lines` of standard error are kept.
    pub(crate) async fn sweep(mut self, lines: usize, until: Instant) -> Swept {
        let held_pipes = self.output.is_some() || self.log.is_some();
        let remains = self.kin.end(self.scope.as_ref(), until).await;
        self.swept = true;
        self.close_log();
        Swept {
            stderr: self.tail.last_lines(lines),
            left: remains.left,
            held_pipes,
            stops: remains.stops,
        }
    }
}

impl Drop for Worker {
    /// An error between spawn and sweep must not leave anything behind. After the sweep the group's number may be
    /// somebody else's.
    fn drop(&mut self) {
        if !self.swept {
            self.signal_group(Signal::SIGKILL);
            self.kin.kill(self.scope.as_ref());
        }
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
