//! What stays and what goes: each reason by itself, and what holds of any results root.

use anechoic_protocol::Device;
use anechoic_record::{
    CellFinding, CellId, Certificate, Clocks, Fingerprint, Machine, Metric, Night, NightCell,
    NightOutcome, SCHEMA_VERSION,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::{Choice, Known, Reason, Rules, Shelf, choose};

fn now() -> Timestamp {
    "2026-11-30T02:00:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

fn rules() -> Rules {
    Rules {
        keep_days: 10,
        keep_last: 1,
        keep_regressions: false,
        now: now(),
    }
}

fn run(name: &str, suite: &str, days: i64) -> Known {
    Known {
        run: name.to_owned(),
        told: Some((suite.to_owned(), days_ago(days))),
        is_written: false,
        is_link: false,
    }
}

/// Five old runs `a` to `e` of one suite and a new one, `z`.
fn shelf() -> Shelf {
    let old = ["a", "b", "c", "d", "e"].into_iter().zip(50..);
    let mut runs: Vec<_> = old.map(|(name, days)| run(name, "quick", days)).collect();
    runs.push(run("z", "quick", 0));
    Shelf {
        runs,
        ..Shelf::default()
    }
}

fn night(days: i64, run: &str, outcome: NightOutcome) -> Night {
    Night {
        schema_version: SCHEMA_VERSION,
        suite: "quick".to_owned(),
        started: days_ago(days),
        ended: days_ago(days) + SignedDuration::from_hours(1),
        run: Some(run.to_owned()),
        confirmations: Vec::new(),
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: Vec::new(),
        noise: None,
        outcome,
        cells: Vec::new(),
        news: None,
        notices: Vec::new(),
    }
}

fn reasons<'a>(choices: &'a [Choice], run: &str) -> &'a [Reason] {
    let mut found = choices.iter().filter(|choice| choice.run == run);
    &found.next().unwrap_or_else(|| panic!("no {run}")).reasons
}

/// These runs stay for this reason alone, and of the others of `a` to `e` all go.
#[track_caller]
fn check(shelf: &Shelf, rules: Rules, stay: &[&str], reason: Reason) {
    let choices = choose(shelf, &rules);
    for name in ["a", "b", "c", "d", "e"] {
        let expected: &[Reason] = match stay.contains(&name) {
            true => &[reason],
            false => &[],
        };
        assert_eq!(reasons(&choices, name), expected, "{name}");
    }
    assert!(reasons(&choices, "z").contains(&Reason::Newest));
}

#[test]
fn old_runs_go_and_the_newest_of_each_suite_stays() {
    let mut shelf = shelf();
    check(&shelf, rules(), &[], Reason::Newest);
    shelf.runs.push(run("other", "kv", 400));
    let none = Rules {
        keep_last: 0,
        keep_days: 0,
        ..rules()
    };
    let choices = choose(&shelf, &none);
    assert_eq!(reasons(&choices, "other"), [Reason::Newest]);
    assert_eq!(reasons(&choices, "z"), [Reason::Newest, Reason::InUse]);
}

#[test]
fn what_a_night_or_a_certificate_may_still_need_stays() {
    let none = Rules {
        keep_days: 0,
        keep_last: 0,
        ..rules()
    };
    // A certificate is written when its last run is there.
    let mut rounds = shelf();
    let hours = |hours| now() - SignedDuration::from_hours(hours);
    for (name, hour) in [("y", 23), ("x", 24)] {
        rounds.runs.push(Known {
            told: Some(("quick".to_owned(), hours(hour))),
            ..run(name, "quick", 1)
        });
    }
    let choices = choose(&rounds, &none);
    assert_eq!(reasons(&choices, "y"), [Reason::InUse]);
    assert!(reasons(&choices, "x").is_empty());
    // A night that goes on for days, and one that was killed, behind which others came.
    let open = |days, run: &str| Night {
        ended: days_ago(days),
        confirmations: vec!["b".to_owned()],
        ..night(days, run, NightOutcome::NoBaseline)
    };
    let failed = |days, run: &str| Night {
        outcome: NightOutcome::Failed {
            reasons: Vec::new(),
        },
        ..open(days, run)
    };
    let with = |nights| Shelf { nights, ..shelf() };
    check(
        &with(vec![failed(52, "c")]),
        rules(),
        &["b", "c"],
        Reason::InUse,
    );
    let later = Night {
        confirmations: Vec::new(),
        ended: days_ago(40),
        ..failed(50, "gone")
    };
    check(
        &with(vec![failed(52, "c"), later]),
        rules(),
        &[],
        Reason::InUse,
    );
}

