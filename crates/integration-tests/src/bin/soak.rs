//! Runs many attempts of the fake worker through the real `anechoic` and prints, as JSON, what the
//! orchestrator held while its first and its last worker ran: `soak [ATTEMPTS]`.

use std::env;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use anechoic_integration_tests::Bench;
use serde_json::json;

const CASE: &str = r#"
[[case]]
id = "one"
mode = "baseline"
"#;

fn main() -> ExitCode {
    let attempts = env::args()
        .nth(1)
        .map_or(Ok(1000), |text| text.parse::<u32>());
    let Ok(attempts) = attempts else {
        eprintln!("usage: soak [ATTEMPTS]");
        return ExitCode::from(2);
    };
    let bench = Bench::new(CASE, "");
    let start = Instant::now();
    let run = bench.run(&["run", "suite.toml", "--attempts", &attempts.to_string()]);
    let wall = start.elapsed();
    if run.code != 0 {
        eprintln!("{}", run.stderr);
        return ExitCode::FAILURE;
    }
    let manifest = bench.manifest();
    let workers: u64 = manifest.cases[0]
        .attempts
        .iter()
        .map(|attempt| attempt.wall_ns)
        .sum();
    let report = json!({
        "attempts": attempts,
        "wall_ms": u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        "workers_ms": workers / 1_000_000,
        "first": seen(&bench, 1),
        "last": seen(&bench, attempts),
    });
    println!("{report:#}");
    ExitCode::SUCCESS
}

/// What a worker saw of the orchestrator.
fn seen(bench: &Bench, attempt: u32) -> serde_json::Value {
    let path = bench.attempt_file("capture.one", attempt, "stderr.log");
    let log = fs::read_to_string(path).unwrap_or_default();
    let number = |name: &str| {
        let text = log.lines().find_map(|line| line.strip_prefix(name))?;
        text.trim().parse::<u64>().ok()
    };
    json!({
        "open_files": number("parent-files"),
        "resident_kib": number("parent-resident-kib"),
    })
}
