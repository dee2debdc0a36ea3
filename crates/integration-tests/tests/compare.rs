//! `anechoic compare`: runs of the fake worker with planted differences, through the real program.

use std::fs;

use anechoic_integration_tests::dials::VARIABLE;
use anechoic_integration_tests::{Bench, Finished, finish};
use serde_json::Value;

const CASES: &str = r#"
[[case]]
id = "baseline"
mode = "baseline"

[[case]]
id = "all"
mode = "all-layers"
"#;

fn json(run: &Finished) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|e| panic!("{e}: {}", run.stdout))
}

/// A run of five attempts per case, its scatter drawn from the seed, its times multiplied; its directory.
fn measure(bench: &Bench, seed: u32, pace: &str) -> String {
    measured(bench, seed, pace, &["--attempts", "5"])
}

/// Noise from the seed; `all=1.1` makes times of the cases that end so a tenth longer.
fn dials(seed: u32, pace: &str) -> String {
    let noise = format!("--noise 0.3% --noise-seed {seed}");
    let Some((case, factor)) = pace.split_once('=') else {
        return noise;
    };
    let factor: f64 = factor.parse().expect("a factor is a number");
    let percent = ((factor - 1.0) * 100.0).round();
    format!("{noise} --slow-down {percent}% --slow-down-case *{case}")
}

fn measured(bench: &Bench, seed: u32, pace: &str, args: &[&str]) -> String {
    let mut all = vec!["run", "suite.toml", "--order", "interleaved"];
    all.extend(args);
    let run = finish(bench.command(&all).env(VARIABLE, dials(seed, pace)));
    assert!(matches!(run.code, 0 | 10), "{}", run.stderr);
    let path = bench.latest();
    let name = path.file_name().and_then(|name| name.to_str());
    name.expect("runs have names").to_owned()
}

fn compare(bench: &Bench, args: &[&str]) -> Finished {
    let mut all = vec!["compare"];
    all.extend(args);
    bench.run(&all)
}

/// The verdict of the cell of this new case and metric.
fn verdict(found: &Value, case: &str, metric: &str) -> (String, String) {
    let cells = found["cells"].as_array().expect("cells are a list");
    let cell = cells
        .iter()
        .find(|cell| cell["new_case"] == case && cell["metric"] == metric);
    let cell = cell.unwrap_or_else(|| panic!("no {case} {metric} in {found}"));
    let text = |key: &str| cell[key].as_str().unwrap_or_default().to_owned();
    (text("verdict"), text("reason"))
}

#[test]
fn the_same_measured_twice_gives_no_alarm() {
    let bench = Bench::new(CASES, "");
    let (base, new) = (measure(&bench, 1, ""), measure(&bench, 2, ""));
    let args = [&base, &new, "--fail-on", "any", "--format", "json"];
    let run = compare(&bench, &args);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    let found = json(&run);
    assert_eq!(found["schema_version"], 1);
    assert_eq!(found["counts"]["cells"], 4);
    assert_eq!(found["counts"]["worse"], 0);
    let resident = verdict(&found, "capture.all", "peak-resident");
    assert_eq!(resident, ("same".to_owned(), "identical".to_owned()));
}

#[test]
fn a_planted_slow_down_is_named_and_ends_with_11() {
    let bench = Bench::new(CASES, "");
    let base = measure(&bench, 1, "");
    let new = measure(&bench, 2, "all=1.1");
    let run = compare(
        &bench,
        &[&base, &new, "--fail-on", "slower", "--threshold", "2%"],
    );
    assert_eq!(run.code, 11, "{}{}", run.stdout, run.stderr);
    let (first, second) = run.stderr.split_once('\n').unwrap_or_default();
    assert_eq!(first, "the comparison fails:");
    assert!(
        second.starts_with("  slower: capture.all total-time ("),
        "{second}"
    );
    assert!(!run.stderr.contains("capture.baseline"), "{}", run.stderr);
    assert!(
        run.stdout
            .contains("1 of 4 cells slower: capture.all total-time +"),
        "{}",
        run.stdout
    );
    // Without the option, and with one that is about something else, it is only told.
    assert_eq!(compare(&bench, &[&base, &new]).code, 0);
    assert_eq!(
        compare(&bench, &[&base, &new, "--fail-on", "larger,worse"]).code,
        0
    );
    // The other way round it is faster, and nothing fails.
    let run = compare(
        &bench,
        &[&new, &base, "--fail-on", "any", "--format", "json"],
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        verdict(&json(&run), "capture.all", "total-time").0,
        "faster"
    );
}

