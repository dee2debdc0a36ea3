//! The page of made-up records: nothing from outside becomes markup, what failed is seen, and it stays small. How it looks
//! and behaves in a browser is tested with the real programs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "support/capture.rs"]
mod capture;
mod support;

use anechoic_protocol::{Benchmark, CaptureMode, FailureKind};
use anechoic_record::{AttemptData, Outcome, RunRecord, RunState};
use anechoic_report::{Logs, Summary, html, plots};
use anechoic_suite::{Case, StopRule};
use capture::{capture_work, captured};
use support::{ok, record};

const HOSTILE: &str = "\"><script>alert(1)</script><img src=x>'&amp;";

fn case(id: &str, mode: CaptureMode, layers: Vec<u32>) -> Case {
    support::case(id, Benchmark::Capture(capture_work(mode, layers)))
}

fn baseline(id: &str) -> Case {
    case(id, CaptureMode::Baseline, vec![])
}

/// Three iterations of these milliseconds.
fn data(ms: [u64; 3]) -> AttemptData {
    AttemptData {
        wall_ns: Some(2_000_000_000),
        waited_ms: 1_000,
        ..captured(&ms.map(|ms| ms as f64), 0)
    }
}

fn page(record: &RunRecord, logs: &Logs) -> String {
    let summary = Summary::of(record);
    html(record, &summary, &plots(record, &summary), logs)
}

/// The sentences alone, without their markup.
fn findings(record: &RunRecord) -> Vec<String> {
    let page = page(record, &Logs::default());
    let (_, list) = page.split_once("<ul class=\"findings\">").unwrap();
    let (list, _) = list.split_once("</ul>").unwrap();
    list.split("<li")
        .skip(1)
        .map(|item| {
            let mut text = String::new();
            let mut inside = true;
            for c in item.chars() {
                match c {
                    '<' => inside = true,
                    '>' => inside = false,
                    c if !inside => text.push(c),
                    _ => {}
                }
            }
            text
        })
        .collect()
}

#[test]
fn nothing_from_outside_becomes_markup() {
    let says = Outcome::WorkerFailed {
        kind: FailureKind::Internal,
        message: format!("{HOSTILE}\u{1b}[31m"),
    };
    let warned = AttemptData {
        warnings: vec![HOSTILE.to_owned()],
        ..data([100, 101, 99])
    };
    let id = format!("capture.{HOSTILE}");
    let mut record = record(vec![
        (
            baseline(&id),
            vec![(says, AttemptData::default()), ok(warned)],
        ),
        (baseline("capture.plain"), vec![ok(data([100, 101, 99]))]),
    ]);
    let manifest = &mut record.manifest;
    manifest.plan.name = HOSTILE.to_owned();
    manifest.plan.question = Some(HOSTILE.to_owned());
    manifest.run = HOSTILE.to_owned();
    manifest.machine.cpu = Some(HOSTILE.to_owned());
    manifest.settings.worker = HOSTILE.to_owned();
    let logs = Logs {
        suite: Some(format!("# {HOSTILE}")),
        stderr: [((id, 1), format!("{HOSTILE}\u{1b}]0;title\u{7}"))].into(),
    };
    let page = page(&record, &logs);
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown");
    for markup in ["<script>alert", "<img", "\u{1b}", "\u{7}"] {
        assert!(!page.contains(markup), "{markup:?}");
    }
    assert_eq!(page.matches("<script").count(), 1, "the page's own");
}

