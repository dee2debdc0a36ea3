//! What belongs to one series, and what divides it.

use anechoic_record::{CellFinding, Metric, NightOutcome, RunState};
use anechoic_report::{History, MetricChoice, PointVerdict, history_json};
use serde_json::Value;

use crate::history;
use crate::made::{cell, forty, night, noisy, run};

#[test]
fn a_machine_divides_and_a_program_does_not() {
    let history = crate::forty();
    assert_eq!(history.series.len(), 2);
    let series = &history.series[0];
    assert_eq!((series.id.case.as_str(), series.points.len()), ("a", 39));
    let [before, after] = &series.stretches[..] else {
        panic!("{:?}", series.stretches);
    };
    assert_eq!(
        (before.first, before.end, after.first, after.end),
        (0, 10, 10, 39)
    );
    assert_eq!(after.changes[0].what, "kernel");
    assert!(before.steps.is_empty() && before.changes.is_empty());
    let programs: Vec<usize> = (0..39)
        .filter(|i| !series.points[*i].programs.is_empty())
        .collect();
    assert_eq!(programs, [29], "the night without a value is no point");
    let [step] = after.steps[..] else {
        panic!("{:?}", after.steps);
    };
    assert_eq!(step.at, 24);
    assert!((step.effect - 0.05).abs() < 0.005, "{step:?}");
    assert!(
        history.series[1]
            .stretches
            .iter()
            .all(|stretch| stretch.steps.is_empty())
    );
}

#[test]
fn points_have_what_their_night_said() {
    let history = crate::forty();
    let series = &history.series[0];
    let verdict = |point: usize| series.points[point].verdict;
    assert_eq!(verdict(0), PointVerdict::New);
    assert_eq!(verdict(1), PointVerdict::Same);
    assert_eq!(verdict(24), PointVerdict::Worse);
    assert_eq!(verdict(29), PointVerdict::Accepted);
    assert_eq!(history.series[1].points[1].verdict, PointVerdict::Unjudged);
    let [gap] = series.gaps[..] else {
        panic!("{:?}", series.gaps);
    };
    assert_eq!((gap.before, gap.night), (15, 15));
    assert_eq!(history.night(&series.points[24]).unwrap().worse, 1);
}

#[test]
fn confirmations_belong_to_their_night() {
    let runs = [run(0, vec![cell("a", 1.0)]), run(1, vec![cell("a", 1.1)])];
    let mut told = night(0, NightOutcome::Regression, Some(CellFinding::Worse));
    told.confirmations = vec![runs[1].run.clone()];
    let history = history(&runs, &[told]);
    let verdicts: Vec<_> = history.series[0].points.iter().map(|p| p.verdict).collect();
    assert_eq!(verdicts, [PointVerdict::Worse; 2]);
}

#[test]
fn other_settings_are_another_series() {
    let mut runs: Vec<_> = (0..6)
        .map(|day| run(day, vec![cell("a", noisy(day, 1.0))]))
        .collect();
    for run in &mut runs[4..] {
        run.cells[0].settings = "fedcba9876543210".to_owned();
    }
    let nights = [
        night(
            2,
            NightOutcome::Failed {
                reasons: Vec::new(),
            },
            None,
        ),
        night(
            5,
            NightOutcome::NotMeasured {
                reasons: Vec::new(),
            },
            None,
        ),
    ];
    let history = history(&runs, &nights);
    let facts: Vec<_> = history
        .series
        .iter()
        .map(|s| (s.points.len(), s.is_current))
        .collect();
    assert_eq!(facts, [(2, true), (4, false)]);
    assert_eq!(history.series[0].name(), "a, settings fedcba");
    // A run that was made has a value; behind the last value of a series that is past there is nothing to miss.
    assert!(history.series[1].gaps.is_empty());
    assert_eq!(history.series[0].gaps.len(), 1);
}

#[test]
fn audits_and_runs_that_are_being_made_are_no_part() {
    let mut runs: Vec<_> = (0..4).map(|day| run(day, vec![cell("a", 1.0)])).collect();
    runs[0].is_audit = true;
    runs[3].state = RunState::Running;
    let history = history(&runs, &[]);
    assert_eq!(history.series[0].points.len(), 2);
    assert_eq!(history.runs.len(), 2);
    assert!(crate::history(&[], &[]).is_empty());
}

#[test]
fn metrics_are_chosen() {
    let mut other = cell("a", 5.0);
    other.id.metric = Metric::PrefillTime;
    other.primary = false;
    let runs = [run(0, vec![cell("a", 1.0), other])];
    let count = |metrics: &MetricChoice| History::of(&runs, &[], metrics, None).series.len();
    assert_eq!(count(&MetricChoice::Primary), 1);
    assert_eq!(count(&MetricChoice::All), 2);
    assert_eq!(count(&MetricChoice::Named(vec![Metric::PrefillTime])), 1);
    assert_eq!(count(&MetricChoice::Named(vec![Metric::FetchTime])), 0);
}

#[test]
fn json_has_everything() {
    let (runs, _) = forty();
    let json: Value = serde_json::from_str(&history_json(&crate::forty())).unwrap();
    assert_eq!(json["schema_version"], 1);
    let series = &json["series"][0];
    assert_eq!(
        (&series["case"], &series["unit"]),
        (&"a".into(), &"s".into())
    );
    assert_eq!(series["points"].as_array().unwrap().len(), 39);
    assert_eq!(series["points"][24]["run"], runs[24].run.as_str());
    assert_eq!(series["points"][24]["verdict"], "worse");
    assert_eq!(series["points"][24]["outcome"], "regression");
    assert_eq!(
        series["stretches"][1]["machine_changes"][0]["what"],
        "kernel"
    );
    assert_eq!(
        series["stretches"][1]["steps"][0]["run"],
        runs[24].run.as_str()
    );
    assert_eq!(series["nights_without_value"][0], "quick_15.json");
    assert_eq!(json["nights"][15]["reasons"][0], "the machine was <busy>");
}
