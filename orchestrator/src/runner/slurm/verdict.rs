//! How an attempt ended, from what the node and Slurm say of it. Pure.

use std::time::Duration;

use anechoic_protocol::Phase;
use anechoic_record::{MemoryEvidence, Outcome};

use crate::slurm::{End, JobEnd};

/// All that is known at the end of a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Slurm's number of it.
    pub(super) job: u64,
    /// What the node said last.
    pub(super) said: Option<&'a End>,
    /// What Slurm says; none where it could not be asked.
    pub(super) end: Option<&'a JobEnd>,
    /// Whether we have ended it ourselves.
    pub(super) cancelled: bool,
    /// The phase of the worker that was heard of last; none where no worker was started.
    pub(super) phase: Option<Phase>,
    /// The job's time limit.
    pub(super) limit: Duration,
}

impl Known<'_> {
    /// What the node said stands, but where a job that was cut off explains it better.
    pub(super) fn outcome(&self) -> Outcome {
        let said = match self.said {
            Some(End::Made { record, .. }) => Some(record.outcome.clone()),
            Some(End::Unfit { message }) => {
                return Outcome::SpawnFailed {
                    message: message.clone(),
                };
            }
            Some(End::Stopped) | None => None,
        };
        match said {
            Some(outcome) if !self.may_be_cut_off(&outcome) => outcome,
            said => self.cut_off().or(said).unwrap_or_else(|| self.unheard()),
        }
    }

    /// Whether Slurm may have more to say: a worker is ended together with its supervisor, and what was measured around a
    /// stop does not count.
    fn may_be_cut_off(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Cancelled { .. } | Outcome::Signal { .. } => !self.cancelled,
            Outcome::Ok => matches!(
                self.end,
                Some(JobEnd::Interrupted(
                    anechoic_record::Interruption::Suspended
                ))
            ),
            _ => false,
        }
    }

    /// What Slurm, or our own wish, did to the job.
    fn cut_off(&self) -> Option<Outcome> {
        let phase = self.phase.unwrap_or(Phase::Start);
        if self.cancelled {
            return Some(Outcome::Cancelled { phase });
        }
        Some(match self.end? {
            JobEnd::Cancelled { reason } => Outcome::JobCancelled {
                reason: reason.clone(),
            },
            JobEnd::TimedOut => Outcome::Timeout {
                phase,
                limit_ms: u64::try_from(self.limit.as_millis()).unwrap_or(u64::MAX),
            },
            JobEnd::OutOfMemory => Outcome::HostOutOfMemory {
                evidence: MemoryEvidence::Slurm {
                    slurm_job: self.job,
                },
            },
            JobEnd::NodeFailed { detail } => Outcome::NodeFailed {
                detail: detail.clone(),
            },
            JobEnd::Interrupted(how) => Outcome::Requeued { how: *how },
            JobEnd::Completed | JobEnd::Failed { .. } | JobEnd::Gone => return None,
        })
    }

    /// The supervisor ended without a word.
    fn unheard(&self) -> Outcome {
        let how = match self.end {
            Some(JobEnd::Failed { exit }) => format!("ended with exit code {exit}"),
            Some(JobEnd::Gone) | None => "is not known to Slurm any more".to_owned(),
            Some(_) => "is over".to_owned(),
        };
        let job = format!("Slurm job {} {how}", self.job);
        match self.phase {
            Some(_) => Outcome::NodeFailed {
                detail: format!("{job}, and its supervisor has left no result"),
            },
            None => Outcome::SpawnFailed {
                message: format!("{job} before a worker was started; `slurm/job.log` may tell why"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anechoic_record::{AttemptRecord, Interruption};
    use jiff::Timestamp;

    fn made(outcome: Outcome) -> End {
        End::Made {
            record: Box::new(AttemptRecord {
                attempt: 1,
                started: Timestamp::UNIX_EPOCH,
                wall_ns: 0,
                outcome,
                disturbed: Vec::new(),
                left: Vec::new(),
                pipes_left: false,
                worker_identity: None,
                placement: None,
            }),
            reference: None,
        }
    }

    fn signal() -> Outcome {
        Outcome::Signal {
            number: 15,
            name: "SIGTERM".to_owned(),
        }
    }

    fn cancelled() -> Outcome {
        Outcome::Cancelled {
            phase: Phase::Measure,
        }
    }

    #[track_caller]
    fn check(said: Option<End>, end: Option<JobEnd>, cancelled: bool, expected: &str) {
        let known = Known {
            job: 7,
            said: said.as_ref(),
            end: end.as_ref(),
            cancelled,
            phase: Some(Phase::Measure),
            limit: Duration::from_secs(60),
        };
        assert_eq!(known.outcome().cause(), expected);
    }

    fn by_somebody() -> Option<JobEnd> {
        let reason = "None".to_owned();
        Some(JobEnd::Cancelled { reason })
    }

    #[test]
    fn what_the_node_says_stands() {
        let crash = Outcome::ExitCode { code: 3 };
        check(
            Some(made(Outcome::Ok)),
            Some(JobEnd::Completed),
            false,
            "ok",
        );
        check(Some(made(Outcome::Ok)), by_somebody(), false, "ok");
        check(Some(made(Outcome::Ok)), None, false, "ok");
        check(Some(made(Outcome::Ok)), by_somebody(), true, "ok");
        check(
            Some(made(crash)),
            Some(JobEnd::TimedOut),
            false,
            "exited with code 3",
        );
        check(
            Some(made(signal())),
            Some(JobEnd::Completed),
            false,
            "ended by SIGTERM (signal 15)",
        );
        let message = "no GPU".to_owned();
        check(
            Some(End::Unfit { message }),
            Some(JobEnd::Failed { exit: "4:0".into() }),
            false,
            "worker could not be started: no GPU",
        );
    }

    #[test]
    fn slurm_explains_what_was_cut_off() {
        let somebody = "somebody else cancelled its Slurm job (None)";
        for said in [
            Some(made(signal())),
            Some(made(cancelled())),
            Some(End::Stopped),
            None,
        ] {
            check(said.clone(), by_somebody(), false, somebody);
            check(
                said.clone(),
                Some(JobEnd::TimedOut),
                false,
                "timed out in measure after 60 s",
            );
            check(
                said.clone(),
                Some(JobEnd::OutOfMemory),
                false,
                "the host has no memory left: Slurm ended job 7 for it",
            );
            let detail = "NODE_FAIL (NodeDown)".to_owned();
            check(
                said.clone(),
                Some(JobEnd::NodeFailed { detail }),
                false,
                "the node failed: NODE_FAIL (NodeDown)",
            );
            for (how, expected) in [
                (Interruption::Requeued, "its Slurm job was requeued"),
                (Interruption::Preempted, "its Slurm job was preempted"),
            ] {
                check(
                    said.clone(),
                    Some(JobEnd::Interrupted(how)),
                    false,
                    expected,
                );
            }
        }
        let suspended = Some(JobEnd::Interrupted(Interruption::Suspended));
        let expected = "its Slurm job was suspended";
        check(Some(made(Outcome::Ok)), suspended, false, expected);
    }

    #[test]
    fn what_we_cancelled_is_cancelled_wherever_it_was() {
        let expected = "cancelled in measure";
        check(None, by_somebody(), true, expected);
        check(None, None, true, expected);
        check(Some(End::Stopped), Some(JobEnd::Completed), true, expected);
        check(Some(made(cancelled())), by_somebody(), true, expected);
    }

    #[test]
    fn a_supervisor_that_says_nothing_is_a_failure_of_the_node_or_of_the_start() {
        let failed = || {
            Some(JobEnd::Failed {
                exit: "127:0".to_owned(),
            })
        };
        check(
            None,
            failed(),
            false,
            "the node failed: Slurm job 7 ended with exit code 127:0, and its supervisor has left no result",
        );
        let end = failed();
        let known = Known {
            job: 7,
            said: None,
            end: end.as_ref(),
            cancelled: false,
            phase: None,
            limit: Duration::ZERO,
        };
        assert_eq!(known.outcome().name(), "spawn-failed");
    }
}
