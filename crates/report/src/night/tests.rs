use anechoic_record::{CellId, Metric, SCHEMA_VERSION};
use anechoic_stats::Interval;

use super::*;

fn cell(case: &str, change: f64, finding: CellFinding) -> NightCell {
    NightCell {
        id: CellId {
            case: case.to_owned(),
            tokens: None,
            metric: Metric::TotalTime,
        },
        value: 0.1 * (1.0 + change),
        reference: Some(0.1),
        effect: Some(change),
        interval: Some(Interval {
            low: change - 0.004,
            high: change + 0.004,
        }),
        p_adjusted: Some(0.01),
        threshold: Some(0.012),
        finding,
    }
}

fn night(outcome: NightOutcome, cells: Vec<NightCell>) -> Night {
    let at = "2026-11-30T02:30:00Z".parse().unwrap();
    Night {
        schema_version: SCHEMA_VERSION,
        suite: "quick".to_owned(),
        started: at,
        ended: at,
        run: Some("quick_b".to_owned()),
        confirmations: vec!["quick_c".to_owned()],
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: vec!["quick_a".to_owned()],
        noise: Some(NoiseSource::Certificate {
            file: "quick_x.json".to_owned(),
            expired: false,
        }),
        outcome,
        cells,
        news: None,
        notices: Vec::new(),
    }
}

fn text(night: &Night, notes: &[&str]) -> String {
    let notes: Vec<_> = notes.iter().map(|note| (*note).to_owned()).collect();
    night_text(NightReport {
        night,
        notes: &notes,
    })
}

#[test]
fn a_regression_names_its_cells_first() {
    let since = "quick_0".to_owned();
    let creep = CellFinding::Creep {
        since,
        per_night: 0.001,
    };
    let cells = vec![
        cell("a", 0.031, CellFinding::Worse),
        cell("b", 0.0, CellFinding::Same),
        cell("c", 0.02, creep),
    ];
    let mut night = night(NightOutcome::Regression, cells);
    night.news = Some(News::Regression);
    night.notices = vec![
        Notice {
            way: "webhook".to_owned(),
            tries: 2,
            error: None,
        },
        Notice {
            way: "mail".to_owned(),
            tries: 1,
            error: Some("no\nsendmail".to_owned()),
        },
    ];
    assert_eq!(
        night_title(&night),
        "quick: regression: 2 of 3 cells worse: a total-time +3.10 % [+2.70, +3.50]; \
         c total-time creeps by 0.10 % a night since quick_0"
    );
    let text = text(&night, &["the worker was built anew"]);
    let (first, rest) = text.split_once('\n').unwrap();
    assert_eq!(first, night_title(&night));
    let (_, lines) = rest.rsplit_once("\n\n").unwrap();
    assert_eq!(
        lines.lines().collect::<Vec<_>>(),
        [
            "run: quick_b, quick_c",
            "compared with last-good: quick_a",
            "noise: from the certificate `quick_x.json`, which is valid",
            "note: the worker was built anew",
            "told of regression: by webhook (2 tries)",
            "not told of regression: by mail (1 try): no sendmail",
        ]
    );
    assert!(
        rest.contains("100.0 ms") && rest.contains("1.2 %"),
        "{rest}"
    );
}

#[test]
fn every_outcome_has_its_line() {
    let check = |outcome: NightOutcome, news: Option<News>, expected: &str| {
        let mut night = night(outcome, vec![cell("a", -0.1, CellFinding::Better)]);
        night.news = news;
        assert_eq!(night_title(&night), expected);
    };
    let reasons = || vec!["it is hot".to_owned(), "it is\u{1b}[31m busy".to_owned()];
    check(
        NightOutcome::Quiet,
        None,
        "quick: quiet: none of 1 cell worse, 1 better; a measured change is told from 1.2 % on",
    );
    check(
        NightOutcome::Quiet,
        Some(News::Recovery),
        "quick: recovered: none of 1 cell worse, 1 better; a measured change is told from 1.2 % on",
    );
    check(
        NightOutcome::NotMeasured { reasons: reasons() },
        None,
        "quick: not measured: it is hot; it is busy",
    );
    check(
        NightOutcome::NotMeasured { reasons: reasons() },
        Some(News::NothingMeasured),
        "quick: nothing measured for several nights: it is hot; it is busy",
    );
    check(
        NightOutcome::Failed { reasons: reasons() },
        Some(News::Failure),
        "quick: failed: it is hot; it is busy",
    );
    check(
        NightOutcome::NoBaseline,
        None,
        "quick: no baseline: measured, and nothing to compare with; it is the baseline of the nights to come",
    );
}

