//! Reports of made-up records: the figures are checked by hand, the text as a whole.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "support/capture.rs"]
mod capture;
mod support;

use anechoic_protocol::{
    AttentionPath, Attribution, Benchmark, CaptureMode, Dtype, GenerationWork, PairedSteps, Sample,
    Version, VersionedModel,
};
use anechoic_record::{
    AttemptData, Disturbance, Fate, Leftover, Moment, Outcome, Restless, RuleVerdict, RunRecord,
    Wait,
};
use anechoic_report::{FailedAttempt, Summary, csv, json, markdown, terminal};
use anechoic_suite::{Case, StopRule};
use capture::{capture_work, captured};
use support::{ok, record};

fn case(mode: CaptureMode, layers: Vec<u32>) -> Case {
    let work = Benchmark::Capture(capture_work(mode, layers));
    support::case(&format!("capture.{}", mode.as_str()), work)
}

/// Three iterations whose generation takes these milliseconds.
fn data(generation_ms: [u64; 3], fetch_ms: u64) -> AttemptData {
    AttemptData {
        wall_ns: Some(2_000_000_000),
        waited_ms: 1_000,
        orchestrator_cpu_ns: Some(2_000_000),
        ..captured(&generation_ms.map(|ms| ms as f64), fetch_ms)
    }
}

fn three_modes() -> RunRecord {
    record(vec![
        (
            case(CaptureMode::Baseline, vec![]),
            vec![ok(data([100, 101, 99], 0)), ok(data([100, 102, 101], 0))],
        ),
        (
            case(CaptureMode::ZeroLayer, vec![]),
            vec![ok(data([101, 100, 102], 0)), ok(data([100, 100, 100], 0))],
        ),
        (
            case(CaptureMode::AllLayers, vec![0, 1, 2, 3]),
            vec![ok(data([140, 150, 160], 20)), ok(data([141, 151, 161], 20))],
        ),
    ])
}

#[test]
fn overheads_are_those_of_the_definition() {
    let summary = Summary::of(&three_modes());
    let capture = summary.capture.as_ref().unwrap();
    let [zero, all] = capture.overheads.as_slice() else {
        panic!("two overheads, of zero-layer and all-layers");
    };
    assert!(zero.generation.interval.unwrap().covers(0.0));
    assert_eq!(zero.fetch, None, "zero-layer stores nothing");
    let close = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-9, "{found}");
    close(capture.cases[0].generation_s.unwrap().mean, 0.1005);
    close(all.generation.value, 0.1505 / 0.1005 - 1.0);
    close(all.fetch.unwrap().value, 0.020 / 0.1005);
    close(all.total.value, 0.1705 / 0.1005 - 1.0);
    close(all.per_layer_s.unwrap().value, (0.1505 - 0.1005) / 4.0);
    assert!(capture.cases[2].generation_drift.unwrap().is_drifting());
    assert!(!capture.cases[0].generation_drift.unwrap().is_drifting());
}

#[test]
fn trust_is_about_the_first_metric_of_each_case() {
    let summary = Summary::of(&three_modes());
    let names: Vec<_> = summary.trust.iter().map(|line| line.name()).collect();
    assert_eq!(
        names,
        [
            "capture.baseline",
            "capture.zero-layer",
            "capture.all-layers"
        ]
    );
    let all = &summary.trust[2];
    let centre = all.centre.unwrap();
    assert!(
        (centre.value - 0.1705).abs() < 1e-9,
        "generation and fetch: {centre:?}"
    );
    assert_eq!((centre.processes, centre.iterations), (2, 6));
    assert!(centre.interval.unwrap().covers(centre.value));
    let read: Summary = serde_json::from_str(&json(&summary)).unwrap();
    let cells = |summary: &Summary| -> Vec<_> {
        summary.trust.iter().map(|line| line.cell.clone()).collect()
    };
    assert_eq!(cells(&read), cells(&summary));
}

#[test]
fn the_terminal_report() {
    insta::assert_snapshot!(terminal(&Summary::of(&three_modes())));
}

#[test]
fn the_markdown_report_of_a_failed_case() {
    let mut hostile = case(CaptureMode::AllLayers, vec![0, 1, 2, 3]);
    hostile.id = "capture.a|b<script>".to_owned();
    let failed = Outcome::ExitCode { code: 3 };
    let record = record(vec![
        (
            case(CaptureMode::Baseline, vec![]),
            vec![ok(data([100, 101, 99], 0))],
        ),
        (hostile, vec![(failed, AttemptData::default())]),
    ]);
    insta::assert_snapshot!(markdown(&Summary::of(&record)));
}

