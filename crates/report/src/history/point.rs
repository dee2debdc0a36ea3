//! One value of a series, and what its night said of it.

use std::fmt;

use anechoic_record::{CellFinding, Difference, Night, NightOutcome};
use anechoic_stats::Average;

/// One value of a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Its run, by its place in [`super::History::runs`].
    pub run: usize,
    /// The value.
    pub average: Average,
    /// Good attempts that carry a disturbance.
    pub disturbed: u32,
    /// What was said of it.
    pub verdict: PointVerdict,
    /// What of the programs is another than at the point before.
    pub programs: Vec<Difference>,
    /// The same in few words.
    pub program_words: Vec<String>,
}

/// What a night said of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PointVerdict {
    /// Its run belongs to no night, or the night did not judge the cell.
    Unjudged,
    /// There was nothing to compare with.
    New,
    /// Nothing was to be seen.
    Same,
    /// Better than the baseline.
    Better,
    /// Worse than the baseline.
    Worse,
    /// On a level that is worse, as the history showed.
    Step,
    /// The last of a course that is worse.
    Creep,
    /// Somebody said that this level is as it should be.
    Accepted,
}

impl PointVerdict {
    /// Each of them.
    pub const ALL: [Self; 8] = [
        Self::Unjudged,
        Self::New,
        Self::Same,
        Self::Better,
        Self::Worse,
        Self::Step,
        Self::Creep,
        Self::Accepted,
    ];

    /// Of a cell's finding in its night.
    pub(super) fn of(night: &Night, finding: Option<&CellFinding>) -> Self {
        match (&night.outcome, finding) {
            (_, None) => Self::Unjudged,
            (NightOutcome::Accepted, Some(_)) => Self::Accepted,
            (_, Some(CellFinding::Unjudged)) => Self::Unjudged,
            (_, Some(CellFinding::New)) => Self::New,
            (_, Some(CellFinding::Same)) => Self::Same,
            (_, Some(CellFinding::Better)) => Self::Better,
            (_, Some(CellFinding::Worse)) => Self::Worse,
            (_, Some(CellFinding::Step { .. })) => Self::Step,
            (_, Some(CellFinding::Creep { .. })) => Self::Creep,
        }
    }

    /// The name as JSON, tables and pictures show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unjudged => "unjudged",
            Self::New => "new",
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Step => "step",
            Self::Creep => "creep",
            Self::Accepted => "accepted",
        }
    }

    /// Whether people are told of it.
    pub fn is_worse(self) -> bool {
        match self {
            Self::Worse | Self::Step | Self::Creep => true,
            Self::Unjudged | Self::New | Self::Same | Self::Better | Self::Accepted => false,
        }
    }
}

impl fmt::Display for PointVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
