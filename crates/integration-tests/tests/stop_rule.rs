//! Runs under a stop rule: further processes until intervals are narrow enough, with the fake worker's times.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;

use anechoic_integration_tests::{Bench, gone, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{RuleVerdict, RunEvent, RunRecord, RunState, StartedBy};
use nix::sys::signal::Signal;

/// `steady` never varies, `noisy` is 40 % slower in every other attempt, `settling` 4 % slower in its first.
const DIALS: &str = "--slow-down 40% --slow-down-case *.noisy --slow-down-attempts 1,3,5 \
                     --slow-down 4% --slow-down-case *.settling --slow-down-attempts 1";

fn suite(attempts: &str) -> String {
    format!(
        r#"
schema-version = 1
name = "test"
cooldown = "0s"
attempts = {attempts}
order = "random:7"

[defaults]
benchmark = "capture"
model = "gpt2-tiny"
dtype = "f32"
batch-size = 2
prefill-tokens = 4
decode-tokens = 3
iterations = 2

[[case]]
id = "steady"
mode = "baseline"

[[case]]
id = "noisy"
mode = "baseline"

[[case]]
id = "settling"
mode = "baseline"
"#
    )
}

fn set_up(attempts: &str, faults: &str) -> Bench {
    Bench::with_suite(&suite(attempts), faults).with_dials(DIALS)
}

const RULE: &str = r#"{ until = "ci 2%", min = 3, max = 6 }"#;

fn record(bench: &Bench) -> RunRecord {
    RunRecord::load(&bench.latest()).unwrap()
}

/// Verdict and good attempts of a case.
fn standing(bench: &Bench, case: &str) -> (RuleVerdict, u32) {
    let record = record(bench);
    let checks = record.rule_checks().unwrap();
    let id = format!("capture.{case}");
    let mut found = record.manifest.cases.iter().zip(checks);
    let (_, check) = found.find(|(known, _)| known.case.id == id).unwrap();
    (check.verdict, check.processes)
}

fn names(bench: &Bench, case: &str) -> Vec<&'static str> {
    let outcomes = bench.outcomes(&format!("capture.{case}"));
    outcomes.iter().map(|outcome| outcome.name()).collect()
}

/// The attempts that were started, in order.
fn started(bench: &Bench) -> Vec<(String, u32)> {
    let start = |event: RunEvent| match event {
        RunEvent::AttemptStarted { case, attempt, .. } => Some((case, attempt)),
        _ => None,
    };
    bench.events().into_iter().filter_map(start).collect()
}

#[track_caller]
fn is_told(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn each_case_gets_the_processes_that_its_noise_needs() {
    let bench = set_up(RULE, "");
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(standing(&bench, "steady"), (RuleVerdict::Met, 3));
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::MaxReached, 6));
    let (verdict, settling) = standing(&bench, "settling");
    assert_eq!(verdict, RuleVerdict::Met);
    assert!((4..=6).contains(&settling), "{settling}");
    assert_eq!(bench.manifest().state, RunState::Complete);

    // Further rounds are interleaved: none of the two is two attempts ahead of the other.
    let attempts = started(&bench);
    let numbers: Vec<u32> = attempts.iter().map(|(_, attempt)| *attempt).collect();
    assert!(numbers.is_sorted(), "{attempts:?}");

    is_told(
        &run.stderr,
        &[
            "9 attempts, and more until ci 2%",
            "[1/9+]",
            "another round, of 2 case(s) that have not reached ci 2%: the widest is capture.noisy",
            "[11/11+]",
        ],
    );
    is_told(
        &run.stdout,
        &[
            "Stop rule",
            "reached",
            "not reached in 6 processes",
            "2 of 3 case(s)",
        ],
    );
    let markdown = fs::read_to_string(bench.latest().join("report.md")).unwrap();
    is_told(&markdown, &["## Stop rule", "| capture.noisy"]);

    let nothing = bench.run(&["resume", "latest"]);
    assert_eq!(nothing.code, 12, "{}", nothing.stderr);
    is_told(&nothing.stderr, &["is complete; nothing is owed"]);
    let rerun = bench.run(&["rerun", "latest"]);
    assert_eq!(rerun.code, 12);
    assert!(
        rerun.stderr.contains("that its stop rule wanted"),
        "{}",
        rerun.stderr
    );
}

#[test]
fn every_decision_is_recorded() {
    let bench = set_up(RULE, "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let checks = |wanted: &str| {
        let of_case = bench.events().into_iter().filter_map(|event| match event {
            RunEvent::RuleChecked { case, check } if case == wanted => Some(check),
            _ => None,
        });
        of_case.collect::<Vec<_>>()
    };
    let steady = checks("capture.steady");
    assert_eq!(
        steady.len(),
        1,
        "one that has reached it is not looked at again"
    );
    assert!(steady[0].half_width.unwrap() <= 0.02);
    let noisy = checks("capture.noisy");
    let found: Vec<_> = noisy.iter().map(|c| (c.processes, c.verdict)).collect();
    let another = RuleVerdict::Another;
    let last = (6, RuleVerdict::MaxReached);
    assert_eq!(found, [(3, another), (4, another), (5, another), last]);
    assert!(noisy.iter().all(|check| check.half_width.unwrap() > 0.02));
}