#[test]
fn every_form_is_whole() {
    let bench = Bench::new(CASES, "");
    let base = measure(&bench, 1, "");
    let new = measure(&bench, 2, "all=1.1");
    let form = |format: &str| {
        let run = compare(
            &bench,
            &[&base, &new, "--format", format, "--fail-on", "slower"],
        );
        assert_eq!(run.code, 11, "{}", run.stderr);
        run.stdout
    };
    let markdown = form("md");
    assert!(markdown.starts_with("# "), "{markdown}");
    assert!(markdown.contains("| **slower** |"), "{markdown}");
    let junit = form("junit");
    for part in [
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>",
        "tests=\"4\" failures=\"1\" errors=\"0\"",
        "<testcase classname=\"capture.all\" name=\"total-time\">",
        "<failure type=\"slower\" message=\"slower: +",
        "<property name=\"ratio\" value=\"1.",
    ] {
        assert!(junit.contains(part), "{part} in {junit}");
    }
    assert!(form("text").contains("Compared"));
}

#[test]
fn cases_of_one_run_are_compared_round_by_round() {
    let bench = Bench::new(CASES, "");
    let run = measure(&bench, 1, "all=1.1");
    let found = compare(
        &bench,
        &[
            &run,
            "--by",
            "mode",
            "--format",
            "json",
            "--fail-on",
            "slower",
        ],
    );
    assert_eq!(found.code, 11, "{}", found.stderr);
    assert!(
        found
            .stderr
            .contains("slower: capture.baseline → capture.all"),
        "{}",
        found.stderr
    );
    let found = json(&found);
    assert_eq!(found["by"]["key"], "mode");
    assert_eq!(found["cells"][0]["by"]["new"], "all-layers");
    let times = &found["cells"].as_array().expect("a list")[0];
    assert_eq!(times["change"]["paired"], true, "{times}");
    // Another base turns it round.
    let args = [
        &run,
        "--by",
        "mode",
        "--base",
        "all-layers",
        "--format",
        "json",
    ];
    let found = json(&compare(&bench, &args));
    assert_eq!(
        verdict(&found, "capture.baseline", "total-time").0,
        "faster"
    );
}

#[test]
fn a_setting_that_tells_no_cases_apart_ends_with_12() {
    let bench = Bench::new(CASES, "");
    let run = measure(&bench, 1, "");
    for key in ["strategy", "dtype", "parameters.size"] {
        let found = compare(&bench, &[&run, "--by", key]);
        assert_eq!(found.code, 12, "{key}: {}", found.stderr);
        assert!(
            found.stderr.contains("mode (baseline, all-layers)"),
            "{}",
            found.stderr
        );
    }
    let found = compare(&bench, &[&run, "--by", "mode", "--base", "custom"]);
    assert_eq!(found.code, 2, "{}", found.stderr);
    assert!(
        found.stderr.contains("there are baseline, all-layers"),
        "{}",
        found.stderr
    );
}

#[test]
fn other_settings_are_refused_with_the_difference_unless_forced() {
    let bench = Bench::new(CASES, "");
    let base = measure(&bench, 1, "");
    let new = measured(
        &bench,
        2,
        "all=1.1",
        &["--attempts", "5", "--set", "seed=7", "--threads", "1"],
    );
    let run = compare(&bench, &[&base, &new, "--fail-on", "slower"]);
    assert_eq!(run.code, 12, "{}{}", run.stdout, run.stderr);
    assert!(
        run.stderr.contains("different settings: seed: 0 → 7"),
        "{}",
        run.stderr
    );
    let run = compare(&bench, &[&base, &new, "--fail-on", "slower", "--force"]);
    assert_eq!(run.code, 11, "{}", run.stderr);
    assert!(
        run.stdout
            .contains("forced: different settings: seed: 0 → 7"),
        "{}",
        run.stdout
    );
}

