//! Runs many attempts of the fake worker through the real `anechoic`, with faults drawn at random, and prints as JSON
//! how they ended, what is left running, and what the orchestrator held while its first and its last worker ran:
//! `soak [ATTEMPTS [SEED]]`.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anechoic_integration_tests::Bench;
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
    let per_case = attempts.div_ceil(cases).to_string();
    let run = bench.run(&["run", "suite.toml", "--attempts", &per_case]);
    let wall = start.elapsed();
    let report = json!({
        "exit_code": run.code,
        "attempts": bench.manifest().cases.iter().map(|case| case.attempts.len()).sum::<usize>(),
        "endings": endings(&bench),
        "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        "alive_afterwards": bench.alive(),
        "orchestrator": held(&bench),
    });
    println!("{report:#}");
    // Half of the attempts fail on purpose.
    match run.code {
        10 => ExitCode::SUCCESS,
        _ => {
            eprintln!("{}", run.stderr);
            ExitCode::FAILURE
        }
    }
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

/// What workers saw of the orchestrator: the first and the last that looked, and the most.
fn held(bench: &Bench) -> serde_json::Value {
    let mut seen: Vec<(u32, u64, u64)> = Vec::new();
    for case in &bench.manifest().cases {
        for attempt in &case.attempts {
            seen.extend(look(bench, &case.case.id, attempt.attempt));
        }
    }
    seen.sort_unstable();
    let row = |(attempt, files, kib): &(u32, u64, u64)| json!({ "round": attempt, "open_files": files, "resident_kib": kib });
    json!({
        "first": seen.first().map(row),
        "last": seen.last().map(row),
        "most_open_files": seen.iter().map(|(_, files, _)| files).max(),
        "most_resident_kib": seen.iter().map(|(_, _, kib)| kib).max(),
    })
}

fn look(bench: &Bench, case: &str, attempt: u32) -> Option<(u32, u64, u64)> {
    let log = fs::read(bench.attempt_file(case, attempt, "stderr.log")).ok()?;
    let log = String::from_utf8_lossy(&log);
    let number = |name: &str| -> Option<u64> {
        let text = log.lines().find_map(|line| line.strip_prefix(name))?;
        text.trim().parse().ok()
    };
    Some((
        attempt,
        number("parent-files")?,
        number("parent-resident-kib")?,
    ))
}
