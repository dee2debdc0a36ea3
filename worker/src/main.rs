//! `anechoic-worker`: maps the command line to the library, and results to exit codes.

use std::error::Error;
use std::process::ExitCode;

use anechoic_worker::cli::{Cli, Command, Forward, Text, Train};
use anechoic_worker::device::Place;
use anechoic_worker::emit::Emitter;
use anechoic_worker::forward::{self, ForwardArgs};
use anechoic_worker::session::{self, JobSource};
use anechoic_worker::slow_down::SlowDown;
use anechoic_worker::text;
use anechoic_worker::train::{self, Recipe};
use clap::Parser;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let slowed = cli.slowed();
    let done = match cli.command {
        Some(Command::Forward(args)) => forward(args),
        Some(Command::Text(args)) => write_text(&args),
        Some(Command::Train(args)) => train_model(&args),
        None => serve(cli.job.as_deref(), slowed),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: failed to {}", chain(&*error));
            ExitCode::FAILURE
        }
    }
}

fn serve(job: Option<&std::path::Path>, slowed: Option<SlowDown>) -> Result<(), Box<dyn Error>> {
    let source = match job {
        None => JobSource::Stdin,
        Some(path) => {
            let text = std::fs::read_to_string(path);
            JobSource::Text(text.map_err(|e| format!("read `{}`: {e}", path.display()))?)
        }
    };
    let emitter = Emitter::claim_stdout().map_err(|e| format!("claim standard output: {e}"))?;
    session::run(emitter, source, slowed)
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

fn write_text(args: &Text) -> Result<(), Box<dyn Error>> {
    match &args.output {
        None => text::write(args.tokens, args.seed, std::io::stdout().lock())
            .map_err(|e| format!("write the text: {e}"))?,
        Some(path) => std::fs::File::create(path)
            .and_then(|file| text::write(args.tokens, args.seed, file))
            .map_err(|e| format!("write `{}`: {e}", path.display()))?,
    }
    Ok(())
}

fn train_model(args: &Train) -> Result<(), Box<dyn Error>> {
    tch::set_num_threads(i32::from(args.threads.min(i16::MAX as u16)));
    let recipe = Recipe::shipped(args.sharing.into(), args.steps, args.seed);
    train::to_folder(&recipe, &args.output, &mut |line| eprintln!("{line}"))?;
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
