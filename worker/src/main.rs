//! `anechoic-worker`: maps the command line to the library, and results to exit codes.

use std::error::Error;
use std::process::ExitCode;

use anechoic_worker::cli::{Cli, Command, Forward};
use anechoic_worker::device::Place;
use anechoic_worker::emit::Emitter;
use anechoic_worker::forward::{self, ForwardArgs};
use anechoic_worker::session::{self, JobSource};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Some(Command::Forward(args)) => forward(args),
        None => serve(cli.job.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: failed to {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(job: Option<&std::path::Path>) -> Result<(), Box<dyn Error>> {
    let source = match job {
        None => JobSource::Stdin,
        Some(path) => {
            let text = std::fs::read_to_string(path);
            JobSource::Text(text.map_err(|e| format!("read `{}`: {e}", path.display()))?)
        }
    };
    let emitter = Emitter::claim_stdout().map_err(|e| format!("claim standard output: {e}"))?;
    session::run(emitter, source)
}

fn forward(args: Forward) -> Result<(), Box<dyn Error>> {
    let place = Place::open(args.device)?;
    forward::run(&ForwardArgs {
        model: args.model,
        tokens: args.tokens,
        output: args.output,
        dtype: args.dtype,
        device: place.torch(),
    })?;
    Ok(())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
