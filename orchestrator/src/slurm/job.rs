//! What `scontrol show job` says of a job. Pure.

use anechoic_record::Interruption;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A job as Slurm shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// How far it has come.
    pub(crate) state: JobState,
    /// The node that it was given.
    pub(crate) node: Option<String>,
    /// When it was handed over.
    pub(crate) submitted: Option<Timestamp>,
    /// When it was started; expected, while it waits.
    pub(crate) started: Option<Timestamp>,
    /// When it ended; expected, while it does not.
    pub(crate) ended: Option<Timestamp>,
}

/// How far a job has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobState {
    /// It waits for a node.
    Waiting {
        /// Slurm's reason.
        reason: String,
    },
    /// It has a node.
    AtWork,
    /// It will not go on.
    Over(JobEnd),
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JobEnd {
    /// Its script ended with code 0.
    Completed,
    /// Its script ended in another way.
    Failed {
        /// `code:signal`.
        exit: String,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Slurm's reason.
        reason: String,
    },
    /// It took longer than its time limit.
    TimedOut,
    /// It took more memory than it may.
    OutOfMemory,
    /// Its node failed.
    NodeFailed {
        /// Slurm's state and reason.
        detail: String,
    },
    /// The node was taken away from it.
    Interrupted(Interruption),
    /// Slurm knows nothing of it any more.
    Gone,
}

impl Shown {
    /// Reads the line that `scontrol --oneliner show job` writes with `TZ=UTC`; `None` where it is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let of = |key| value(text, key);
        let state = of("JobState")?;
        let reason = of("Reason").unwrap_or_default();
        let exit = of("ExitCode").unwrap_or_default();
        let restarts = of("Restarts").and_then(|count| count.parse::<u32>().ok());
        let time = |key| of(key).and_then(|text| timestamp(&text));
        let state = match restarts.unwrap_or(0) {
            0 => state_of(&state, reason, exit),
            _ => JobState::Over(JobEnd::Interrupted(Interruption::Requeued)),
        };
        Some(Self {
            state: match (state, time("SuspendTime")) {
                (JobState::Over(JobEnd::Completed), Some(_)) => {
                    JobState::Over(JobEnd::Interrupted(Interruption::Suspended))
                }
                (state, _) => state,
            },
            node: of("NodeList").filter(|name| !name.is_empty() && name != "(null)"),
            submitted: time("SubmitTime"),
            started: time("StartTime"),
            ended: time("EndTime"),
        })
    }
}

/// Words that this build does not know are those of a job that goes on: the next look tells more.
fn state_of(state: &str, reason: String, exit: String) -> JobState {
    JobState::Over(match state {
        "PENDING" | "REQUEUE_HOLD" | "REQUEUE_FED" | "SPECIAL_EXIT" | "RESV_DEL_HOLD" => {
            return JobState::Waiting { reason };
        }
        "COMPLETED" => JobEnd::Completed,
        "CANCELLED" | "REVOKED" => JobEnd::Cancelled { reason },
        "FAILED" => JobEnd::Failed { exit },
        "TIMEOUT" | "DEADLINE" => JobEnd::TimedOut,
        "OUT_OF_MEMORY" => JobEnd::OutOfMemory,
        "NODE_FAIL" | "BOOT_FAIL" | "LAUNCH_FAILED" | "RECONFIG_FAIL" => JobEnd::NodeFailed {
            detail: format!("{state} ({reason})"),
        },
        "PREEMPTED" => JobEnd::Interrupted(Interruption::Preempted),
        "REQUEUED" => JobEnd::Interrupted(Interruption::Requeued),
        _ => return JobState::AtWork,
    })
}

