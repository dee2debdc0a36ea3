//! Comparisons of made-up records: verdicts, refusals, matching, and text from outside.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "compare/conditions.rs"]
mod conditions;
#[path = "compare/evidence.rs"]
mod evidence;
#[path = "compare/missing.rs"]
mod missing;
#[path = "support/result.rs"]
mod result;
#[path = "compare/simulated.rs"]
mod simulated;
mod support;

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, CustomSample, CustomWork, Device, Parameter, Sample};
use anechoic_record::{
    AttemptData, Difference, Disturbance, Metric, Moment, Outcome, ProgramFile, Restless,
    RunRecord, Start, StartedBy,
};
use anechoic_report::{
    CompareOptions, ComparedCell, Comparison, Conclusion, Doubt, FailOn, FailOns, MetricChoice,
    Mismatch, NoMatch, Sameness, Scale, Side, Verdict, Within, compare_json, compare_junit,
    compare_markdown, compare_terminal,
};
use anechoic_suite::{Case, Order};
use result::job_result;
use support::{ok, record};

fn work(parameters: &[(&str, i64)]) -> Benchmark {
    let parameters = parameters.iter();
    Benchmark::Custom(CustomWork {
        parameters: parameters
            .map(|(name, value)| ((*name).to_owned(), Parameter::Whole(*value)))
            .collect(),
        warmup_iterations: 0,
        iterations: 3,
    })
}

fn case(id: &str, parameters: &[(&str, i64)]) -> Case {
    support::case(id, work(parameters))
}

/// A process with these times of iterations, and a value `v` in each.
fn valued(times_us: &[u64], value: Option<f64>, peak: u64) -> (Outcome, AttemptData) {
    let values: BTreeMap<String, f64> = value.map(|v| ("v".to_owned(), v)).into_iter().collect();
    let sample = |(iteration, us): (u32, &u64)| {
        Sample::Custom(CustomSample {
            iteration,
            time_ns: us * 1_000,
            values: values.clone(),
        })
    };
    let result = job_result(&case("custom.c", &[]), peak);
    ok(AttemptData {
        samples: (1..).zip(times_us).map(sample).collect(),
        result: (peak > 0).then_some(result),
        ..AttemptData::default()
    })
}

/// Processes of three equal iterations.
fn processes(times_us: &[u64]) -> Vec<(Outcome, AttemptData)> {
    times_us
        .iter()
        .map(|us| valued(&[*us; 3], None, 0))
        .collect()
}

fn run(cases: &[(&str, &[u64])]) -> RunRecord {
    let cases = cases.iter();
    record(
        cases
            .map(|(id, times)| (case(id, &[]), processes(times)))
            .collect(),
    )
}

fn only(times_us: &[u64]) -> RunRecord {
    run(&[("custom.c", times_us)])
}

const STEADY: [u64; 6] = [10_000, 10_020, 9_980, 10_010, 9_990, 10_005];

fn times(factor: f64) -> [u64; 6] {
    STEADY.map(|us| (us as f64 * factor) as u64)
}

fn compare(base: &RunRecord, new: &RunRecord) -> Comparison {
    Comparison::of_runs(base, new, &CompareOptions::default())
}

fn verdicts(comparison: &Comparison) -> Vec<Verdict> {
    comparison.cells.iter().map(|cell| cell.verdict).collect()
}

fn one(base: &RunRecord, new: &RunRecord) -> ComparedCell {
    let comparison = compare(base, new);
    assert_eq!(comparison.cells.len(), 1);
    comparison.cells[0].clone()
}

#[test]
fn what_the_numbers_say() {
    let check = |base: &[u64], new: &[u64], expected: Verdict| {
        let cell = one(&only(base), &only(new));
        assert_eq!(cell.verdict, expected, "{cell:#?}");
    };
    check(&STEADY, &times(1.1), Verdict::Worse);
    check(&STEADY, &times(0.9), Verdict::Better);
    check(
        &STEADY,
        &times(1.005),
        Verdict::Same(Sameness::BelowThreshold),
    );
    let shuffled = [9_990, 10_000, 10_015, 9_985, 10_010, 10_000];
    check(&STEADY, &shuffled, Verdict::Same(Sameness::WithinThreshold));
    let noisy = [8_000, 12_000, 9_000, 11_000, 13_000, 7_500];
    check(&STEADY, &noisy, Verdict::Undecided(Doubt::Noise));
    check(
        &STEADY,
        &[10_000],
        Verdict::Undecided(Doubt::TooFewProcesses),
    );
    check(
        &[10_000; 3],
        &[10_000; 4],
        Verdict::Same(Sameness::Identical),
    );
    check(
        &[10_000],
        &[10_000],
        Verdict::Undecided(Doubt::TooFewProcesses),
    );
}