#[test]
fn what_was_not_judged_is_not_said_to_be_the_same() {
    let title = |findings: &[CellFinding]| {
        let cells = findings.iter().map(|one| cell("a", 0.2, one.clone()));
        night_title(&night(NightOutcome::Quiet, cells.collect()))
    };
    assert_eq!(
        title(&[CellFinding::Same, CellFinding::Unjudged]),
        "quick: quiet: none of 1 cell worse, 1 not judged; a measured change is told from 1.2 % on"
    );
    assert_eq!(
        title(&[CellFinding::Unjudged]),
        "quick: quiet: nothing could be judged, 1 not judged"
    );
}

#[test]
fn a_quiet_night_says_how_large_a_change_had_to_be() {
    let title = |thresholds: &[Option<f64>]| {
        let cells = thresholds.iter().map(|threshold| NightCell {
            threshold: *threshold,
            ..cell("a", 0.0, CellFinding::Same)
        });
        night_title(&night(NightOutcome::Quiet, cells.collect()))
    };
    let check = |thresholds: &[Option<f64>], expected: &str| {
        let title = title(thresholds);
        let (_, found) = title.split_once(" worse").unwrap();
        assert_eq!(found, expected);
    };
    check(
        &[Some(0.34), Some(0.01), Some(0.036), Some(0.02)],
        "; a measured change is told from 2.0 % on in half of them, from 34 % on in all",
    );
    check(
        &[Some(0.34), Some(0.02)],
        "; a measured change is told from 2.0 % on in half of them, from 34 % on in all",
    );
    check(
        &[Some(0.02), Some(0.02)],
        "; a measured change is told from 2.0 % on",
    );
    check(&[None], "");
    let mut difference = cell("a", 0.0, CellFinding::Same);
    (difference.value, difference.reference) = (-2.0, Some(-2.0));
    difference.threshold = Some(0.5);
    let title = night_title(&night(NightOutcome::Quiet, vec![difference]));
    assert!(title.ends_with("from 25 % on"), "{title}");
}

#[test]
fn beside_an_improvement_stands_the_fall_that_is_told() {
    let mut better = cell("a", -0.6, CellFinding::Better);
    better.threshold = Some(1.0);
    assert_eq!(threshold(&better), "-50 %");
    better.finding = CellFinding::Same;
    assert_eq!(threshold(&better), "100 %");
}

#[test]
fn the_body_of_a_recovery_says_so() {
    let mut night = night(NightOutcome::Quiet, vec![cell("a", 0.0, CellFinding::Same)]);
    night.news = Some(News::Recovery);
    let report = NightReport {
        night: &night,
        notes: &[],
    };
    let body = night_message(report);
    assert!(
        body.starts_with("quick: recovered: none of 1 cell worse; a measured change is told from 1.2 % on\n\nquick: quiet"),
        "{body}"
    );
}

#[test]
fn differences_are_no_percentages() {
    let mut cell = cell("a", 0.0, CellFinding::Same);
    (cell.value, cell.reference, cell.effect) = (-1.0, Some(-2.0), Some(1.0));
    cell.interval = None;
    assert_eq!(effect(&cell), "+1.00");
    assert_eq!(threshold(&cell), "0.012");
    cell.effect = None;
    assert_eq!(effect(&cell), units::NONE);
}

#[test]
fn an_expired_certificate_is_not_called_valid() {
    let mut night = night(NightOutcome::Quiet, Vec::new());
    // As nights were stored before it was told.
    let stored = r#"{"source":"certificate","file":"quick_x.json"}"#;
    night.noise = Some(serde_json::from_str(stored).unwrap());
    assert!(text(&night, &[]).contains("`quick_x.json`, which is valid"));
    let stored = r#"{"source":"certificate","file":"quick_x.json","expired":true}"#;
    night.noise = Some(serde_json::from_str(stored).unwrap());
    assert!(text(&night, &[]).contains("`quick_x.json`, which has expired"));
}

#[test]
fn a_creep_of_differences_is_told_in_their_unit() {
    let creep = |value: f64, reference: f64| {
        let since = "quick_0".to_owned();
        let mut cell = cell(
            "a",
            0.0,
            CellFinding::Creep {
                since,
                per_night: 0.02,
            },
        );
        (cell.value, cell.reference) = (value, Some(reference));
        cell.effect = Some(match reference > 0.0 {
            true => value / reference - 1.0,
            false => value - reference,
        });
        text(&night(NightOutcome::Regression, vec![cell]), &[])
    };
    assert!(creep(1.2, 1.0).contains("creeps by 2.0 % a night since quick_0"));
    let text = creep(0.5, -0.5);
    assert!(
        text.contains("creeps by 0.020 a night since quick_0"),
        "{text}"
    );
}
