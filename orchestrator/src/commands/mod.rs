//! The commands, one file each. They read arguments, call the parts that do the work, and print.

mod capture;
mod case_row;
mod error;
mod execute;
mod finish;
mod kv;
mod list;
mod next_step;
mod plan;
mod report;
mod rerun;
mod run;
mod suite;
mod target;
mod worker;

pub(crate) use error::CommandError;

use crate::cli::Command;
use crate::exit_code::ExitCode;

/// Carries out a command.
pub(crate) fn carry_out(command: Command) -> Result<ExitCode, CommandError> {
    match command {
        Command::Run(args) => run::run(&args),
        Command::Rerun(args) => rerun::rerun(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Capture(args) => capture::capture(&args),
        Command::Kv(args) => kv::kv(&args),
        Command::Report(args) => report::report(&args),
        Command::List(args) => list::list(&args),
        Command::Worker(args) => worker::worker(&args),
    }
}