#[test]
fn a_good_night_whose_run_is_gone_is_no_baseline() {
    let quiet = |days, run: &str| night(days, run, NightOutcome::Quiet);
    let nights = vec![quiet(50, "gone"), quiet(52, "c"), quiet(53, "d")];
    let shelf = Shelf { nights, ..shelf() };
    check(&shelf, rules(), &["c"], Reason::Baseline);
}

#[test]
fn days_and_numbers_are_counted_by_suite_from_the_start() {
    let days = |keep_days| Rules {
        keep_days,
        ..rules()
    };
    check(&shelf(), days(52), &["a", "b"], Reason::Recent);
    let last = |keep_last| Rules {
        keep_last,
        ..rules()
    };
    check(&shelf(), last(3), &["a", "b"], Reason::Last);
    let all = choose(
        &shelf(),
        &Rules {
            keep_days: u32::MAX,
            ..rules()
        },
    );
    assert!(
        all.iter()
            .all(|choice| choice.reasons.contains(&Reason::Recent))
    );
}

#[test]
fn what_is_not_an_old_whole_run_of_this_root_stays() {
    let one = |change: fn(&mut Known)| {
        let mut shelf = shelf();
        change(&mut shelf.runs[1]);
        shelf
    };
    check(
        &one(|run| run.is_written = true),
        rules(),
        &["b"],
        Reason::Written,
    );
    check(
        &one(|run| run.is_link = true),
        rules(),
        &["b"],
        Reason::Link,
    );
    check(
        &one(|run| run.told = None),
        rules(),
        &["b"],
        Reason::Unreadable,
    );
    let latest = Shelf {
        latest: Some("c".to_owned()),
        ..shelf()
    };
    check(&latest, rules(), &["c"], Reason::Latest);
    // It takes the place of none: `z` is still the newest.
    let mut future = shelf();
    future.runs.push(run("future", "quick", -400));
    let choices = choose(&future, &rules());
    assert_eq!(
        reasons(&choices, "future"),
        [Reason::Future, Reason::Recent]
    );
    assert_eq!(
        reasons(&choices, "z"),
        [Reason::Newest, Reason::InUse, Reason::Last, Reason::Recent]
    );
}

#[test]
fn baselines_stay() {
    let with = |nights: Vec<Night>| Shelf { nights, ..shelf() };
    let quiet = |days, run| night(days, run, NightOutcome::Quiet);
    let failed = NightOutcome::Failed {
        reasons: Vec::new(),
    };
    // The newest good night, with all its runs.
    let mut good = quiet(51, "b");
    good.confirmations = vec!["c".to_owned()];
    let nights = vec![night(50, "a", failed), good, quiet(53, "d")];
    check(&with(nights), rules(), &["b", "c"], Reason::Baseline);
    // Several, where it is compared with several.
    let mut rolling = quiet(51, "b");
    rolling.baseline = "rolling:3".to_owned();
    let nights = vec![
        rolling,
        quiet(52, "c"),
        night(53, "d", NightOutcome::NoBaseline),
    ];
    check(&with(nights), rules(), &["b", "c", "d"], Reason::Baseline);
    // What the last measured night was compared with, and a run that is asked for by name or folder.
    let mut compared = night(50, "a", NightOutcome::Regression);
    compared.against = vec!["e".to_owned(), "gone".to_owned()];
    let mut asked = night(
        0,
        "z",
        NightOutcome::NotMeasured {
            reasons: Vec::new(),
        },
    );
    asked.baseline = "results/d".to_owned();
    check(
        &with(vec![compared, asked]),
        rules(),
        &["d", "e"],
        Reason::Baseline,
    );
}

