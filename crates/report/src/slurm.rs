//! What it cost that Slurm made the attempts: the queue and its own work, apart from what workers took.

use std::collections::BTreeSet;

use anechoic_record::{Placement, RunRecord};
use serde::{Deserialize, Serialize};

/// The Slurm jobs of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlurmJobs {
    /// Jobs that were accepted.
    pub jobs: usize,
    /// The nodes that they were given, by name.
    pub nodes: Vec<String>,
    /// Waits for a node, in all.
    pub queued_ms: u64,
    /// Per job that had a node: from the hand-over until the end was known, less the wait for it, the wait for the machine
    /// to come to rest, and the worker's own time. Slurm counts waits in whole seconds, so that only the mean of several
    /// jobs tells something.
    pub overhead_ms: u64,
}

impl SlurmJobs {
    /// Of a run whose attempts Slurm made.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        if record.manifest.settings.executor.is_local() {
            return None;
        }
        let placed = record.manifest.attempts();
        let placed = placed.filter_map(|(_, attempt)| attempt.placement.as_ref());
        let jobs: Vec<&Placement> = placed.filter(|placed| placed.slurm_job.is_some()).collect();
        let nodes: BTreeSet<&String> = jobs.iter().filter_map(|job| job.node.as_ref()).collect();
        Some(Self {
            jobs: jobs.len(),
            nodes: nodes.into_iter().cloned().collect(),
            queued_ms: jobs.iter().map(|job| job.queued_ms).sum(),
            overhead_ms: overhead(&jobs),
        })
    }
}

/// Of all jobs together, so that seconds that were cut off in one are made up for in another.
fn overhead(jobs: &[&Placement]) -> u64 {
    let started = jobs.iter().filter(|job| job.started.is_some());
    let beside: u64 = started.clone().map(|job| job.beside_ms).sum();
    let queued: u64 = started.clone().map(|job| job.queued_ms).sum();
    let count = u64::try_from(started.count()).unwrap_or(u64::MAX);
    beside.saturating_sub(queued) / count.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn seconds_that_slurm_cuts_off_even_out() {
        let job = |started: bool, queued_ms, beside_ms| Placement {
            slurm_job: Some(1),
            node: None,
            submitted: Timestamp::UNIX_EPOCH,
            started: started.then_some(Timestamp::UNIX_EPOCH),
            ended: None,
            queued_ms,
            beside_ms,
        };
        let jobs = [
            job(true, 1000, 700),
            job(true, 0, 1300),
            job(false, 9000, 9000),
        ];
        let jobs: Vec<&Placement> = jobs.iter().collect();
        assert_eq!(overhead(&jobs), 500);
        assert_eq!(overhead(&[]), 0);
    }
}
