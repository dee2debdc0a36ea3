//! One run as a certificate takes it: its values, and which of its cases do not count.

use std::collections::BTreeSet;

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
    /// What was asked of it that its values and conditions do not tell: attempts per case, and the commands of workers of one's own.
    pub asked: Vec<(String, String)>,
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
            asked: asked(manifest),
            mixed: manifest.mixed(),
            lacking: lacking(manifest),
        }
    }

    /// Whether some of its cases have what was planned.
    pub fn has_any(&self) -> bool {
        self.lacking.len() < self.digest.cases as usize
    }
}

/// A run with more attempts scatters less, and another command is another worker, though its file be the same.
fn asked(manifest: &Manifest) -> Vec<(String, String)> {
    let attempts = manifest.plan.attempts.to_string();
    let workers = manifest.cases.iter().map(|case| {
        let own = case.case.worker.as_ref().map(|command| command.0.join(" "));
        let what = format!("worker of `{}`", case.case.id);
        (what, own.unwrap_or_else(|| "the run's".to_owned()))
    });
    let attempts = ("attempts per case".to_owned(), attempts);
    std::iter::once(attempts).chain(workers).collect()
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

/// That attempts were disturbed, where some were: the noise of the disturbance is certified with that of the machine.
pub fn disturbance_note(rounds: &[Round]) -> Option<String> {
    let (mut disturbed, mut all) = (0, 0);
    for round in rounds {
        for case in cases(round) {
            let of_case = round
                .digest
                .cells
                .iter()
                .filter(|cell| cell.id.case == case);
            let most = of_case.clone().map(|cell| cell.average.processes).max();
            disturbed += of_case
                .map(|cell| cell.disturbed as usize)
                .max()
                .unwrap_or(0);
            all += most.unwrap_or(0);
        }
    }
    (disturbed > 0).then(|| {
        format!(
            "{disturbed} of {all} attempts were disturbed (`anechoic report RUN` says by what): this is the noise of a machine that was not \
             at rest"
        )
    })
}

fn cases(round: &Round) -> BTreeSet<&str> {
    let cells = round.digest.cells.iter();
    cells.map(|cell| cell.id.case.as_str()).collect()
}