#[test]
fn options_make_change_and_end_a_rule() {
    let bench = set_up("2", "");
    let run = bench.run(&[
        "run",
        "suite.toml",
        "--until",
        "ci 2%",
        "--max-attempts",
        "4",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(standing(&bench, "steady"), (RuleVerdict::Met, 3));
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::MaxReached, 4));

    let bench = set_up(RULE, "");
    let run = bench.run(&["run", "suite.toml", "--attempts", "2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(names(&bench, "noisy"), ["ok", "ok"]);
    assert_eq!(record(&bench).rule_checks(), None);
    assert!(!run.stdout.contains("Stop rule"));

    for args in [
        ["--until", "ci"],
        ["--max-attempts", "1"],
        ["--until", "ci 0%"],
    ] {
        let refused = bench.run(&["run", "suite.toml", args[0], args[1]]);
        assert!([2, 3].contains(&refused.code), "{args:?}: {}", refused.code);
    }
}

#[test]
fn a_plan_tells_both_bounds() {
    let bench = set_up(RULE, "");
    let plan = bench.run(&["plan", "suite.toml", "--timeout", "10s"]);
    is_told(
        &plan.stdout,
        &[
            "3 to 6 attempts each, until ci 2% of total-time",
            "then up to 3 further round(s), each of the cases that have not reached ci 2%",
            "timeouts and pauses add up to 3 min 00 s",
        ],
    );
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let plan = bench.run(&["plan", "suite.toml"]);
    is_told(
        &plan.stdout,
        &["with 3 attempts each to", "with 6, as earlier runs"],
    );
    let json = bench.run(&["plan", "suite.toml", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let (expected, longest) = (&json["expected_ms"], &json["expected_longest_ms"]);
    assert!(
        expected.as_u64().unwrap() < longest.as_u64().unwrap(),
        "{json}"
    );
}

#[test]
fn failures_do_not_go_on_for_ever() {
    let bench = Bench::with_suite(
        &suite(RULE),
        "steady=exit-3;attempt-2:noisy=exit-3;attempt-4:settling=exit-3",
    );
    let dials = "--slow-down 40% --slow-down-case *.settling --slow-down-attempts 1";
    let bench = bench.with_dials(dials);
    let run = bench.run(&["run", "suite.toml"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    assert_eq!(names(&bench, "steady"), ["exit-code"; 3]);
    assert_eq!(standing(&bench, "steady"), (RuleVerdict::NoneGood, 0));
    assert_eq!(names(&bench, "noisy"), ["ok", "exit-code", "ok", "ok"]);
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::Met, 3));
    assert_eq!(names(&bench, "settling").len(), 6);
    assert_eq!(standing(&bench, "settling"), (RuleVerdict::MaxReached, 5));
    // What failed is for `rerun`, and the rule goes on for it alone.
    let rerun = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(rerun.code, 0, "{}", rerun.stderr);
    assert_eq!(standing(&bench, "steady"), (RuleVerdict::Met, 3));
    assert_eq!(names(&bench, "settling").len(), 6);
}

/// The report says that the run has to be gone on with.
#[track_caller]
fn is_interrupted(bench: &Bench) {
    let report = bench.run(&["report", "latest"]);
    is_told(
        &report.stdout,
        &[
            "The run was interrupted: ",
            "case(s) have fewer attempts than planned",
        ],
    );
}

/// A run that was ended by a signal while the fifth attempt of `noisy` was made.
fn interrupted(signal: Signal) -> Bench {
    let bench = set_up(RULE, "attempt-5:noisy=hang-in-measure");
    let run = bench.start(&["run", "suite.toml"]);
    let worker = bench.wait_for_event("the fifth attempt", |event| match event {
        RunEvent::AttemptStarted {
            case,
            attempt: 5,
            pid,
            ..
        } => (case == "capture.noisy").then_some(*pid),
        _ => None,
    });
    wait_for("its measuring", || {
        let log = bench.path("results/latest/cases/capture.noisy/attempt-5/stdout.log");
        let text = fs::read_to_string(log).ok()?;
        text.contains(Phase::Measure.as_str()).then_some(())
    });
    run.signal(signal);
    run.code();
    wait_for("the end of the worker", || gone(worker).then_some(()));
    bench
}

#[test]
fn an_interrupted_run_goes_on_until_the_rule_is_met() {
    for (signal, lost) in [
        (Signal::SIGTERM, "cancelled"),
        (Signal::SIGKILL, "orchestrator-died"),
    ] {
        let bench = interrupted(signal);
        assert_eq!(record(&bench).manifest.state, RunState::Interrupted);
        assert_eq!(standing(&bench, "noisy"), (RuleVerdict::Pending, 4));
        is_interrupted(&bench);
        let resumed = bench.with_faults("", &["resume", "latest"]);
        assert_eq!(resumed.code, 0, "{}", resumed.stderr);
        assert_eq!(
            names(&bench, "noisy"),
            ["ok", "ok", "ok", "ok", lost, "ok", "ok"]
        );
        assert_eq!(standing(&bench, "noisy"), (RuleVerdict::MaxReached, 6));
        assert_eq!(standing(&bench, "steady"), (RuleVerdict::Met, 3));
        assert_eq!(standing(&bench, "settling").0, RuleVerdict::Met);
        assert_eq!(bench.manifest().state, RunState::Complete);
        assert_eq!(bench.run(&["resume", "latest"]).code, 12);
    }
}

/// A run that was ended while the last planned attempt of all, one of `settling`, was made; `noisy` has its attempts and
/// wants more.
fn cut_off_before_the_rule() -> Bench {
    let bench = set_up(RULE, "attempt-3:settling=hang-in-measure");
    let run = bench.start(&["run", "suite.toml", "--order", "interleaved"]);
    bench.wait_for_event("the last planned attempt", |event| match event {
        RunEvent::AttemptStarted {
            case, attempt: 3, ..
        } => (case == "capture.settling").then_some(()),
        _ => None,
    });
    run.signal(Signal::SIGTERM);
    assert_eq!(run.code(), Some(130));
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::Another, 3));
    assert_eq!(standing(&bench, "settling"), (RuleVerdict::Pending, 2));
    bench
}

#[test]
fn a_resumed_run_goes_on_with_cases_that_owed_nothing_and_want_more() {
    let bench = cut_off_before_the_rule();
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::MaxReached, 6));
    assert_eq!(standing(&bench, "settling").0, RuleVerdict::Met);
    assert_eq!(names(&bench, "steady").len(), 3);
    assert_eq!(bench.manifest().state, RunState::Complete);
    assert_eq!(bench.run(&["resume", "latest"]).code, 12);
}

