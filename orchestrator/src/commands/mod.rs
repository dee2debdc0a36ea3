//! The commands, one file each. They read arguments, call the parts that do the work, and print.

mod attempt;
mod audit;
mod capture;
mod case_row;
mod compare;
mod conditions;
mod doctor;
mod error;
mod execute;
mod finish;
mod go_on;
mod ground;
mod hold;
mod kv;
mod list;
mod logs;
mod next_step;
mod offers;
mod passed;
mod plan;
mod report;
mod rerun;
mod resume;
mod run;
mod schema;
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
        Command::Plan(args) => plan::plan(&args),
        Command::Capture(args) => capture::capture(&args),
        Command::Kv(args) => kv::kv(&args),
        Command::Report(args) => report::report(&args),
        Command::Compare(args) => compare::compare(&args),
        Command::List(args) => list::list(&args),
        Command::Worker(args) => worker::worker(&args),
        Command::Schema(args) => schema::schema(&args),
        Command::Guard { orchestrator } => {
            keep_guard(&orchestrator);
            Ok(ExitCode::Done)
        }
        Command::Attempt { request } => attempt::attempt(&request),
        Command::Doctor(args) => doctor::doctor(&args),
    }
}
