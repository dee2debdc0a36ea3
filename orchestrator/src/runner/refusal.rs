//! An attempt that is not made because the machine is not at rest: it is recorded like one that was.

use anechoic_protocol::Job;
use anechoic_record::{AttemptRecord, Disturbance, Outcome, RunEvent};
use jiff::Timestamp;

use super::run::{Context, RunError};

/// Records an attempt that is not made.
pub(super) fn refuse(
    context: &mut Context<'_>,
    job: &Job,
    disturbed: Vec<Disturbance>,
) -> Result<(), RunError> {
    let files = context.recorder.begin_attempt(&job.case, job.attempt)?;
    files.write_job(job)?;
    let outcome = Outcome::Contaminated {
        disturbances: disturbed.clone(),
        started: false,
    };
    let record = AttemptRecord {
        attempt: job.attempt,
        started: Timestamp::now(),
        wall_ns: 0,
        outcome: outcome.clone(),
        disturbed: disturbed.clone(),
        left: Vec::new(),
        pipes_left: false,
        worker_identity: None,
        placement: None,
    };
    context.emit(RunEvent::AttemptEnded {
        case: job.case.clone(),
        attempt: job.attempt,
        outcome,
        wall_ns: 0,
        orchestrator_cpu_ns: 0,
        disturbed,
        left: Vec::new(),
        pipes_left: false,
        placement: None,
    })?;
    Ok(context.recorder.end_attempt(&job.case, record)?)
}
