//! The commands, one file each. They read arguments, call the parts that do the work, and print.

mod capture;
mod error;
mod execute;
mod finish;
mod list;
mod next_step;
mod plan;
mod report;
mod rerun;
mod run;
mod suite;

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
        Command::Report(args) => report::report(&args),
        Command::List(args) => list::list(&args),
    }
}
