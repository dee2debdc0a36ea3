//! The comparison as a value: what JSON holds and every rendering shows.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_record::{CaseRecord, Metric, RunRecord, RunState};
use serde::Serialize;

use super::{ComparedCell, Side, Threshold, Verdict};

/// Version of the comparison as JSON.
pub const COMPARISON_VERSION: u32 = 1;

/// Two sides, cell by cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// The base.
    pub base: RunFacts,
    /// The new run; of cases inside one run, the same run.
    pub new: RunFacts,
    /// How cases inside one run were told apart; absent with two runs.
    pub by: Option<By>,
    /// The smallest relative difference that matters.
    pub threshold: Threshold,
    /// Whether sides that differ in machine or settings were compared all the same.
    pub forced: bool,
    /// What is to be known about the whole.
    pub notes: Vec<String>,
    /// Cells that both sides have values of, in the base's order.
    pub cells: Vec<ComparedCell>,
    /// Cells that only one side has.
    pub unmatched: Vec<Unmatched>,
    /// Cases without a good attempt on a side.
    pub not_measured: Vec<NotMeasured>,
}

/// The setting that cases inside one run are compared by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct By {
    /// The setting, as in the case's JSON.
    pub key: String,
    /// The value of the base where one was asked for; else the first one is.
    pub base: Option<String>,
}

/// What is to be known of a run before its numbers are believed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunFacts {
    /// Its id.
    pub run: String,
    /// Its suite.
    pub suite: String,
    /// When it was started, RFC 3339.
    pub started: String,
    /// Whether it is complete.
    pub state: RunState,
    /// Version of `anechoic`.
    pub anechoic: String,
    /// What its workers said they are: name and version.
    pub workers: Vec<String>,
    /// The programs that its attempts were made with, as path and size: builds of equal version may be others.
    pub programs: Vec<String>,
    /// libtorch's version, where a worker has told it.
    pub torch: Option<String>,
    /// The device.
    pub device: String,
    /// The processor.
    pub processor: Option<String>,
}

/// A cell that only one side has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unmatched {
    /// The side that has it.
    pub side: Side,
    /// The case.
    pub case: String,
    /// T, in benchmarks that measure at several.
    pub tokens: Option<u32>,
    /// The metric.
    pub metric: Metric,
}

/// A case without a good attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotMeasured {
    /// The side.
    pub side: Side,
    /// The case.
    pub case: String,
    /// How its last attempt ended.
    pub cause: String,
    /// Whether the new side lacks what the base has measured.
    pub missing: bool,
}

/// Verdicts, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// Cells in all.
    pub cells: usize,
    /// Faster, smaller, better.
    pub better: usize,
    /// Slower, larger, worse.
    pub worse: usize,
    /// Higher or lower, of values of which nobody knows which way is better.
    pub other: usize,
    /// Same.
    pub same: usize,
    /// Undecided.
    pub undecided: usize,
    /// Those of the undecided whose numbers were not compared.
    pub refused: usize,
}

impl Comparison {
    /// Cases that the base has measured and the new side has not, though it should have.
    pub fn missing(&self) -> impl Iterator<Item = &NotMeasured> {
        self.not_measured.iter().filter(|case| case.missing)
    }

    /// Verdicts, counted.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts {
            cells: self.cells.len(),
            ..Counts::default()
        };
        for cell in &self.cells {
            match cell.verdict {
                Verdict::Better => counts.better += 1,
                Verdict::Worse => counts.worse += 1,
                Verdict::Higher | Verdict::Lower => counts.other += 1,
                Verdict::Same(_) => counts.same += 1,
                Verdict::Undecided(_) => counts.undecided += 1,
            }
            counts.refused += usize::from(cell.verdict.is_refusal());
        }
        counts
    }
}

impl NotMeasured {
    /// The case without a good attempt on this side; `None` where it has one.
    pub(crate) fn of(side: Side, case: &CaseRecord) -> Option<Self> {
        if case.ok_attempts().next().is_some() {
            return None;
        }
        let cause = match case.attempts.last() {
            Some(last) => format!("{}: {}", last.outcome.name(), last.outcome.cause()),
            None => "no attempt was made".to_owned(),
        };
        Some(Self {
            side,
            case: case.case.id.clone(),
            cause,
            missing: false,
        })
    }

    /// The same, as one whose counterpart is measured or not.
    pub(crate) fn beside(self, is_measured: bool) -> Self {
        Self {
            missing: self.side == Side::New && is_measured,
            ..self
        }
    }

