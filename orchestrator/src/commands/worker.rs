//! `anechoic worker check`: attacks a worker and says which rules of the protocol hold.

use std::fs;
use std::path::Path;

use anechoic_protocol::{Device, Job};
use serde_json::json;

use super::CommandError;
use super::execute::supervise;
use super::hold::hold_device;
use super::list::columns;
use crate::cli::{CheckArgs, WorkerAction, WorkerArgs};
use crate::conformance::{Ammunition, Checked, State, Subject, Verdict, check};
use crate::exit_code::ExitCode;
use crate::probe::Gpus;
use crate::process::Guard;
use crate::reporter::{Format, duration, print_data, say};
use crate::runner::Interrupts;
use crate::settings::find_program;

/// Version of the JSON of `worker check`.
const SCHEMA_VERSION: u32 = 1;

pub(super) fn worker(args: &WorkerArgs) -> Result<ExitCode, CommandError> {
    match &args.action {
        WorkerAction::Check(args) => check_worker(args),
    }
}

fn check_worker(args: &CheckArgs) -> Result<ExitCode, CommandError> {
    let subject = subject(args)?;
    let ammunition = Ammunition {
        parameters: args.parameters.iter().cloned().collect(),
        jobs: args
            .job
            .iter()
            .map(|path| read_job(path))
            .collect::<Result<_, _>>()?,
        only: args.only.clone(),
    };
    // Attacks are heard by whoever measures.
    let _device = hold_device(Device::Cpu, &Gpus::find(), args.wait)?;
    say(&format!(
        "starting it anew for every rule; where it hangs, that takes {}",
        duration(subject.timeout)
    ));
    let Some(checked) = attack(&subject, &ammunition)? else {
        say("stopped; the worker and what it had started were ended");
        return Ok(ExitCode::Interrupted);
    };
    let text = match args.format {
        Format::Text => text(&args.command, &checked),
        Format::Json => format!("{:#}\n", as_json(&args.command, &checked)),
    };
    print_data(&text).map_err(CommandError::Stdout)?;
    Ok(match count(&checked, State::Broken) {
        0 => ExitCode::Done,
        _ => ExitCode::CasesFailed,
    })
}

fn subject(args: &CheckArgs) -> Result<Subject, CommandError> {
    let (name, arguments) = args.command.split_first().expect("clap requires a program");
    let program = find_program(name, Path::new(".")).map_err(CommandError::NoSubject)?;
    Ok(Subject {
        program: program.into(),
        arguments: arguments.to_vec(),
        timeout: args.timeout,
    })
}

fn read_job(path: &Path) -> Result<Job, CommandError> {
    let refused = |cause: String| CommandError::JobFile {
        path: path.to_owned(),
        cause,
    };
    let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| refused(error.to_string()))
}

/// One thread: a worker's parent-death signal follows the thread that spawned it. `None` where the user stopped it.
fn attack(subject: &Subject, ammunition: &Ammunition) -> Result<Option<Checked>, CommandError> {
    let guard = supervise();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CommandError::Runtime)?;
    let checked = runtime.block_on(until_stopped(subject, ammunition))?;
    guard.into_iter().for_each(Guard::dismiss);
    Ok(checked)
}

async fn until_stopped(
    subject: &Subject,
    ammunition: &Ammunition,
) -> Result<Option<Checked>, CommandError> {
    let mut interrupts = Interrupts::listen().map_err(CommandError::Runtime)?;
    let checked = tokio::select! {
        checked = check(subject, ammunition) => checked,
        _ = interrupts.next() => return Ok(None),
    };
    checked.map(Some).map_err(|error| CommandError::NotStarted {
        program: subject.program.clone(),
        cause: error.to_string(),
    })
}

fn count(checked: &Checked, state: State) -> usize {
    let verdicts = checked.verdicts.iter();
    verdicts.filter(|verdict| verdict.state == state).count()
}

fn text(command: &[String], checked: &Checked) -> String {
    let head = ["rule", "state", "what was seen"]
        .map(str::to_owned)
        .to_vec();
    let row = |verdict: &Verdict| {
        vec![
            verdict.rule.name(),
            verdict.state.as_str().to_owned(),
            shown(&verdict.detail),
        ]
    };
    let rows: Vec<_> = std::iter::once(head)
        .chain(checked.verdicts.iter().map(row))
        .collect();
    let [held, broken, not_tested] =
        [State::Held, State::Broken, State::NotTested].map(|state| count(checked, state));
    format!(
        "{}\n\n{}\n{held} held, {broken} broken, {not_tested} not tested\n",
        shown(&command.join(" ")),
        columns(&rows)
    )
}

/// A worker's words on one line, without what could steer a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn as_json(command: &[String], checked: &Checked) -> serde_json::Value {
    let rule = |verdict: &Verdict| {
        json!({
            "rule": verdict.rule.name(),
            "state": verdict.state.as_str(),
            "detail": verdict.detail,
        })
    };
    json!({
        "schema_version": SCHEMA_VERSION,
        "command": command,
        "worker": checked.worker,
        "rules": checked.verdicts.iter().map(rule).collect::<Vec<_>>(),
        "held": count(checked, State::Held),
        "broken": count(checked, State::Broken),
        "not_tested": count(checked, State::NotTested),
    })
}