/// Changes the manifest of a run.
fn edit(bench: &Bench, run: &str, change: impl Fn(&mut Value)) {
    let path = bench.path("results").join(run).join("run.json");
    let text = fs::read_to_string(&path).expect("a run has a manifest");
    let mut manifest: Value = serde_json::from_str(&text).expect("it is JSON");
    change(&mut manifest);
    fs::write(&path, manifest.to_string()).expect("it can be written");
}

#[test]
fn another_machine_is_refused_with_the_difference() {
    let bench = Bench::new(CASES, "");
    let (base, new) = (measure(&bench, 1, ""), measure(&bench, 2, ""));
    edit(&bench, &new, |manifest| {
        manifest["machine"]["cpu"] = "Another".into()
    });
    let run = compare(&bench, &[&base, &new, "--format", "json"]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    let found = json(&run);
    let (word, reason) = verdict(&found, "capture.all", "total-time");
    assert_eq!(
        (word.as_str(), reason.as_str()),
        ("undecided", "different-machine")
    );
    assert_eq!(found["cells"][0]["differences"][0]["new"], "Another");
    assert!(found["cells"][0]["change"].is_null());
}

#[test]
fn what_failed_is_listed_and_an_empty_run_ends_with_12() {
    let bench = Bench::new(CASES, "");
    let base = measure(&bench, 1, "");
    let faults = |faults: &str| {
        let args = [
            "run",
            "suite.toml",
            "--attempts",
            "2",
            "--order",
            "interleaved",
        ];
        assert_eq!(bench.with_faults(faults, &args).code, 10);
        let path = bench.latest();
        path.display().to_string()
    };
    let half = faults("all=exit-3");
    let run = compare(&bench, &[&base, &half]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout
            .contains("new has no good attempt of `capture.all` (exit-code: "),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("0 unmatched, 1 not measured"),
        "{}",
        run.stdout
    );
    let lost = "1 case not measured any more: capture.all";
    assert!(run.stdout.contains(lost), "{}", run.stdout);
    let lost = "missing: new has no good attempt of `capture.all`";
    assert!(run.stderr.contains(lost), "{}", run.stderr);
    assert_eq!(
        compare(&bench, &[&base, &half, "--fail-on", "slower"]).code,
        0
    );
    for fails in ["missing", "any"] {
        let run = compare(&bench, &[&base, &half, "--fail-on", fails]);
        assert_eq!(run.code, 11, "{}", run.stderr);
        assert!(run.stderr.contains(lost), "{}", run.stderr);
    }
    // It was not measured then: nothing is missing now.
    let run = compare(&bench, &[&half, &base, "--fail-on", "any"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let empty = faults("exit-3");
    let run = compare(&bench, &[&base, &empty, "--fail-on", "any"]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("new has no good attempt of `capture.baseline`"),
        "{}",
        run.stderr
    );
}

#[test]
fn one_process_on_a_side_is_too_few() {
    let bench = Bench::new(CASES, "");
    let base = measure(&bench, 1, "");
    let new = measured(&bench, 2, "", &["--attempts", "1"]);
    let run = compare(&bench, &[&base, &new, "--fail-on", "slower"]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(run.stderr.contains("too few processes"), "{}", run.stderr);
}

#[test]
fn unmatched_cases_are_listed_by_side() {
    let bench = Bench::new(CASES, "");
    let base = measured(&bench, 1, "", &["--attempts", "3", "--only", "*.baseline"]);
    let new = measured(&bench, 2, "", &["--attempts", "3", "--only", "*.all"]);
    let run = compare(&bench, &[&base, &new]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(
        run.stderr.contains("4 cells have no counterpart"),
        "{}",
        run.stderr
    );
    let (base, new) = run.stdout.split_once("Only in new").unwrap_or_default();
    assert!(base.contains("capture.baseline total-time"), "{base}");
    assert!(new.contains("capture.all peak-resident"), "{new}");
}

#[test]
fn a_run_against_itself_is_the_same_and_says_so() {
    let bench = Bench::new(CASES, "");
    let run = measure(&bench, 1, "");
    let found = compare(&bench, &[&run, "latest", "--fail-on", "any"]);
    assert_eq!(found.code, 0, "{}", found.stderr);
    assert!(
        found.stdout.contains("both sides are the same run"),
        "{}",
        found.stdout
    );
}

#[test]
fn wrong_use_is_refused() {
    let bench = Bench::new(CASES, "");
    let run = measure(&bench, 1, "");
    let check = |args: &[&str], expected: &str| {
        let found = compare(&bench, args);
        assert_eq!(found.code, 2, "{args:?}: {}", found.stderr);
        assert!(
            found.stderr.contains(expected),
            "{args:?}: {}",
            found.stderr
        );
    };
    check(&[&run], "NEW");
    check(&[&run, &run, "--by", "mode"], "cannot be used with");
    check(&[&run, &run, "--base", "baseline"], "cannot be used with");
    check(&[&run, "--base", "baseline"], "--by <KEY>");
    check(&[&run, &run, "--threshold", "200%"], "write `2%` or `0.02`");
    check(&[&run, &run, "--metric", "speed"], "`decode-time`");
    check(&[&run, &run, "--fail-on", "faster"], "`slower`, `larger`");
    check(&[&run, "nowhere"], "no such run");
}

#[test]
fn damaged_and_newer_runs_are_named() {
    let bench = Bench::new(CASES, "");
    let (base, new) = (measure(&bench, 1, ""), measure(&bench, 2, ""));
    edit(&bench, &new, |manifest| {
        manifest["schema_version"] = 99.into()
    });
    let run = compare(&bench, &[&base, &new]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("schema version 99"), "{}", run.stderr);
    edit(&bench, &new, |manifest| {
        manifest["schema_version"] = 1.into()
    });
    let events = bench.path("results").join(&new).join("events.jsonl");
    fs::write(&events, "{}\n").expect("it can be written");
    let run = compare(&bench, &[&base, &new]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(
        run.stderr.contains("events.jsonl` line 1"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_metric_can_be_chosen() {
    let bench = Bench::new(CASES, "");
    let (base, new) = (measure(&bench, 1, ""), measure(&bench, 2, "all=1.1"));
    let names = |args: &[&str]| -> Vec<String> {
        let mut all = vec![base.as_str(), new.as_str(), "--format", "json"];
        all.extend(args);
        let found = json(&compare(&bench, &all));
        let cells = found["cells"].as_array().expect("a list").clone();
        let name = |cell: &Value| cell["metric"].as_str().unwrap_or_default().to_owned();
        cells.iter().map(name).collect()
    };
    assert_eq!(names(&["--metric", "decode-time"]), ["decode-time"; 2]);
    assert!(names(&["--metric", "all"]).contains(&"fetch-time".to_owned()));
    let run = compare(&bench, &[&base, &new, "--metric", "perplexity"]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("no case has values of the chosen metrics"),
        "{}",
        run.stderr
    );
}

#[test]
fn another_environment_is_refused_with_the_difference() {
    let bench = Bench::new(CASES, "");
    let with_threads = |threads: &str| {
        let args = ["run", "suite.toml", "--attempts", "2"];
        let run = finish(bench.command(&args).env("OMP_NUM_THREADS", threads));
        assert_eq!(run.code, 0, "{}", run.stderr);
        bench.latest().display().to_string()
    };
    let (base, new) = (with_threads("1"), with_threads("2"));
    let run = compare(&bench, &[&base, &new]);
    assert_eq!(run.code, 12, "{}", run.stderr);
    assert!(
        run.stderr
            .contains("different settings: environment.OMP_NUM_THREADS: 1 → 2"),
        "{}",
        run.stderr
    );
}

#[test]
fn cells_that_stay_undecided_are_named_where_one_should_fail() {
    let bench = Bench::new(CASES, "");
    let scattered = |seed: u32| {
        let args = ["run", "suite.toml", "--attempts", "3"];
        let noise = format!("--noise 10% --noise-seed {seed}");
        let run = finish(bench.command(&args).env(VARIABLE, noise));
        assert_eq!(run.code, 0, "{}", run.stderr);
        bench.latest().display().to_string()
    };
    let (base, new) = (scattered(1), scattered(2));
    let run = compare(&bench, &[&base, &new, "--fail-on", "larger"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let expected = "undecided, and so neither failed nor passed:\n  capture.";
    assert!(run.stderr.contains(expected), "{}", run.stderr);
    let run = compare(&bench, &[&base, &new]);
    assert!(!run.stderr.contains("undecided"), "{}", run.stderr);
}