    /// In a few words.
    pub fn text(&self) -> String {
        let side = match self.side {
            Side::Base => "base",
            Side::New => "new",
        };
        format!(
            "{side} has no good attempt of `{}` ({})",
            self.case, self.cause
        )
    }
}

impl Unmatched {
    /// The cell in a few words.
    pub fn name(&self) -> String {
        let tokens = self.tokens.map(|t| format!(" T={t}")).unwrap_or_default();
        format!("{}{tokens} {}", self.case, self.metric)
    }
}

impl RunFacts {
    pub(crate) fn of(record: &RunRecord) -> Self {
        let manifest = &record.manifest;
        let attempts = manifest.attempts();
        let identities = attempts.filter_map(|(_, attempt)| attempt.worker_identity.as_ref());
        let identities = identities.chain(&manifest.settings.worker_identity);
        let workers: BTreeSet<_> = identities
            .map(|worker| format!("{} {}", worker.name, worker.version))
            .collect();
        Self {
            run: manifest.run.clone(),
            suite: manifest.plan.name.clone(),
            started: manifest.started.to_string(),
            state: manifest.state,
            anechoic: manifest.anechoic.clone(),
            workers: workers.into_iter().collect(),
            programs: programs(record),
            torch: torch(record),
            device: manifest.settings.device.to_string(),
            processor: manifest.machine.cpu.clone(),
        }
    }
}

/// As the run's worker told it, or a worker of a case.
fn torch(record: &RunRecord) -> Option<String> {
    let told = record.manifest.settings.torch.clone();
    told.or_else(|| {
        let results = record
            .attempts
            .values()
            .filter_map(|data| data.result.as_ref());
        results
            .filter_map(|result| result.environment.torch.clone())
            .next()
    })
}

/// Each file that was a worker or one of its arguments, in the states that it was in.
fn programs(record: &RunRecord) -> Vec<String> {
    let starts = record.manifest.starts.iter();
    let files = starts.flat_map(|start| &start.programs);
    let texts: BTreeSet<_> = files
        .map(|file| {
            let (path, size, at) = (&file.path, file.size_bytes, file.modified);
            format!("{path} ({size} bytes of {at})")
        })
        .collect();
    texts.into_iter().collect()
}

/// What workers of a run warned of, each text once; a few of them.
fn warnings(name: &str, record: &RunRecord) -> Vec<String> {
    const SHOWN: usize = 3;
    let mut cases: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for ((case, _), data) in &record.attempts {
        for warning in &data.warnings {
            cases.entry(warning).or_default().insert(case);
        }
    }
    let more = cases.len().saturating_sub(SHOWN);
    let of = |(text, cases): (&str, BTreeSet<&str>)| {
        let first = cases.first().copied().unwrap_or_default();
        match cases.len() {
            1 => format!("a worker of {name} warned: {first}: {text}"),
            several => format!("workers of {several} cases of {name} warned: {text}"),
        }
    };
    let mut notes: Vec<String> = cases.into_iter().take(SHOWN).map(of).collect();
    if more > 0 {
        notes.push(format!(
            "workers of {name} gave {more} more warning(s); its report has them"
        ));
    }
    notes
}

/// What makes the numbers of a run doubtful as a whole.
pub(crate) fn doubts(name: &str, record: &RunRecord) -> Vec<String> {
    let mut notes = Vec::new();
    match record.manifest.state {
        RunState::Complete => {}
        RunState::Running => notes.push(format!("{name} is still being made")),
        RunState::Interrupted => notes.push(format!("{name} was interrupted")),
    }
    if record.manifest.plan.until.is_some() {
        notes.push(format!(
            "{name} was made under a stop rule: where processes agree by accident it ends early, so that false alarms may be \
             more than stated"
        ));
    }
    let mixed = record.manifest.mixed();
    if !mixed.is_empty() {
        notes.push(format!("{name} is mixed: {}", mixed.join("; ")));
    }
    let good = record
        .manifest
        .cases
        .iter()
        .flat_map(CaseRecord::ok_attempts);
    let (mut all, mut disturbed) = (0, 0);
    for attempt in good {
        all += 1;
        disturbed += usize::from(!attempt.disturbed.is_empty());
    }
    if disturbed > 0 {
        notes.push(format!(
            "{disturbed} of {all} good attempts of {name} were disturbed"
        ));
    }
    notes.extend(warnings(name, record));
    notes
}
