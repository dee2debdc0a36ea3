//! One run as a certificate takes it: its values, and which of its cases do not count.

use anechoic_record::{AttemptRecord, CaseRecord, LeftOut, Manifest, RunRecord};
use jiff::{SignedDuration, Timestamp};

use crate::RunDigest;

/// A run that a certificate is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Its values and conditions.
    pub digest: RunDigest,
    /// When its last attempt was over.
    pub ended: Timestamp,
    /// In what its starts differ; such a run was made under no one set of conditions.
    pub mixed: Vec<String>,
    /// Cases that have fewer good attempts than planned, with the cause.
    pub lacking: Vec<LeftOut>,
}

impl Round {
    /// Of a record.
    pub fn of(record: &RunRecord) -> Self {
        let manifest = &record.manifest;
        let ends = manifest.attempts().map(|(_, attempt)| end(attempt));
        Self {
            digest: RunDigest::of(record),
            ended: ends.max().unwrap_or(manifest.started),
            mixed: manifest.mixed(),
            lacking: lacking(manifest),
        }
    }

    /// Whether any of its cases counts.
    pub fn has_any(&self) -> bool {
        !self.digest.cells.is_empty() && self.lacking.len() < self.digest.cases as usize
    }
}

fn end(attempt: &AttemptRecord) -> Timestamp {
    let wall = SignedDuration::from_nanos(i64::try_from(attempt.wall_ns).unwrap_or(i64::MAX));
    attempt.started.checked_add(wall).unwrap_or(attempt.started)
}

fn lacking(manifest: &Manifest) -> Vec<LeftOut> {
    let cases = manifest.cases.iter();
    let lacking = cases.filter(|case| case.lacks(&manifest.plan) > 0);
    lacking
        .map(|case| LeftOut {
            case: case.case.id.clone(),
            why: cause(case),
        })
        .collect()
}

/// Why its last bad attempt was one.
fn cause(case: &CaseRecord) -> String {
    let bad = case.attempts.iter().rfind(|a| !a.outcome.is_ok());
    bad.map_or_else(
        || "it was not made".to_owned(),
        |bad| format!("{}: {}", bad.outcome.name(), bad.outcome.cause()),
    )
}
