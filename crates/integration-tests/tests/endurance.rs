//! Many attempts in one orchestrator.

use std::fs;

use anechoic_integration_tests::Bench;

const CASE: &str = r#"
[[case]]
id = "one"
mode = "baseline"
"#;

/// Files that the orchestrator had open during an attempt, as its worker saw it.
fn parent_files(bench: &Bench, attempt: u32) -> u32 {
    let path = bench.attempt_file("capture.one", attempt, "stderr.log");
    let log = fs::read_to_string(path).expect("an attempt has a log");
    let count = log
        .lines()
        .find_map(|line| line.strip_prefix("parent-files "));
    let count = count.and_then(|text| text.parse().ok());
    count.expect("the worker logs what it saw")
}

#[test]
fn a_hundred_attempts_leave_no_file_open() {
    let bench = Bench::new(CASE, "");
    let run = bench.run(&["run", "suite.toml", "--attempts", "100"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(bench.outcomes("capture.one").len(), 100);
    assert_eq!(parent_files(&bench, 100), parent_files(&bench, 2));
}