#[test]
fn a_rerun_of_some_cases_leaves_the_others_to_resume_and_says_so() {
    let bench = cut_off_before_the_rule();
    let rerun = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(rerun.code, 10, "{}", rerun.stderr);
    assert_eq!(standing(&bench, "settling").0, RuleVerdict::Met);
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::Another, 3));
    assert_eq!(bench.manifest().state, RunState::Interrupted);
    let told = "the run is not over; `anechoic resume results/";
    is_told(&rerun.stderr, &[told]);
    assert!(!rerun.stderr.contains("anechoic rerun"), "{}", rerun.stderr);
    let resumed = bench.with_faults("", &["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::MaxReached, 6));
}

#[test]
fn a_run_that_died_before_it_looked_at_the_rule_looks_when_it_is_resumed() {
    let bench = set_up(RULE, "");
    assert_eq!(
        bench
            .run(&["run", "suite.toml", "--only", "*.noisy", "--attempts", "3"])
            .code,
        0
    );
    // As if it had been planned with the rule and killed right after its third attempt.
    let path = bench.latest().join("run.json");
    let mut manifest: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    manifest["plan"]["until"] = serde_json::json!({ "half_width_ppm": 20_000, "max": 6 });
    manifest["state"] = "running".into();
    fs::write(&path, manifest.to_string()).unwrap();
    assert_eq!(standing(&bench, "noisy"), (RuleVerdict::Another, 3));
    is_interrupted(&bench);

    let resumed = bench.run(&["resume", "latest"]);
    assert_eq!(resumed.code, 0, "{}", resumed.stderr);
    assert_eq!(names(&bench, "noisy").len(), 6);
    let first = bench.events().into_iter().find_map(|event| match event {
        RunEvent::RuleChecked { check, .. } => Some((check.processes, check.verdict)),
        _ => None,
    });
    assert_eq!(first, Some((3, RuleVerdict::Another)));
    let by: Vec<_> = bench.manifest().starts.iter().map(|s| s.by).collect();
    assert_eq!(by, [StartedBy::Run, StartedBy::Resume]);
}

#[test]
fn runs_of_builds_without_rules_load_and_owe_nothing() {
    let bench = set_up("2", "");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    let text = fs::read_to_string(bench.latest().join("run.json")).unwrap();
    for word in ["until", "granted"] {
        assert!(!text.contains(&format!("\"{word}\"")), "{word}");
    }
    assert_eq!(record(&bench).rule_checks(), None);
    assert_eq!(bench.run(&["resume", "latest"]).code, 12);
}
