//! Where a case stands under a stop rule, from made-up attempts.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::collections::BTreeMap;

use anechoic_protocol::{CustomSample, LatencySample, Phase, Sample};
use anechoic_record::{
    AttemptData, AttemptRecord, CaseRecord, Outcome, RuleCheck, RuleVerdict, RunEvent, Stamped,
    rule_check,
};
use anechoic_suite::Plan;
use serde_json::json;

/// 3 to 6 processes until ± 2 %, with one retry after a signal.
fn plan(metric: Option<&str>) -> Plan {
    let plan = json!({
        "name": "x", "question": null, "cooldown": 0, "order": "interleaved", "attempts": 3,
        "until": { "half_width_ppm": 20_000, "max": 6, "metric": metric },
        "retries": { "count": 1, "on": ["signal"] }, "cases": [], "slots": [],
    });
    serde_json::from_value(plan).unwrap()
}

fn case() -> CaseRecord {
    let work = json!({
        "benchmark": "custom", "parameters": {}, "warmup_iterations": 0, "iterations": 1,
    });
    let case = json!({ "id": "custom.a", "seed": 0, "threads": null, "timeout": 1, "work": work, "attempts": [] });
    serde_json::from_value(case).unwrap()
}

/// How an attempt ended, and what it measured.
type Made = (Outcome, AttemptData);

fn data(samples: Vec<Sample>) -> AttemptData {
    AttemptData {
        samples,
        ..AttemptData::default()
    }
}

/// A good attempt with one iteration of so many microseconds.
fn took(microseconds: u64) -> Made {
    let sample = Sample::Custom(CustomSample {
        iteration: 1,
        time_ns: microseconds * 1000,
        values: BTreeMap::new(),
    });
    (Outcome::Ok, data(vec![sample]))
}

fn ended(outcome: Outcome) -> Made {
    (outcome, AttemptData::default())
}

fn failed() -> Made {
    ended(Outcome::ExitCode { code: 3 })
}

fn killed() -> Made {
    ended(Outcome::Signal {
        number: 9,
        name: "SIGKILL".to_owned(),
    })
}

fn cancelled() -> Made {
    let phase = Phase::Measure;
    ended(Outcome::Cancelled { phase })
}

fn with_attempts(mut case: CaseRecord, made: &[Made]) -> CaseRecord {
    let numbered = (1..).zip(made);
    case.attempts = numbered
        .map(|(attempt, (outcome, _))| AttemptRecord {
            attempt,
            started: "2026-11-22T03:45:00Z".parse().unwrap(),
            wall_ns: 1,
            outcome: outcome.clone(),
            disturbed: vec![],
            left: vec![],
            pipes_left: false,
            worker_identity: None,
            placement: None,
        })
        .collect();
    case
}

fn checked(plan: &Plan, case: &CaseRecord, made: &[Made]) -> RuleCheck {
    let data = |attempt: u32| made.get(attempt as usize - 1).map(|(_, data)| data);
    rule_check(plan.until.as_ref().unwrap(), plan, case, data)
}

/// As if the rule had been looked at whenever nothing was left to be made: the verdict at the end, and the processes
/// that were planned by then.
fn follow(plan: &Plan, coming: &[Made]) -> (RuleVerdict, u32) {
    let mut case = case();
    let mut made = Vec::new();
    for next in coming {
        if case.unmade(plan) == 0 {
            let verdict = checked(plan, &case, &made).verdict;
            assert_eq!(verdict, RuleVerdict::Another, "after {}", made.len());
            case.grant(plan);
        }
        made.push(next.clone());
        case = with_attempts(case, &made);
    }
    (checked(plan, &case, &made).verdict, case.planned(plan))
}

#[test]
fn a_case_stops_where_it_is_narrow_and_goes_on_to_the_most_where_it_is_not() {
    let check = |coming: &[Made], verdict: RuleVerdict, planned: u32| {
        assert_eq!(follow(&plan(None), coming), (verdict, planned));
    };
    check(&[], RuleVerdict::Pending, 3);
    check(&[took(1000), took(1000)], RuleVerdict::Pending, 3);
    check(&[took(1000), took(1000), took(1000)], RuleVerdict::Met, 3);
    check(&[took(1000), took(1001), took(1002)], RuleVerdict::Met, 3);
    let wide = [took(1000), took(1200), took(1000)];
    check(&wide, RuleVerdict::Another, 3);
    let noisy = [wide.as_slice(), &[took(1200), took(1000), took(1200)]].concat();
    check(&noisy[..5], RuleVerdict::Another, 5);
    check(&noisy, RuleVerdict::MaxReached, 6);
    // 1000, 1020 and 1010 are ± 2.5 %; a fourth in the middle makes it ± 1.3 %.
    let settling = [took(1000), took(1020), took(1010), took(1010)];
    check(&settling[..3], RuleVerdict::Another, 3);
    check(&settling, RuleVerdict::Met, 4);
}

