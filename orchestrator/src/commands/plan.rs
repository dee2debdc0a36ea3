//! `anechoic plan`: what would run, in which order, and how long it may take.

use std::path::Path;
use std::time::Duration;

use anechoic_protocol::Device;
use anechoic_record::{CaseRecord, Machine, Manifest, list_runs};
use anechoic_suite::{Case, Plan};
use serde_json::json;

use super::CommandError;
use super::case_row::case_row;
use super::list::columns;
use super::suite::{make_plan, read_suite};
use super::terms::{cooldown, policies, workers};
use crate::cli::PlanArgs;
use crate::exit_code::ExitCode;
use crate::probe::{Gpus, machine};
use crate::reporter::{Format, duration, print_data};

pub(super) fn plan(args: &PlanArgs) -> Result<ExitCode, CommandError> {
    let suite = read_suite(&args.suite)?;
    let plan = make_plan(&suite, &args.selection.options(None))?;
    let estimate = estimate(&plan, &args.results.root)?;
    let text = match args.format {
        Format::Text => text(&plan, estimate),
        Format::Json => format!(
            "{:#}\n",
            json!({
                "plan": plan,
                "expected_ms": estimate.map(millis),
                "at_most_ms": millis(at_most(&plan)),
            })
        ),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}

fn text(plan: &Plan, estimate: Option<Duration>) -> String {
    let question = plan.question.iter().map(|question| format!("{question}\n"));
    let mut text: String = std::iter::once(format!("{}\n", plan.name))
        .chain(question)
        .collect();
    text += &format!(
        "{} cases, {} attempts each, {} order, {}\n{}\n",
        plan.cases.len(),
        plan.attempts,
        plan.order,
        cooldown(plan),
        policies(plan)
    );
    text += &columns(&plan.cases.iter().map(case_row).collect::<Vec<_>>());
    text += &workers(plan);
    text += "\norder of the attempts:\n";
    for (index, slot) in plan.slots.iter().enumerate() {
        let id = &plan.cases[slot.case].id;
        text += &format!("{:>5}  {id} attempt {}\n", index + 1, slot.attempt);
    }
    text + &format!("\n{}\n", time(plan, estimate))
}

fn time(plan: &Plan, estimate: Option<Duration>) -> String {
    let most = duration(at_most(plan));
    let mut text = match estimate {
        Some(expected) => format!(
            "about {}, as earlier runs of these cases took; at most about {most}, where every attempt takes its \
             timeout",
            duration(expected)
        ),
        None => format!(
            "how long it takes is not known: there is no earlier run of all cases here\n\
             (timeouts and pauses add up to {most}, which is a limit and no estimate)"
        ),
    };
    if estimate.is_some() && plan.settle.is_some() {
        text += "\nwaits until the machine has settled are in the longest time only";
    }
    if plan.retries.count > 0 {
        text += "\nretries are not included";
    }
    text
}

/// Every attempt at its timeout, every pause, and every wait for rest at its limit.
fn at_most(plan: &Plan) -> Duration {
    let rest = plan.settle.map_or(Duration::ZERO, |settle| settle.limit);
    let timeouts = plan.slots.iter().map(|slot| plan.cases[slot.case].timeout);
    timeouts.fold(pauses(plan), |sum, timeout| {
        sum.saturating_add(timeout).saturating_add(rest)
    })
}

fn pauses(plan: &Plan) -> Duration {
    let count = u32::try_from(plan.slots.len().saturating_sub(1)).unwrap_or(u32::MAX);
    plan.cooldown.saturating_mul(count)
}

/// Where a run of the plan would be made, as far as can be told without starting a worker.
struct LikelyPlace {
    device: Device,
    machine: Machine,
}

impl LikelyPlace {
    fn find() -> Self {
        let device = match Gpus::find().count() {
            0 => Device::Cpu,
            _ => Device::Cuda(0),
        };
        let machine = machine(device);
        Self { device, machine }
    }

    /// Whether times from that run say something about times here.
    fn is_like(&self, manifest: &Manifest) -> bool {
        manifest.settings.device == self.device
            && manifest.machine.cpu == self.machine.cpu
            && manifest.machine.gpu == self.machine.gpu
    }

    fn threads(&self, case: &Case) -> u32 {
        case.threads.unwrap_or(self.machine.physical_cores)
    }
}

/// What the newest good attempts at the same work took on this machine, where there is one for every case.
fn estimate(plan: &Plan, results: &Path) -> Result<Option<Duration>, CommandError> {
    let runs = list_runs(results).map_err(CommandError::Record)?;
    let manifests: Vec<_> = runs
        .iter()
        .rev()
        .filter_map(|run| run.manifest.as_ref().ok())
        .collect();
    let place = LikelyPlace::find();
    let mut total = pauses(plan);
    for slot in &plan.slots {
        let case = &plan.cases[slot.case];
        match manifests.iter().find_map(|m| took(m, case, &place)) {
            Some(wall) => total = total.saturating_add(wall),
            None => return Ok(None),
        }
    }
    Ok(Some(total))
}

fn took(manifest: &Manifest, case: &Case, place: &LikelyPlace) -> Option<Duration> {
    if !place.is_like(manifest) {
        return None;
    }
    let threads = |known: &CaseRecord| known.case.threads.unwrap_or(manifest.settings.threads);
    let is_same = |known: &&CaseRecord| {
        known.case.work == case.work
            && known.case.isolation == case.isolation
            && known.case.worker == case.worker
            && threads(known) == place.threads(case)
    };
    let same = manifest.cases.iter().find(is_same)?;
    let newest = same.ok_attempts().last()?;
    Some(Duration::from_nanos(newest.wall_ns))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