#[test]
fn the_numbers_are_those_of_the_contrast() {
    let cell = one(&only(&STEADY), &only(&times(1.1)));
    let change = cell.change.unwrap();
    assert!((change.effect - 0.1).abs() < 1e-4, "{change:?}");
    assert!((change.ratio.unwrap() - 1.1).abs() < 1e-4);
    let interval = change.interval.unwrap();
    assert!(interval.covers(0.1) && interval.low > 0.09 && interval.high < 0.11);
    assert!(
        (cell.base.value.unwrap() - 0.010_000_8).abs() < 1e-6,
        "{:?}",
        cell.base
    );
    assert_eq!((cell.base.processes, cell.base.iterations), (6, 18));
    assert!(
        (cell.new.value.unwrap() / cell.base.value.unwrap() - change.ratio.unwrap()).abs() < 1e-9
    );
}

#[test]
fn p_values_are_adjusted_over_the_family() {
    // One of twenty that would be a difference by itself is none among twenty.
    let weak = [10_000, 10_120, 9_950, 10_080, 10_210, 10_030];
    let p_alone = one(&only(&STEADY), &only(&weak)).p_adjusted.unwrap();
    let names: Vec<String> = (0..20).map(|i| format!("custom.c{i}")).collect();
    let scattered = [9_990, 10_000, 10_015, 9_985, 10_010, 10_000];
    let of = |first: &'static [u64], rest: &'static [u64]| {
        let cases = names.iter().enumerate();
        let cases = cases.map(|(at, name)| (name.as_str(), if at == 0 { first } else { rest }));
        run(&cases.collect::<Vec<_>>())
    };
    static WEAK: [u64; 6] = [10_000, 10_120, 9_950, 10_080, 10_210, 10_030];
    static SCATTERED: [u64; 6] = [9_990, 10_000, 10_015, 9_985, 10_010, 10_000];
    static BASE: [u64; 6] = STEADY;
    assert_eq!((weak, scattered), (WEAK, SCATTERED));
    let comparison = compare(&of(&BASE, &BASE), &of(&WEAK, &SCATTERED));
    let cell = &comparison.cells[0];
    let p = cell.change.unwrap().p.unwrap();
    assert!((p_alone - p).abs() < 1e-12, "alone, nothing is adjusted");
    assert!((cell.p_adjusted.unwrap() - (p * 20.0).min(1.0)).abs() < 1e-9);
}

#[test]
fn identical_values_are_no_part_of_the_family() {
    let names = ["custom.a", "custom.b", "custom.c"];
    let of = |first: &[u64]| run(&[(names[0], first), (names[1], &[5; 4]), (names[2], &[7; 4])]);
    let comparison = compare(&of(&STEADY), &of(&times(1.003)));
    let cell = &comparison.cells[0];
    assert_eq!(cell.p_adjusted, cell.change.unwrap().p);
    assert_eq!(comparison.cells[1].p_adjusted, None);
    assert_eq!(
        verdicts(&comparison)[1..],
        [Verdict::Same(Sameness::Identical); 2]
    );
}

#[test]
fn a_series_that_drifts_more_than_the_sides_differ_is_undecided() {
    let drifting = |level: u64, slope: u64| {
        let process = |at: u64| {
            let start = level + at * 3;
            valued(&[start, start + slope, start + 2 * slope], None, 0)
        };
        record(vec![(case("custom.c", &[]), (0..6).map(process).collect())])
    };
    let base = only(&STEADY);
    let cell = one(&base, &drifting(10_000, 300));
    assert_eq!(
        cell.verdict,
        Verdict::Undecided(Doubt::Drifting),
        "{cell:#?}"
    );
    // A drift of 6 % is not what makes it 50 % slower, and one of 0.4 % does not matter.
    assert_eq!(one(&base, &drifting(14_700, 300)).verdict, Verdict::Worse);
    let cell = one(&base, &drifting(9_980, 20));
    assert_ne!(
        cell.verdict,
        Verdict::Undecided(Doubt::Drifting),
        "{cell:#?}"
    );
}

