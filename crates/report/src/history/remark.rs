//! What sets a value apart from others, as words beside it.

use super::{History, HistoryRun, Point};
use anechoic_record::RunState;

/// A word beside a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remark {
    Disturbed,
    Mixed,
    Interrupted,
    Removed,
}

impl Remark {
    pub(crate) const ALL: [Self; 4] = [
        Self::Disturbed,
        Self::Mixed,
        Self::Interrupted,
        Self::Removed,
    ];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Disturbed => "disturbed",
            Self::Mixed => "mixed",
            Self::Interrupted => "interrupted",
            Self::Removed => "run removed",
        }
    }

    /// What the word stands for, for those who meet it for the first time.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Disturbed => {
                "something else was at work on the machine during some of the attempts"
            }
            Self::Mixed => {
                "made under changing conditions, and left out of levels, steps and creep"
            }
            Self::Interrupted => "the run was ended before all of its attempts were made",
            Self::Removed => "the run is gone: the value is what its night has kept",
        }
    }
}

impl HistoryRun {
    /// What sets all of its values apart.
    pub(crate) fn remarks(&self) -> Vec<Remark> {
        let is_interrupted = match self.state {
            Some(RunState::Interrupted) => true,
            Some(RunState::Complete | RunState::Running) | None => false,
        };
        let all = [
            (self.is_mixed && !self.is_gone(), Remark::Mixed),
            (is_interrupted, Remark::Interrupted),
            (self.is_gone(), Remark::Removed),
        ];
        let found = all.into_iter().filter(|(holds, _)| *holds);
        found.map(|(_, remark)| remark).collect()
    }
}

impl History {
    /// What sets a value apart.
    pub(crate) fn remarks(&self, point: &Point) -> Vec<Remark> {
        let disturbed = (point.disturbed > 0).then_some(Remark::Disturbed);
        let of_run = self.run(point).remarks();
        disturbed.into_iter().chain(of_run).collect()
    }

    /// Those of the remarks that some of these values have.
    pub(crate) fn legend<'a>(&self, points: impl Iterator<Item = &'a Point>) -> Vec<Remark> {
        let seen: Vec<Remark> = points.flat_map(|point| self.remarks(point)).collect();
        let all = Remark::ALL.into_iter();
        all.filter(|remark| seen.contains(remark)).collect()
    }
}
