//! One process under attack: what is sent to it and what it does, kept in order. Decides nothing about rules.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anechoic_protocol::{Phase, WorkerEvent};
use anechoic_record::{Containment, Stop};
use tokio::time::{sleep_until, timeout_at};

use crate::process::{ExitKind, Launch, LaunchError, ProcessEvent, Swept, Worker, no_logs};
use crate::runner::{Input, Limits, read_line};

/// The program that is checked.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// Absolute path of the program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// How long it may take for its hello, and for a job.
    pub(crate) timeout: Duration,
}

/// Inputs that are kept of one process, and bytes of their lines; one that writes more is ended.
const MOST_INPUTS: usize = 200_000;
const MOST_BYTES: usize = 64 << 20;

/// Lines of standard error that are kept.
const KEPT_LINES: usize = 3;

/// A running process.
pub(super) struct Session {
    attack: String,
    worker: Worker,
    limits: Limits,
    spawned: Instant,
    containment: Containment,
    inputs: Vec<(Instant, Input)>,
    /// Length of all lines that were read for them.
    bytes: usize,
    exited: Option<Instant>,
    output_ended: bool,
    log_ended: bool,
}

/// What had to be done for a process to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing.
    ByItself,
    /// It was sent SIGTERM.
    Terminated,
    /// It was sent SIGKILL.
    Killed,
}

/// All that a process did.
#[derive(Debug)]
pub(super) struct Transcript {
    pub(super) limits: Limits,
    pub(super) spawned: Instant,
    pub(super) pid: u32,
    pub(super) containment: Containment,
    /// In order, with their times.
    pub(super) inputs: Vec<(Instant, Input)>,
    pub(super) end: End,
    pub(super) exit: Option<ExitKind>,
    pub(super) swept: Swept,
}

/// Whether no more is kept of a process.
fn is_full(inputs: usize, bytes: usize) -> bool {
    inputs >= MOST_INPUTS || bytes >= MOST_BYTES
}

impl Session {
    /// Starts the program for an attack.
    pub(super) fn start(subject: &Subject, attack: &str) -> Result<Self, LaunchError> {
        let launch = Launch {
            arguments: subject.arguments.clone(),
            ..Launch::plain(subject.program.clone(), &format!("check/{attack}/1"))
        };
        let worker = Worker::spawn(&launch, no_logs().map_err(LaunchError::Start)?)?;
        Ok(Self {
            attack: attack.to_owned(),
            limits: Limits::of(subject.timeout),
            spawned: Instant::now(),
            containment: worker.containment(),
            inputs: Vec::new(),
            bytes: 0,
            exited: None,
            output_ended: false,
            log_ended: false,
            worker,
        })
    }

    pub(super) fn attack(&self) -> &str {
        &self.attack
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn inputs(&self) -> impl Iterator<Item = &Input> {
        self.inputs.iter().map(|(_, input)| input)
    }

    pub(super) fn since_start(&self) -> Duration {
        self.spawned.elapsed()
    }

    pub(super) fn has_exited(&self) -> bool {
        self.exited.is_some()
    }

    pub(super) fn send(&mut self, text: &str) {
        self.worker.send(text);
    }

    pub(super) fn close_input(&mut self) {
        self.worker.stop(Stop::CloseStdin);
    }

    pub(super) fn terminate(&mut self) {
        self.worker.stop(Stop::Terminate);
    }

    /// From now on nobody reads what it writes.
    pub(super) fn close_output(&mut self) {
        self.worker.close_output();
        self.output_ended = true;
    }

    /// Waits for an input; false when time is up or nothing more can come.
    pub(super) async fn wait_for(
        &mut self,
        within: Duration,
        wanted: impl Fn(&Input) -> bool,
    ) -> bool {
        let until = Instant::now() + within;
        while let Some(input) = self.hear(until).await {
            if wanted(&input) {
                return true;
            }
        }
        false
    }

    /// Waits for hello; false when it does not come in time.
    pub(super) async fn wait_for_hello(&mut self, within: Duration) -> bool {
        let is_hello = |input: &Input| matches!(input, Input::Message(WorkerEvent::Hello { .. }));
        self.wait_for(within, is_hello).await
    }

    /// Waits until a phase is announced; false when it is not, in time.
    pub(super) async fn wait_for_phase(&mut self, wanted: Phase, within: Duration) -> bool {
        let is_phase = |input: &Input| matches!(input, Input::Message(WorkerEvent::Phase { phase }) if *phase == wanted);
        self.wait_for(within, is_phase).await
    }

    /// Reads on for a while, so that what was queued is written.
    pub(super) async fn flush(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        while self.hear(until).await.is_some() {}
        sleep_until(until.into()).await;
    }

    /// Waits until the process has ended; false when time is up.
    pub(super) async fn wait_for_exit(&mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        while !self.has_exited() && self.hear(until).await.is_some() {}
        self.has_exited()
    }

    /// Waits until a process that was sent a signal has ended; false when time is up. What it still says is passed over
    /// where no more of it is kept.
    async fn wait_for_end(&mut self, within: Duration) -> bool {
        let until = Instant::now() + within;
        while !self.has_exited() && self.listen(until).await.is_some() {}
        self.has_exited()
    }

    /// The next thing that it does, as long as more is kept of it.
    async fn hear(&mut self, until: Instant) -> Option<Input> {
        match is_full(self.inputs.len(), self.bytes) {
            true => None,
            false => self.listen(until).await,
        }
    }

    /// The next thing that it does. After its last message standard input is closed, as in a run.
    async fn listen(&mut self, until: Instant) -> Option<Input> {
        if self.is_over() {
            return None;
        }
        let was_full = is_full(self.inputs.len(), self.bytes);
        let event = timeout_at(until.into(), self.worker.next()).await.ok()?;
        let input = self.translate(event.ok()?);
        if matches!(
            input,
            Input::Message(WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. })
        ) {
            self.close_input();
        }
        if !was_full || matches!(input, Input::Exited(_)) {
            self.inputs.push((Instant::now(), input.clone()));
        }
        Some(input)
    }

