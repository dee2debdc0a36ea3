//! Why runs are no certificate.

use anechoic_record::{Difference, LeftOut};

use super::LEAST_RUNS;
use crate::units;

/// Why nothing can be certified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotCertified {
    /// There are too few runs to know a spread.
    TooFew {
        /// How many there are.
        runs: usize,
    },
    /// A run is named twice, which would scatter by nothing.
    Twice {
        /// Which.
        run: String,
    },
    /// A run is an audit.
    Audit {
        /// Which.
        run: String,
    },
    /// A run is of another suite than the first.
    OtherSuite {
        /// Which.
        run: String,
        /// Its suite.
        suite: String,
        /// The first one's suite.
        first: String,
    },
    /// A run was gone on with under other conditions.
    Mixed {
        /// Which.
        run: String,
        /// In what they differ.
        differences: Vec<String>,
    },
    /// A run was made under other conditions than the first.
    OtherConditions {
        /// Which.
        run: String,
        /// In what they differ.
        differences: Vec<Difference>,
    },
    /// No case counts.
    NoCase {
        /// Why each does not.
        left_out: Vec<LeftOut>,
    },
}

impl NotCertified {
    /// In words.
    pub fn text(&self) -> String {
        match self {
            Self::TooFew { runs } => {
                let runs = units::count(*runs, "run");
                format!("{runs} cannot tell how runs scatter; it takes {LEAST_RUNS}, and better 6")
            }
            Self::Twice { run } => format!("the run `{run}` is named twice"),
            Self::Audit { run } => {
                format!("the run `{run}` is an audit, whose processes are shared by several cases")
            }
            Self::OtherSuite { run, suite, first } => {
                format!("the run `{run}` is of the suite `{suite}`, and the first is of `{first}`")
            }
            Self::Mixed { run, differences } => {
                format!("the run `{run}` is mixed: {}", differences.join("; "))
            }
            Self::OtherConditions { run, differences } => {
                let texts: Vec<_> = differences.iter().map(Difference::text).collect();
                format!(
                    "the run `{run}` was made under other conditions than the first: {}",
                    texts.join("; ")
                )
            }
            Self::NoCase { left_out } => {
                let texts: Vec<_> = left_out
                    .iter()
                    .map(|LeftOut { case, why }| format!("`{case}`: {why}"))
                    .collect();
                format!("no case has what it takes: {}", texts.join("; "))
            }
        }
    }
}
