//! OpenMetrics text, read by a strict little parser.

use std::collections::BTreeMap;

use anechoic_record::{Metric, NightOutcome};
use anechoic_report::openmetrics;
use anechoic_stats::Interval;
use jiff::SignedDuration;

use crate::history;
use crate::made::{cell, night, run};

type Labels = BTreeMap<String, String>;

/// Samples by family, after the text's own rules: a family is announced before its samples, which lie together; units end names; a label set
/// comes once; the end is told.
fn parse(text: &str) -> BTreeMap<String, Vec<(Labels, f64)>> {
    let body = text.strip_suffix("# EOF\n").expect("it ends with the mark");
    let mut families: BTreeMap<String, Vec<(Labels, f64)>> = BTreeMap::new();
    let mut family = String::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# ") {
            let mut words = rest.splitn(3, ' ');
            let mut word = || words.next().unwrap();
            let (kind, name, value) = (word(), word(), word());
            match kind {
                "HELP" => {
                    assert!(
                        name.chars().all(|c| c.is_ascii_lowercase() || c == '_'),
                        "{name}"
                    );
                    assert!(
                        families.insert(name.to_owned(), Vec::new()).is_none(),
                        "{name}"
                    );
                    assert!(!value.contains(['\\', '"']));
                    name.clone_into(&mut family);
                }
                "TYPE" => assert_eq!((name, value), (family.as_str(), "gauge")),
                "UNIT" => assert!(name == family && name.ends_with(&format!("_{value}"))),
                _ => panic!("{line}"),
            }
            continue;
        }
        let rest = line.strip_prefix(family.as_str()).expect(line);
        let (labels, value) = labels(rest.strip_prefix('{').expect(line));
        let value: f64 = value.strip_prefix(' ').unwrap().parse().unwrap();
        let samples = families.get_mut(&family).unwrap();
        assert!(samples.iter().all(|(known, _)| *known != labels), "{line}");
        samples.push((labels, value));
    }
    families
}

/// The labels, and what follows the brace that ends them.
fn labels(text: &str) -> (Labels, &str) {
    let mut labels = Labels::new();
    let mut rest = text;
    loop {
        let (name, behind) = rest.split_once("=\"").unwrap();
        assert!(name.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        let mut value = String::new();
        let mut chars = behind.char_indices();
        let end = loop {
            match chars.next().unwrap() {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next().unwrap().1 {
                    'n' => '\n',
                    c @ ('\\' | '"') => c,
                    c => panic!("\\{c} is no escape"),
                }),
                (_, c) => value.push(c),
            }
        };
        assert!(!value.is_empty() && labels.insert(name.to_owned(), value).is_none());
        rest = &behind[end + 1..];
        match rest.split_at(1) {
            (",", behind) => rest = behind,
            ("}", behind) => return (labels, behind),
            (other, _) => panic!("{other}"),
        }
    }
}

#[test]
fn the_newest_values_and_nights() {
    let found = parse(&openmetrics(&crate::forty()));
    let [(labels, value), _] = &found["anechoic_seconds"][..] else {
        panic!("{found:?}");
    };
    let label = |name: &str| labels[name].as_str();
    assert_eq!(
        (
            label("suite"),
            label("case"),
            label("metric"),
            label("device")
        ),
        ("quick", "a", "total-time", "cpu")
    );
    assert!((0.104..0.106).contains(value));
    assert!(found["anechoic_low_seconds"][0].1 < *value);
    assert!(found["anechoic_high_seconds"][0].1 > *value);
    assert_eq!(
        found["anechoic_run_timestamp_seconds"][0].1,
        crate::made::started(39).as_second() as f64
    );
    assert_eq!(found["anechoic_nights_unmeasured"][0].1, 0.0);
    let states: Vec<_> = found["anechoic_night_outcome"]
        .iter()
        .map(|(l, v)| (l["outcome"].as_str(), *v))
        .collect();
    assert_eq!(states.iter().map(|(_, v)| v).sum::<f64>(), 1.0);
    assert!(states.contains(&("quiet", 1.0)), "{states:?}");
}

