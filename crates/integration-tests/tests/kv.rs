//! `anechoic kv`, and suites with KV-cache cases, through the real program and the fake worker.

use std::fs;

use anechoic_integration_tests::{Bench, Finished};
use anechoic_protocol::Job;
use anechoic_record::Outcome;
use serde_json::Value;

/// All benchmarks on a model of four layers with a window of 128.
const SUITE: &str = r#"
schema-version = 1
name = "kv-test"
cooldown = "0s"

[defaults]
model = "gpt2-tiny"
dtype = "f32"
prompt-length = 4
measured-runs = 2
warmup-runs = 0

[[case]]
id = "{version}.latency.t{tokens}"
benchmark = "latency"
matrix = { version = ["v0", "v1"], tokens = [3, 5] }

[[case]]
id = "{version}.vram"
benchmark = "vram"
tokens = 3
matrix = { version = ["v0", "v1"] }

[[case]]
id = "{version}.phase"
benchmark = "phase"
tokens = 3
matrix = { version = ["v1"] }

[[case]]
id = "{version}.roofline"
benchmark = "roofline"
tokens = 3
matrix = { version = ["v1"] }

[[case]]
id = "{version}.capacity"
benchmark = "capacity"
tokens = 3
memory-budget = "2MiB"
matrix = { version = ["v1"] }

[[case]]
id = "{version}.perplexity"
benchmark = "perplexity"
window = 8
windows = 3
batch-size = 2
greedy-tokens = 4
matrix = { version = ["v1", "v2"] }
"#;

const CASES: [&str; 11] = [
    "kv.v0.latency.t3",
    "kv.v0.latency.t5",
    "kv.v1.latency.t3",
    "kv.v1.latency.t5",
    "kv.v0.vram",
    "kv.v1.vram",
    "kv.v1.phase",
    "kv.v1.roofline",
    "kv.v1.capacity",
    "kv.v1.perplexity",
    "kv.v2.perplexity",
];

fn bench(faults: &str) -> Bench {
    Bench::with_suite(SUITE, faults)
}

/// `anechoic kv` with the test's suite.
fn kv(bench: &Bench, args: &[&str]) -> Finished {
    bench.run(&[&["kv"], args, &["--config", "suite.toml"]].concat())
}

fn ids(bench: &Bench) -> Vec<String> {
    let cases = bench.manifest().cases.into_iter();
    cases.map(|record| record.case.id).collect()
}

fn lines(text: &str) -> Vec<Value> {
    let line = |line| serde_json::from_str(line).expect("rows are JSON");
    text.lines().map(line).collect()
}

fn rows(bench: &Bench) -> Vec<Value> {
    lines(&fs::read_to_string(bench.latest().join("results.jsonl")).expect("a run has rows"))
}

#[test]
fn every_benchmark_is_measured_reported_and_written() {
    for command in [
        ["run", "suite.toml"].as_slice(),
        &["kv", "all", "--config", "suite.toml"],
    ] {
        let bench = bench("");
        let run = bench.run(command);
        assert_eq!(run.code, 0, "{}", run.stderr);
        assert_eq!(ids(&bench), CASES);
        for case in CASES {
            assert_eq!(bench.outcomes(case), [Outcome::Ok], "{case}");
        }
        for version in ["v0", "v1", "v2"] {
            assert!(run.stdout.contains(version), "{}", run.stdout);
        }
        assert_eq!(rows(&bench).len(), CASES.len(), "one row per case and T");
        let report = bench.run(&["report", "latest"]);
        assert_eq!((report.code, report.stdout), (0, run.stdout));
    }
}

#[test]
fn rows_stand_for_themselves() {
    let bench = bench("");
    assert_eq!(
        kv(&bench, &["latency", "--version", "v1", "--set", "tokens=5"]).code,
        0
    );
    let rows = rows(&bench);
    let [row] = rows.as_slice() else {
        panic!("one case, one T: {rows:?}")
    };
    for (key, expected) in [
        ("benchmark_name", Value::from("latency_vs_T")),
        ("version", "v1".into()),
        ("use_cache", true.into()),
        ("T", 5.into()),
        ("prompt_length", 4.into()),
        ("n_samples", 2.into()),
    ] {
        assert_eq!(row[key], expected, "{key}");
    }
    assert!(row["time_total_ms_median"].as_f64().unwrap() > 0.0, "{row}");
}

