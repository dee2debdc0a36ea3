//! Certificates of made-up runs.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use anechoic_protocol::Device;
use anechoic_record::{CellId, Clocks, Fingerprint, LeftOut, Machine, Metric, RunState};
use anechoic_report::{
    CellDigest, NotCertified, Round, RunDigest, StoredCertificate, certificate_json,
    certificate_markdown, certificate_terminal, certify, disturbance_note,
};
use anechoic_stats::{Scale, average};

fn fingerprint() -> Fingerprint {
    Fingerprint {
        machine: Machine {
            hostname: Some("box".to_owned()),
            kernel: Some("Linux 6.1".to_owned()),
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 4,
            physical_cores: 2,
            memory_bytes: Some(16 << 30),
            gpu: None,
            gpu_uuid: None,
        },
        device: Device::Cpu,
        threads: 2,
        clocks: Clocks::default(),
        torch: Some("2.6.0".to_owned()),
        programs: Vec::new(),
        anechoic: "0.1.0".to_owned(),
    }
}

/// A cell of processes with one iteration each.
fn cell(case: &str, metric: Metric, processes: &[f64]) -> CellDigest {
    let series: Vec<Vec<f64>> = processes.iter().map(|value| vec![*value]).collect();
    CellDigest {
        id: CellId {
            case: case.to_owned(),
            tokens: None,
            metric,
        },
        settings: "0011223344556677".to_owned(),
        primary: true,
        average: average(&series).unwrap(),
        disturbed: 0,
    }
}

fn round(number: i64, cells: Vec<CellDigest>) -> Round {
    let at = jiff::Timestamp::from_second(number * 100).unwrap();
    Round {
        digest: RunDigest {
            run: format!("quick_{number}"),
            suite: "quick".to_owned(),
            started: at,
            state: RunState::Complete,
            is_audit: false,
            is_mixed: false,
            cases: 1,
            measured_cases: 1,
            fingerprint: fingerprint(),
            cells,
        },
        ended: at + jiff::SignedDuration::from_secs(50),
        asked: vec![("attempts per case".to_owned(), "3".to_owned())],
        mixed: Vec::new(),
        lacking: Vec::new(),
    }
}

/// One run for each of these lists of processes of the case `a`.
fn rounds(runs: &[&[f64]]) -> Vec<Round> {
    let cells = runs
        .iter()
        .map(|values| vec![cell("a", Metric::TotalTime, values)]);
    (1..)
        .zip(cells)
        .map(|(number, cells)| round(number, cells))
        .collect()
}

fn close(found: f64, expected: f64) {
    assert!(
        (found / expected - 1.0).abs() < 1e-4,
        "{found} for {expected}"
    );
}

#[test]
fn runs_scatter_and_processes_promise() {
    let e = |power: f64| power.exp();
    // Runs at -0.01, 0 and 0.01; processes of each 0.002 apart.
    let runs = [-0.01, 0.0, 0.01].map(|at| [e(at - 0.001), e(at + 0.001)]);
    let runs: Vec<&[f64]> = runs.iter().map(|run| &run[..]).collect();
    let mut made = rounds(&runs);
    made.reverse();
    let found = certify(&made).unwrap();
    assert_eq!(found.suite, "quick");
    assert_eq!(found.runs, ["quick_1", "quick_2", "quick_3"]);
    assert_eq!(found.made.as_second(), 350);
    assert!(found.left_out.is_empty());
    let cell = &found.cells[0];
    assert_eq!((cell.scale, cell.runs), (Scale::Ratio, 3));
    close(cell.value, 1.0);
    close(cell.deviation, 0.01);
    // Two processes 0.002 apart: their deviation is 0.002/√2, and the error of their mean 0.001.
    close(cell.promised.unwrap(), 0.001);
    // t(0.975, 2) = 4.302653, t(0.8, 2) = 1.060660.
    close(
        cell.detectable,
        ((4.302_653 + 1.060_660) * 0.01 * 2_f64.sqrt()).exp_m1(),
    );
}

#[test]
fn exact_values_are_detectable_to_the_last_digit() {
    let found = certify(&rounds(&[&[7.1, 7.1], &[7.1], &[7.1]])).unwrap();
    let cell = &found.cells[0];
    assert_eq!(
        (cell.value, cell.deviation, cell.detectable),
        (7.1, 0.0, 0.0)
    );
    assert_eq!(cell.promised, Some(0.0), "of the run with two processes");
    let found = certify(&rounds(&[&[1.0], &[2.0], &[3.0]])).unwrap();
    assert_eq!(found.cells[0].promised, None);
}

