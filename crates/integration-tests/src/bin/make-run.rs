//! Writes a made-up run with many attempts below a results folder, for looking at how long reports and comparisons take:
//! `make-run RESULTS [key=value…]`. Prints the run's directory.

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anechoic_integration_tests::large_run::LargeRun;

const USAGE: &str = "usage: make-run RESULTS [cases=200] [attempts=10] [iterations=5] [seconds=20] [noise=0.01] [factor=1.0] [seed=1]
  cases       half of them latency, half capture
  attempts    per case; every 97th fails
  iterations  measured ones per attempt
  seconds     length of an attempt, with a reading of the machine each
  noise       standard deviation between processes, as a share of their times
  factor      all times are multiplied by it
  seed        of the noise; the run is called large-SEED_…";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let Some((root, settings)) = args
        .split_first()
        .filter(|(root, _)| !root.starts_with('-'))
    else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut run = LargeRun::default();
    for setting in settings {
        if set(&mut run, setting).is_none() {
            eprintln!("error: `{setting}` is no setting\n{USAGE}");
            return ExitCode::from(2);
        }
    }
    match run.write(Path::new(root)) {
        Ok(folder) => {
            println!("{}", folder.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: failed to write the run below `{root}`: {error}");
            ExitCode::FAILURE
        }
    }
}

fn set(run: &mut LargeRun, setting: &str) -> Option<()> {
    let (key, value) = setting.split_once('=')?;
    let count = || value.parse().ok().filter(|count| *count > 0);
    match key {
        "cases" => run.cases = count()?,
        "attempts" => run.attempts = count()?,
        "iterations" => run.iterations = count()?,
        "seconds" => run.seconds = count()?,
        "noise" => run.noise = value.parse().ok().filter(|n| (0.0..0.1).contains(n))?,
        "factor" => run.factor = value.parse().ok().filter(|f| (0.01..100.0).contains(f))?,
        "seed" => run.seed = value.parse().ok()?,
        _ => return None,
    }
    Some(())
}
