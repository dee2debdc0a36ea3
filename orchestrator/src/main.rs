//! `anechoic`: runs every configuration of a suite in a process of its own and records what happened.
//! This file maps a result to an exit code and prints errors; nothing else.

#![deny(unsafe_code)]

mod cli;
mod commands;
mod conformance;
mod doctor;
mod exit_code;
mod lock;
mod nightly;
mod notify;
mod probe;
mod process;
mod reporter;
mod retention;
mod runner;
mod schedule;
mod settings;
mod slurm;

use crate::exit_code::ExitCode;

fn main() -> ExitCode {
    let cli = cli::read();
    process::survive_file_limit();
    match commands::carry_out(cli.command) {
        Ok(code) => code,
        Err(error) => {
            reporter::say(&error.text());
            error.exit_code()
        }
    }
}
