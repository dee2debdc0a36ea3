//! The part of a night between its plan and its outcome: what stands against measuring, the runs, and how they are judged.

use std::time::Duration;

use anechoic_record::{Difference, Fingerprint, NightOutcome, StartedBy, find_certificate};
use anechoic_report::RunDigest;
use anechoic_suite::{Plan, Suite};

use super::Course;
use super::judge::Task;
use super::ready::Ready;
use crate::commands::CommandError;
use crate::commands::conditions::start;
use crate::commands::doctor::examine;
use crate::commands::execute::TakenPlace;
use crate::commands::further::Series;
use crate::commands::next_step::{with_results, word};
use crate::doctor::{Finding, Severity};
use crate::exit_code::ExitCode;
use crate::nightly::{self, Baseline, Found, conclude};
use crate::reporter::say;

pub(super) type Ending = (NightOutcome, ExitCode);

/// A run of the night.
pub(super) struct Made {
    /// Nobody else measures between two runs of a night.
    pub(super) taken: TakenPlace,
    pub(super) digest: RunDigest,
    pub(super) course: nightly::Course,
}

impl Course<'_> {
    /// From the plan to what the night came to.
    pub(super) fn pass(&mut self, ready: Ready) -> Result<Ending, CommandError> {
        let args = self.args;
        let Ready { suite, named, plan } = ready;
        if self.stop.comes_within(Duration::ZERO) {
            return Ok(conclude(Found::Stopped));
        }
        let taken = TakenPlace::take(&plan, &args.place)?;
        if let Some(reasons) = self.unfit(&plan, &suite, &taken) {
            return Ok(conclude(Found::Unfit(reasons)));
        }
        let task = Task {
            baseline: self.baseline(named),
            certificates: find_certificate(&args.place.results.root, &self.night.suite),
            plan,
            suite: &suite,
        };
        if let Some(reasons) = self.elsewhere(&task, &taken) {
            return Ok(conclude(Found::Unfit(reasons)));
        }
        match self.measure(taken, &task)? {
            Some(made) => self.judge(made, &task),
            None => Ok(conclude(Found::Stopped)),
        }
    }

    /// What the doctor says against measuring. Its warnings are for whoever reads the journal.
    fn unfit(&self, plan: &Plan, suite: &Suite, taken: &TakenPlace) -> Option<Vec<String>> {
        let root = &self.args.place.results.root;
        let findings = examine(plan, suite.requirements(), root, taken);
        let text = |found: &Finding| {
            let remedy = found.remedy.iter().map(|remedy| format!(" → {remedy}"));
            let name = found.check.as_str();
            format!("{name}: {}{}", found.evidence, remedy.collect::<String>())
        };
        let of = |severity| {
            let found = findings.iter();
            found.filter(move |found| found.severity == severity)
        };
        of(Severity::Warning).for_each(|found| say(&format!("warning: {}", text(found))));
        let blockers: Vec<_> = of(Severity::Blocker).map(text).collect();
        (!blockers.is_empty()).then_some(blockers)
    }

    fn baseline(&mut self, named: Option<RunDigest>) -> Baseline {
        if self.args.accept {
            return Baseline::default();
        }
        let now = self.night.started;
        let chosen = Baseline::choose(&self.args.baseline, self.past.seen(), named, now);
        self.notes.extend(chosen.notes.iter().cloned());
        self.night.against = chosen.runs().map(|run| run.run.clone()).collect();
        chosen
    }

    /// What of the machine is another than at the baseline: what is measured here would be compared with nothing.
    fn elsewhere(&mut self, task: &Task<'_>, taken: &TakenPlace) -> Option<Vec<String>> {
        let newest = task.baseline.runs().next_back()?;
        let now = self.conditions(&task.plan, taken);
        let found = newest.fingerprint.machine_differences(&now);
        if found.is_empty() {
            return None;
        }
        let suite = word(&self.args.suite.display().to_string());
        let accept = format!("anechoic nightly {suite} --accept");
        self.notes.push(format!(
            "if that is to stay, `{}` takes the level of this machine as the new baseline",
            with_results(&accept, &self.args.place.results.root)
        ));
        let text = |difference: &Difference| {
            format!("since the baseline `{}`, {}", newest.run, difference.text())
        };
        Some(found.iter().map(text).collect())
    }

    /// The conditions that a run would be made under now.
    fn conditions(&self, plan: &Plan, taken: &TakenPlace) -> Fingerprint {
        let start = start(
            StartedBy::Run,
            taken.device,
            &taken.worker,
            plan.cases.iter(),
        );
        let threads = self.args.place.threads;
        Fingerprint {
            threads: threads.unwrap_or(start.machine.physical_cores),
            machine: start.machine,
            device: taken.device,
            clocks: start.clocks,
            torch: None,
            programs: start.programs,
            anechoic: start.anechoic,
        }
    }

    /// Makes a run. The night's file names it before its first attempt. `None` where it was stopped.
    pub(super) fn measure(
        &mut self,
        taken: TakenPlace,
        task: &Task<'_>,
    ) -> Result<Option<Made>, CommandError> {
        if self.stop.comes_within(Duration::ZERO) {
            return Ok(None);
        }
        let file = self.file.clone();
        let series = Series {
            suite: task.suite,
            file: &file,
            plan: &task.plan,
            place: &self.args.place,
        };
        let made = series.make(taken, |run| {
            self.name(run.to_owned());
            self.keep()
        })?;
        say(&format!("results: {}", made.record.path.display()));
        Ok((!made.stopped).then(|| Made {
            digest: RunDigest::of(&made.record),
            course: nightly::Course::of(&made.record.manifest),
            taken: made.taken,
        }))
    }

    /// The first run is the night's; others confirm it.
    fn name(&mut self, run: String) {
        match self.night.run {
            None => self.night.run = Some(run),
            Some(_) => self.night.confirmations.push(run),
        }
    }
}
