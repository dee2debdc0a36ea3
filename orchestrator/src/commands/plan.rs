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
use super::terms::{attempts, cooldown, policies, workers};
use crate::cli::PlanArgs;
use crate::exit_code::ExitCode;
use crate::probe::{Gpus, machine};
use crate::reporter::{Format, duration, print_data};

pub(super) fn plan(args: &PlanArgs) -> Result<ExitCode, CommandError> {
    let suite = read_suite(&args.suite)?;
    let plan = make_plan(&suite, &args.selection.options(None))?;
    let times = Times::of(&plan, &args.results.root)?;
    let text = match args.format {
        Format::Text => text(&plan, &times),
        Format::Json => format!(
            "{:#}\n",
            json!({
                "plan": plan,
                "expected_ms": times.expected.map(millis),
                "expected_longest_ms": times.expected_longest.map(millis),
                "at_most_ms": millis(times.at_most),
            })
        ),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}

/// How long a plan may take. The two of its longest form differ from the others where a stop rule can add attempts.
struct Times {
    /// As earlier runs took, where there is one of every case.
    expected: Option<Duration>,
    /// The same with every attempt that can be added.
    expected_longest: Option<Duration>,
    /// Every attempt that can be made at its timeout, every pause and every wait at its longest.
    at_most: Duration,
}

impl Times {
    fn of(plan: &Plan, results: &Path) -> Result<Self, CommandError> {
        let (longest, expected) = (longest(plan), estimate(plan, results)?);
        Ok(Self {
            expected,
            expected_longest: match plan.until {
                Some(_) => estimate(&longest, results)?,
                None => expected,
            },
            at_most: at_most(&longest),
        })
    }
}

fn text(plan: &Plan, times: &Times) -> String {
    let question = plan.question.iter().map(|question| format!("{question}\n"));
    let mut text: String = std::iter::once(format!("{}\n", plan.name))
        .chain(question)
        .collect();
    text += &format!(
        "{} cases, {}, {} order, {}\n{}\n",
        plan.cases.len(),
        attempts(plan),
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
    text += &further(plan);
    text + &format!("\n{}\n", time(plan, times))
}

/// What a stop rule may add.
fn further(plan: &Plan) -> String {
    let Some(rule) = plan.until.as_ref().filter(|rule| rule.max > plan.attempts) else {
        return String::new();
    };
    let most = rule.max - plan.attempts;
    format!(
        "then up to {most} further round(s), each of the cases that have not reached {}\n",
        rule.half_width_ppm
    )
}

/// The plan with every attempt that its stop rule can add.
fn longest(plan: &Plan) -> Plan {
    let most = plan.until.as_ref().map_or(plan.attempts, |rule| rule.max);
    Plan {
        slots: plan.order.slots(plan.cases.len(), most),
        ..plan.clone()
    }
}

fn time(plan: &Plan, times: &Times) -> String {
    let most = duration(times.at_most);
    let mut text = match times.expected {
        Some(expected) => format!(
            "about {}, as earlier runs of these cases took; at most about {most}, where every attempt takes its \
             timeout",
            expected_words(plan, expected, times.expected_longest)
        ),
        None => format!(
            "how long it takes is not known: there is no earlier run of all cases here\n\
             (timeouts and pauses add up to {most}, which is a limit and no estimate)"
        ),
    };
    if times.expected.is_some() && plan.settle.is_some() {
        text += "\nwaits until the machine has settled are in the longest time only";
    }
    if plan.retries.count > 0 {
        text += "\nretries are not included";
    }
    text
}

/// One time, or those of the fewest and of the most attempts.
fn expected_words(plan: &Plan, expected: Duration, longest: Option<Duration>) -> String {
    let rule = plan.until.as_ref().filter(|rule| rule.max > plan.attempts);
    match (rule, longest) {
        (Some(rule), Some(longest)) => format!(
            "{} with {} attempts each to {} with {}",
            duration(expected),
            plan.attempts,
            duration(longest),
            rule.max
        ),
        (Some(_), None) | (None, _) => duration(expected),
    }
}

/// The longest that a run of the plan takes by its own limits, with every attempt that can be added and every retry.
pub(super) fn longest_time(plan: &Plan) -> Duration {
    let timeouts = plan.cases.iter().map(|case| case.timeout);
    let timeouts = timeouts.fold(Duration::ZERO, Duration::saturating_add);
    let rest = plan.settle.map_or(Duration::ZERO, |settle| settle.limit);
    let cases = u32::try_from(plan.cases.len()).unwrap_or(u32::MAX);
    let pauses = plan.cooldown.saturating_add(rest).saturating_mul(cases);
    let retries = timeouts.saturating_add(pauses);
    let retries = retries.saturating_mul(plan.retries.count);
    at_most(&longest(plan)).saturating_add(retries)
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
