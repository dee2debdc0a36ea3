//! Audits with the fake worker: what is planted is found, what is not there is not, and what goes wrong shows.

use std::fs;

use anechoic_integration_tests::{Bench, finish, wait_for};
use anechoic_protocol::Phase;
use anechoic_record::{Outcome, RunEvent, RunState};
use anechoic_report::{Audit, CarryOverVerdict, Cause, Summary};
use nix::sys::signal::Signal;

const CASES: &str = r#"
[[case]]
id = "calm"
mode = "baseline"

[[case]]
id = "greedy"
mode = "all-layers"

[[case]]
id = "third"
mode = "zero-layer"
"#;

fn summary(bench: &Bench) -> Summary {
    let text = fs::read_to_string(bench.latest().join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("the summary can be read")
}

fn audit(bench: &Bench) -> Audit {
    summary(bench).audit.expect("the run is an audit")
}

/// Runs `anechoic audit` with this planted.
fn planted(carry: &str, args: &[&str]) -> (Bench, anechoic_integration_tests::Finished) {
    let bench = Bench::new(CASES, "");
    let all: Vec<&str> = ["audit", "suite.toml"]
        .iter()
        .chain(args)
        .copied()
        .collect();
    let run = finish(bench.command(&all).env("ANECHOIC_FAKE_CARRY", carry));
    (bench, run)
}

#[test]
fn a_planted_carry_over_is_found_and_its_neighbour_is_named() {
    let (bench, run) = planted("greedy=10,33554432", &["--rounds", "6", "--shuffles", "2"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let audit = audit(&bench);
    let found: Vec<_> = (audit.carry_over.iter())
        .filter(|it| it.verdict == CarryOverVerdict::Found)
        .collect();
    let about = |case: &str| -> Vec<String> {
        let of = found.iter().filter(|it| it.case == case);
        of.map(|it| it.metric.to_string()).collect()
    };
    let all = ["total-time", "peak-resident", "resident-at-start"];
    assert_eq!(about("capture.calm"), all, "{}", run.stdout);
    assert_eq!(about("capture.third"), all, "{}", run.stdout);
    assert_eq!(about("capture.greedy"), [""; 0], "{}", run.stdout);
    for it in &found {
        let Some(Cause::Neighbour(neighbour)) = &it.cause else {
            panic!("no neighbour for {it:#?}");
        };
        assert_eq!(neighbour.case, "capture.greedy");
        if it.metric.to_string() == "total-time" {
            let interval = neighbour.effect.interval.expect("an interval");
            assert!(interval.covers(0.1) || (neighbour.effect.effect - 0.1).abs() < 0.01);
        }
    }
    let stay = audit.stays.iter().find(|it| it.case == "capture.greedy");
    let left = stay.and_then(|it| it.as_later.as_ref()).expect("it stays");
    assert!((left.value - 33_554_432.0).abs() < 1e6, "{left:?}");
    assert!(
        run.stdout.contains("capture.greedy causes it"),
        "{}",
        run.stdout
    );

    // The same record gives the same report, and fails where it is to.
    let again = bench.run(&["report", "latest"]);
    assert_eq!(again.stdout, run.stdout);
    let markdown = bench.run(&["report", "latest", "--format", "md"]);
    assert!(markdown.stdout.contains("## The memory that stays"));
}

#[test]
fn carry_over_fails_only_where_it_is_to() {
    let (_, run) = planted(
        "greedy=10,33554432",
        &["--rounds", "4", "--fail-on", "carry-over", "--format", "md"],
    );
    assert_eq!(run.code, 11, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("## What was found"), "{}", run.stdout);
}

#[test]
fn equal_cases_show_none() {
    let (bench, run) = planted(
        "nobody=0,0",
        &[
            "--rounds",
            "6",
            "--seed",
            "3",
            "--fail-on",
            "carry-over",
            "--format",
            "json",
        ],
    );
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(!audit(&bench).found());
    let last = run.stdout.lines().last().expect("output");
    assert!(last.starts_with(r#"{"event":"summary""#), "{last}");
}

#[test]
fn the_run_is_an_audit_and_nothing_of_it_counts_as_a_measurement() {
    let (bench, run) = planted("nobody=0,0", &["--rounds", "2"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let manifest = bench.manifest();
    assert_eq!(manifest.state, RunState::Complete);
    let settings = manifest.audit.as_ref().expect("the settings of the audit");
    assert_eq!((settings.rounds, settings.sessions.len()), (2, 4));
    assert_eq!(manifest.cases.len(), 9);
    assert!(manifest.cases.iter().all(|case| case.case.id.contains('@')));
    // One process for a session, one for each attempt alone.
    let pids = |case: &str| {
        let started = bench.events().into_iter().filter_map(|event| match event {
            RunEvent::AttemptStarted { case, pid, .. } => Some((case, pid)),
            _ => None,
        });
        let of = started
            .filter(|(id, _)| id.starts_with(case))
            .collect::<Vec<_>>();
        of.into_iter().map(|(_, pid)| pid).collect::<Vec<_>>()
    };
    assert_eq!(pids("capture.calm@listed"), pids("capture.third@listed"));
    assert_ne!(pids("capture.calm@fresh"), pids("capture.third@fresh"));
    let summary = summary(&bench);
    assert!(summary.capture.is_none() && summary.audit.is_some());
    // Each attempt has its own logs and its own job.
    let job = fs::read_to_string(bench.attempt_file("capture.calm@listed", 1, "job.json"));
    assert!(job.expect("a job").contains("\"more\": true"));
    let log = fs::read_to_string(bench.attempt_file("capture.greedy@listed", 1, "stdout.log"));
    let log = log.expect("a log");
    assert!(
        log.contains("\"finished\"") && !log.contains("\"hello\""),
        "{log}"
    );

    for command in [
        &["rerun", "latest"][..],
        &["resume", "latest"],
        &["compare", "latest", "latest"],
        &["compare", "latest", "--by", "mode"],
    ] {
        let refused = bench.run(command);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        assert!(refused.stderr.contains("is an audit"), "{}", refused.stderr);
    }
}

#[test]
fn what_cannot_be_audited_is_refused_before_anything_runs() {
    let check = |cases: &str, faults: &str, code: i32, words: &str| {
        let bench = Bench::new(cases, faults);
        let run = bench.run(&["audit", "suite.toml"]);
        assert_eq!(run.code, code, "{}", run.stderr);
        assert!(run.stderr.contains(words), "{}", run.stderr);
        assert!(!bench.path("results").exists(), "nothing was made");
    };
    check(
        CASES,
        "single-job",
        4,
        "does not offer several jobs in one process",
    );
    check(CASES, "foreign-hello", 4, "it speaks protocol 99");
    check(CASES, "no-hello", 4, "it says no hello");
    let one = "[[case]]\nid = \"a\"\nmode = \"baseline\"\n";
    check(one, "", 12, "at least two cases");
    let unlike = format!("{one}[[case]]\nid = \"b\"\nmode = \"baseline\"\nnice = 3\n");
    check(&unlike, "", 3, "differ in their isolation");
}

#[test]
fn a_worker_that_dies_in_a_session_costs_the_rest_of_it_alone() {
    let bench = Bench::new(
        CASES,
        "attempt-1:greedy@listed=segv;attempt-2:calm@listed=garbage",
    );
    let run = bench.run(&["audit", "suite.toml", "--rounds", "2"]);
    assert_eq!(run.code, 10, "{}{}", run.stdout, run.stderr);
    let outcomes = |case: &str| bench.outcomes(case);
    let not_made = |after: &str| Outcome::NotMade {
        after: after.to_owned(),
    };
    assert!(matches!(
        outcomes("capture.calm@listed")[..],
        [Outcome::Ok, Outcome::ProtocolViolation { .. }]
    ));
    let after_calm = not_made("capture.calm@listed");
    assert!(matches!(
        &outcomes("capture.greedy@listed")[..],
        [Outcome::Signal { number: 11, .. }, rest] if *rest == after_calm
    ));
    assert_eq!(
        outcomes("capture.third@listed"),
        [not_made("capture.greedy@listed"), after_calm]
    );
    assert_eq!(
        outcomes("capture.third@shuffled-1"),
        [Outcome::Ok, Outcome::Ok]
    );
    assert_eq!(bench.manifest().state, RunState::Complete);
    let cut = audit(&bench).cut;
    assert_eq!(cut.len(), 2);
    assert_eq!(cut[0].not_made, ["capture.third"]);
    assert!(
        run.stdout
            .contains("session 1 ended in capture.greedy@listed"),
        "{}",
        run.stdout
    );
    assert!(bench.alive().is_empty());
}

#[test]
fn a_worker_that_always_fails_leaves_nothing_measured() {
    let bench = Bench::new(CASES, "exit-3");
    let run = bench.run(&[
        "audit",
        "suite.toml",
        "--rounds",
        "1",
        "--fail-on",
        "carry-over",
    ]);
    assert_eq!(run.code, 12, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.contains("Nothing can be said"), "{}", run.stdout);
}

#[test]
fn ctrl_c_in_a_session_stops_the_audit() {
    let bench = Bench::new(CASES, "greedy@listed=hang-in-measure");
    let run = bench.start(&["audit", "suite.toml", "--rounds", "2"]);
    bench.wait_for_phase("capture.greedy@listed", Phase::Measure);
    run.signal(Signal::SIGINT);
    assert_eq!(run.code(), Some(130));
    assert_eq!(bench.outcomes("capture.calm@listed"), [Outcome::Ok]);
    assert!(matches!(
        bench.outcomes("capture.greedy@listed")[..],
        [Outcome::Cancelled { .. }]
    ));
    assert!(bench.outcomes("capture.third@listed").is_empty());
    assert_eq!(bench.manifest().state, RunState::Interrupted);
    wait_for("no worker is left", || {
        bench.alive().is_empty().then_some(())
    });
    let report = bench.run(&["report", "latest"]);
    assert!(report.stdout.contains("make it anew"), "{}", report.stdout);
}
