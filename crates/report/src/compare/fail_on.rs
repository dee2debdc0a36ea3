//! Which verdicts make a comparison fail, and what its end is.

use std::str::FromStr;

use anechoic_record::MetricKind;

use super::{ComparedCell, Comparison, NotMeasured, Verdict, WrongOption};

/// A verdict that makes a comparison fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailOn {
    /// A time that is slower.
    Slower,
    /// Memory that is larger.
    Larger,
    /// Quality or capacity that is worse.
    Worse,
    /// A case that the base has measured and the new side has not.
    Missing,
    /// Each of these, and a worker's own value that is higher or lower.
    Any,
}

/// The verdicts that make a comparison fail; none where nothing does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailOns(pub Vec<FailOn>);

/// The end of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub enum Conclusion<'a> {
    /// Cells with a verdict that makes it fail, and cases that are missing where that does; at least one.
    Failed {
        /// The cells.
        cells: Vec<&'a ComparedCell>,
        /// The cases.
        missing: Vec<&'a NotMeasured>,
    },
    /// No cell could be compared, for these reasons.
    NothingCompared(Vec<String>),
    /// Something was compared, and nothing makes it fail.
    Passed,
}

impl FailOn {
    /// Every one, in the order of the docs.
    pub const ALL: [Self; 5] = [
        Self::Slower,
        Self::Larger,
        Self::Worse,
        Self::Missing,
        Self::Any,
    ];

    /// As the command line writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Slower => "slower",
            Self::Larger => "larger",
            Self::Worse => "worse",
            Self::Missing => "missing",
            Self::Any => "any",
        }
    }

    fn names(self, verdict: Verdict, kind: MetricKind) -> bool {
        match verdict {
            Verdict::Worse => match self {
                Self::Any => true,
                Self::Slower | Self::Larger | Self::Worse => verdict.word(kind) == self.as_str(),
                Self::Missing => false,
            },
            Verdict::Higher | Verdict::Lower => self == Self::Any,
            Verdict::Better | Verdict::Same(_) | Verdict::Undecided(_) => false,
        }
    }
}

impl FromStr for FailOn {
    type Err = WrongOption;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| {
            let accepted = Self::ALL
                .map(|one| format!("`{}`", one.as_str()))
                .join(", ");
            WrongOption(format!("accepted are {accepted}"))
        })
    }
}

impl FailOns {
    /// What a CI system shows as failed where nobody has said what is: every change for the worse, and every case that is
    /// missing.
    pub fn every_worsening() -> Self {
        Self(vec![
            FailOn::Slower,
            FailOn::Larger,
            FailOn::Worse,
            FailOn::Missing,
        ])
    }

    /// Whether a case that was not measured makes the comparison fail.
    pub fn name_missing(&self, case: &NotMeasured) -> bool {
        let is_named = |one: &FailOn| match one {
            FailOn::Missing | FailOn::Any => true,
            FailOn::Slower | FailOn::Larger | FailOn::Worse => false,
        };
        case.missing && self.0.iter().any(is_named)
    }

    /// Whether a cell makes the comparison fail.
    pub fn name(&self, cell: &ComparedCell) -> bool {
        let kind = cell.metric.kind();
        self.0.iter().any(|one| one.names(cell.verdict, kind))
    }
}

impl Comparison {
    /// How it ends. A cell that fails wins over all else; a comparison in which no cell could be compared is none, whatever
    /// is missing.
    pub fn conclusion(&self, fail_on: &FailOns) -> Conclusion<'_> {
        let cells = self.cells.iter().filter(|cell| fail_on.name(cell));
        let missing = self.missing().filter(|case| fail_on.name_missing(case));
        let (cells, missing): (Vec<_>, Vec<_>) = (cells.collect(), missing.collect());
        let is_none = self.cells.iter().all(|cell| cell.verdict.is_refusal());
        match (cells.is_empty(), is_none, missing.is_empty()) {
            (true, true, _) => Conclusion::NothingCompared(self.why_nothing()),
            (true, false, true) => Conclusion::Passed,
            (false, _, _) | (true, false, false) => Conclusion::Failed { cells, missing },
        }
    }

    /// Why nothing could be compared, each reason once.
    fn why_nothing(&self) -> Vec<String> {
        let mut reasons: Vec<String> = Vec::new();
        let refused = self.cells.iter().map(ComparedCell::reason_text);
        let missing = self.not_measured.iter().map(|case| case.text());
        let unmatched = match self.unmatched.len() {
            0 => None,
            n => Some(format!("{n} cells have no counterpart")),
        };
        for reason in refused.chain(missing).chain(unmatched) {
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() {
            reasons.push("no case has values of the chosen metrics".to_owned());
        }
        reasons
    }
}
