//! When Slurm is asked about a job, and what it said last. Gently: a controller serves a whole cluster.

use std::time::{Duration, Instant};

use super::LOOK;
use crate::runner::Context;
use crate::slurm::{JobEnd, JobState, Shown};

/// Between two questions to Slurm: at first, and at most. Nothing hurries: the node's own files tell of a start and an end.
const ASK_FIRST: Duration = Duration::from_secs(2);
const ASK_LAST: Duration = Duration::from_secs(15);

/// When Slurm is asked next, and what it said last.
pub(super) struct Asking {
    next: Instant,
    pause: Duration,
    pub(super) shown: Option<Shown>,
    /// When the job was first seen to be over.
    pub(super) over: Option<Instant>,
    /// Since when there is reason to ask more often.
    pub(super) hurried: Option<Instant>,
    told: Option<String>,
}

impl Asking {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            next: now + ASK_FIRST,
            pause: ASK_FIRST,
            shown: None,
            over: None,
            hurried: None,
            told: None,
        }
    }

    /// The end of the job is near.
    pub(super) fn hurry(&mut self) {
        if self.hurried.is_none() {
            self.hurried = Some(Instant::now());
            self.next = Instant::now();
            self.pause = LOOK;
        }
    }

    /// While the node is at work it tells by itself how far it is.
    pub(super) fn is_due(&mut self, is_met: bool) -> bool {
        if self.over.is_some() || Instant::now() < self.next {
            return false;
        }
        let most = match (self.hurried, is_met) {
            (Some(_), _) => ASK_FIRST,
            (None, true) => ASK_LAST,
            (None, false) => ASK_LAST / 3,
        };
        self.next = Instant::now() + self.pause;
        self.pause = (self.pause * 3 / 2).min(most);
        true
    }

    pub(super) fn take(&mut self, shown: Option<Shown>, context: &Context<'_>) {
        let told = match shown.as_ref().map(|shown| &shown.state) {
            Some(JobState::Waiting { reason }) => Some(format!("waits for a node ({reason})")),
            Some(JobState::AtWork) => None,
            Some(JobState::Over(_)) => {
                self.over = Some(Instant::now());
                None
            }
            None => Some("cannot be asked for: Slurm does not answer".to_owned()),
        };
        if let Some(text) = told
            .as_ref()
            .filter(|text| self.told.as_ref() != Some(*text))
        {
            context.reporter.queued(text);
        }
        self.told = told;
        self.shown = shown.or_else(|| self.shown.take());
    }

    pub(super) fn has_node(&self) -> bool {
        self.shown
            .as_ref()
            .is_some_and(|shown| shown.node.is_some())
    }

    pub(super) fn end(&self) -> Option<&JobEnd> {
        match &self.shown.as_ref()?.state {
            JobState::Over(end) => Some(end),
            JobState::Waiting { .. } | JobState::AtWork => None,
        }
    }
}
