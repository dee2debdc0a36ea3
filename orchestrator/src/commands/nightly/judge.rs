//! The part of a night behind its first run: how it is judged, with further runs where they would tell.

use anechoic_record::{
    CertificateStatus, Difference, FoundCertificate, NightOutcome, RecordError, SuiteCertificates,
};
use anechoic_report::{Certified, Gate, GateInput, RunDigest, gate};
use anechoic_suite::{Plan, Suite};

use super::Course;
use super::measure::{Ending, Made};
use crate::commands::CommandError;
use crate::commands::execute::TakenPlace;
use crate::nightly::{Baseline, Found, Measured, conclude, unconfirmed, wants_another};
use crate::reporter::say;

/// So many further runs in a row without rest, and no other is made: the machine does not come to rest tonight.
const RESTLESS: usize = 2;

/// What is measured, and what it is judged by.
pub(super) struct Task<'t> {
    pub(super) plan: Plan,
    pub(super) suite: &'t Suite,
    pub(super) baseline: Baseline,
    /// Or why they cannot be read, which is no reason not to judge.
    pub(super) certificates: Result<SuiteCertificates, RecordError>,
}

/// What was measured so far.
struct Tonight {
    /// Of runs that may be believed.
    runs: Vec<RunDigest>,
    /// Cases that failed in any run, each with its cause.
    failed: Vec<String>,
    /// Why further runs may not be believed.
    restless: Vec<String>,
    /// The latest runs that may not be, in a row.
    lost: usize,
}

impl Course<'_> {
    /// Judges the night.
    pub(super) fn judge(&mut self, first: Made, task: &Task<'_>) -> Result<Ending, CommandError> {
        let (mut taken, digest, course) = (first.taken, first.digest, first.course);
        self.notes.extend(course.notes);
        if !course.restless.is_empty() {
            return Ok(conclude(Found::Measured(Measured {
                failed: course.failed,
                restless: course.restless,
                gate: None,
            })));
        }
        self.tell_basis(&digest, task);
        let mut tonight = Tonight {
            runs: vec![digest],
            failed: course.failed,
            restless: Vec::new(),
            lost: 0,
        };
        let mut left = self.args.confirm;
        loop {
            let is_confirmable = left > 0 || !tonight.restless.is_empty();
            let judged = self.gate(&tonight.runs, task, is_confirmable);
            if !wants_another(&judged, left) {
                return Ok(match unconfirmed(&judged.decision, tonight.restless) {
                    None => self.settle(judged, tonight.failed),
                    Some(restless) => conclude(Found::Measured(Measured {
                        failed: tonight.failed,
                        restless,
                        gate: None,
                    })),
                });
            }
            left -= 1;
            say("what was measured leaves a doubt; measuring again");
            match self.measure(taken, task)? {
                Some(made) => taken = self.add(made, &mut tonight),
                None => return Ok(conclude(Found::Stopped)),
            }
            if tonight.lost >= RESTLESS && left > 0 {
                say("the machine does not come to rest: no further run is made");
                left = 0;
            }
        }
    }

    /// A further run counts where the machine was at rest.
    fn add(&mut self, made: Made, tonight: &mut Tonight) -> TakenPlace {
        for case in made.course.failed {
            if !tonight.failed.contains(&case) {
                tonight.failed.push(case);
            }
        }
        match made.course.restless.is_empty() {
            true => {
                tonight.lost = 0;
                tonight.runs.push(made.digest);
            }
            false => {
                tonight.lost += 1;
                let run = made.digest.run;
                self.night.confirmations.retain(|other| *other != run);
                let why = format!(
                    "the run `{run}` confirms nothing: {}",
                    made.course.restless.join("; ")
                );
                self.notes.push(why.clone());
                tonight.restless.push(why);
                self.night.left_out.push(run);
            }
        }
        made.taken
    }

    /// What may explain a change, programs that are other ones than at the baseline, and certificates that cannot be read.
    fn tell_basis(&mut self, tonight: &RunDigest, task: &Task<'_>) {
        if let Some(newest) = task.baseline.runs().next_back() {
            let changed = newest.fingerprint.program_differences(&tonight.fingerprint);
            let text = |change: &Difference| format!("since the baseline, {}", change.text());
            self.notes.extend(changed.iter().map(text));
        }
        let unread = |error: &RecordError| format!("failed to {error}");
        match &task.certificates {
            Ok(found) => {
                let errors = found.unreadable.iter().map(|(_, error)| error);
                self.notes.extend(errors.map(unread));
            }
            Err(error) => self.notes.push(unread(error)),
        }
    }

    /// What the runs of tonight say.
    fn gate(&self, tonight: &[RunDigest], task: &Task<'_>, is_confirmable: bool) -> Gate {
        let certificates = task.certificates.as_ref().ok();
        let found = certificates.and_then(|found| found.under(&tonight[0].fingerprint));
        let input = GateInput {
            tonight,
            baseline: &task.baseline.nights,
            nights: &task.baseline.history,
            worse: &task.baseline.worse,
            certified: found.as_ref().map_or(Certified::None, certified),
        };
        gate(&input, &self.args.gate_options(is_confirmable))
    }

    /// Puts into the night what the gate says of it.
    fn settle(&mut self, judged: Gate, failed: Vec<String>) -> Ending {
        let ending = conclude(Found::Measured(Measured {
            restless: Vec::new(),
            gate: (!self.args.accept).then_some(&judged.decision),
            failed: failed.clone(),
        }));
        if ending.0 == NightOutcome::Regression {
            // Its outcome has no room for them.
            let text = |case: &String| format!("failed as well: {case}");
            self.notes.extend(failed.iter().map(text));
        }
        if judged.is_doubtful {
            let text = "something may have become worse, and tonight did not tell for sure";
            self.notes.push(text.to_owned());
        }
        self.notes.extend(judged.notes);
        self.night.noise = judged.noise;
        self.night.cells = judged.cells;
        ending
    }
}

fn certified<'a>(found: &'a FoundCertificate<'a>) -> Certified<'a> {
    let (certificate, file) = (found.certificate, found.file);
    match &found.status {
        CertificateStatus::Valid => Certified::Valid { certificate, file },
        CertificateStatus::Expired(why) => Certified::Expired {
            certificate,
            file,
            why,
        },
    }
}