#[test]
fn a_failed_case_is_a_row_of_the_csv() {
    let failed = Outcome::Signal {
        number: 9,
        name: "SIGKILL".to_owned(),
    };
    let record = record(vec![
        (
            case(CaptureMode::Baseline, vec![]),
            vec![ok(data([100, 101, 99], 0))],
        ),
        (
            case(CaptureMode::AllLayers, vec![0]),
            vec![(failed, AttemptData::default())],
        ),
    ]);
    let text = csv(&record);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 3 + 1);
    assert!(lines[0].starts_with("run,suite,case,attempt,iteration"));
    assert!(lines[1].ends_with(",ok") && lines[1].contains(",100000000,"));
    assert!(lines[4].contains("capture.all-layers,1,,") && lines[4].ends_with(",signal"));
}

#[test]
fn a_csv_of_several_families_has_the_columns_of_all() {
    let mut kv = case(CaptureMode::Baseline, vec![]);
    kv.id = "kv.v1.latency".to_owned();
    kv.work = Benchmark::Latency(GenerationWork {
        model: VersionedModel {
            model: kv.work.model().cloned().unwrap(),
            dtype: Dtype::F32,
            version: Version::V1,
            attention: AttentionPath::Best,
        },
        batch_size: 1,
        prompt_length: 8,
        tokens: vec![4, 8],
        warmup_runs: 0,
        measured_runs: 1,
    });
    let exit = Outcome::ExitCode { code: 3 };
    let record = record(vec![
        (
            case(CaptureMode::Baseline, vec![]),
            vec![ok(data([100, 101, 99], 0))],
        ),
        (kv, vec![(exit, AttemptData::default())]),
    ]);
    let text = csv(&record);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines.len(),
        1 + 3 + 2,
        "three iterations, and one row per T"
    );
    let header: Vec<_> = lines[0].split(',').collect();
    let count = |name| header.iter().filter(|column| **column == name).count();
    for column in ["benchmark", "captured_rows", "T", "time_total_ms_median"] {
        assert_eq!(count(column), 1, "{column}");
    }
    assert!(
        lines
            .iter()
            .all(|line| line.split(',').count() == header.len())
    );
}

#[test]
fn attempts_that_failed_do_not_count() {
    let timeout = Outcome::Timeout {
        phase: anechoic_protocol::Phase::Measure,
        limit_ms: 1,
    };
    let record = record(vec![(
        case(CaptureMode::Baseline, vec![]),
        vec![
            (timeout, data([900, 900, 900], 0)),
            ok(data([100, 100, 100], 0)),
        ],
    )]);
    let summary = Summary::of(&record);
    let baseline = &summary.capture.as_ref().unwrap().cases[0];
    assert_eq!(baseline.processes, 1);
    assert!((baseline.generation_s.unwrap().mean - 0.1).abs() < 1e-9);
    assert_eq!(
        (summary.tally.ok_attempts, summary.tally.failed_attempts),
        (1, 1)
    );
    assert!(!summary.is_complete(), "one of two planned attempts");
}

#[test]
fn paired_steps_are_pooled_and_give_no_overhead_of_whole_runs() {
    let mut work = case(CaptureMode::AllLayers, vec![0]);
    let Benchmark::Capture(settings) = &mut work.work else {
        unreachable!("it is a capture")
    };
    settings.attribution = Attribution::Paired;
    let mut with_pairs = data([200, 200, 200], 1);
    for sample in &mut with_pairs.samples {
        let Sample::Capture(iteration) = sample else {
            unreachable!("it is a capture")
        };
        iteration.paired = Some(PairedSteps {
            on_ns: vec![101; 4],
            off_ns: vec![100; 4],
        });
    }
    let record = record(vec![
        (
            case(CaptureMode::Baseline, vec![]),
            vec![ok(data([100, 100, 100], 0))],
        ),
        (work, vec![ok(with_pairs)]),
    ]);
    let summary = Summary::of(&record);
    let capture = summary.capture.as_ref().unwrap();
    let paired = capture.cases[1].paired.unwrap();
    assert_eq!((paired.processes, paired.pairs), (1, 12));
    assert_eq!(
        capture.cases[1].decode_tokens_per_s, None,
        "doubled steps are no rate"
    );
    assert!((paired.effect.value - 0.01).abs() < 1e-12);
    assert!(capture.overheads.is_empty());
    assert!(terminal(&summary).contains("+1.0"));
}

