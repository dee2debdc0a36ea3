//! The commands, one file each. They read arguments, call the parts that do the work, and print.

mod attempt;
mod audit;
mod capture;
mod case_row;
mod certificates;
mod certify;
mod compare;
mod conditions;
mod doctor;
mod error;
mod execute;
mod finish;
mod further;
mod go_on;
mod ground;
mod history;
mod hold;
mod index;
mod kv;
mod list;
mod logs;
mod next_step;
mod nightly;
mod offers;
mod passed;
mod plan;
mod prune;
mod report;
mod rerun;
mod resume;
mod run;
mod schedule;
mod schema;
mod stop_between;
mod suite;
mod target;
mod terms;
mod worker;

pub(crate) use error::CommandError;

use crate::cli::Command;
use crate::exit_code::ExitCode;
use crate::process::keep_guard;

/// Carries out a command.
pub(crate) fn carry_out(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Rerun(args) => rerun::rerun(&args),
        Command::Resume(args) => resume::resume(&args),
        Command::Audit(args) => audit::audit(&args),
        Command::Certify(args) => certify::certify(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Capture(args) => capture::capture(&args),
        Command::Kv(args) => kv::kv(&args),
        Command::Report(args) => report::report(&args),
        Command::Nightly(args) => nightly::nightly(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::History(args) => history::history(&args),
        Command::List(args) => list::list(&args),
        Command::Prune(args) => prune::prune(&args),
        Command::Index(args) => index::index(&args),
        Command::Worker(args) => worker::worker(&args),
        Command::Schedule(args) => schedule::schedule(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Guard { orchestrator } => {
            keep_guard(&orchestrator);
            Ok(ExitCode::Done)
        }
        Command::Attempt { request } => attempt::attempt(&request),
        Command::Doctor(args) => doctor::doctor(&args),
    }
}