#[test]
fn failures_count_towards_the_most_and_do_not_go_on_for_ever() {
    let check = |coming: &[Made], verdict: RuleVerdict| {
        assert_eq!(follow(&plan(None), coming).0, verdict);
    };
    check(&[failed(), failed(), failed()], RuleVerdict::NoneGood);
    // Two good ones are narrow, and fewer than were planned at least.
    let one = [took(1000), failed(), took(1000)];
    check(&one, RuleVerdict::Another);
    check(&[one.as_slice(), &[took(1000)]].concat(), RuleVerdict::Met);
    let all = [one.as_slice(), &[failed(), failed(), failed()]].concat();
    check(&all[..5], RuleVerdict::Another);
    check(&all, RuleVerdict::MaxReached);
}

#[test]
fn retries_and_what_was_cut_short_do_not_count_towards_the_most() {
    let check = |coming: &[Made], verdict: RuleVerdict| {
        assert_eq!(follow(&plan(None), coming).0, verdict, "{}", coming.len());
    };
    let wide = [took(1000), took(1200), killed(), took(1000)];
    check(&wide[..3], RuleVerdict::Pending);
    check(&wide, RuleVerdict::Another);
    let more = [wide.as_slice(), &[took(1200), took(1000)]].concat();
    check(&more, RuleVerdict::Another);
    check(
        &[more.as_slice(), &[took(1200)]].concat(),
        RuleVerdict::MaxReached,
    );
    // A retry of an attempt that the rule added.
    let late = [took(1000), took(1200), took(1000), killed()];
    check(&late, RuleVerdict::Pending);
    let cut = [took(1000), took(1200), took(1000), cancelled()];
    check(&cut, RuleVerdict::Pending);
    check(
        &[cut.as_slice(), &[took(1200)]].concat(),
        RuleVerdict::Another,
    );
}

#[test]
fn what_is_owed_follows_the_rule() {
    let plan = plan(None);
    let fresh = case();
    let made = [took(1000), took(1200), took(1000)];
    let mut case = with_attempts(fresh.clone(), &made);
    assert_eq!((case.unmade(&plan), case.lacks(&plan)), (0, 0));
    case.grant(&plan);
    assert_eq!((case.unmade(&plan), case.lacks(&plan)), (1, 1));
    let case = with_attempts(case, &[made.as_slice(), &[failed()]].concat());
    assert_eq!((case.unmade(&plan), case.lacks(&plan)), (0, 0));
    let none = with_attempts(fresh, &[failed(), failed(), failed()]);
    assert_eq!((none.unmade(&plan), none.lacks(&plan)), (0, 3));
}

#[test]
fn a_metric_that_no_process_has_is_not_waited_for() {
    let made = [took(1000), took(1200), took(1000)];
    let case = with_attempts(case(), &made);
    let found = checked(&plan(Some("value.tokens_per_second")), &case, &made);
    assert_eq!(found.verdict, RuleVerdict::NotMeasured);
    assert_eq!((found.half_width, found.processes), (None, 3));
}

#[test]
fn all_t_have_to_be_narrow() {
    let work = json!({
        "benchmark": "latency", "model": { "source": "preset", "name": "gpt2-tiny" }, "dtype": "f32", "version": "v0",
        "attention": "stock", "batch_size": 1, "prompt_length": 4, "tokens": [8, 16], "warmup_runs": 0, "measured_runs": 1,
    });
    let mut value = serde_json::to_value(case()).unwrap();
    value["work"] = work;
    let case: CaseRecord = serde_json::from_value(value).unwrap();
    let sample = |(tokens, total_ns): (u32, u64)| {
        let sample = json!({
            "iteration": 1, "tokens": tokens, "run": 1, "prefill_ns": 1, "decode_ns": 1, "total_ns": total_ns, "device_ns": null,
            "generated_tokens": 1,
            "cache": { "reserved": { "values": 1, "scales": 0, "auxiliary": 0 },
                       "used": { "values": 1, "scales": 0, "auxiliary": 0 }, "elements": 1 },
        });
        Sample::Latency(serde_json::from_value::<LatencySample>(sample).unwrap())
    };
    let attempt = |at_16: u64| {
        let samples = [(8, 1_000_000), (16, at_16)].map(sample).to_vec();
        (Outcome::Ok, data(samples))
    };
    let wide = [attempt(2_000_000), attempt(2_400_000), attempt(2_000_000)];
    let found = checked(&plan(None), &with_attempts(case.clone(), &wide), &wide);
    assert_eq!(
        (found.verdict, found.tokens),
        (RuleVerdict::Another, Some(16))
    );
    let narrow = [attempt(2_000_000), attempt(2_000_000), attempt(2_000_000)];
    let found = checked(&plan(None), &with_attempts(case, &narrow), &narrow);
    assert_eq!(
        (found.verdict, found.half_width),
        (RuleVerdict::Met, Some(0.0))
    );
}

#[test]
fn checks_are_read_back_and_old_cases_have_no_grant() {
    let line = r#"{"at":"2026-11-22T03:45:00Z","event":"rule-checked","case":"custom.a","metric":"total-time","processes":3,"half_width":0.05,"verdict":"another"}"#;
    let stamped: Stamped = serde_json::from_str(line).unwrap();
    assert_eq!(serde_json::to_string(&stamped).unwrap(), line);
    let RunEvent::RuleChecked { check, .. } = stamped.event else {
        unreachable!("it is a check")
    };
    assert_eq!((check.tokens, check.verdict), (None, RuleVerdict::Another));
    let without = serde_json::to_value(case()).unwrap();
    assert_eq!(without.get("granted"), None);
}
