//! `anechoic doctor`: whether this machine is fit to measure. Changes nothing.

use anechoic_suite::{Plan, PlanOptions, Requirements, SuiteError};

use super::CommandError;
use super::suite::{make_plan, read_suite};
use crate::cli::DoctorArgs;
use crate::doctor::{
    DeviceFacts, LockFacts, Question, WorkerFacts, find, gather, is_fit, json, lock_of, text,
};
use crate::exit_code::ExitCode;
use crate::probe::Gpus;
use crate::reporter::{Format, print_data};
use crate::runner::{Greeting, greeting};
use crate::settings::{DeviceChoice, find_worker};
use anechoic_protocol::Device;

/// What a suite asks of the machine.
#[derive(Debug, Default)]
struct Asked {
    requirements: Requirements,
    plan: Option<Result<Plan, String>>,
}

pub(super) fn doctor(args: &DoctorArgs) -> Result<ExitCode, CommandError> {
    let asked = asked(args)?;
    let worker = ask_worker(args, &asked);
    let facts = gather(Question {
        results: &args.results.root,
        device: choose(args.device, &worker),
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
        "{}: {} case(s), {} attempt(s) each; all that it names is here",
        plan.name,
        plan.cases.len(),
        plan.attempts
    )
}

fn ask_worker(args: &DoctorArgs, asked: &Asked) -> WorkerFacts {
    if let Some(Ok(plan)) = &asked.plan {
        let has_own = plan.cases.iter().all(|case| case.worker.is_some());
        if has_own && args.worker.is_none() {
            return WorkerFacts::NotNeeded;
        }
    }
    match find_worker(args.worker.as_deref()) {
        Err(error) => WorkerFacts::Absent(error.to_string()),
        Ok(path) => match who_measures(args.device) {
            Some(holder) => WorkerFacts::NotAsked { path, holder },
            None => WorkerFacts::Asked {
                greeting: greeting(&path),
                path,
            },
        },
    }
}

/// Who has the device or the CPU: the start of a worker would be heard on both.
fn who_measures(choice: DeviceChoice) -> Option<String> {
    let wanted = choice.resolve(&Gpus::find()).unwrap_or(Device::Cpu);
    [wanted, Device::Cpu]
        .into_iter()
        .find_map(|device| match lock_of(device) {
            LockFacts::Held { holder, .. } => Some(holder),
            LockFacts::Free(_) | LockFacts::Refused(_) => None,
        })
}

fn choose(choice: DeviceChoice, worker: &WorkerFacts) -> DeviceFacts {
    let gpus = Gpus::find();
    if let WorkerFacts::NotAsked { .. } = worker {
        let resolved = choice.resolve(&gpus);
        return resolved.map_or_else(
            |error| DeviceFacts::Refused(error.to_string()),
            DeviceFacts::Chosen,
        );
    }
    match choice.settle(&gpus, || offered(worker)) {
        Err(error) => DeviceFacts::Refused(error.to_string()),
        Ok(Device::Cpu) if choice == DeviceChoice::Auto && gpus.count() > 0 => {
            DeviceFacts::PassedOver(Device::Cpu)
        }
        Ok(device) => DeviceFacts::Chosen(device),
    }
}

fn offered(worker: &WorkerFacts) -> Vec<Device> {
    match worker {
        WorkerFacts::Asked {
            greeting: Greeting::Hello { devices, .. },
            ..
        } => devices.clone(),
        WorkerFacts::Asked { .. }
        | WorkerFacts::NotAsked { .. }
        | WorkerFacts::Absent(_)
        | WorkerFacts::NotNeeded => Vec::new(),
    }
}