#[test]
fn only_cases_with_the_same_threads_and_plain_timing_are_compared() {
    let with = |mode, layers, threads, attribution: Attribution| {
        let mut case = case(mode, layers);
        case.id = format!("{}.t{threads}.{}", case.id, attribution.as_str());
        case.threads = Some(threads);
        let Benchmark::Capture(work) = &mut case.work else {
            unreachable!("it is a capture")
        };
        work.attribution = attribution;
        case
    };
    let both = |ms| vec![ok(data([ms; 3], 0)), ok(data([ms; 3], 0))];
    use CaptureMode::{AllLayers, Baseline, ZeroLayer};
    let record = record(vec![
        (with(Baseline, vec![], 1, Attribution::Off), both(400)),
        (with(Baseline, vec![], 2, Attribution::Off), both(200)),
        (with(ZeroLayer, vec![], 2, Attribution::Paired), both(900)),
        (with(ZeroLayer, vec![], 2, Attribution::Off), both(200)),
        (with(AllLayers, vec![0, 1], 2, Attribution::Off), both(220)),
        (
            with(AllLayers, vec![0, 1], 2, Attribution::Inside),
            both(999),
        ),
    ]);
    let summary = Summary::of(&record);
    let overheads = &summary.capture.as_ref().unwrap().overheads;
    let ids: Vec<_> = overheads.iter().map(|o| o.id.as_str()).collect();
    assert_eq!(
        ids,
        ["capture.zero-layer.t2.off", "capture.all-layers.t2.off"]
    );
    assert!(
        (overheads[1].generation.value - 0.1).abs() < 1e-9,
        "against the baseline of two threads"
    );
    assert!((overheads[1].per_layer_s.unwrap().value - 0.01).abs() < 1e-9);
    let text = terminal(&summary);
    assert!(text.contains("threads: 1, 2\n"), "{text}");
    let (times, _) = text.split_once("overhead against").unwrap();
    assert!(
        !times.contains("inside") && !times.contains("paired"),
        "{times}"
    );
}

#[test]
fn a_run_without_any_attempt_still_has_a_report() {
    let record = record(vec![(case(CaptureMode::Baseline, vec![]), vec![])]);
    let summary = Summary::of(&record);
    assert!(markdown(&summary).contains("anechoic rerun"));
    let back: Summary = serde_json::from_str(&json(&summary)).unwrap();
    assert_eq!(back, summary);
}

/// One case that was disturbed, waited for, contaminated, leaky and cut short.
fn troubled() -> RunRecord {
    let load = |when| Disturbance {
        when,
        what: Restless::CpuLoad {
            busy_milli: 1_200,
            accepted_milli: 250,
        },
    };
    let waited = AttemptData {
        waited_ms: 3_000,
        waits: vec![
            Wait {
                waited_ms: 500,
                what: Restless::CpuThrottled { times: 1 },
            },
            Wait {
                waited_ms: 2_000,
                what: load(Moment::Before).what,
            },
        ],
        observing_ns: Some(4_000_000),
        ..data([100, 101, 99], 0)
    };
    let contaminated = Outcome::Contaminated {
        disturbances: vec![load(Moment::Before)],
        started: false,
    };
    let leaked = Outcome::Leaked {
        processes: 1,
        held_pipes: true,
    };
    let cancelled = Outcome::Cancelled {
        phase: anechoic_protocol::Phase::Measure,
    };
    let mut record = record(vec![(
        case(CaptureMode::Baseline, vec![]),
        vec![
            ok(waited.clone()),
            (contaminated, AttemptData::default()),
            (leaked, waited),
            (cancelled, AttemptData::default()),
        ],
    )]);
    let attempts = &mut record.manifest.cases[0].attempts;
    attempts[0].disturbed = vec![load(Moment::Before), load(Moment::During)];
    attempts[1].disturbed = vec![load(Moment::Before)];
    attempts[2].pipes_left = true;
    attempts[3].pipes_left = true;
    attempts[2].left = vec![Leftover {
        pid: 77,
        name: Some("python3".to_owned()),
        left_group: true,
        fate: Fate::Ended,
    }];
    record
}