#[test]
fn accepted_levels_and_the_newest_certificate_stay() {
    let accepted = Shelf {
        nights: vec![
            night(52, "c", NightOutcome::Accepted),
            night(0, "z", NightOutcome::Quiet),
        ],
        ..shelf()
    };
    check(&accepted, rules(), &["c"], Reason::Accepted);
    let certificate = |days, runs: &[&str]| Certificate {
        schema_version: SCHEMA_VERSION,
        suite: "quick".to_owned(),
        made: days_ago(days),
        runs: runs.iter().map(|run| (*run).to_owned()).collect(),
        fingerprint: fingerprint(),
        cells: Vec::new(),
        left_out: Vec::new(),
    };
    let certified = Shelf {
        certificates: vec![certificate(50, &["a", "b"]), certificate(52, &["c", "d"])],
        ..shelf()
    };
    check(&certified, rules(), &["a", "b"], Reason::Certificate);
}

#[test]
fn regressions_stay_where_that_is_asked_for() {
    let mut regression = night(52, "c", NightOutcome::Regression);
    regression.against = vec!["e".to_owned()];
    regression.cells = vec![NightCell {
        id: CellId {
            case: "x".to_owned(),
            tokens: None,
            metric: Metric::TotalTime,
        },
        value: 1.0,
        reference: None,
        effect: None,
        interval: None,
        p_adjusted: None,
        threshold: None,
        finding: CellFinding::Step {
            since: "d".to_owned(),
        },
    }];
    let mut after = night(0, "z", NightOutcome::Quiet);
    after.against = vec!["z".to_owned()];
    let shelf = Shelf {
        nights: vec![regression, after],
        ..shelf()
    };
    check(&shelf, rules(), &[], Reason::Regression);
    let choices = choose(
        &shelf,
        &Rules {
            keep_regressions: true,
            ..rules()
        },
    );
    assert_eq!(reasons(&choices, "c"), [Reason::Regression]);
    assert_eq!(reasons(&choices, "d"), [Reason::Regression]);
    assert_eq!(reasons(&choices, "e"), [Reason::ComparedWithRegression]);
    assert!(reasons(&choices, "a").is_empty());
}

#[test]
fn nothing_of_a_suite_goes_where_one_of_its_nights_cannot_be_read() {
    let with = |file: &str| Shelf {
        unreadable: vec![file.to_owned()],
        ..shelf()
    };
    let all = ["a", "b", "c", "d", "e"];
    check(
        &with("quick_2026-11-01T02-00-00.000Z.json"),
        rules(),
        &all,
        Reason::Unsure,
    );
    check(
        &with("very_quick_2026-11-01T02-00-00.000Z.json"),
        rules(),
        &[],
        Reason::Unsure,
    );
    check(&with("odd.json"), rules(), &all, Reason::Unsure);
}

/// Nothing looks at it here.
fn fingerprint() -> Fingerprint {
    Fingerprint {
        machine: Machine {
            hostname: None,
            kernel: None,
            cpu: None,
            logical_cpus: 2,
            physical_cores: 2,
            memory_bytes: None,
            gpu: None,
            gpu_uuid: None,
        },
        device: Device::Cpu,
        threads: 2,
        clocks: Clocks::default(),
        torch: None,
        programs: Vec::new(),
        anechoic: String::new(),
    }
}

const SUITES: [&str; 2] = ["quick", "kv"];

fn any_run(index: usize) -> impl Strategy<Value = Known> {
    let told = proptest::option::weighted(0.9, (0..SUITES.len(), -5_i64..60));
    (
        told,
        proptest::bool::weighted(0.1),
        proptest::bool::weighted(0.1),
    )
        .prop_map(move |(told, is_written, is_link)| Known {
            run: format!("r{index}"),
            told: told.map(|(suite, days)| (SUITES[suite].to_owned(), days_ago(days))),
            is_written,
            is_link,
        })
}

fn any_night() -> impl Strategy<Value = Night> {
    let outcome = prop_oneof![
        Just(NightOutcome::Quiet),
        Just(NightOutcome::Accepted),
        Just(NightOutcome::Regression),
    ];
    (
        0..SUITES.len(),
        0_i64..60,
        0_usize..12,
        0_usize..12,
        outcome,
    )
        .prop_map(|(suite, days, made, against, outcome)| Night {
            suite: SUITES[suite].to_owned(),
            against: vec![format!("r{against}")],
            ..night(days, &format!("r{made}"), outcome)
        })
}

