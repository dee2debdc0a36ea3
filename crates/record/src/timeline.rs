//! When things happened in an attempt: what the log's stamps and the times since spawn tell. For pictures of a run's
//! course; nothing is measured by it.

use anechoic_protocol::{Phase, WorkerEvent};
use jiff::Timestamp;

use crate::Stop;
use crate::store::Fold;

/// The course of one attempt. Wall-clock times are the orchestrator's; times since spawn are monotonic, in nanoseconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    /// When each wait before it was over, and how long it was, in milliseconds.
    pub waited: Vec<(Timestamp, u64)>,
    /// When its worker was started; absent where none was.
    pub spawned: Option<Timestamp>,
    /// The phases that the worker announced, with the time since spawn at which each began. The first, `start`, is not
    /// announced: it begins with the process.
    pub phases: Vec<(Phase, u64)>,
    /// When each of the samples came, since spawn.
    pub samples_ns: Vec<u64>,
    /// When each of the warnings came, since spawn.
    pub warnings_ns: Vec<u64>,
    /// When the worker sent its last message, since spawn.
    pub last_word_ns: Option<u64>,
    /// When it was told to stop, and how.
    pub stops: Vec<(Timestamp, Stop)>,
    /// When its end was noted.
    pub ended: Option<Timestamp>,
}

impl Timeline {
    /// Notes when an event of the attempt happened.
    pub(crate) fn note(&mut self, at: Timestamp, fold: &Fold) {
        match fold {
            Fold::Started => self.spawned = Some(at),
            Fold::Waited(waited_ms, _) => self.waited.push((at, *waited_ms)),
            Fold::Stopping(how) => self.stops.push((at, *how)),
            Fold::Ended(..) => self.ended = Some(at),
            Fold::Worker(since_spawn_ns, message) => self.hear(*since_spawn_ns, message),
            Fold::Observed(..) | Fold::Job(_) => {}
        }
    }

    fn hear(&mut self, since_spawn_ns: u64, message: &WorkerEvent) {
        match message {
            WorkerEvent::Phase { phase } => self.phases.push((*phase, since_spawn_ns)),
            WorkerEvent::Sample { .. } => self.samples_ns.push(since_spawn_ns),
            WorkerEvent::Warning { .. } => self.warnings_ns.push(since_spawn_ns),
            WorkerEvent::Finished { .. } | WorkerEvent::Failed { .. } => {
                self.last_word_ns = Some(since_spawn_ns);
            }
            WorkerEvent::Hello { .. } | WorkerEvent::Progress { .. } => {}
        }
    }
}
