//! Which workers a run has, and what each of them says that it can compute on.

use std::path::Path;

use anechoic_suite::{Case, Plan, WorkerCommand};

use super::CommandError;
use super::terms::command;
use crate::process::{HELLO_MARK, Launch};
use crate::runner::{Greeting, greeting, offered_devices};
use crate::settings::Offer;

/// What the workers of these cases offer, each distinct worker once. It is started, with all that a case starts it
/// with, when its offer is drawn.
pub(super) fn offers<'a>(
    cases: impl IntoIterator<Item = &'a Case>,
    worker: &Path,
) -> impl Iterator<Item = Offer> {
    launches(cases, worker).into_iter().map(|launch| Offer {
        worker: name(&launch),
        devices: offered_devices(&launch),
    })
}

/// The run's worker in words: its path, or where every case has its own, the command of the first.
pub(super) fn run_worker(plan: &Plan, worker: &Path) -> String {
    match (own_workers(plan), plan.cases.first()) {
        (true, Some(first)) => name(&Launch::of_case(first, worker, HELLO_MARK)),
        (_, _) => worker.display().to_string(),
    }
}

/// Whether every case has a worker of its own.
pub(super) fn own_workers(plan: &Plan) -> bool {
    plan.cases.iter().all(|case| case.worker.is_some())
}

/// Refuses workers that do one job per process, before anything is measured.
pub(super) fn require_several_jobs(plan: &Plan, worker: &Path) -> Result<(), CommandError> {
    for launch in launches(&plan.cases, worker) {
        let cause = match greeting(&launch) {
            Greeting::Hello {
                several_jobs: true, ..
            } => continue,
            Greeting::Hello { .. } => {
                "its hello does not offer several jobs in one process".to_owned()
            }
            Greeting::Foreign(version) => format!("it speaks protocol {version}"),
            Greeting::Nonsense(what) => format!("it says no hello: {what}"),
            Greeting::Silence => "it says no hello".to_owned(),
            Greeting::NotStarted(why) => format!("it cannot be started: {why}"),
        };
        let worker = name(&launch);
        return Err(CommandError::SingleJob { worker, cause });
    }
    Ok(())
}

fn launches<'a>(cases: impl IntoIterator<Item = &'a Case>, worker: &Path) -> Vec<Launch> {
    let mut launches = Vec::new();
    for case in cases {
        let launch = Launch::of_case(case, worker, HELLO_MARK);
        if !launches.contains(&launch) {
            launches.push(launch);
        }
    }
    launches
}

fn name(launch: &Launch) -> String {
    let program = launch.program.display().to_string();
    let words = std::iter::once(program).chain(launch.arguments.iter().cloned());
    command(&WorkerCommand(words.collect()))
}