/// The words behind `key=` up to the next `Key=`: reasons may hold spaces.
fn value(text: &str, key: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let first = words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))?;
    let more = words.take_while(|word| !begins_value(word));
    Some(
        std::iter::once(first)
            .chain(more)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn begins_value(word: &str) -> bool {
    let is_key = |c: char| c.is_ascii_alphanumeric() || "/:_".contains(c);
    word.split_once('=').is_some_and(|(key, _)| {
        key.starts_with(|c: char| c.is_ascii_uppercase()) && key.chars().all(is_key)
    })
}

/// A time without a zone, which is UTC here; `Unknown` and `None` are none.
fn timestamp(text: &str) -> Option<Timestamp> {
    let time: DateTime = text.parse().ok()?;
    Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Slurm 22.05 writes it.
    fn line(state: &str, more: &str) -> String {
        format!(
            "JobId=3 JobName=anechoic/test_2026/a/1 UserId=root(0) GroupId=root(0) MCS_label=N/A Priority=1 Nice=0 \
             Account=(null) QOS=(null) JobState={state} Dependency=(null) Requeue=0 {more} BatchFlag=1 Reboot=0 \
             RunTime=00:00:03 TimeLimit=00:02:00 TimeMin=N/A SubmitTime=2026-11-30T02:53:17 \
             EligibleTime=2026-11-30T02:53:17 AccrueTime=2026-11-30T02:53:17 StartTime=2026-11-30T02:53:20 \
             EndTime=2026-11-30T02:53:24 Deadline=N/A Partition=bench AllocNode:Sid=vm:27115 ReqNodeList=(null) \
             ExcNodeList=(null) NodeList=vm BatchHost=vm NumNodes=1 NumCPUs=2 NumTasks=1 CPUs/Task=1 Command=(null) \
             WorkDir=/home/a JobState=odd StdErr=/x StdIn=/dev/null StdOut=/x Power=\n"
        )
    }

    #[test]
    fn states_are_read() {
        let check = |state: &str, more: &str, expected: JobState| {
            let shown = Shown::read(&line(state, more)).unwrap();
            assert_eq!(shown.state, expected, "{state} {more}");
        };
        let over = JobState::Over;
        let none = "Reason=None Restarts=0 ExitCode=0:0 SuspendTime=None";
        check(
            "PENDING",
            "Reason=Resources Restarts=0",
            JobState::Waiting {
                reason: "Resources".to_owned(),
            },
        );
        check(
            "PENDING",
            "Reason=launch failed requeued held Restarts=0",
            JobState::Waiting {
                reason: "launch failed requeued held".to_owned(),
            },
        );
        for state in [
            "RUNNING",
            "COMPLETING",
            "CONFIGURING",
            "SUSPENDED",
            "NEW_WORD",
        ] {
            check(state, none, JobState::AtWork);
        }
        check("COMPLETED", none, over(JobEnd::Completed));
        let exit = "127:0".to_owned();
        check(
            "FAILED",
            "Reason=NonZeroExitCode Restarts=0 ExitCode=127:0",
            over(JobEnd::Failed { exit }),
        );
        let reason = "None".to_owned();
        check("CANCELLED", none, over(JobEnd::Cancelled { reason }));
        check(
            "TIMEOUT",
            "Reason=TimeLimit Restarts=0 ExitCode=0:9",
            over(JobEnd::TimedOut),
        );
        check("OUT_OF_MEMORY", none, over(JobEnd::OutOfMemory));
        let detail = "NODE_FAIL (NodeDown)".to_owned();
        check(
            "NODE_FAIL",
            "Reason=NodeDown Restarts=0",
            over(JobEnd::NodeFailed { detail }),
        );
        let interrupted = |how| over(JobEnd::Interrupted(how));
        check("PREEMPTED", none, interrupted(Interruption::Preempted));
    }

    #[test]
    fn a_job_that_was_started_again_was_requeued_whatever_it_does_now() {
        for state in ["PENDING", "COMPLETING", "RUNNING", "COMPLETED", "CANCELLED"] {
            let shown = Shown::read(&line(state, "Reason=BeginTime Restarts=1")).unwrap();
            let requeued = JobEnd::Interrupted(Interruption::Requeued);
            assert_eq!(shown.state, JobState::Over(requeued), "{state}");
        }
    }

    #[test]
    fn a_job_that_was_stopped_meanwhile_does_not_count() {
        let more = "Reason=None Restarts=0 SuspendTime=2026-11-30T02:53:21 SecsPreSuspend=1";
        let shown = Shown::read(&line("COMPLETED", more)).unwrap();
        let suspended = JobEnd::Interrupted(Interruption::Suspended);
        assert_eq!(shown.state, JobState::Over(suspended));
    }

    #[test]
    fn times_and_the_node_are_read() {
        let shown = Shown::read(&line("COMPLETED", "Reason=None Restarts=0")).unwrap();
        let waited = shown
            .started
            .unwrap()
            .duration_since(shown.submitted.unwrap());
        assert_eq!(waited.as_secs(), 3);
        assert_eq!(shown.ended.unwrap().to_string(), "2026-11-30T02:53:24Z");
        assert_eq!(shown.node.as_deref(), Some("vm"));
        let waiting =
            "JobId=3 JobState=PENDING Reason=Priority StartTime=Unknown NodeList= BatchHost=";
        let shown = Shown::read(waiting).unwrap();
        assert_eq!((shown.node, shown.started), (None, None));
        assert_eq!(
            Shown::read("slurm_load_jobs error: Invalid job id specified"),
            None
        );
    }
}