#[test]
fn values_around_zero_are_counted_as_they_are() {
    let found = certify(&rounds(&[&[-2.0, -2.0], &[0.0], &[2.0, 2.0]])).unwrap();
    let cell = &found.cells[0];
    assert_eq!(
        (cell.scale, cell.value, cell.deviation),
        (Scale::Difference, 0.0, 2.0)
    );
    close(
        cell.detectable,
        (4.302_653 + 1.060_660) * 2.0 * 2_f64.sqrt(),
    );
}

fn three() -> Vec<Round> {
    rounds(&[&[1.0], &[1.1], &[1.2]])
}

#[test]
fn runs_that_are_not_alike_are_no_certificate() {
    let check = |change: fn(&mut Vec<Round>), expected: &str| {
        let mut made = three();
        change(&mut made);
        let error = certify(&made).unwrap_err().text();
        assert!(error.contains(expected), "{error}");
    };
    check(|made| drop(made.pop()), "2 runs cannot tell");
    check(|made| made.clear(), "0 runs cannot tell");
    check(
        |made| made[1].digest.run = "quick_1".to_owned(),
        "`quick_1` is named twice",
    );
    check(
        |made| made[2].digest.is_audit = true,
        "`quick_3` is an audit",
    );
    check(
        |made| made[2].digest.suite = "kv".to_owned(),
        "is of the suite `kv`, and the first is of `quick`",
    );
    check(
        |made| made[0].mixed = vec!["kernel was 1 and is 2".to_owned()],
        "`quick_1` is mixed: kernel was 1 and is 2",
    );
    check(
        |made| made[1].digest.fingerprint.machine.kernel = None,
        "kernel was Linux 6.1 and is unknown",
    );
    check(
        |made| made[2].digest.fingerprint.torch = Some("2.7.0".to_owned()),
        "libtorch was 2.6.0 and is 2.7.0",
    );
    check(
        |made| made[2].asked[0].1 = "2".to_owned(),
        "attempts per case was 3 and is 2",
    );
}

#[test]
fn cases_that_do_not_count_are_listed() {
    let lacking = |case: &str| LeftOut {
        case: case.to_owned(),
        why: "timeout: too slow".to_owned(),
    };
    let mut made = three();
    for (round, value) in made.iter_mut().zip([1.0, 2.0, 3.0]) {
        round.digest.cases = 3;
        let cells = ["b", "c"].map(|case| cell(case, Metric::TotalTime, &[value]));
        round.digest.cells.extend(cells);
        round
            .digest
            .cells
            .push(cell("c", Metric::PeakResident, &[value]));
    }
    made[1].lacking = vec![lacking("b")];
    made[2].lacking = vec![lacking("b")];
    made[2]
        .digest
        .cells
        .retain(|cell| cell.id.metric != Metric::PeakResident);
    let found = certify(&made).unwrap();
    let certified: Vec<_> = found
        .cells
        .iter()
        .map(|cell| cell.id.case.as_str())
        .collect();
    assert_eq!(certified, ["a", "c"]);
    let left_out: Vec<_> = found
        .left_out
        .iter()
        .map(|LeftOut { case, why }| (case.as_str(), why.as_str()))
        .collect();
    assert_eq!(
        left_out,
        [
            ("b", "in `quick_2`: timeout: too slow"),
            ("c", "peak-resident: 2 of 3 runs have values of it"),
        ]
    );
    made[0].digest.cells[0].settings = "other".to_owned();
    made[1].lacking.push(lacking("c"));
    let error = certify(&made).unwrap_err();
    assert!(matches!(&error, NotCertified::NoCase { left_out } if left_out.len() == 3));
    let text = error.text();
    assert!(
        text.contains("`a`: total-time: its settings are not the same in all runs"),
        "{text}"
    );
}