#[test]
fn the_page_asks_for_nothing() {
    let record = record(vec![(
        baseline("capture.a"),
        vec![ok(data([100, 101, 99]))],
    )]);
    let page = page(&record, &Logs::default());
    for asking in [" src=", "url(", "@import", "href=\"http", "href=\"//"] {
        assert!(!page.contains(asking), "{asking}");
    }
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn what_failed_is_seen_in_three_places() {
    let exit = || (Outcome::ExitCode { code: 3 }, AttemptData::default());
    let record = record(vec![
        (
            baseline("capture.good"),
            vec![ok(data([100; 3])), ok(data([100; 3]))],
        ),
        (baseline("capture.bad"), vec![exit(), exit()]),
    ]);
    let logs = Logs {
        suite: None,
        stderr: [(("capture.bad".to_owned(), 2), "the last words".to_owned())].into(),
    };
    let page = page(&record, &logs);
    assert_eq!(
        findings(&record)[..2],
        [
            ">1 of 2 cases are complete: 2 of 4 planned attempts ended well, each in a process of its own.",
            ">capture.bad failed and has no result: exited with code 3.",
        ]
        .map(|text| text.trim_start_matches('>').to_owned())
    );
    let (_, table) = page.split_once("id=\"failed-table\"").unwrap();
    assert_eq!(
        table.matches("exited with code 3</td>").count(),
        2 + 2,
        "the table, and the case"
    );
    assert!(
        page.contains("id=\"case-2\" open>"),
        "a case that lacks attempts is open"
    );
    assert!(page.contains("id=\"case-1\">"));
    assert!(page.contains("cases/capture.bad/attempt-2/stderr.log"));
    assert!(page.contains("the last words"));
}

#[test]
fn overheads_are_told_from_those_that_may_be_chance() {
    let all = case("capture.all", CaptureMode::AllLayers, vec![0, 1]);
    let zero = case("capture.zero", CaptureMode::ZeroLayer, vec![]);
    let record = record(vec![
        (
            baseline("capture.base"),
            vec![ok(data([100; 3])), ok(data([102; 3]))],
        ),
        (zero, vec![ok(data([101; 3])), ok(data([102; 3]))]),
        (all, vec![ok(data([200; 3])), ok(data([203; 3]))]),
    ]);
    let found = findings(&record);
    let of = |start: &str| {
        let text = found.iter().find(|text| text.starts_with(start));
        text.unwrap_or_else(|| panic!("{start}: {found:?}")).clone()
    };
    let told = of("Time that capture costs against capture.base");
    assert!(
        told.contains("capture.all +") && !told.contains("capture.zero"),
        "{told}"
    );
    let untold = of("No difference from capture.base is shown");
    assert!(
        untold.contains("capture.zero +") && !untold.contains("capture.all"),
        "{untold}"
    );
    let speed = of("Capturing on gpt2-tiny");
    assert!(
        speed.contains("the fastest case is capture.base")
            && speed.contains("the slowest capture.all"),
        "{speed}"
    );
}

#[test]
fn the_ends_of_a_range_that_may_be_chance_are_no_fastest_and_slowest() {
    let zero = case("capture.zero", CaptureMode::ZeroLayer, vec![]);
    let of = |base: &[u64], zero_ms: &[u64]| {
        let attempts = |ms: &[u64]| ms.iter().map(|ms| ok(data([*ms; 3]))).collect();
        let record = record(vec![
            (baseline("capture.base"), attempts(base)),
            (zero.clone(), attempts(zero_ms)),
        ]);
        let found = findings(&record);
        found
            .into_iter()
            .find(|f| f.starts_with("Capturing on"))
            .unwrap()
    };
    let untold = of(&[100, 104], &[101, 104]);
    assert!(
        untold.contains("the lowest mean is that of capture.base")
            && untold.ends_with("; they are not told from each other."),
        "{untold}"
    );
    let alone = of(&[100], &[110]);
    assert!(
        alone.ends_with("too few processes to tell them from each other."),
        "{alone}"
    );
    assert!(!untold.contains("fastest") && !alone.contains("fastest"));
}

#[test]
fn a_cost_below_zero_is_no_cost() {
    let all = case("capture.all", CaptureMode::AllLayers, vec![0, 1]);
    let record = record(vec![
        (
            baseline("capture.base"),
            vec![ok(data([200; 3])), ok(data([202; 3]))],
        ),
        (all, vec![ok(data([100; 3])), ok(data([101; 3]))]),
    ]);
    let found = findings(&record);
    assert!(!found.iter().any(|f| f.contains("costs")), "{found:?}");
    let text = "Less time than capture.base, told from chance: capture.all -50";
    assert!(found.iter().any(|f| f.starts_with(text)), "{found:?}");
}

#[test]
fn many_overheads_say_that_they_are_many_and_are_not_all_written_out() {
    let mut made = Vec::new();
    for n in 0..9 {
        let (mut base, mut zero) = (
            baseline(&format!("capture.base-{n}")),
            case(&format!("capture.zero-{n}"), CaptureMode::ZeroLayer, vec![]),
        );
        (base.seed, zero.seed) = (n, n);
        (base.threads, zero.threads) = (Some(n as u32 + 1), Some(n as u32 + 1));
        made.push((base, vec![ok(data([100; 3])), ok(data([102; 3]))]));
        made.push((zero, vec![ok(data([101; 3])), ok(data([102; 3]))]));
    }
    let found = findings(&record(made));
    let number = |start: &str| found.iter().filter(|f| f.starts_with(start)).count();
    assert_eq!(
        (number("Capturing on"), number("No difference")),
        (6, 6),
        "{found:?}"
    );
    for text in [
        "3 more workloads in the tables.",
        "3 more baselines in the tables.",
    ] {
        assert!(found.iter().any(|f| f == text), "{found:?}");
    }
    assert_eq!(
        number("Intervals of these 9 overheads are per case, not adjusted"),
        1
    );
}

#[test]
fn under_a_stop_rule_what_was_planned_is_of_each_case() {
    let attempts = |spread: u64| (0..4).map(|k| ok(data([100 + spread * k; 3]))).collect();
    let mut record = record(vec![
        (baseline("capture.still"), attempts(0)),
        (
            case("capture.wild", CaptureMode::ZeroLayer, vec![]),
            attempts(30),
        ),
    ]);
    record.manifest.plan.until = Some(StopRule {
        half_width_ppm: serde_json::from_str("20000").unwrap(),
        max: 4,
        metric: None,
    });
    for case in &mut record.manifest.cases {
        case.granted = Some(4);
    }
    let found = findings(&record);
    assert_eq!(
        found[0],
        "All 2 cases are complete: 8 of 8 planned attempts ended well, each in a process of its own."
    );
    assert!(
        found[1].starts_with("1 of 2 cases reached ci 2 %, these did not: capture.wild (± ")
            && found[1].ends_with(" % after 4 good attempts)."),
        "{}",
        found[1]
    );
    let page = page(&record, &Logs::default());
    assert_eq!(page.matches("4 of 4 good</span>").count(), 2);
}

#[test]
fn a_case_without_a_good_attempt_has_no_made_up_numbers() {
    let exit = (Outcome::ExitCode { code: 3 }, AttemptData::default());
    let record = record(vec![
        (
            baseline("capture.good"),
            vec![ok(data([100; 3])), ok(data([100; 3]))],
        ),
        (baseline("capture.bad"), vec![exit]),
    ]);
    let page = page(&record, &Logs::default());
    assert!(!page.contains("0 × 0") && !page.contains("0\u{a0}×\u{a0}0"));
    let rows: Vec<&str> = page
        .split("<span class=\"name\">capture.bad</span></th>")
        .skip(2)
        .collect();
    let memory = rows.iter().map(|row| row.split_once("</tr>").unwrap().0);
    assert!(memory.clone().count() > 0);
    assert!(
        memory
            .into_iter()
            .all(|row| !row.contains("0&nbsp;B") && !row.contains("0\u{a0}B"))
    );
}

#[test]
fn one_process_is_no_interval() {
    let all = case("capture.all", CaptureMode::AllLayers, vec![0, 1]);
    let record = record(vec![
        (baseline("capture.base"), vec![ok(data([100; 3]))]),
        (all, vec![ok(data([200; 3]))]),
    ]);
    let found = findings(&record);
    let text = "Against capture.base, with too few processes to be told from chance: capture.all +100.00 % (no interval).";
    assert!(found.iter().any(|f| f == text), "{found:?}");
}

#[test]
fn a_run_without_any_attempt_has_a_page() {
    let mut record = record(vec![(baseline("capture.a"), vec![])]);
    record.manifest.state = RunState::Interrupted;
    let page = page(&record, &Logs::default());
    assert!(page.contains("No attempt was made."));
    assert!(findings(&record)[0].contains("0 of 1 case is complete: 0 of 2 planned attempts"));
}

#[test]
fn a_page_of_thousands_of_attempts_stays_usable() {
    let exit = || (Outcome::ExitCode { code: 3 }, AttemptData::default());
    let cases = (0..50).map(|n| {
        let good = (0..36).map(|k| ok(data([100 + n, 101 + k, 99])));
        let attempts = good.chain((0..4).map(|_| exit())).collect();
        (baseline(&format!("capture.case-{n}")), attempts)
    });
    let mut record = record(cases.collect());
    record.manifest.plan.attempts = 40;
    let page = page(&record, &Logs::default());
    assert_eq!(page.matches("/stderr.log\"").count(), 2_000);
    assert!(page.len() < 5 << 20, "{} bytes", page.len());
}

#[test]
fn cells_carry_the_number_that_they_are_sorted_by() {
    let record = record(vec![(
        baseline("capture.a"),
        vec![ok(data([100; 3])), ok(data([100; 3]))],
    )]);
    let page = page(&record, &Logs::default());
    let (_, table) = page.split_once("id=\"table-1-0\"").unwrap();
    let cell = table
        .split_once("data-sort=\"1e-1\">")
        .map(|(_, rest)| rest);
    assert!(
        cell.is_some_and(|text| text.starts_with("100.0\u{a0}ms [")),
        "a tenth of a second: {table}"
    );
}
