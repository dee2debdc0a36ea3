//! `anechoic history` over runs of the fake worker.

use std::fs;
use std::time::Duration;

use anechoic_integration_tests::Bench;
use anechoic_protocol::Phase;
use anechoic_record::{Manifest, Night, NightOutcome, SCHEMA_VERSION, write_night};
use nix::sys::signal::Signal;
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "all-layers"
mode = "all-layers"
"#;

/// Three runs.
fn runs() -> Bench {
    let bench = Bench::new(CASES, "");
    for _ in 0..3 {
        let run = bench.run(&["run", "suite.toml"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    bench
}

fn night_of(manifest: &Manifest) -> Night {
    Night {
        schema_version: SCHEMA_VERSION,
        suite: manifest.plan.name.clone(),
        started: manifest.started,
        ended: manifest.started,
        run: Some(manifest.run.clone()),
        confirmations: Vec::new(),
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: Vec::new(),
        noise: None,
        outcome: NightOutcome::Quiet,
        cells: Vec::new(),
        news: None,
        notices: Vec::new(),
    }
}

#[test]
fn series_and_runs_are_told() {
    let bench = runs();
    write_night(&bench.path("results"), &night_of(&bench.manifest())).unwrap();
    let all = bench.run(&["history"]);
    assert_eq!(all.code, 0, "{}", all.stderr);
    assert!(
        all.stdout.contains("capture.baseline") && all.stdout.contains("peak-resident"),
        "{}",
        all.stdout
    );
    assert!(all.stdout.contains(": quiet"), "{}", all.stdout);
    let one = bench
        .run(&[
            "history",
            "*.baseline",
            "--metric",
            "total-time",
            "--last",
            "2",
        ])
        .stdout;
    assert_eq!(
        one.matches(&bench.manifest().plan.name).count(),
        2,
        "two runs are listed: {one}"
    );
    assert!(!one.contains("all-layers"), "{one}");
    let json = bench
        .run(&["history", "--format", "json", "--metric", "all"])
        .stdout;
    let json: Value = serde_json::from_str(&json).unwrap();
    let series = json["series"].as_array().unwrap();
    assert!(
        series.len() > 4
            && series
                .iter()
                .all(|s| s["points"].as_array().unwrap().len() == 3)
    );
    assert_eq!(series[0]["points"][2]["outcome"], "quiet");
    let markdown = bench.run(&["history", "--format", "md"]).stdout;
    assert!(markdown.contains("| case "), "{markdown}");
}

/// As many runs as were asked for are listed, however many nights without a value are among them.
#[test]
fn nights_without_a_value_take_the_place_of_no_run() {
    let bench = runs();
    let newest = bench.manifest();
    for second in 1..=3 {
        let outcome = NightOutcome::NotMeasured {
            reasons: vec!["somebody else measured".to_owned()],
        };
        let night = Night {
            started: newest.started + Duration::from_secs(second),
            run: None,
            outcome,
            ..night_of(&newest)
        };
        write_night(&bench.path("results"), &night).unwrap();
    }
    let args = ["history", "*.baseline", "--metric", "total-time"];
    let listed = bench.run(&[&args[..], &["--last", "2"]].concat()).stdout;
    assert_eq!(listed.matches("test_").count(), 2, "{listed}");
    assert_eq!(listed.matches("not-measured").count(), 3, "{listed}");
    assert!(!listed.contains("not shown"), "{listed}");
}

#[test]
fn files_are_written_whole() {
    let bench = runs();
    let run = bench.run(&[
        "history",
        "--html",
        "--samples",
        "samples.csv",
        "--openmetrics",
        "anechoic.prom",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let page = fs::read_to_string(bench.path("results/history.html")).unwrap();
    let link = format!("href=\"{}/report.html\"", bench.manifest().run);
    assert!(page.contains(&link), "{link}");
    let elsewhere = bench.path("pages");
    fs::create_dir(&elsewhere).unwrap();
    assert_eq!(bench.run(&["history", "--html=pages/history.html"]).code, 0);
    let page = fs::read_to_string(elsewhere.join("history.html")).unwrap();
    assert!(page.contains(&link.replace("href=\"", "href=\"../results/")));
    let text = fs::read_to_string(bench.path("anechoic.prom")).unwrap();
    assert!(
        text.contains("anechoic_seconds{suite=") && text.ends_with("# EOF\n"),
        "{text}"
    );
    // A page of some cases leaves that of all alone.
    let whole = fs::read_to_string(bench.path("results/history.html")).unwrap();
    let some = bench.run(&["history", "*.baseline", "--html"]);
    assert_eq!(
        some.stderr, "written: results/history-_.baseline.html\n",
        "{}",
        some.stdout
    );
    let page = fs::read_to_string(bench.path("results/history-_.baseline.html")).unwrap();
    assert!(page.contains("capture.baseline") && !page.contains("all-layers"));
    assert_eq!(
        fs::read_to_string(bench.path("results/history.html")).unwrap(),
        whole
    );
    let left = fs::read_dir(bench.path("results")).unwrap().flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with(".writing"));
    assert_eq!(left.count(), 0);
}

/// The samples of several runs are those of each, below one header.
#[test]
fn samples_are_those_of_the_runs() {
    let bench = runs();
    let all = bench.run(&["history", "--samples", "-"]).stdout;
    let (header, mut rows) = (all.lines().next().unwrap(), all.lines().skip(1));
    let listed = bench.run(&["list", "runs", "--format", "json"]).stdout;
    let listed: Value = serde_json::from_str(&listed).unwrap();
    for run in listed.as_array().unwrap() {
        let of_run = bench
            .run(&[
                "report",
                run["run"].as_str().unwrap(),
                "--format",
                "long-csv",
            ])
            .stdout;
        let mut expected = of_run.lines();
        assert_eq!(expected.next(), Some(header));
        for row in expected {
            assert_eq!(rows.next(), Some(row));
        }
    }
    assert_eq!(rows.next(), None);
    let some = bench.run(&[
        "history",
        "*.baseline",
        "--metric",
        "prefill-time",
        "--last",
        "1",
        "--samples",
        "-",
    ]);
    let rows: Vec<_> = some.stdout.lines().skip(1).collect();
    assert!(
        !rows.is_empty() && rows.len() < all.lines().count() / 6,
        "{}",
        some.stdout
    );
    assert!(
        rows.iter()
            .all(|row| row.contains(",prefill-time,") && row.contains("capture.baseline"))
    );
    // A run that cannot be read is named, and the rest is written.
    fs::write(bench.latest().join("events.jsonl"), "{\n{}\n").unwrap();
    let rest = bench.run(&["history", "--samples", "-"]);
    assert!(
        rest.stdout.lines().count() < all.lines().count(),
        "{}",
        rest.stderr
    );
}

#[test]
fn nothing_is_told_with_a_reason() {
    let bench = Bench::new(CASES, "");
    let check = |args: &[&str], code: i32, needed: &str| {
        let found = bench.run(args);
        assert_eq!(found.code, code, "{args:?}: {}", found.stderr);
        assert!(found.stderr.contains(needed), "{args:?}: {}", found.stderr);
        assert_eq!(found.stdout, "");
    };
    check(&["history"], 12, "measure with `anechoic run SUITE`");
    check(
        &["history", "--results", "nowhere"],
        12,
        "no runs in `nowhere`: measure with `anechoic run SUITE --results nowhere`",
    );
    // What a monitor still has of runs that are gone says so no more.
    fs::write(bench.path("a.prom"), "anechoic_seconds 1\n# EOF\n").unwrap();
    check(
        &["history", "--openmetrics", "a.prom"],
        12,
        "written: a.prom",
    );
    let text = fs::read_to_string(bench.path("a.prom")).unwrap();
    assert_eq!(text, "# EOF\n");
    assert_eq!(bench.run(&["run", "suite.toml"]).code, 0);
    check(&["history", "none*"], 12, "matches `none*`");
    check(
        &["history", "none*"],
        12,
        "`anechoic history --suite test --metric all` shows",
    );
    let root = bench.path("results").display().to_string();
    check(
        &["history", "none*", "--results", &root],
        12,
        &format!("`anechoic history --suite test --metric all --results {root}` shows"),
    );
    check(
        &["history", "--suite", "other", "--results", &root],
        12,
        &format!("`anechoic list runs --results {root}` shows"),
    );
    check(
        &["history", "--html", "x.html"],
        12,
        "hint: a page in this file is `--html=x.html`",
    );
    check(&["history", "--suite", "other"], 12, "the suite `other`");
    check(&["history", "[a"], 2, "in quotes");
    check(&["history", "--metric", "speed"], 2, "or `all`");
    check(&["history", "--last", "0"], 2, "at least 1");
    check(&["history", "a", "--html", "x.html"], 2, "`--html=x.html`");
    check(
        &["history", "--openmetrics", "nowhere/a.prom"],
        4,
        "--openmetrics",
    );
    check(&["history", "--html=results"], 4, "--html");
}

/// Whether somebody stopped it or it was killed: a run that lacks attempts is marked, until it is resumed.
#[test]
fn interrupted_runs_are_marked() {
    for signal in [Signal::SIGINT, Signal::SIGKILL] {
        let bench = Bench::new(CASES, "attempt-1:all-layers=hang-in-measure");
        let run = bench.start(&["run", "suite.toml"]);
        bench.wait_for_phase("capture.all-layers", Phase::Measure);
        run.signal(signal);
        run.code();
        let text = |args: &[&str]| bench.run(&[&["history"], args].concat()).stdout;
        for args in [&[][..], &["*.baseline"], &["--format", "md"]] {
            let shown = text(args);
            assert!(shown.contains("(interrupted)"), "{args:?}: {shown}");
            assert!(shown.contains("interrupted: the run was ended"), "{shown}");
        }
        let json: Value = serde_json::from_str(&text(&["--format", "json"])).unwrap();
        assert_eq!(json["series"][0]["points"][0]["state"], "interrupted");
        text(&["--html"]);
        let page = fs::read_to_string(bench.path("results/history.html")).unwrap();
        assert!(page.contains(">interrupted</strong>"));
        let run = bench.manifest().run;
        assert_eq!(bench.with_faults("", &["resume", &run]).code, 0);
        assert!(!text(&["*.baseline"]).contains("interrupted"));
    }
}
