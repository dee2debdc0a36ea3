//! Which workers a run has, and what each of them says that it can compute on.

use std::path::Path;

use anechoic_suite::{Case, Plan, WorkerCommand};

use super::terms::command;
use crate::process::{HELLO_MARK, Launch};
use crate::runner::offered_devices;
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
