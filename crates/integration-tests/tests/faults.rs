//! Every way in which a worker can fail: what becomes of it in the record, and that the suite goes on.

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

/// Faults that end by themselves, with the outcome's name and a part of its cause.
const TABLE: &[(&str, &str, &str)] = &[
    (
        "wrong-version",
        "protocol-mismatch",
        "speaks protocol 2, this build speaks 1",
    ),
    ("foreign-hello", "protocol-mismatch", "speaks protocol 99"),
    ("second-hello", "protocol-violation", "a second hello"),
    ("no-hello", "protocol-violation", "a phase before its hello"),
    (
        "no-benchmark",
        "worker-failed",
        "(invalid-job): the worker offers no benchmark `capture`",
    ),
    (
        "other-device",
        "worker-failed",
        "(device-unavailable): the job needs cpu, the worker sees cuda:7",
    ),
    ("garbage", "protocol-violation", "`[W] loading kernels ...`"),
    ("not-text", "protocol-violation", "not UTF-8"),
    (
        "endless-line",
        "protocol-violation",
        "longer than the 16777216 bytes",
    ),
    ("exit-3", "exit-code", "exited with code 3"),
    ("segv", "signal", "SIGSEGV (signal 11)"),
    ("abort", "signal", "SIGABRT (signal 6)"),
    ("kill", "signal", "SIGKILL (signal 9)"),
    ("kill-in-line", "signal", "SIGKILL (signal 9)"),
    (
        "exit-in-line",
        "protocol-violation",
        "in the middle of a line (12 bytes)",
    ),
    (
        "no-result",
        "protocol-violation",
        "code 0 and without a result",
    ),
    (
        "two-results",
        "protocol-violation",
        "a result after its last message",
    ),
    (
        "after-result",
        "protocol-violation",
        "a warning after its last message",
    ),
    ("result-then-exit-7", "exit-code", "exited with code 7"),
    ("result-then-segv", "signal", "SIGSEGV"),
    (
        "wrong-echo",
        "echo-mismatch",
        "work.workload.batch_size: asked 2, used 1",
    ),
    (
        "wrong-rows",
        "echo-mismatch",
        "captured_rows: expected 48, got 47",
    ),
    (
        "missing-sample",
        "protocol-violation",
        "after 1 of 2 samples",
    ),
    (
        "sample-order",
        "protocol-violation",
        "sample 2 where 1 was due",
    ),
    (
        "bad-verification",
        "verification-failed",
        "verification failed: none: nothing is computed: an error of 1 was found",
    ),
    (
        "no-verification",
        "protocol-violation",
        "finished without a verification",
    ),
    (
        "empty-verification",
        "protocol-violation",
        "its verification compared nothing",
    ),
    (
        "extra-readings",
        "echo-mismatch",
        "sample 1: inside_ns: not asked for, and there",
    ),
    (
        "fail-invalid-job",
        "worker-failed",
        "(invalid-job): as told",
    ),
    (
        "fail-device-unavailable",
        "worker-failed",
        "(device-unavailable): as told",
    ),
    ("fail-model-load", "worker-failed", "(model-load): as told"),
    (
        "fail-verification",
        "verification-failed",
        "verification failed: as told",
    ),
    (
        "fail-out-of-memory",
        "host-out-of-memory",
        "the host has no memory left: as told",
    ),
    (
        "fail-device-out-of-memory",
        "device-out-of-memory",
        "the device has no memory left: as told",
    ),
    ("fail-stopped", "worker-failed", "(stopped): as told"),
    ("fail-internal", "worker-failed", "(internal): as told"),
    (
        "closes-stdout",
        "protocol-violation",
        "closed its standard output",
    ),
];

/// Faults that only a limit ends.
const HANGS: &[(&str, &str)] = &[
    ("hang-in-start", "timed out in start after 3 s"),
    ("hang-in-load", "timed out in load after 3 s"),
    ("hang-in-verify", "timed out in verify after 3 s"),
    ("hang-in-warm-up", "timed out in warm-up after 3 s"),
    ("hang-in-measure", "timed out in measure after 3 s"),
    ("hang-in-stop", "timed out in stop after 3 s"),
    ("stubborn", "timed out in measure after 3 s"),
    ("obedient", "timed out in measure after 3 s"),
];

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

#[test]
fn every_fault_has_its_outcome_and_the_suite_goes_on() {
    for_each_in_parallel(TABLE, |(fault, name, cause)| {
        let outcome = outcome(CASES, fault);
        assert_eq!(outcome.name(), *name, "{fault}: {}", outcome.cause());
        assert!(
            outcome.cause().contains(cause),
            "{fault}: {}",
            outcome.cause()
        );
    });
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
fn every_hang_is_ended_and_named_with_its_phase() {
    let cases = CASES.replace(
        "mode = \"all-layers\"",
        "mode = \"all-layers\"\ntimeout = \"3s\"",
    );
    for_each_in_parallel(HANGS, |(fault, cause)| {
        let outcome = outcome(&cases, fault);
        assert_eq!(outcome.cause(), *cause, "{fault}");
    });
}

#[test]
fn a_worker_that_cannot_be_started_is_an_outcome() {
    let bench = Bench::new(CASES, "");
    let worker = bench.write("worker", "#!/nonexistent/interpreter\n");
    let mut permissions = worker.metadata().unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o755);
    fs::set_permissions(&worker, permissions).unwrap();
    let run = bench.run(&["run", "suite.toml", "--worker", worker.to_str().unwrap()]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let outcomes: [Outcome; 1] = bench
        .outcomes("capture.bad")
        .try_into()
        .expect("one attempt");
    let [outcome] = outcomes;
    assert_eq!(outcome.name(), "spawn-failed");
    assert!(
        outcome.cause().contains("No such file"),
        "{}",
        outcome.cause()
    );
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
