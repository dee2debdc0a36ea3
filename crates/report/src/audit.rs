//! What an audit found: whether cases are measured otherwise beside others than alone, which neighbour does it, and how
//! much memory stays. Only runs that were made as an audit have one.

mod carry_over;
mod cause;
mod observed;
mod stays;

use anechoic_record::{Outcome, RunRecord};
use serde::{Deserialize, Serialize};

pub(crate) use carry_over::LEAST;
pub use carry_over::{CarryOver, CarryOverVerdict};
pub use cause::{Cause, Neighbour, When};
pub use observed::AuditMetric;
pub use stays::Stay;

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Audit {
    /// How often each arrangement was to be made.
    pub rounds: u32,
    /// Shuffled orders in each round.
    pub shuffles: u32,
    /// Seed of the shuffled orders.
    pub seed: u64,
    /// The cases, by their ids in the suite.
    pub cases: Vec<String>,
    /// Per case, T and metric, what differs beside others.
    pub carry_over: Vec<CarryOver>,
    /// Per case, what it leaves for those behind it.
    pub stays: Vec<Stay>,
    /// Processes that ended before they had made all their cases.
    pub cut: Vec<CutSession>,
}

/// A process that ended early.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutSession {
    /// The session, from 1.
    pub session: usize,
    /// The case during which it ended.
    pub during: String,
    /// Cases that were not made for it.
    pub not_made: Vec<String>,
}

impl Audit {
    /// The audit in a record; `None` where it is of another kind of run.
    pub fn of(record: &RunRecord) -> Option<Self> {
        let settings = record.manifest.audit.as_ref()?;
        let series = observed::series(record, settings);
        let cases: Vec<String> = (settings.suite_cases().into_iter())
            .map(str::to_owned)
            .collect();
        Some(Self {
            rounds: settings.rounds,
            shuffles: settings.shuffles,
            seed: settings.seed,
            carry_over: carry_over::judge(&series, &cases, settings.rounds),
            stays: stays::of(record, settings, &series),
            cut: cut(record),
            cases,
        })
    }

    /// Whether something is measured otherwise beside others than alone.
    pub fn found(&self) -> bool {
        let mut verdicts = self.carry_over.iter();
        verdicts.any(|found| found.verdict == CarryOverVerdict::Found)
    }

    /// Whether anything could be compared at all.
    pub fn is_measured(&self) -> bool {
        let mut verdicts = self.carry_over.iter();
        verdicts.any(|found| found.verdict != CarryOverVerdict::TooFew)
    }
}

fn cut(record: &RunRecord) -> Vec<CutSession> {
    let Some(settings) = &record.manifest.audit else {
        return Vec::new();
    };
    let sessions = settings.sessions.iter().enumerate();
    let cut = sessions.filter_map(|(index, slots)| {
        let mut during = None;
        let mut not_made = Vec::new();
        for slot in slots {
            let case = record.manifest.cases.get(slot.case)?;
            let mut attempts = case.attempts.iter();
            let attempt = attempts.find(|attempt| attempt.attempt == slot.attempt);
            if let Some(Outcome::NotMade { after }) = attempt.map(|attempt| &attempt.outcome) {
                during = Some(after.clone());
                not_made.push(settings.cases.get(slot.case)?.case.clone());
            }
        }
        Some(CutSession {
            session: index + 1,
            during: during?,
            not_made,
        })
    });
    cut.collect()
}