fn any_shelf() -> impl Strategy<Value = Shelf> {
    let runs: Vec<_> = (0..12).map(any_run).collect();
    let nights = proptest::collection::vec(any_night(), 0..8);
    (runs, nights).prop_map(|(runs, nights)| Shelf {
        runs,
        nights,
        ..Shelf::default()
    })
}

fn any_rules() -> impl Strategy<Value = Rules> {
    (0_u32..60, 0_u32..8, any::<bool>()).prop_map(|(keep_days, keep_last, keep_regressions)| {
        Rules {
            keep_days,
            keep_last,
            keep_regressions,
            now: now(),
        }
    })
}

fn going(choices: &[Choice]) -> Vec<&str> {
    let going = choices.iter().filter(|choice| choice.reasons.is_empty());
    going.map(|choice| choice.run.as_str()).collect()
}

proptest! {
    #[test]
    fn what_goes_is_old_whole_replaced_and_needed_by_nobody(shelf in any_shelf(), rules in any_rules()) {
        let choices = choose(&shelf, &rules);
        prop_assert_eq!(choices.len(), shelf.runs.len());
        for name in going(&choices) {
            let run = shelf.runs.iter().find(|run| run.run == name).unwrap();
            let (suite, started) = run.told.as_ref().unwrap();
            prop_assert!(!run.is_written && !run.is_link);
            prop_assert!(*started <= days_ago(i64::from(rules.keep_days)));
            let newer = shelf.runs.iter().filter(|other| {
                other.told.as_ref().is_some_and(|(of, at)| of == suite && *at <= rules.now && at >= started)
            });
            // Itself is among them.
            prop_assert!(newer.count() > 1.max(rules.keep_last as usize));
            for suite in SUITES {
                let of_suite = shelf.nights.iter().filter(|night| night.suite == suite);
                let good = of_suite.filter(|night| night.outcome.is_good());
                let newest = good.max_by_key(|night| night.started).map(|night| night.started);
                let needed = shelf.nights.iter().filter(|night| {
                    night.suite == suite && Some(night.started) == newest && night.outcome.is_good()
                });
                // Nights of one moment may be taken in either order: one of them stays.
                prop_assert!(newest.is_none() || needed.clone().count() > 1 || needed.clone().all(|night| night.run.as_deref() != Some(name)));
            }
            let is_accepted = |night: &Night| night.outcome == NightOutcome::Accepted && night.run.as_deref() == Some(name);
            prop_assert!(!shelf.nights.iter().any(is_accepted));
            let is_of_regression = |night: &Night| {
                night.outcome == NightOutcome::Regression && (night.run.as_deref() == Some(name) || night.against.iter().any(|run| run == name))
            };
            prop_assert!(!rules.keep_regressions || !shelf.nights.iter().any(is_of_regression));
        }
    }

    #[test]
    fn a_rule_that_keeps_more_lets_nothing_more_go(shelf in any_shelf(), rules in any_rules()) {
        let choices = choose(&shelf, &rules);
        let before = going(&choices);
        let wider = [
            Rules { keep_days: rules.keep_days + 7, ..rules },
            Rules { keep_last: rules.keep_last + 1, ..rules },
            Rules { keep_regressions: true, ..rules },
        ];
        for rules in wider {
            let choices = choose(&shelf, &rules);
            prop_assert!(going(&choices).iter().all(|name| before.contains(name)));
        }
    }

    #[test]
    fn the_order_of_what_is_found_decides_nothing(shelf in any_shelf(), rules in any_rules()) {
        let turned = Shelf {
            runs: shelf.runs.iter().rev().cloned().collect(),
            nights: shelf.nights.clone(),
            ..Shelf::default()
        };
        prop_assert_eq!(choose(&shelf, &rules), choose(&turned, &rules));
    }

    /// Removing what may go makes nothing else go.
    #[test]
    fn a_second_time_nothing_goes(shelf in any_shelf(), rules in any_rules()) {
        let choices = choose(&shelf, &rules);
        let gone = going(&choices);
        let left = Shelf {
            runs: shelf.runs.iter().filter(|run| !gone.contains(&run.run.as_str())).cloned().collect(),
            nights: shelf.nights.clone(),
            ..Shelf::default()
        };
        prop_assert!(going(&choose(&left, &rules)).is_empty());
    }
}