#[test]
fn other_machines_and_settings_are_refused_with_what_differs() {
    let base = only(&STEADY);
    let check = |change: fn(&mut RunRecord), doubt: Doubt, what: &str| {
        let mut new = only(&times(1.1));
        change(&mut new);
        let cell = one(&base, &new);
        assert_eq!(cell.verdict, Verdict::Undecided(doubt), "{what}");
        assert_eq!(cell.change, None);
        let found: Vec<_> = cell.differences.iter().map(|d| d.what.as_str()).collect();
        assert_eq!(found, [what]);
        let options = CompareOptions {
            force: true,
            ..CompareOptions::default()
        };
        let forced = Comparison::of_runs(&base, &new, &options);
        assert_eq!(verdicts(&forced), [Verdict::Worse]);
        let note = &forced.cells[0].notes[0];
        assert!(
            note.starts_with("forced: different ") && note.contains(what),
            "{note}"
        );
    };
    let machine = Doubt::DifferentMachine;
    check(|run| run.manifest.machine.cpu = None, machine, "processor");
    check(
        |run| run.manifest.machine.kernel = Some("Linux 6.2".to_owned()),
        machine,
        "kernel",
    );
    check(
        |run| run.manifest.settings.device = Device::Cuda(0),
        machine,
        "device",
    );
    let settings = Doubt::DifferentSettings;
    check(|run| run.manifest.cases[0].case.seed = 1, settings, "seed");
    check(|run| run.manifest.settings.threads = 1, settings, "threads");
    check(
        |run| run.manifest.cases[0].case.threads = Some(7),
        settings,
        "threads",
    );
    check(
        |run| run.manifest.cases[0].case.isolation.nice = Some(5),
        settings,
        "nice",
    );
    check(
        |run| run.manifest.cases[0].case.isolation.cpus = Some(vec![0]),
        settings,
        "cpus",
    );
    check(
        |run| run.manifest.cases[0].case.work = work(&[("size", 1)]),
        settings,
        "parameters.size",
    );
}

#[test]
fn another_worker_or_host_name_is_what_one_compares() {
    let base = only(&STEADY);
    let mut new = only(&times(1.1));
    new.manifest.machine.hostname = Some("renamed".to_owned());
    new.manifest.settings.torch = Some("3.0.0".to_owned());
    new.manifest.settings.worker = "another".to_owned();
    let comparison = compare(&base, &new);
    assert_eq!(verdicts(&comparison), [Verdict::Worse]);
    let text = compare_terminal(&comparison);
    assert!(
        text.contains("libtorch 2.11.0") && text.contains("libtorch 3.0.0"),
        "{text}"
    );
}

#[test]
fn own_values_are_higher_or_lower_and_may_be_zero() {
    let valued_run = |values: [f64; 4]| {
        let made = values.map(|value| valued(&[10_000; 3], Some(value), 0));
        record(vec![(case("custom.c", &[]), made.to_vec())])
    };
    let metric = Metric::Value("v".to_owned());
    let options = CompareOptions {
        metrics: MetricChoice::Named(vec![metric]),
        ..CompareOptions::default()
    };
    let check = |base: [f64; 4], new: [f64; 4], verdict: Verdict, scale: Scale| {
        let found = Comparison::of_runs(&valued_run(base), &valued_run(new), &options);
        assert_eq!(verdicts(&found), [verdict], "{:#?}", found.cells);
        assert_eq!(found.cells[0].change.unwrap().scale, scale);
        found
    };
    check(
        [5.0, 5.1, 4.9, 5.0],
        [9.0, 9.1, 8.9, 9.0],
        Verdict::Higher,
        Scale::Ratio,
    );
    check(
        [-5.0, -5.1, -4.9, -5.0],
        [-9.0, -9.1, -8.9, -9.0],
        Verdict::Lower,
        Scale::Difference,
    );
    let zero = check(
        [0.0; 4],
        [0.5, 0.6, 0.4, 0.5],
        Verdict::Higher,
        Scale::Difference,
    );
    assert_eq!(zero.cells[0].change.unwrap().relative, None);
    let any = FailOns(vec![FailOn::Any]);
    assert!(matches!(zero.conclusion(&any), Conclusion::Failed { .. }));
    assert_eq!(
        zero.conclusion(&FailOns::every_worsening()),
        Conclusion::Passed
    );
    check(
        [0.0; 4],
        [0.0; 4],
        Verdict::Same(Sameness::Identical),
        Scale::Difference,
    );
    // Not on request, it is not compared.
    let base = valued_run([1.0, 1.1, 0.9, 1.0]);
    assert_eq!(compare(&base, &base).cells.len(), 1);
}