#[test]
fn a_certificate_is_shown() {
    let e = |power: f64| 0.1 * power.exp();
    let runs = [-0.01, 0.0, 0.01].map(|at| [e(at - 0.001), e(at + 0.001)]);
    let runs: Vec<&[f64]> = runs.iter().map(|run| &run[..]).collect();
    let mut made = rounds(&runs);
    for round in &mut made {
        round.digest.cases = 2;
        let cells = &mut round.digest.cells;
        cells.push(cell("a", Metric::PeakResident, &[1048576.0, 1048576.0]));
        cells.push(CellDigest {
            primary: false,
            ..cell("a", Metric::DecodeTime, &[0.05])
        });
    }
    made[0].digest.cells[0].disturbed = 1;
    made[1].lacking = vec![LeftOut {
        case: "b|<i>".to_owned(),
        why: "timeout: in measure".to_owned(),
    }];
    let certificate = certify(&made).unwrap();
    let notes = vec![disturbance_note(&made).unwrap()];
    let stored = StoredCertificate {
        certificate: &certificate,
        file: "results/certificates/quick.json",
        notes: &notes,
    };
    insta::assert_snapshot!(certificate_terminal(&stored), @r"
    quick – certificate of 1970-01-01
    ═════════════════════════════════
    3 equal runs. Smallest change that two single runs show: 7.9 % (median of 1 cell with scatter; 7.9 % at most). Without any scatter: 1 cell. Runs differ 10 times as much as processes within them say (median).
    From 3 runs a deviation is known to within 0.52 to 6.3 times its value (95 %).
      1 of 6 attempts were disturbed (`anechoic report RUN` says by what): this is the noise of a machine that was not at rest

    Judged by
    ┌──────┬───┬───────────────┬──────────┬──────────────────┬───────────────┬───────┬────────────┐
    │ case ┆ T ┆        metric ┆    value ┆       run to run ┆ processes say ┆ ratio ┆ detectable │
    ╞══════╪═══╪═══════════════╪══════════╪══════════════════╪═══════════════╪═══════╪════════════╡
    │ a    ┆ – ┆    total-time ┆ 100.0 ms ┆ 1.0 % [0.5, 6.3] ┆       0.100 % ┆   10× ┆      7.9 % │
    │ a    ┆ – ┆ peak-resident ┆ 1.00 MiB ┆             none ┆          none ┆     – ┆        any │
    └──────┴───┴───────────────┴──────────┴──────────────────┴───────────────┴───────┴────────────┘

    Other metrics
    ┌──────┬───┬─────────────┬──────────┬────────────┬───────────────┬───────┬────────────┐
    │ case ┆ T ┆      metric ┆    value ┆ run to run ┆ processes say ┆ ratio ┆ detectable │
    ╞══════╪═══╪═════════════╪══════════╪════════════╪═══════════════╪═══════╪════════════╡
    │ a    ┆ – ┆ decode-time ┆ 50.00 ms ┆       none ┆             – ┆     – ┆        any │
    └──────┴───┴─────────────┴──────────┴────────────┴───────────────┴───────┴────────────┘

    Not certified
      b|<i>: in `quick_2`: timeout: in measure

    Conditions
      device: cpu
      processor: A CPU
      CPUs: 4 logical, 2 cores, 2 threads
      kernel: Linux 6.1
      clocks: not told
      libtorch: 2.6.0
      anechoic: 0.1.0

    It holds under these conditions alone. Another processor, number of CPUs, amount of memory, kernel, device, driver, clock or power limit, number of threads, libtorch, worker file or version of anechoic makes it expire.

    Made of
      quick_1
      quick_2
      quick_3

    stored in results/certificates/quick.json
    ");
    let markdown = certificate_markdown(&stored);
    assert!(
        markdown.contains("- b&#124;&lt;i&gt;: in `quick_2`")
            || markdown.contains("b&#124;&lt;i&gt;"),
        "{markdown}"
    );
    let json: serde_json::Value = serde_json::from_str(&certificate_json(&stored)).unwrap();
    assert_eq!(json["file"], "results/certificates/quick.json");
    assert_eq!(json["left_out"][0]["case"], "b|<i>");
    let interval = &json["cells"][0]["deviation_interval"];
    // The quantiles of chi-square with 2 degrees of freedom are 0.050636 and 7.377759.
    close(
        interval["low"].as_f64().unwrap(),
        0.01 * (2.0_f64 / 7.377_759).sqrt(),
    );
    close(
        interval["high"].as_f64().unwrap(),
        0.01 * (2.0_f64 / 0.050_636).sqrt(),
    );
    assert_eq!(disturbance_note(&three()), None);
}
