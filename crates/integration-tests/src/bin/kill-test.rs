//! Kills the orchestrator at random moments of short runs, goes on with each, and prints, as JSON, what that took:
//! `kill-test [RUNS [SEED]]`. Panics where a kill leaves what it must not leave.

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use anechoic_integration_tests::kills::{Draw, Killed, kill_and_resume, whole_run};
use serde_json::json;

fn main() -> ExitCode {
    let number = |index: usize, default: u64| {
        env::args()
            .nth(index)
            .map_or(Ok(default), |text| text.parse::<u64>())
    };
    let (Ok(runs), Ok(seed)) = (number(1, 200), number(2, 1)) else {
        eprintln!("usage: kill-test [RUNS [SEED]]");
        return ExitCode::from(2);
    };
    let start = Instant::now();
    let within = whole_run();
    let mut draw = Draw(seed);
    let killed: Vec<Killed> = (0..runs)
        .map(|_| kill_and_resume(&mut draw, within))
        .collect();
    let sum = |count: fn(&Killed) -> u32| killed.iter().map(count).sum::<u32>();
    let report = json!({
        "runs": runs,
        "seed": seed,
        "whole_run_ms": u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        "kills": sum(|k| k.kills),
        "kills_before_the_directory": sum(|k| k.before_the_directory),
        "attempts_cut_off": sum(|k| k.cut_off),
        "complete_before_the_kill": sum(|k| u32::from(k.after_the_end)),
        "complete_afterwards": killed.len(),
        "wall_s": start.elapsed().as_secs(),
    });
    println!("{report:#}");
    ExitCode::SUCCESS
}