#[test]
fn numbers_that_are_none_are_left_out_and_told() {
    let made = |value: f64| {
        let mut made = vec![valued(&[10_000; 3], Some(1.0), 0); 3];
        made.push(valued(&[10_000; 3], Some(value), 0));
        record(vec![(case("custom.c", &[]), made)])
    };
    let options = CompareOptions {
        metrics: MetricChoice::All,
        ..CompareOptions::default()
    };
    let found = Comparison::of_runs(&made(1.0), &made(f64::NAN), &options);
    let cell = found
        .cells
        .iter()
        .find(|cell| cell.metric.name() == "value.v")
        .unwrap();
    assert_eq!((cell.new.processes, cell.new.left_out), (3, 3));
    assert!(
        cell.notes[0].contains("3 value(s) of new"),
        "{:?}",
        cell.notes
    );
    let nothing = |value: f64| {
        let made = vec![valued(&[10_000; 3], Some(value), 0); 3];
        record(vec![(case("custom.c", &[]), made)])
    };
    let found = Comparison::of_runs(&nothing(1.0), &nothing(f64::INFINITY), &options);
    let cell = found
        .cells
        .iter()
        .find(|cell| cell.metric.name() == "value.v")
        .unwrap();
    assert_eq!(cell.verdict, Verdict::Undecided(Doubt::TooFewProcesses));
    assert!(compare_json(&found).contains("\"value\": null"));
}

#[test]
fn memory_that_grew_is_larger() {
    let peaks = |peaks: [u64; 4]| {
        let made = peaks.map(|peak| valued(&[10_000; 3], None, peak << 20));
        record(vec![(case("custom.c", &[]), made.to_vec())])
    };
    let comparison = compare(&peaks([100, 101, 99, 100]), &peaks([150, 151, 149, 150]));
    let cell = &comparison.cells[1];
    assert_eq!(
        (&cell.metric, cell.verdict),
        (&Metric::PeakResident, Verdict::Worse)
    );
    assert_eq!(cell.verdict.word(cell.metric.kind()), "larger");
    let fails = |on: FailOn| {
        matches!(
            comparison.conclusion(&FailOns(vec![on])),
            Conclusion::Failed { .. }
        )
    };
    assert_eq!(FailOn::ALL.map(fails), [false, true, false, false, true]);
}

#[test]
fn what_has_no_counterpart_is_listed_by_side_and_what_failed_with_its_cause() {
    let base = run(&[
        ("custom.a", &STEADY),
        ("custom.b", &STEADY),
        ("custom.c", &STEADY),
    ]);
    let mut cases = vec![(case("custom.a", &[]), processes(&STEADY))];
    let failed = (Outcome::ExitCode { code: 3 }, AttemptData::default());
    cases.push((case("custom.b", &[]), vec![failed]));
    cases.push((case("custom.d", &[]), processes(&STEADY)));
    let comparison = compare(&base, &record(cases));
    let unmatched: Vec<_> = comparison
        .unmatched
        .iter()
        .map(|cell| (cell.side, cell.case.as_str()))
        .collect();
    assert_eq!(
        unmatched,
        [(Side::Base, "custom.c"), (Side::New, "custom.d")]
    );
    let missing = &comparison.not_measured;
    assert_eq!(
        (missing.len(), missing[0].side, missing[0].case.as_str()),
        (1, Side::New, "custom.b")
    );
    assert!(
        missing[0].cause.starts_with("exit-code: "),
        "{}",
        missing[0].cause
    );
    let junit = compare_junit(&comparison, &FailOns::default());
    assert!(
        junit.contains("<testcase classname=\"custom.b\" name=\"not measured\">"),
        "{junit}"
    );
}

#[test]
fn nothing_compared_is_no_pass() {
    let conclusion = |base: &RunRecord, new: &RunRecord| match compare(base, new)
        .conclusion(&FailOns(vec![FailOn::Any]))
    {
        Conclusion::NothingCompared(reasons) => reasons.join("; "),
        other => format!("{other:?}"),
    };
    let base = only(&STEADY);
    assert_eq!(
        conclusion(&base, &only(&[])),
        "new has no good attempt of `custom.c` (no attempt was made)"
    );
    assert_eq!(conclusion(&base, &only(&[9_000])), "too few processes");
    assert_eq!(
        conclusion(&base, &run(&[("custom.x", &STEADY)])),
        "2 cells have no counterpart"
    );
    let noisy = only(&[8_000, 12_000, 9_000, 11_000, 13_000, 7_500]);
    assert_eq!(conclusion(&base, &noisy), "Passed", "noise is an answer");
}

