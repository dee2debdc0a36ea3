//! The starts of the orchestrator on a run, and under which conditions each was made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Clocks, Machine, Manifest};

/// Variables by name; of those that a suite asks for, which may be secrets, without the value.
pub type PassedEnvironment = BTreeMap<String, Option<String>>;

/// One start of the orchestrator on a run. The first is the one that made it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// When.
    pub at: Timestamp,
    /// By which command.
    pub by: StartedBy,
    /// Version of `anechoic`.
    pub anechoic: String,
    /// The machine at that time.
    pub machine: Machine,
    /// Clocks and driver at that time. Unknown in runs of earlier builds.
    #[serde(default)]
    pub clocks: Clocks,
    /// The programs that its attempts are made with: workers, and the files among the arguments of workers.
    pub programs: Vec<ProgramFile>,
    /// The environment that its workers are passed. Empty in runs of earlier builds.
    #[serde(default)]
    pub environment: PassedEnvironment,
    /// The file that the suite was read from, as an absolute path.
    #[serde(default)]
    pub suite_file: Option<String>,
    /// A limit of the time of an attempt in place of the plan's.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What differs from the conditions of the first start, and was accepted.
    #[serde(default)]
    pub differences: Vec<Difference>,
}

/// The kinds of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartedBy {
    /// The one that made the run.
    Run,
    /// Further attempts at what failed, or at chosen cases.
    Rerun,
    /// What an interrupted run still owed.
    Resume,
}

/// A file in the state that it was in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramFile {
    /// Where it is.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// When it was written.
    pub modified: Timestamp,
}

/// A condition that is not what it was at the first start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// Which condition.
    pub what: String,
    /// What it was.
    pub then: String,
    /// What it is.
    pub now: String,
}

impl Difference {
    /// The difference of two values; `None` where they are the same.
    pub fn between(what: &str, then: &str, now: &str) -> Option<Self> {
        (then != now).then(|| Self {
            what: what.to_owned(),
            then: then.to_owned(),
            now: now.to_owned(),
        })
    }

    /// In a few words.
    pub fn text(&self) -> String {
        format!("{} was {} and is {}", self.what, self.then, self.now)
    }
}

impl Manifest {
    /// What differed between the starts of the run, each once; a run without any was made under one set of conditions.
    pub fn mixed(&self) -> Vec<String> {
        let mut texts: Vec<String> = Vec::new();
        for text in self.starts.iter().flat_map(|start| &start.differences) {
            let text = text.text();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts
    }
}
