//! Runs many attempts of the fake worker through the real `anechoic`, with faults drawn at random, and prints as JSON
//! how they ended, what is left running, and what the orchestrator held while its first and its last worker ran:
//! `soak [ATTEMPTS [SEED]]`. Fails where anything is left running, a file is left open or memory grows.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anechoic_integration_tests::Bench;
use anechoic_integration_tests::soak::{Seen, Soaked};
use serde_json::json;

/// The most attempts that a suite takes per case.
const PER_CASE: u32 = 500;

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let mut number = |default: u32| args.next().map_or(Ok(default), |text| text.parse());
    let (Ok(attempts), Ok(seed)) = (number(2000), number(1)) else {
        eprintln!("usage: soak [ATTEMPTS [SEED]]");
        return ExitCode::from(2);
    };
    let cases = attempts.div_ceil(PER_CASE).max(1);
    let bench = Bench::new(&suite(cases), &format!("random-{seed}"));
    let start = Instant::now();
    let per_case = attempts.div_ceil(cases);
    let run = bench.run(&["run", "suite.toml", "--attempts", &per_case.to_string()]);
    let wall = start.elapsed();
    let soaked = Soaked {
        wanted: u64::from(per_case) * u64::from(cases),
        attempts: bench
            .manifest()
            .cases
            .iter()
            .map(|case| case.attempts.len() as u64)
            .sum(),
        code: run.code,
        alive: bench.alive(),
        seen: all_seen(&bench),
    };
    let problems = soaked.problems();
    let report = json!({
        "exit_code": soaked.code,
        "attempts": soaked.attempts,
        "endings": endings(&bench),
        "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        "alive_afterwards": soaked.alive,
        "orchestrator": held(&soaked.seen),
        "problems": problems,
    });
    println!("{report:#}");
    if problems.is_empty() {
        return ExitCode::SUCCESS;
    }
    // Half of the attempts fail on purpose: their lines are told only where something else is wrong.
    eprintln!("{}\n{}", run.stderr, problems.join("\n"));
    ExitCode::FAILURE
}

fn suite(cases: u32) -> String {
    let case =
        |number| format!("[[case]]\nid = \"c{number}\"\nmode = \"baseline\"\ntimeout = \"1s\"\n");
    (1..=cases).map(case).collect()
}

fn endings(bench: &Bench) -> BTreeMap<&'static str, usize> {
    let mut counts = BTreeMap::new();
    for case in &bench.manifest().cases {
        for attempt in &case.attempts {
            *counts.entry(attempt.outcome.name()).or_default() += 1;
        }
    }
    counts
}

/// What workers saw of the orchestrator, in the order of the rounds.
fn all_seen(bench: &Bench) -> Vec<Seen> {
    let mut seen = Vec::new();
    for case in &bench.manifest().cases {
        for attempt in &case.attempts {
            seen.extend(look(bench, &case.case.id, attempt.attempt));
        }
    }
    seen.sort_unstable();
    seen
}

/// The first and the last that looked, and the most.
fn held(seen: &[Seen]) -> serde_json::Value {
    json!({
        "first": seen.first(),
        "last": seen.last(),
        "most_open_files": seen.iter().map(|seen| seen.open_files).max(),
        "most_resident_kib": seen.iter().map(|seen| seen.resident_kib).max(),
    })
}

fn look(bench: &Bench, case: &str, attempt: u32) -> Option<Seen> {
    let log = fs::read(bench.attempt_file(case, attempt, "stderr.log")).ok()?;
    let log = String::from_utf8_lossy(&log);
    let number = |name: &str| -> Option<u64> {
        let text = log.lines().find_map(|line| line.strip_prefix(name))?;
        text.trim().parse().ok()
    };
    Some(Seen {
        round: attempt,
        open_files: number("parent-files")?,
        resident_kib: number("parent-resident-kib")?,
    })
}