#[test]
fn what_workers_warned_of_is_told() {
    let base = only(&STEADY);
    let mut new = only(&STEADY);
    new.path = "results/y".into();
    for data in new.attempts.values_mut() {
        data.warnings = vec!["slowed down by 3 % on purpose (--slow-down)".to_owned()];
    }
    let notes = compare(&base, &new).notes;
    let told = "new warned: custom.c: slowed down by 3 % on purpose";
    assert!(notes.iter().any(|note| note.contains(told)), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("base")), "{notes:?}");
}

#[test]
fn doubts_about_a_whole_run_are_told() {
    let base = only(&STEADY);
    let mut new = only(&STEADY);
    new.path = "results/y".into();
    let difference = Difference::between("libtorch", "a", "b").unwrap();
    new.manifest.starts.push(Start {
        at: "2026-11-22T03:45:00Z".parse().unwrap(),
        by: StartedBy::Resume,
        anechoic: "0.1.0".to_owned(),
        machine: new.manifest.machine.clone(),
        programs: vec![],
        environment: BTreeMap::new(),
        suite_file: None,
        timeout_ms: None,
        clocks: anechoic_record::Clocks::default(),
        differences: vec![difference],
    });
    new.manifest.cases[0].attempts[0]
        .disturbed
        .push(Disturbance {
            when: Moment::During,
            what: Restless::CpuThrottled { times: 2 },
        });
    let notes = compare(&base, &new).notes;
    assert!(notes[0].contains("made at different times"), "{}", notes[0]);
    assert_eq!(
        notes[1..],
        [
            "new is mixed: libtorch was a and is b",
            "1 of 6 good attempts of new were disturbed"
        ]
    );
    assert_eq!(compare(&base, &base).notes, ["both sides are the same run"]);
}

/// Cases that differ in `size`, and in `kind` between two groups.
fn sizes(order: Order) -> RunRecord {
    let cases = vec![
        (
            case("custom.a1", &[("size", 1), ("kind", 0)]),
            processes(&STEADY),
        ),
        (
            case("custom.a2", &[("size", 2), ("kind", 0)]),
            processes(&times(1.2)),
        ),
        (
            case("custom.b1", &[("size", 1), ("kind", 1)]),
            processes(&times(2.0)),
        ),
        (
            case("custom.b2", &[("size", 2), ("kind", 1)]),
            processes(&times(2.0)),
        ),
        (
            case("custom.lone", &[("size", 9), ("kind", 9)]),
            processes(&STEADY),
        ),
    ];
    let mut record = record(cases);
    record.manifest.plan.order = order;
    record
}

fn within(record: &RunRecord, key: &str, base: Option<&str>) -> Result<Comparison, NoMatch> {
    let within = Within {
        key: key.to_owned(),
        base: base.map(str::to_owned),
    };
    Comparison::within(record, &within, &CompareOptions::default())
}

#[test]
fn cases_that_agree_in_all_else_are_compared() {
    let check = |key: &str, base: Option<&str>, expected: &[(&str, &str)]| {
        let found = within(&sizes(Order::Interleaved), key, base).unwrap();
        let pairs: Vec<_> = found
            .cells
            .iter()
            .map(|cell| (cell.base_case.as_str(), cell.new_case.as_str()))
            .collect();
        assert_eq!(pairs, expected);
    };
    let by_size = [("custom.a1", "custom.a2"), ("custom.b1", "custom.b2")];
    check("parameters.size", None, &by_size);
    check("size", None, &by_size);
    let turned = [("custom.a2", "custom.a1"), ("custom.b2", "custom.b1")];
    check("size", Some("2"), &turned);
    check(
        "kind",
        None,
        &[("custom.a1", "custom.b1"), ("custom.a2", "custom.b2")],
    );
    let found = within(&sizes(Order::Interleaved), "size", None).unwrap();
    let lone: Vec<_> = found
        .unmatched
        .iter()
        .map(|cell| cell.case.as_str())
        .collect();
    assert_eq!(lone, ["custom.lone"]);
}

