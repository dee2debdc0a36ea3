//! The gate before an attempt: from readings of the machine, when it may begin. Knows no clock: readings carry their time.

use std::time::{Duration, Instant};

use anechoic_record::{MachineState, Restless, Wait};

use super::rest::{Judged, Reading, Reference, SHORTEST_SPAN, is_temperature};

/// Time between readings at first.
const CLOSE: Duration = Duration::from_millis(500);

/// Time between readings once the machine has been waited for some time.
const WIDE: Duration = Duration::from_secs(1);

/// How long readings are [`CLOSE`].
const CLOSE_FOR: Duration = Duration::from_secs(5);

/// How an attempt is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    /// A fixed pause first.
    pub(crate) pause: Duration,
    /// The longest wait after it for the machine to come to rest; none where nothing is waited for.
    pub(crate) limit: Option<Duration>,
}

/// What a reading leads to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// The next reading is due then.
    Wait {
        /// When.
        until: Instant,
        /// Why the machine is not at rest; empty where it only has to prove that it is.
        reasons: Vec<Restless>,
    },
    /// The attempt may begin, or the longest wait has passed.
    Go {
        /// Why the machine is not at rest all the same; empty where it is.
        restless: Vec<Restless>,
    },
}

/// The wait before one attempt.
#[derive(Debug)]
pub(crate) struct Gate {
    pace: Pace,
    reference: Reference,
    first: Reading,
    last: Reading,
    /// Readings at rest in a row.
    at_rest: u32,
    /// What the last reading that was not at rest showed.
    restless: Vec<Restless>,
    waits: Vec<Reason>,
}

/// A reason to wait, since when, and for how long.
#[derive(Debug)]
struct Reason {
    first: Restless,
    lasted: Duration,
    holds: bool,
}

impl Gate {
    /// A gate whose pause begins with this reading.
    pub(crate) fn new(pace: Pace, reference: Reference, first: Reading) -> Self {
        Self {
            pace,
            reference,
            last: first.clone(),
            first,
            at_rest: 0,
            restless: Vec::new(),
            waits: Vec::new(),
        }
    }

    /// The fixed pause.
    pub(crate) fn pause(&self) -> Duration {
        self.pace.pause
    }

    /// When the second reading is due: after the pause, and not before rates can be taken.
    pub(crate) fn opens(&self) -> Instant {
        let least = match self.pace.limit {
            Some(_) => CLOSE,
            None if self.first.has_rates() => SHORTEST_SPAN,
            None => Duration::ZERO,
        };
        self.first.at + self.pace.pause.max(least)
    }

    /// When the longest wait has passed; none where nothing is waited for.
    pub(crate) fn limit(&self) -> Option<Instant> {
        Some(self.first.at + self.pace.pause + self.pace.limit?)
    }

    /// Takes the next reading.
    pub(crate) fn step(&mut self, reading: Reading) -> Step {
        let reasons = self.judge(&reading);
        self.note(&reasons, reading.at);
        self.last = reading;
        let Some(limit) = self.limit() else {
            return Step::Go { restless: reasons };
        };
        let passes = |what: &Restless| self.reference.passes_by_waiting(what);
        if reasons.iter().any(passes) {
            self.at_rest = 0;
            self.restless.clone_from(&reasons);
        } else {
            self.at_rest += 1;
        }
        if self.at_rest == 2 {
            Step::Go { restless: reasons }
        } else if self.last.at >= limit {
            let restless = self.restless.clone();
            Step::Go { restless }
        } else {
            let until = self.next().min(limit.max(self.last.at + SHORTEST_SPAN));
            Step::Wait { until, reasons }
        }
    }

    fn judge(&self, reading: &Reading) -> Vec<Restless> {
        let judged = Judged {
            reference: &self.reference,
            first: &self.last,
            earlier: &self.last,
            later: reading,
        };
        let mut reasons = judged.before();
        if self.pace.limit.is_none() {
            reasons.retain(|what| !is_temperature(what));
        }
        reasons
    }

    /// Keeps account of how long each reason held: from the reading that showed it first to the one that did not.
    fn note(&mut self, reasons: &[Restless], at: Instant) {
        let since_last = at.saturating_duration_since(self.last.at);
        for known in &mut self.waits {
            if known.holds {
                known.lasted += since_last;
            }
            known.holds = reasons.iter().any(|what| what.name() == known.first.name());
        }
        for what in reasons {
            if !(self.waits.iter()).any(|known| known.first.name() == what.name()) {
                self.waits.push(Reason {
                    first: what.clone(),
                    lasted: Duration::ZERO,
                    holds: true,
                });
            }
        }
    }

    /// The machine as it was read last.
    pub(crate) fn state(&self) -> &MachineState {
        &self.last.state
    }

    /// What was waited for so far.
    pub(crate) fn waits(&self) -> Vec<Wait> {
        match self.pace.limit {
            Some(_) => self.waits.iter().map(Reason::wait).collect(),
            None => Vec::new(),
        }
    }

    fn next(&self) -> Instant {
        let waited = self.last.at.saturating_duration_since(self.opens());
        self.last.at + if waited < CLOSE_FOR { CLOSE } else { WIDE }
    }
}

impl Reason {
    fn wait(&self) -> Wait {
        Wait {
            waited_ms: u64::try_from(self.lasted.as_millis()).unwrap_or(u64::MAX),
            what: self.first.clone(),
        }
    }
}
