//! What waiting for the machine has cost, which attempts were disturbed all the same, and what workers left behind.

use std::collections::BTreeMap;

use anechoic_record::{Disturbance, Leftover, RunRecord};
use serde::{Deserialize, Serialize};

/// The waits of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Waiting {
    /// Waits before attempts, fixed pauses included.
    pub total_ms: u64,
    /// Their share of the time in waits and workers together.
    pub share: f64,
    /// What was waited for beyond fixed pauses, the longest first. Several reasons may hold at the same time, so that
    /// these can add up to more than the total.
    pub reasons: Vec<WaitReason>,
}

/// One reason to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitReason {
    /// Its name, e.g. `cpu-load`.
    pub restless: String,
    /// Attempts that waited for it.
    pub attempts: usize,
    /// How long it was among the reasons, in all.
    pub waited_ms: u64,
}

/// An attempt for which the machine was not at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisturbedAttempt {
    /// The case.
    pub case: String,
    /// The attempt.
    pub attempt: u32,
    /// Whether its samples count all the same.
    pub counts: bool,
    /// What disturbed it.
    pub disturbances: Vec<Disturbance>,
}

/// An attempt that left processes behind, or its output held open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// The case.
    pub case: String,
    /// The attempt.
    pub attempt: u32,
    /// The processes.
    pub processes: Vec<Leftover>,
    /// Whether something held its output open.
    #[serde(default)]
    pub pipes_left: bool,
}

impl Waiting {
    pub(crate) fn of(record: &RunRecord) -> Self {
        let attempts = || record.attempts.values();
        let total_ms = attempts().map(|data| data.waited_ms).sum();
        let workers_ns: u64 = attempts().filter_map(|data| data.wall_ns).sum();
        let mut sums: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
        for wait in attempts().flat_map(|data| &data.waits) {
            let sum = sums.entry(wait.what.name()).or_default();
            *sum = (sum.0 + 1, sum.1 + wait.waited_ms);
        }
        let reason = |(name, (attempts, waited_ms)): (&str, (usize, u64))| WaitReason {
            restless: name.to_owned(),
            attempts,
            waited_ms,
        };
        let mut reasons: Vec<_> = sums.into_iter().map(reason).collect();
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.waited_ms));
        Self {
            total_ms,
            share: share(total_ms, workers_ns),
            reasons,
        }
    }
}

/// 0 of a run that has taken no time at all.
fn share(waited_ms: u64, workers_ns: u64) -> f64 {
    let waited = waited_ms as f64 / 1e3;
    let all = waited + workers_ns as f64 / 1e9;
    match all > 0.0 {
        true => waited / all,
        false => 0.0,
    }
}

pub(crate) fn disturbed(record: &RunRecord) -> Vec<DisturbedAttempt> {
    let found = record
        .manifest
        .attempts()
        .filter(|(_, attempt)| !attempt.disturbed.is_empty());
    let disturbed = found.map(|(case, attempt)| DisturbedAttempt {
        case: case.to_owned(),
        attempt: attempt.attempt,
        counts: attempt.outcome.is_ok(),
        disturbances: attempt.disturbed.clone(),
    });
    disturbed.collect()
}

pub(crate) fn left_behind(record: &RunRecord) -> Vec<LeftBehind> {
    let found = record
        .manifest
        .attempts()
        .filter(|(_, a)| !a.left.is_empty() || a.pipes_left);
    let left = found.map(|(case, attempt)| LeftBehind {
        case: case.to_owned(),
        attempt: attempt.attempt,
        processes: attempt.left.clone(),
        pipes_left: attempt.pipes_left,
    });
    left.collect()
}