#[test]
fn rounds_are_paired_only_where_they_were_measured_side_by_side() {
    // Rounds differ by far more than the cases do.
    let level = [10_000, 20_000, 14_000, 8_000, 30_000];
    let cases = vec![
        (case("custom.a", &[("size", 1)]), processes(&level)),
        (
            case("custom.b", &[("size", 2)]),
            processes(&level.map(|us| us + us / 20 + us % 7)),
        ),
    ];
    let mut record = record(cases);
    let check = |record: &RunRecord, paired: bool, verdict: Verdict| {
        let comparison = within(record, "size", None).unwrap();
        let cell = comparison.cells[0].clone();
        assert_eq!(
            (cell.change.unwrap().paired, cell.verdict),
            (paired, verdict),
            "{cell:#?}"
        );
        let text = compare_terminal(&comparison);
        assert_eq!(text.contains("5 pairs"), paired, "{text}");
    };
    record.manifest.plan.order = Order::Random(1);
    check(&record, true, Verdict::Worse);
    record.manifest.plan.order = Order::Listed;
    check(&record, false, Verdict::Undecided(Doubt::Noise));
    record.manifest.plan.order = Order::Interleaved;
    record.manifest.cases[1].attempts[2].outcome = Outcome::ExitCode { code: 3 };
    check(&record, false, Verdict::Undecided(Doubt::Noise));
}

#[test]
fn a_setting_that_tells_nothing_apart_names_those_that_do() {
    let record = sizes(Order::Interleaved);
    let text = |key: &str, base: Option<&str>| within(&record, key, base).unwrap_err().to_string();
    let differing = "parameters.kind (0, 1, 9); parameters.size (1, 2, 9)";
    assert_eq!(
        text("mode", None),
        format!("no case has a setting `mode`; cases differ in {differing}")
    );
    assert_eq!(
        text("seed", None),
        format!("no two cases differ in `seed` alone; cases differ in {differing}")
    );
    assert_eq!(
        text("size", Some("7")),
        "no case has `7` as its parameters.size; there are 1, 2, 9"
    );
}

/// A record is a file; whoever wrote it may have meant harm.
const HOSTILE: &str = "custom.<script>alert(1)</script>|**x**`y`]]>\u{1b}[2J\n# z";

#[test]
fn text_from_outside_is_escaped_everywhere() {
    let comparison = compare(&run(&[(HOSTILE, &STEADY)]), &run(&[(HOSTILE, &times(1.1))]));
    let (terminal, markdown) = (compare_terminal(&comparison), compare_markdown(&comparison));
    let junit = compare_junit(&comparison, &FailOns::default());
    for text in [&terminal, &markdown, &junit] {
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(!text.lines().any(|line| line.starts_with("# z")), "{text}");
    }
    for text in [&markdown, &junit] {
        assert!(!text.contains("<script"), "{text}");
    }
    assert!(
        !markdown.contains("**x**") && !markdown.contains("`y`"),
        "{markdown}"
    );
    let row = markdown
        .lines()
        .find(|line| line.contains("**slower**"))
        .unwrap();
    assert_eq!(row.matches(" | ").count(), 10, "{row}");
    let mut reader = quick_xml::Reader::from_str(&junit);
    let mut named = false;
    loop {
        match reader.read_event().unwrap() {
            quick_xml::events::Event::Eof => break,
            quick_xml::events::Event::Start(element) if element.name().as_ref() == "testcase" => {
                let class = element.try_get_attribute("classname").unwrap().unwrap();
                let class = class
                    .normalized_value(quick_xml::XmlVersion::Implicit1_0)
                    .unwrap();
                named |= class == HOSTILE.replace(char::is_control, "\u{fffd}");
            }
            _ => {}
        }
    }
    assert!(named, "{junit}");
}

#[test]
fn the_page_of_a_comparison() {
    let base = run(&[
        ("custom.a", &STEADY),
        ("custom.b", &STEADY),
        ("custom.c", &[10_000]),
    ]);
    let new = run(&[
        ("custom.a", &times(1.1)),
        ("custom.b", &times(0.8)),
        ("custom.c", &[9_000]),
    ]);
    let comparison = compare(&base, &new);
    insta::assert_snapshot!(compare_markdown(&comparison));
    insta::assert_snapshot!(compare_terminal(&comparison));
    insta::assert_snapshot!(compare_junit(&comparison, &FailOns(vec![FailOn::Slower])));
    insta::assert_snapshot!(compare_json(&comparison).split_once("\"cells\"").unwrap().0);
}
