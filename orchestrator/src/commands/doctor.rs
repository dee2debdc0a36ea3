//! `anechoic doctor`: whether this machine is fit to measure. Changes nothing.

use std::path::Path;

use anechoic_protocol::Device;
use anechoic_suite::{Plan, PlanOptions, Requirements, SuiteError};

use super::CommandError;
use super::execute::TakenPlace;
use super::offers::{offers, own_workers};
use super::suite::{make_plan, read_suite};
use super::terms::attempts;
use crate::cli::DoctorArgs;
use crate::doctor::{
    Check, DeviceFacts, Finding, Question, WorkerFacts, find, gather, is_fit, is_held, json, text,
};
use crate::exit_code::ExitCode;
use crate::probe::Gpus;
use crate::process::{HELLO_MARK, Launch};
use crate::reporter::{Format, print_data};
use crate::runner::{Greeting, greeting};
use crate::settings::{DeviceChoice, Offer, find_worker};

/// What a suite asks of the machine.
#[derive(Debug, Default)]
struct Asked {
    requirements: Requirements,
    plan: Option<Result<Plan, String>>,
}

pub(super) fn doctor(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let asked = asked(args)?;
    let plan = asked.plan.as_ref().and_then(|plan| plan.as_ref().ok());
    let wanted = args.device.resolve(&Gpus::find()).unwrap_or(Device::Cpu);
    let worker = ask_worker(args, plan, wanted);
    let facts = gather(Question {
        results: &args.results.root,
        device: choose(args.device, &worker, plan, wanted),
        worker,
        requirements: asked.requirements,
        suite: asked.plan.map(|plan| plan.map(|plan| summary(&plan))),
    });
    let findings = find(&facts);
    let shown = match args.format {
        Format::Text => text(&findings),
        Format::Json => json(&facts, &findings),
    };
    print_data(&shown).map_err(CommandError::Stdout)?;
    Ok(match is_fit(&findings) {
        true => ExitCode::Done,
        false => ExitCode::Unfit,
    })
}

/// What is found before a plan is measured with a worker on a device that is ours.
pub(super) fn examine(
    plan: &Plan,
    requirements: &Requirements,
    results: &Path,
    taken: &TakenPlace,
) -> Vec<Finding> {
    let worker = match own_workers(plan) {
        true => WorkerFacts::NotNeeded,
        false => WorkerFacts::Asked {
            greeting: greeting(&Launch::plain(taken.worker.clone(), HELLO_MARK)),
            path: taken.worker.clone(),
        },
    };
    let facts = gather(Question {
        results,
        device: DeviceFacts::Chosen(taken.device),
        worker,
        requirements: requirements.clone(),
        suite: Some(Ok(summary(plan))),
    });
    let mut findings = find(&facts);
    // It is ours.
    findings.retain(|found| found.check != Check::Locks);
    findings
}

/// Reads the suite. What it names and is not here is a finding; all else that is wrong with it ends the command.
fn asked(args: &DoctorArgs) -> Result<Asked, CommandError> {
    let Some(path) = &args.suite else {
        return Ok(Asked::default());
    };
    let suite = read_suite(path)?;
    let plan = match make_plan(&suite, &PlanOptions::default()) {
        Ok(plan) => Ok(plan),
        Err(CommandError::NoModel(error) | CommandError::NoProgram(error)) => {
            Err(first_line(&error))
        }
        Err(other) => return Err(other),
    };
    Ok(Asked {
        requirements: suite.requirements().clone(),
        plan: Some(plan),
    })
}

fn first_line(error: &SuiteError) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().to_owned()
}

fn summary(plan: &Plan) -> String {
    format!(
        "{}: {} case(s), {}; all that it names is here",
        plan.name,
        plan.cases.len(),
        attempts(plan)
    )
}

/// Looks for the worker and asks it, unless somebody measures on the device: a worker that starts would be heard.
fn ask_worker(args: &DoctorArgs, plan: Option<&Plan>, wanted: Device) -> WorkerFacts {
    if args.worker.is_none() && plan.is_some_and(own_workers) {
        return WorkerFacts::NotNeeded;
    }
    match (find_worker(args.worker.as_deref()), is_held(wanted)) {
        (Err(error), _) => WorkerFacts::Absent(error.to_string()),
        (Ok(path), true) => WorkerFacts::Spared(path),
        (Ok(path), false) => WorkerFacts::Asked {
            greeting: greeting(&Launch::plain(path.clone(), HELLO_MARK)),
            path,
        },
    }
}

/// The device that a run would use, by the same rule.
fn choose(
    choice: DeviceChoice,
    worker: &WorkerFacts,
    plan: Option<&Plan>,
    wanted: Device,
) -> DeviceFacts {
    let gpus = Gpus::find();
    let asked = std::iter::once_with(|| asked_offer(worker)).flatten();
    let own = plan.filter(|_| !is_held(wanted));
    let own = own.into_iter().flat_map(|plan| {
        let cases = plan.cases.iter().filter(|case| case.worker.is_some());
        offers(cases, Path::new(""))
    });
    match choice.settle(&gpus, asked.chain(own)) {
        Err(error) => DeviceFacts::Refused(error.to_string()),
        Ok(Device::Cpu) if choice == DeviceChoice::Auto && gpus.count() > 0 => {
            DeviceFacts::PassedOver(Device::Cpu)
        }
        Ok(device) => DeviceFacts::Chosen(device),
    }
}

fn asked_offer(worker: &WorkerFacts) -> Option<Offer> {
    match worker {
        WorkerFacts::Asked {
            greeting: Greeting::Hello { devices, .. },
            path,
        } => Some(Offer {
            worker: path.display().to_string(),
            devices: devices.clone(),
        }),
        WorkerFacts::Asked { .. }
        | WorkerFacts::Spared(_)
        | WorkerFacts::Absent(_)
        | WorkerFacts::NotNeeded => None,
    }
}
