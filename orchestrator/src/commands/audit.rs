//! `anechoic audit`: the cases of a suite alone and together in one process, and what one leaves for the others.

use anechoic_report::Audit;
use anechoic_suite::{Case, Plan};

use super::CommandError;
use super::execute::open_audit;
use super::finish::{Finished, finish_audit};
use super::suite::{locate, make_plan, read_suite};
use crate::cli::{AuditArgs, FailOn};
use crate::exit_code::ExitCode;

pub(super) fn audit(args: &AuditArgs) -> Result<ExitCode, CommandError> {
    let suite = read_suite(&args.suite)?;
    let plan = make_plan(&suite, &args.options())?;
    check(&plan)?;
    let audit = plan.audited(args.rounds, args.shuffles, args.seed);
    let place = args.place();
    let run = open_audit(audit, suite.text(), &locate(&args.suite), &place)?;
    let made = run.execute(place.format)?;
    let finished = finish_audit(&made, args.format)?;
    Ok(exit_code(&finished, args.fail_on))
}

/// Cases that share a process have to share what a process has.
fn check(plan: &Plan) -> Result<(), CommandError> {
    let [first, others @ ..] = &plan.cases[..] else {
        return Err(alone(plan));
    };
    if others.is_empty() {
        return Err(alone(plan));
    }
    let differing = others
        .iter()
        .find_map(|other| Some((other, differs(first, other)?)));
    match differing {
        None => Ok(()),
        Some((other, what)) => Err(CommandError::NotShared {
            first: first.id.clone(),
            other: other.id.clone(),
            what,
        }),
    }
}

fn alone(plan: &Plan) -> CommandError {
    CommandError::NothingToRun(format!(
        "an audit needs at least two cases, and `{}` has {} here",
        plan.name,
        plan.cases.len()
    ))
}

fn differs(first: &Case, other: &Case) -> Option<&'static str> {
    if first.worker != other.worker {
        return Some("`worker`");
    }
    (first.isolation != other.isolation).then_some("their isolation")
}

/// An interruption first, then what was found where that is to fail, then what is missing.
fn exit_code(finished: &Finished, fail_on: Option<FailOn>) -> ExitCode {
    let found = finished.summary.audit.as_ref().is_some_and(Audit::found);
    match (finished.exit_code(), fail_on) {
        (ExitCode::Interrupted, _) => ExitCode::Interrupted,
        _ if finished.summary.tally.ok_attempts == 0 => ExitCode::Nothing,
        (_, Some(FailOn::CarryOver)) if found => ExitCode::Regression,
        (code, _) => code,
    }
}