#[test]
fn waits_are_added_up_by_reason() {
    let summary = Summary::of(&troubled());
    let waiting = &summary.waiting;
    assert_eq!(waiting.total_ms, 6_000);
    // 6 s of waits beside two attempts of 2 s.
    assert!((waiting.share - 0.6).abs() < 1e-9);
    let reasons: Vec<_> = (waiting.reasons.iter())
        .map(|r| (r.restless.as_str(), r.attempts, r.waited_ms))
        .collect();
    assert_eq!(
        reasons,
        [("cpu-load", 2, 4_000), ("cpu-throttled", 2, 1_000)]
    );
}

#[test]
fn attempts_that_were_cut_short_have_not_failed() {
    let summary = Summary::of(&troubled());
    let numbers = |list: &[FailedAttempt]| list.iter().map(|a| a.attempt).collect::<Vec<_>>();
    assert_eq!(numbers(&summary.failed), [2, 3]);
    assert_eq!(numbers(&summary.cut_short), [4]);
    let tally = &summary.tally;
    assert_eq!(
        (
            tally.ok_attempts,
            tally.failed_attempts,
            tally.cut_short_attempts
        ),
        (1, 2, 1)
    );
}

#[test]
fn the_markdown_report_of_a_restless_machine() {
    insta::assert_snapshot!(markdown(&Summary::of(&troubled())));
}

#[test]
fn the_terminal_report_of_a_restless_machine() {
    insta::assert_snapshot!(terminal(&Summary::of(&troubled())));
}

#[test]
fn a_summary_of_an_earlier_version_is_read() {
    let mut old = serde_json::to_value(Summary::of(&three_modes())).unwrap();
    let fields = old.as_object_mut().unwrap();
    for new in ["cut_short", "waiting", "disturbed", "left", "trust"] {
        assert!(fields.remove(new).is_some(), "{new}");
    }
    let tally = fields["tally"].as_object_mut().unwrap();
    for new in ["cut_short_attempts", "observing_ns"] {
        assert!(tally.remove(new).is_some(), "{new}");
    }
    let read: Summary = serde_json::from_value(old).unwrap();
    assert!(read.disturbed.is_empty() && read.waiting.reasons.is_empty());
    assert!(read.trust.is_empty());
}

#[test]
fn rows_of_the_csv_name_what_disturbed_their_attempt() {
    let text = csv(&troubled());
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with(",disturbed,outcome"));
    assert!(lines[1].ends_with(",cpu-load,ok"), "{}", lines[1]);
    assert!(
        lines
            .iter()
            .any(|line| line.ends_with(",cpu-load,contaminated"))
    );
    assert!(lines.iter().any(|line| line.ends_with(",,leaked")));
}

#[test]
fn the_stop_rule_tells_who_reached_it_and_who_did_not() {
    let attempts = |times: [u64; 3]| times.map(|ms| ok(data([ms; 3], 0))).to_vec();
    let named = |id: &str| Case {
        id: id.to_owned(),
        ..case(CaptureMode::Baseline, vec![])
    };
    let mut record = record(vec![
        (named("capture.steady"), attempts([100, 100, 101])),
        (named("capture.noisy"), attempts([100, 140, 100])),
        (named("capture.<b>"), vec![]),
    ]);
    let none = Summary::of(&record);
    assert!(none.stopping.is_empty() && !markdown(&none).contains("Stop rule"));
    assert!(!json(&none).contains("stopping"));

    record.manifest.plan.until = Some(StopRule {
        half_width_ppm: serde_json::from_str("20000").unwrap(),
        max: 3,
        metric: None,
    });
    let summary = Summary::of(&record);
    let verdicts: Vec<_> = summary.stopping.iter().map(|s| s.check.verdict).collect();
    let expected = [
        RuleVerdict::Met,
        RuleVerdict::MaxReached,
        RuleVerdict::Pending,
    ];
    assert_eq!(verdicts, expected);
    // One that has had its most attempts lacks nothing.
    assert_eq!((summary.tally.cases, summary.tally.complete_cases), (3, 2));
    let read: Summary = serde_json::from_str(&json(&summary)).unwrap();
    assert_eq!(read.stopping, summary.stopping);
    let text = markdown(&summary);
    for part in [
        "## Stop rule",
        "at most 2.0 % of the value, up to 3 per case:",
        "1 of 3 case(s) reached it.",
        " % |                    reached |",
        " % | not reached in 3 processes |",
        "capture.&lt;b>",
        "attempts are missing",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }

    record.manifest.plan.until.as_mut().unwrap().max = 4;
    let wanting = Summary::of(&record);
    assert_eq!(wanting.stopping[1].check.verdict, RuleVerdict::Another);
    assert_eq!(wanting.tally.complete_cases, 1);
}
