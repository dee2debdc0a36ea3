//! What a failing worker leaves in the record and on the screen. The endings themselves are in `fault_matrix`.

use std::fs;
use std::sync::Mutex;

use anechoic_integration_tests::Bench;
use anechoic_record::Outcome;

const CASES: &str = r#"
[[case]]
id = "good-before"
mode = "baseline"

[[case]]
id = "bad"
mode = "all-layers"

[[case]]
id = "good-after"
mode = "zero-layer"
"#;

/// Few at a time: the good cases must not be short of time.
const AT_A_TIME: usize = 4;

fn for_each_in_parallel<T: Sync>(rows: &[T], check: impl Fn(&T) + Sync) {
    let next = Mutex::new(rows.iter());
    let take = || {
        next.lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .next()
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(row) = take() {
                    check(row);
                }
            });
        }
    });
}

/// One run whose middle case has the fault; returns its outcome.
fn outcome(cases: &str, fault: &str) -> Outcome {
    let bench = Bench::new(cases, &format!("bad={fault}"));
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{fault}: {}", run.stderr);
    for good in ["capture.good-before", "capture.good-after"] {
        assert_eq!(bench.outcomes(good), [Outcome::Ok], "{fault}: {good}");
    }
    let outcomes: [Outcome; 1] = bench
        .outcomes("capture.bad")
        .try_into()
        .expect("one attempt");
    let [outcome] = outcomes;
    assert!(
        run.stderr.contains("capture.bad attempt 1: FAILED"),
        "{fault}: {}",
        run.stderr
    );
    assert!(
        !bench.attempt_file("capture.bad", 1, "result.json").exists(),
        "{fault}"
    );
    outcome
}

/// Settings of the bad case that ask for extra clock readings, a fault, and a part of its cause.
const READINGS: &[(&str, &str, &str)] = &[
    (
        "attribution = \"inside\"",
        "missing-readings",
        "inside_ns: asked for, and absent",
    ),
    (
        "attribution = \"paired\"",
        "missing-readings",
        "paired: asked for, and absent",
    ),
    (
        "fetch-breakdown = true",
        "missing-readings",
        "fetch_parts: asked for, and absent",
    ),
    (
        "attribution = \"paired\"",
        "short-pairs",
        "paired.on_ns: expected 2, got 1; sample 1: paired.off_ns: expected 2, got 1",
    ),
];

#[test]
fn extra_readings_come_as_asked_for_or_the_attempt_fails() {
    for_each_in_parallel(READINGS, |(setting, fault, cause)| {
        let mode = "mode = \"all-layers\"";
        let cases = CASES.replace(mode, &format!("{mode}\n{setting}"));
        let outcome = outcome(&cases, fault);
        assert_eq!(outcome.name(), "echo-mismatch", "{setting} {fault}");
        assert!(outcome.cause().contains(cause), "{}", outcome.cause());
        let bench = Bench::new(&cases, "");
        let run = bench.run(&["run", "suite.toml"]);
        assert_eq!(run.code, 0, "{setting}: {}", run.stderr);
    });
}

#[test]
fn noise_on_standard_error_is_kept_and_harms_nothing() {
    let bench = Bench::new(CASES, "bad=huge-stderr");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let log = fs::read(bench.attempt_file("capture.bad", 1, "stderr.log")).unwrap();
    assert!(log.len() > 4 << 20, "{} bytes", log.len());
    assert!(log.ends_with(b"the last words\n"));
}

#[test]
fn an_endless_line_fills_neither_memory_nor_disk() {
    let bench = Bench::new(CASES, "bad=endless-line");
    bench.run(&["run", "suite.toml"]);
    let log = bench
        .attempt_file("capture.bad", 1, "stdout.log")
        .metadata()
        .unwrap();
    assert!(log.len() < 17 << 20, "{} bytes", log.len());
}

#[test]
fn the_last_lines_of_a_failed_worker_are_shown_with_the_place_of_its_logs() {
    let bench = Bench::new(CASES, "bad=exit-3");
    let run = bench.run(&["run", "suite.toml"]);
    assert!(run.stderr.contains("  | parent-files"), "{}", run.stderr);
    assert!(
        run.stderr.contains("cases/capture.bad/attempt-1"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("anechoic rerun results/test_"),
        "{}",
        run.stderr
    );
}
