//! Writes a results root of many made-up nights, for demonstrations and for looking at how long histories take:
//! `make-history results=DIR [key=value…]`. Prints the names of its cases.

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use anechoic_integration_tests::made_history::MadeHistory;

const USAGE: &str = "usage: make-history results=DIR [runs=60] [seed=1] [step=3%@40] [creep=0.1%] [case=ID] [missed=17,18] [kernel=50]
                    [noise=1%] [run-noise=0.5%] [suite=nightly] [cases=3] [attempts=3] [iterations=5] [nights=yes]
  results     the folder; it is made
  runs        nights with a run each, one a day from 2026-01-01T02:30Z
  seed        of the noise
  step        all is slower by this, from that night on
  creep       each night is slower than the one before by this
  case        the only case that step and creep slow down
  missed      nights on which nothing is measured
  kernel      the night from which on the kernel is another
  noise       standard deviation between processes of a run
  run-noise   standard deviation between runs
  nights      whether the files of nights are written: yes or no; what they say follows from the settings, nothing is judged";

fn main() -> ExitCode {
    let mut history = MadeHistory::default();
    let mut root = None;
    for setting in env::args().skip(1) {
        if set(&mut history, &mut root, &setting).is_none() {
            return refuse(&format!("`{setting}` is no setting"));
        }
    }
    let Some(root) = root else {
        return refuse("`results=DIR` is missing");
    };
    let cases = history.case_ids();
    if let Some(case) = history.case.as_ref().filter(|case| !cases.contains(case)) {
        return refuse(&format!("`{case}` is none of {}", cases.join(", ")));
    }
    match history.write(&root) {
        Ok(_) => {
            println!("{}", cases.join("\n"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!(
                "error: failed to write the history below `{}`: {error}",
                root.display()
            );
            ExitCode::FAILURE
        }
    }
}

fn refuse(why: &str) -> ExitCode {
    eprintln!("error: {why}\n{USAGE}");
    ExitCode::from(2)
}

fn set(history: &mut MadeHistory, root: &mut Option<PathBuf>, setting: &str) -> Option<()> {
    let (key, value) = setting.split_once('=')?;
    match key {
        "results" => *root = Some(PathBuf::from(value)),
        "runs" => history.runs = count(value)?,
        "seed" => history.seed = value.parse().ok()?,
        "step" => {
            let (by, at) = value.split_once('@')?;
            history.step = Some((share(by)?, count(at)?));
        }
        "creep" => history.creep = share(value)?,
        "case" => history.case = Some(value.to_owned()),
        "missed" => history.missed = value.split(',').map(count).collect::<Option<_>>()?,
        "kernel" => history.kernel = Some(count(value)?),
        "noise" => history.noise = share(value)?,
        "run-noise" => history.run_noise = share(value)?,
        "suite" => history.suite = value.to_owned(),
        "cases" => history.cases = count(value)?,
        "attempts" => history.attempts = count(value)?,
        "iterations" => history.iterations = count(value)?,
        "nights" => {
            history.nights = match value {
                "yes" => true,
                "no" => false,
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(())
}

fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}

/// A share of at most a half, written in per cent.
fn share(text: &str) -> Option<f64> {
    let per_cent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (-50.0..=50.0)
        .contains(&per_cent)
        .then_some(per_cent / 100.0)
}