#[test]
fn every_outcome_is_a_state() {
    let reasons = Vec::new;
    for outcome in [
        NightOutcome::NoBaseline,
        NightOutcome::Quiet,
        NightOutcome::Regression,
        NightOutcome::Accepted,
        NightOutcome::NotMeasured { reasons: reasons() },
        NightOutcome::Failed { reasons: reasons() },
    ] {
        let name = outcome.name();
        let runs = [run(0, vec![cell("a", 1.0)])];
        let found = parse(&openmetrics(&history(&runs, &[night(1, outcome, None)])));
        let on: Vec<_> = found["anechoic_night_outcome"]
            .iter()
            .filter(|(_, v)| *v == 1.0)
            .collect();
        assert_eq!(on.len(), 1);
        assert_eq!(on[0].0["outcome"], name);
        let unmeasured = f64::from(u8::from(name == "not-measured"));
        assert_eq!(found["anechoic_nights_unmeasured"][0].1, unmeasured);
    }
}

#[test]
fn nights_without_a_run_are_counted() {
    let check = |newest: &[(bool, bool)], expected: f64| {
        let made = newest.iter().zip(1..).map(|((is_failed, has_run), day)| {
            let reasons = Vec::new();
            let outcome = match is_failed {
                true => NightOutcome::Failed { reasons },
                false => NightOutcome::NotMeasured { reasons },
            };
            let mut made = night(day, outcome, None);
            made.run = made.run.filter(|_| *has_run);
            made
        });
        let nights: Vec<_> = made.collect();
        let found = parse(&openmetrics(&history(
            &[run(0, vec![cell("a", 1.0)])],
            &nights,
        )));
        let unmeasured = found["anechoic_nights_unmeasured"][0].1;
        assert_eq!(unmeasured, expected, "{newest:?}");
    };
    check(&[(false, false), (true, false), (false, false)], 3.0);
    check(&[(false, false), (true, true), (true, false)], 1.0);
    check(&[(false, false), (true, true)], 0.0);
}

#[test]
fn names_from_outside_stay_in_their_labels() {
    let hostile = "a\"} 1\n\\x\u{1b}[31m{b}";
    let mut other = cell(hostile, 1e-300);
    other.id.tokens = Some(8);
    let found = parse(&openmetrics(&history(&[run(0, vec![other])], &[])));
    let (labels, value) = &found["anechoic_seconds"][0];
    assert_eq!(
        (labels["case"].as_str(), *value),
        ("a\"} 1\n\\x{b}", 1e-300)
    );
    assert_eq!(labels["tokens"], "8");
    assert_eq!(openmetrics(&history(&[], &[])), "# EOF\n");
}

/// What the file shows of a value of this metric and of the ends of its interval.
fn shown_of(metric: Metric, unit: &str, [value, low, high]: [f64; 3]) -> [String; 3] {
    let mut of = cell("a", value);
    of.id.metric = metric;
    of.average.interval = Some(Interval { low, high });
    let text = openmetrics(&history(&[run(0, vec![of])], &[]));
    ["anechoic", "anechoic_low", "anechoic_high"].map(|name| {
        let begin = format!("{name}_{unit}{{");
        let line = text.lines().find(|line| line.starts_with(&begin));
        line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
    })
}

#[test]
fn bytes_are_told_to_the_byte() {
    let check = |values: [f64; 3], expected: [&str; 3]| {
        assert_eq!(
            shown_of(Metric::PeakMemory, "bytes", values),
            expected,
            "{values:?}"
        );
    };
    let bytes = 1_234_567_890_123.0;
    check([bytes, bytes - 1e-3, bytes + 1e-3], ["1234567890123"; 3]);
    check(
        [999_999_999_999.0, bytes, 9_007_199_254_740_991.0],
        ["999999999999", "1234567890123", "9007199254740991"],
    );
    check([4096.0 / 3.0; 3], ["1365.33333333"; 3]);
}

/// Of equal values the ends of an interval are the value, whatever logarithms have made of them.
#[test]
fn digits_that_nobody_has_measured_are_left_out() {
    let check = |values: [f64; 3], expected: [&str; 3]| {
        assert_eq!(
            shown_of(Metric::TotalTime, "seconds", values),
            expected,
            "{values:?}"
        );
    };
    let below = 1.073_741_823_999_999;
    check([1.073_741_824, below, below], ["1.073741824"; 3]);
    check(
        [0.1 + 0.2, 2.875_102_482_085_176_3e-13, 3.5e20],
        ["0.3", "2.87510248209e-13", "3.5e20"],
    );
    let text = openmetrics(&history(&[run(0, vec![cell("a", 1.0)])], &[]));
    let mut at = run(0, vec![cell("a", 1.0)]);
    at.started += SignedDuration::from_millis(123);
    let later = openmetrics(&history(&[at], &[]));
    assert!(text.contains("} 1767234600\n"), "{text}");
    assert!(later.contains("} 1767234600.123\n"), "{later}");
}
