//! `cargo xtask`: sets the machine up, then builds, benches, tests and checks the project.
//! This file maps results to exit codes; a program that was started passes its own on.

mod cli;
mod env;
mod setup;
mod tasks;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Task};
use crate::env::Env;
use crate::tasks::TaskError;

fn main() -> ExitCode {
    let cli = Cli::parse_from(cli::keep_separator(std::env::args_os()));
    let result = Env::of_this_process()
        .map_err(TaskError::from)
        .and_then(|env| run(&env, cli.task));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error.report();
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(env: &Env, task: Task) -> Result<(), TaskError> {
    match task {
        Task::Setup { cuda, cpu, force } => {
            setup::setup(env, setup::Request::new(cuda, cpu, force)).map_err(TaskError::from)
        }
        Task::Bench { suite, args } => tasks::bench(env, suite, &args),
        Task::Test { args } => tasks::test(env, &args),
        Task::Ci => tasks::ci(env),
    }
}
