//! What one night of a nightly job came to: the files in the folder `nights` of a results root. Together with the run directories they
//! are all that a history is made of.

use anechoic_stats::Interval;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::CellId;

/// One night, also one in which nothing was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Night {
    /// [`crate::SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The suite's name.
    pub suite: String,
    /// When it began.
    pub started: Timestamp,
    /// When it was over; when it began, as long as it has not come to its end.
    pub ended: Timestamp,
    /// The run that was made, where one was.
    pub run: Option<String>,
    /// Further runs of the same night, made to see whether what the first showed is so.
    #[serde(default)]
    pub confirmations: Vec<String>,
    /// Runs that were to confirm it, and during which the machine was not at rest: nothing is judged by them. Earlier builds had them
    /// among the confirmations.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// What it was to be compared with, as it was asked for: `last-good`, `rolling:14`, a run.
    pub baseline: String,
    /// The runs that it was compared with.
    #[serde(default)]
    pub against: Vec<String>,
    /// Where the noise that it was judged by is known from.
    pub noise: Option<NoiseSource>,
    /// What it came to.
    #[serde(flatten)]
    pub outcome: NightOutcome,
    /// Its cells, of those that are judged.
    #[serde(default)]
    pub cells: Vec<NightCell>,
    /// What people are told, where they are.
    #[serde(default)]
    pub news: Option<News>,
    /// How telling them went.
    #[serde(default)]
    pub notices: Vec<Notice>,
}

/// What a night came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum NightOutcome {
    /// Measured, and there was nothing to compare it with: it is the baseline of those to come.
    NoBaseline,
    /// Measured, and nothing became worse.
    Quiet,
    /// Something became worse.
    Regression,
    /// Somebody has said that this level is as it should be: it is the baseline of those to come.
    Accepted,
    /// The machine was busy, hot, restless or another one; nothing may be said.
    NotMeasured {
        /// Why, each in words.
        reasons: Vec<String>,
    },
    /// Cases failed, or the job itself did.
    Failed {
        /// Why, each in words.
        reasons: Vec<String>,
    },
}

/// A cell of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NightCell {
    /// Which.
    #[serde(flatten)]
    pub id: CellId,
    /// Its value, in the metric's unit; of several runs their median.
    pub value: f64,
    /// What it was compared with.
    pub reference: Option<f64>,
    /// value / reference − 1; a difference where values may be zero or negative.
    pub effect: Option<f64>,
    /// The 95 % interval of the effect.
    pub interval: Option<Interval>,
    /// The chance of such an effect by noise, adjusted over the cells of the night.
    pub p_adjusted: Option<f64>,
    /// The smallest effect that would have been called a change.
    pub threshold: Option<f64>,
    /// What is said of it.
    pub finding: CellFinding,
}

/// What is said of a cell of a night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum CellFinding {
    /// There is nothing to compare with.
    New,
    /// Nothing tells how far it scatters, so that nothing may be said of it.
    Unjudged,
    /// Nothing is to be seen.
    Same,
    /// Better than the baseline.
    Better,
    /// Worse than the baseline.
    Worse,
    /// On a level that is worse since this run: found in the history, not by the night alone.
    Step {
        /// The first run on the new level.
        since: String,
    },
    /// Every night within noise, and the whole course worse.
    Creep {
        /// The first run of the course.
        since: String,
        /// The change per night, as a fraction; a difference where values may be zero or negative.
        per_night: f64,
    },
}

/// Where noise is known from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "kebab-case")]
pub enum NoiseSource {
    /// A certificate.
    Certificate {
        /// Its file's name.
        file: String,
        /// Whether it has expired, with other programs on the same machine: its noise is taken for larger then.
        #[serde(default)]
        expired: bool,
    },
    /// How nights scattered, as there is no certificate that can be used.
    Nights {
        /// How many.
        nights: u32,
        /// Why not from a certificate.
        why: String,
    },
    /// Processes of single runs alone, which know nothing of what runs differ by.
    Processes {
        /// Why not from anything better.
        why: String,
    },
}

/// What people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum News {
    /// Something became worse that was not before.
    Regression,
    /// All is as good again as it was.
    Recovery,
    /// Cases failed, or the job itself did.
    Failure,
    /// Nothing was measured for several nights.
    NothingMeasured,
}

/// How telling people went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// By which way: `command`, `webhook` or `mail`.
    pub way: String,
    /// Tries that it took.
    pub tries: u32,
    /// Why it did not work; absent where it did.
    #[serde(default)]
    pub error: Option<String>,
}

impl Night {
    /// The runs that it is judged by: the first, then those that confirm it.
    pub fn judged_by(&self) -> impl Iterator<Item = &str> {
        let runs = self.run.iter().chain(&self.confirmations);
        runs.map(String::as_str)
    }

    /// All runs that it made.
    pub fn made(&self) -> impl Iterator<Item = &str> {
        let left_out = self.left_out.iter().map(String::as_str);
        self.judged_by().chain(left_out)
    }
}

impl CellFinding {
    /// Whether it makes a regression.
    pub fn is_worse(&self) -> bool {
        match self {
            Self::New | Self::Unjudged | Self::Same | Self::Better => false,
            Self::Worse | Self::Step { .. } | Self::Creep { .. } => true,
        }
    }

    /// Whether something is said of the cell.
    pub fn is_judged(&self) -> bool {
        match self {
            Self::New | Self::Unjudged => false,
            Self::Same | Self::Better | Self::Worse | Self::Step { .. } | Self::Creep { .. } => {
                true
            }
        }
    }
}

impl NightOutcome {
    /// The name as JSON and tables show it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoBaseline => "no-baseline",
            Self::Quiet => "quiet",
            Self::Regression => "regression",
            Self::Accepted => "accepted",
            Self::NotMeasured { .. } => "not-measured",
            Self::Failed { .. } => "failed",
        }
    }

    /// Why nothing was measured, or what failed, each in words; empty of the others.
    pub fn reasons(&self) -> &[String] {
        match self {
            Self::NotMeasured { reasons } | Self::Failed { reasons } => reasons,
            Self::NoBaseline | Self::Quiet | Self::Regression | Self::Accepted => &[],
        }
    }

    /// Whether its run is a baseline for later nights.
    pub fn is_good(&self) -> bool {
        match self {
            Self::NoBaseline | Self::Quiet | Self::Accepted => true,
            Self::Regression | Self::NotMeasured { .. } | Self::Failed { .. } => false,
        }
    }

    /// Whether anything was measured and compared, or can be compared later.
    pub fn is_measured(&self) -> bool {
        self.is_good() || *self == Self::Regression
    }
}

impl News {
    /// The name as JSON and tables show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Recovery => "recovery",
            Self::Failure => "failure",
            Self::NothingMeasured => "nothing-measured",
        }
    }
}
