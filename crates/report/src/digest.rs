//! What one run says, in few numbers: one value per cell, with the conditions it was made under. What indexes, certificates, nights and
//! histories are made of.

use anechoic_record::{CaseRecord, Cell, CellId, Fingerprint, Metric, RunRecord, RunState, cells};
use anechoic_stats::{Average, average};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::compare::own_settings;

/// A run in few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunDigest {
    /// Its id.
    pub run: String,
    /// Its suite's name.
    pub suite: String,
    /// When it was started.
    pub started: Timestamp,
    /// Whether it is complete.
    pub state: RunState,
    /// Whether it is an audit, whose values belong to no series.
    pub is_audit: bool,
    /// Whether its attempts were made under more than one set of conditions: its values belong to none of them.
    pub is_mixed: bool,
    /// Cases, and those of them with a good attempt.
    pub cases: u32,
    /// Those of them with at least one good attempt.
    pub measured_cases: u32,
    /// The conditions that it was made under; of a mixed one those at first.
    pub fingerprint: Fingerprint,
    /// Its cells, in the plan's order; none of an audit.
    pub cells: Vec<CellDigest>,
}

/// A cell in few numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CellDigest {
    /// Which.
    #[serde(flatten)]
    pub id: CellId,
    /// Identifies the settings that it was measured with: only equal ones belong to one series.
    pub settings: String,
    /// Whether it is what its benchmark is about, or the peak resident set: what runs are judged by where nothing else is asked for.
    pub primary: bool,
    /// Its value.
    pub average: Average,
    /// Good attempts that carry a disturbance.
    pub disturbed: u32,
}

impl RunDigest {
    /// Of a record.
    pub fn of(record: &RunRecord) -> Self {
        let manifest = &record.manifest;
        let is_audit = manifest.audit.is_some();
        let of_run = if is_audit { Vec::new() } else { cells(record) };
        let count = |cases: usize| u32::try_from(cases).unwrap_or(u32::MAX);
        let measured = |case: &&CaseRecord| case.ok_attempts().next().is_some();
        Self {
            run: manifest.run.clone(),
            suite: manifest.plan.name.clone(),
            started: manifest.started,
            state: manifest.state,
            is_audit,
            is_mixed: !manifest.mixed().is_empty(),
            cases: count(manifest.cases.len()),
            measured_cases: count(manifest.cases.iter().filter(measured).count()),
            fingerprint: Fingerprint::of(manifest),
            cells: of_run
                .into_iter()
                .filter_map(|cell| CellDigest::of(record, cell))
                .collect(),
        }
    }
}

impl CellDigest {
    fn of(record: &RunRecord, cell: Cell) -> Option<Self> {
        let mut cases = record.manifest.cases.iter();
        let case = cases.find(|case| case.case.id == cell.id.case)?;
        let primary = Metric::primary(case.case.work.name());
        let disturbed = case.ok_attempts().filter(|a| !a.disturbed.is_empty());
        Some(Self {
            average: average(&cell.series())?,
            settings: settings_id(record, case),
            primary: cell.id.metric == primary || cell.id.metric == Metric::PeakResident,
            disturbed: u32::try_from(disturbed.count()).unwrap_or(u32::MAX),
            id: cell.id,
        })
    }
}

/// Sixteen hexadecimal digits of the SHA-256 of all settings of the case.
fn settings_id(record: &RunRecord, case: &CaseRecord) -> String {
    let settings = own_settings(record, case);
    let lines: String = settings
        .iter()
        .map(|(key, value)| format!("{key}={value}\n"))
        .collect();
    let hash = Sha256::digest(lines);
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
