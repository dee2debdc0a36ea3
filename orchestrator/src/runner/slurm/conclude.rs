//! The record of an attempt that Slurm made: what the node recorded of it, how it ended by all that is known, and what it cost
//! beside its worker.

use std::fs;
use std::time::Duration;

use anechoic_record::{
    AttemptData, AttemptFiles, AttemptRecord, MachineState, Outcome, Placement, RunEvent,
};

use super::{Over, Watch};
use crate::reporter::Aftermath;
use crate::runner::attempt::{SHOWN_LINES, write_result};
use crate::runner::run::{Context, RunError, job_of};
use crate::slurm::{End, JobState};

impl Watch {
    pub(super) fn conclude(
        mut self,
        context: &mut Context<'_>,
        files: &AttemptFiles,
        over: Over,
    ) -> Result<AttemptData, RunError> {
        let outcome = over.outcome.clone();
        let made = match over.said.clone() {
            Some(End::Made { record, reference }) => {
                self.keep_reference(context, reference);
                Some(*record)
            }
            Some(End::Stopped | End::Unfit { .. }) | None => None,
        };
        let wall_ns = made.as_ref().map_or(0, |made| made.wall_ns);
        let placement = self.placement(&over, wall_ns);
        let record = AttemptRecord {
            outcome: outcome.clone(),
            placement: Some(placement.clone()),
            ..made.unwrap_or_else(|| self.unmade())
        };
        self.data.wall_ns = Some(record.wall_ns);
        let job = job_of(context.recorder, &self.case, self.attempt);
        if outcome.is_ok() {
            write_result(context, files, &job, &outcome, &self.data)?;
        } else {
            let _ = fs::remove_file(files.folder.join("result.json"));
        }
        context.emit(RunEvent::AttemptEnded {
            case: self.case.id.clone(),
            attempt: self.attempt,
            outcome: outcome.clone(),
            wall_ns: record.wall_ns,
            orchestrator_cpu_ns: self.cpu_time(),
            disturbed: record.disturbed.clone(),
            left: record.left.clone(),
            pipes_left: record.pipes_left,
            placement: Some(Box::new(placement)),
        })?;
        let aftermath = Aftermath {
            stderr: last_lines(files),
            left: record.left.clone(),
            held_pipes: record.pipes_left,
        };
        context.reporter.disturbed(&record.disturbed);
        context.recorder.end_attempt(&self.case.id, record)?;
        context
            .reporter
            .aftermath(&outcome, &aftermath, &files.folder);
        Ok(self.data)
    }

    /// The record of an attempt of whose end the node has said nothing.
    fn unmade(&self) -> AttemptRecord {
        AttemptRecord {
            attempt: self.attempt,
            started: self.data.timeline.spawned.unwrap_or(self.submitted),
            wall_ns: 0,
            outcome: Outcome::Ok,
            disturbed: Vec::new(),
            left: Vec::new(),
            pipes_left: false,
            worker_identity: None,
            placement: None,
        }
    }

    /// CPU time of the supervisor beside the worker.
    fn cpu_time(&self) -> u64 {
        match &self.ended {
            Some(RunEvent::AttemptEnded {
                orchestrator_cpu_ns,
                ..
            }) => *orchestrator_cpu_ns,
            Some(_) | None => 0,
        }
    }

    fn keep_reference(&self, context: &mut Context<'_>, state: Option<Box<MachineState>>) {
        if let (Some(submitter), Some(node), Some(state)) = (&mut context.slurm, &self.met, state) {
            submitter.references.insert(node.clone(), *state);
        }
    }

    fn placement(&self, over: &Over, wall_ns: u64) -> Placement {
        let shown = over.shown.as_ref();
        let started = shown.and_then(|shown| shown.started);
        let submitted = shown.and_then(|shown| shown.submitted);
        // A job that never got a node shows when it might have.
        let started =
            started.filter(|_| self.met.is_some() || shown.is_some_and(|s| s.node.is_some()));
        let queued = started.zip(submitted).map(|(started, submitted)| {
            Duration::try_from(started.duration_since(submitted)).unwrap_or_default()
        });
        let all = self.began.elapsed();
        let queued = match (queued, started) {
            (Some(queued), _) => queued,
            // What never had a node has waited all the time.
            (None, _) if over.job.is_some() => all,
            (None, _) => Duration::ZERO,
        };
        let own = Duration::from_nanos(wall_ns) + Duration::from_millis(self.data.waited_ms);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        Placement {
            slurm_job: over.job,
            node: self
                .met
                .clone()
                .or_else(|| shown.and_then(|shown| shown.node.clone())),
            submitted: self.submitted,
            started,
            ended: shown
                .filter(|shown| matches!(shown.state, JobState::Over(_)))
                .and_then(|shown| shown.ended),
            queued_ms: millis(queued),
            beside_ms: millis(all.saturating_sub(own)),
        }
    }
}

fn last_lines(files: &AttemptFiles) -> Vec<String> {
    let text = fs::read(files.folder.join("stderr.log")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<_> = text.lines().collect();
    let from = lines.len().saturating_sub(SHOWN_LINES);
    lines[from..]
        .iter()
        .map(|line| (*line).to_owned())
        .collect()
}