#[test]
fn only_what_is_named_is_measured() {
    let check = |args: &[&str], expected: &[&str]| {
        let bench = bench("");
        let run = kv(&bench, args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        assert_eq!(ids(&bench), expected, "{args:?}");
    };
    check(&["vram", "phase"], &CASES[4..7]);
    check(
        &["latency", "--version", "v4", "v2", "--set", "tokens=[2]"],
        &["kv.v4.latency.t2", "kv.v2.latency.t2"],
    );
    check(&["perplexity", "--skip", "*v1*"], &["kv.v2.perplexity"]);
    check(
        &["capacity", "--version", "v3,v4"],
        &["kv.v3.capacity", "kv.v4.capacity"],
    );
}

#[test]
fn one_model_stands_for_all() {
    let model_of = |args: &[&str]| {
        let bench = bench("");
        bench.checkpoint("models/mine", 2);
        let run = kv(&bench, args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.stderr);
        let model = bench.manifest().cases[0]
            .case
            .work
            .model()
            .cloned()
            .expect("it has a model");
        (model.name().to_owned(), run.stderr)
    };
    assert_eq!(
        model_of(&["vram", "--preset", "qwen2-tiny"]).0,
        "qwen2-tiny"
    );
    assert_eq!(model_of(&["vram", "--model", "mine"]).0, "mine");
    assert_eq!(
        model_of(&["vram", "--model", "models/mine"]).0,
        "models/mine"
    );
    let note = "has random weights";
    assert!(
        model_of(&["perplexity", "--preset", "gpt2-tiny"])
            .1
            .contains(note)
    );
    assert!(
        !model_of(&["perplexity", "--model", "mine"])
            .1
            .contains(note)
    );
}

/// Random weights have no quality to speak of.
#[test]
fn all_benchmarks_of_a_preset_leave_quality_out() {
    let bench = bench("");
    let run = kv(&bench, &["--preset", "gpt2-tiny"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stderr.contains("`perplexity` is left out"),
        "{}",
        run.stderr
    );
    assert_eq!(ids(&bench), CASES[..9]);
}

/// The built-in suite needs nothing but the shipped models.
#[test]
fn the_built_in_suite_is_there_wherever_the_command_is_called() {
    let bench = bench("");
    let args = ["--cooldown", "0s", "--attempts", "1"];
    let with = |first: &[&str]| bench.run(&[first, &args].concat());
    let versions = ["v0", "v1", "v2", "v3", "v4"];
    let latency = [&["kv", "latency", "--version"], versions.as_slice()].concat();
    let run = with(
        &[
            &latency,
            ["--preset", "gpt2", "--set", "tokens=[32,128]"].as_slice(),
        ]
        .concat(),
    );
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(rows(&bench).len(), 10);
    for model in ["markov", "markov-shared"] {
        bench.checkpoint(&format!("models/{model}"), 4);
    }
    let quality = [&["kv", "perplexity", "--version"], versions.as_slice()].concat();
    let run = with(&quality);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(rows(&bench).len(), 10, "two models");
    let run = with(&[
        "kv",
        "vram",
        "--version",
        "v1",
        "v2",
        "v3",
        "v4",
        "--preset",
        "gpt2-medium",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = with(&["kv", "all"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn a_version_can_have_one_process() {
    let bench = bench("");
    let run = kv(&bench, &["latency", "--group", "version"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(ids(&bench), ["kv.v0.latency.t3,5", "kv.v1.latency.t3,5"]);
    assert_eq!(rows(&bench).len(), 4, "one row per T");
    let job = fs::read_to_string(bench.attempt_file("kv.v1.latency.t3,5", 1, "job.json")).unwrap();
    let job: Job = serde_json::from_str(&job).unwrap();
    assert_eq!(job.work.iterations(), 4);
}

#[test]
fn a_log_grows_from_run_to_run_until_it_is_emptied() {
    let bench = bench("");
    let log = bench.path("log.jsonl");
    let logged = |args: &[&str]| {
        let all = [args, &["--log", "log.jsonl"]].concat();
        let code = kv(&bench, &all).code;
        (code, fs::read_to_string(&log).unwrap_or_default())
    };
    let (code, first) = logged(&["vram"]);
    assert_eq!((code, lines(&first).len()), (0, 2));
    let (code, both) = logged(&["vram"]);
    assert_eq!((code, lines(&both).len()), (0, 4));
    assert!(both.starts_with(&first));
    let (code, kept) = logged(&["vram", "--clear-log", "--worker", "nowhere"]);
    assert_eq!(
        (code, kept),
        (4, both),
        "a refused run leaves the log alone"
    );
    let (code, last) = logged(&["vram", "--clear-log"]);
    assert_eq!((code, lines(&last).len()), (0, 2));
    let stored = fs::read_to_string(bench.latest().join("results.jsonl")).unwrap();
    assert_eq!(last, stored);
}

#[test]
fn a_plan_shows_what_each_case_does() {
    let bench = bench("");
    let plan = bench.run(&["plan", "suite.toml"]);
    assert_eq!(plan.code, 0, "{}", plan.stderr);
    for part in [
        "4+5 tokens",
        "0+2 runs",
        "within 2 MiB",
        "3 windows of 8 tokens",
    ] {
        assert!(plan.stdout.contains(part), "no `{part}` in {}", plan.stdout);
    }
    assert!(!bench.path("results").exists());
}

#[test]
fn out_of_memory_is_one_cases_result() {
    let bench = bench("kv.v1.vram=fail-out-of-memory");
    let run = kv(&bench, &["vram", "phase"]);
    assert_eq!(run.code, 10, "{}", run.stderr);
    let [outcome] = bench
        .outcomes("kv.v1.vram")
        .try_into()
        .expect("one attempt");
    assert!(
        outcome.cause().contains("the host has no memory left"),
        "{}",
        outcome.cause()
    );
    assert_eq!(
        bench.outcomes("kv.v1.phase"),
        [Outcome::Ok],
        "the suite goes on"
    );
    let told: Vec<_> = rows(&bench)
        .iter()
        .map(|row| row["outcome"].clone())
        .collect();
    assert_eq!(told, ["ok", "host-out-of-memory", "ok"]);

    let again = bench.with_faults("", &["rerun", "latest"]);
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(bench.outcomes("kv.v1.vram"), [outcome, Outcome::Ok]);
    assert_eq!(bench.outcomes("kv.v0.vram").len(), 1);
}

/// Faults of a worker in KV-cache cases: the case, the fault, the outcome's name and a part of its cause.
const FAULTS: &[(&str, &str, &str, &str)] = &[
    (
        "kv.v1.latency.t5",
        "wrong-cache",
        "echo-mismatch",
        "sample 1: cache.reserved.values: expected 18432, got 18433",
    ),
    (
        "kv.v0.vram",
        "wrong-cache",
        "echo-mismatch",
        "cache.reserved.values: expected 0, got 1",
    ),
    (
        "kv.v1.capacity",
        "wrong-cache",
        "echo-mismatch",
        "cache_bytes_per_request: expected 14336, got 14337",
    ),
    (
        "kv.v1.latency.t5",
        "wrong-tokens",
        "echo-mismatch",
        "tokens: expected 5, got 6",
    ),
    (
        "kv.v1.latency.t5",
        "wrong-kind",
        "protocol-violation",
        "it is one of `vram`, and the job is `latency`",
    ),
    (
        "kv.v1.latency.t5",
        "long-parts",
        "protocol-violation",
        "prefill and decode take",
    ),
    (
        "kv.v1.phase",
        "long-parts",
        "protocol-violation",
        "the parts of prefill take",
    ),
    (
        "kv.v1.roofline",
        "wrong-verdict",
        "protocol-violation",
        "`read_bytes_per_s` is 0",
    ),
    (
        "kv.v1.capacity",
        "wrong-verdict",
        "echo-mismatch",
        "batch, the largest that fits: expected",
    ),
    (
        "kv.v2.perplexity",
        "wrong-verdict",
        "protocol-violation",
        "it scored no window",
    ),
    (
        "kv.v2.perplexity",
        "no-model-facts",
        "protocol-violation",
        "without the model's configuration",
    ),
    (
        "kv.v2.perplexity",
        "no-verification",
        "protocol-violation",
        "without a verification",
    ),
    (
        "kv.v2.perplexity",
        "wrong-echo",
        "echo-mismatch",
        "work.batch_size: asked 2, used 1",
    ),
    (
        "kv.v1.latency.t5",
        "missing-sample",
        "protocol-violation",
        "after 1 of 2 samples",
    ),
];

#[test]
fn samples_that_cannot_be_believed_are_refused() {
    for (case, fault, name, cause) in FAULTS {
        let bench = bench(fault);
        let run = bench.run(&["run", "suite.toml", "--only", case]);
        assert_eq!(run.code, 10, "{case} {fault}: {}", run.stderr);
        let [outcome] = bench.outcomes(case).try_into().expect("one attempt");
        assert_eq!(outcome.name(), *name, "{case} {fault}: {}", outcome.cause());
        assert!(
            outcome.cause().contains(cause),
            "{case} {fault}: {}",
            outcome.cause()
        );
    }
}