    fn is_over(&self) -> bool {
        self.exited.is_some() && self.output_ended && self.log_ended
    }

    fn translate(&mut self, event: ProcessEvent) -> Input {
        match event {
            ProcessEvent::Line(line) => {
                self.bytes += line.len();
                read_line(&line)
            }
            ProcessEvent::OverlongLine => Input::BadLine("a line that is too long".to_owned()),
            ProcessEvent::OutputEnded(rest) => {
                self.output_ended = true;
                Input::OutputEnded(rest)
            }
            ProcessEvent::LogEnded => {
                self.log_ended = true;
                Input::LogEnded
            }
            ProcessEvent::Exited(how) => {
                self.exited = Some(Instant::now());
                Input::Exited(how)
            }
        }
    }

    /// Gives it so long to end by itself, and sees to it that it does.
    pub(super) async fn finish(mut self, within: Duration) -> Transcript {
        let mut end = End::ByItself;
        if !self.wait_for_exit(within).await {
            self.terminate();
            end = End::Terminated;
            if !self.wait_for_end(self.limits.term_grace).await {
                self.worker.stop(Stop::Kill);
                end = End::Killed;
                self.wait_for_end(self.limits.exit).await;
            }
        }
        self.finish_as(end).await
    }

    /// Reads what is left of a process that has ended, and ends what it started.
    async fn finish_as(mut self, end: End) -> Transcript {
        let until = self.exited.unwrap_or_else(Instant::now) + self.limits.leak;
        while self.listen(until).await.is_some() {}
        let exit = self.inputs().find_map(|input| match input {
            Input::Exited(how) => Some(how.clone()),
            Input::Spawned { .. }
            | Input::Message(_)
            | Input::ForeignHello(_)
            | Input::BadLine(_)
            | Input::OutputEnded(_)
            | Input::LogEnded
            | Input::DeadlinePassed
            | Input::CancelRequested
            | Input::KillRequested => None,
        });
        let pid = self.worker.pid();
        Transcript {
            limits: self.limits,
            spawned: self.spawned,
            pid,
            containment: self.containment,
            exit,
            end,
            swept: self.worker.sweep(KEPT_LINES, until).await,
            inputs: self.inputs,
        }
    }
}

impl Transcript {
    pub(super) fn messages(&self) -> impl Iterator<Item = &WorkerEvent> {
        self.inputs.iter().filter_map(|(_, input)| match input {
            Input::Message(message) => Some(message),
            Input::Spawned { .. }
            | Input::ForeignHello(_)
            | Input::BadLine(_)
            | Input::OutputEnded(_)
            | Input::LogEnded
            | Input::Exited(_)
            | Input::DeadlinePassed
            | Input::CancelRequested
            | Input::KillRequested => None,
        })
    }

    /// Its results, good and bad, in order.
    pub(super) fn results(&self) -> Vec<&WorkerEvent> {
        let is_result = |message: &&WorkerEvent| {
            matches!(
                message,
                WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. }
            )
        };
        self.messages().filter(is_result).collect()
    }

    /// How it ended, in words.
    pub(super) fn ending(&self) -> String {
        let exit = match &self.exit {
            Some(ExitKind::Code(code)) => format!("ended with code {code}"),
            Some(ExitKind::Signal { name, .. }) => format!("was ended by {name}"),
            None => "did not end".to_owned(),
        };
        match self.end {
            End::ByItself => format!("it {exit}"),
            End::Terminated => "it went on until SIGTERM".to_owned(),
            End::Killed => "it went on until SIGKILL, SIGTERM did not end it".to_owned(),
        }
    }

    /// How it ended, with the last line of its log where there is one.
    pub(super) fn ending_with_log(&self) -> String {
        match self.swept.stderr.last() {
            Some(line) => format!("{}; its log ends with `{}`", self.ending(), line.trim()),
            None => self.ending(),
        }
    }

    /// Whether it ended by itself with code 0.
    pub(super) fn ended_well(&self) -> bool {
        self.end == End::ByItself && self.exit == Some(ExitKind::Code(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that writes long lines without end.
    #[test]
    fn what_is_kept_of_a_process_is_bounded() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let script = "exec tr '\\0' x </dev/zero | fold -w 4000000";
        let subject = Subject {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            timeout: Duration::from_secs(60),
        };
        let transcript = runtime.block_on(async {
            let mut session = Session::start(&subject, "flood").unwrap();
            assert!(!session.wait_for_hello(subject.timeout).await);
            assert!(is_full(session.inputs.len(), session.bytes));
            assert!(session.bytes < MOST_BYTES + 4_000_001, "{}", session.bytes);
            session.finish(Duration::ZERO).await
        });
        assert!(transcript.inputs.len() < 20);
        assert!(transcript.exit.is_some(), "it was ended");
    }
}
