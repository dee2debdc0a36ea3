//! What `anechoic kv` refuses before any worker starts, and with which exit code.

use anechoic_integration_tests::Bench;

const SUITE: &str = r#"
schema-version = 1
name = "kv-test"
cooldown = "0s"

[defaults]
model = "gpt2-tiny"
dtype = "f32"

[[case]]
id = "{version}.latency.t{tokens}"
benchmark = "latency"
prompt-length = 4
matrix = { version = ["v1"], tokens = [3, 5] }

[[case]]
id = "{version}.perplexity"
benchmark = "perplexity"
window = 8
greedy-tokens = 4
matrix = { version = ["v1"] }
"#;

/// `kv` with these arguments is refused with this code and these parts of its message, and leaves nothing.
#[track_caller]
fn refused(bench: &Bench, args: &[&str], code: i32, parts: &[&str]) {
    let run = bench.run(&[&["kv"], args, &["--config", "suite.toml"]].concat());
    assert_eq!(run.code, code, "{args:?}: {}", run.stderr);
    for part in parts {
        assert!(
            run.stderr.contains(part),
            "{args:?}: no `{part}` in {}",
            run.stderr
        );
    }
    assert_eq!(run.stdout, "", "{args:?}");
    assert!(!bench.path("results").join("latest").exists(), "{args:?}");
}

#[test]
fn usage() {
    let bench = Bench::with_suite(SUITE, "");
    let versions = "accepted are `v0`, `v1`, `v2`, `v3`, `v4`";
    refused(&bench, &["--version", "v0", "v9"], 2, &["v9", versions]);
    refused(
        &bench,
        &["--version", "v0", "vram"],
        2,
        &["`vram` is a benchmark; benchmarks stand before the options"],
    );
    refused(&bench, &["--version"], 2, &["--version"]);
    refused(
        &bench,
        &["speed"],
        2,
        &["speed", "latency", "capacity", "all"],
    );
    refused(&bench, &["--preset", "gpt5"], 2, &["gpt5", "`gpt2-medium`"]);
    refused(
        &bench,
        &["--preset", "gpt2", "--model", "gpt2"],
        2,
        &["--preset", "--model"],
    );
    refused(&bench, &["--clear-log"], 2, &["--log"]);
    refused(&bench, &["--group", "tokens"], 2, &["version"]);
}

#[test]
fn settings_that_do_not_fit_the_model() {
    let bench = Bench::with_suite(SUITE, "");
    bench.checkpoint("odd", 3);
    let check = |args: &[&str], parts: &[&str]| refused(&bench, args, 3, parts);
    // The window of gpt2-tiny is 128 positions.
    check(&["latency", "--set", "tokens=125"], &["125", "128"]);
    check(
        &["latency", "--model", "odd", "--version", "v3"],
        &["odd number of layers, 3"],
    );
    check(&["perplexity", "--set", "window=129"], &["129", "128"]);
    check(
        &["latency", "--set", "measured-runs=-1"],
        &["measured-runs", "-1"],
    );
    check(&["latency", "--set", "measured-runs=0"], &["measured-runs"]);
    check(&["latency", "--set", "version=[v1,v9]"], &["v9", "v4"]);
    check(&["latency", "--set", "tokens=[]"], &["tokens"]);
    check(&["latency", "--model", "gpt5"], &["`gpt5` is no model"]);
}

#[test]
fn texts_that_cannot_be_used() {
    let bench = Bench::with_suite(SUITE, "");
    bench.checkpoint("plain", 2);
    bench.checkpoint("whole", 2);
    bench.write("whole/tokenizer.json", "{}");
    bench.write("long.txt", "some words");
    bench.write("short.txt", "words");
    let check = |model: &str, text: &str, parts: &[&str]| {
        refused(
            &bench,
            &["perplexity", "--model", model, "--text", text],
            3,
            parts,
        );
    };
    check(
        "whole",
        "nowhere.txt",
        &["the text `nowhere.txt` cannot be read"],
    );
    check("whole", "whole", &["the text `whole` is no regular file"]);
    check("whole", "short.txt", &["short.txt", "5", "8"]);
    check("plain", "long.txt", &["tokenizer.json"]);
    check("gpt2-tiny", "long.txt", &["tokenizer.json"]);
    refused(&bench, &["latency", "--text", "long.txt"], 3, &["text"]);

    let good = [
        "kv",
        "perplexity",
        "--model",
        "whole",
        "--text",
        "long.txt",
        "--config",
        "suite.toml",
    ];
    let run = bench.run(&good);
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn models_that_are_not_here() {
    let bench = Bench::with_suite(SUITE, "");
    bench.checkpoint("models/half", 2);
    std::fs::remove_file(bench.path("models/half/model.safetensors")).unwrap();
    refused(
        &bench,
        &["latency", "--model", "half"],
        4,
        &["`half` is incomplete"],
    );
}

#[test]
fn logs_that_cannot_be_written() {
    let bench = Bench::with_suite(SUITE, "");
    let check = |log: &str, part: &str| {
        refused(&bench, &["latency", "--log", log], 4, &[part, "with --log"]);
    };
    check("nowhere/log.jsonl", "`nowhere` is no folder");
    check(".", "no regular file");
}

#[test]
fn benchmarks_that_the_suite_does_not_have() {
    let bench = Bench::with_suite(SUITE, "");
    refused(
        &bench,
        &["capacity"],
        12,
        &["has no case of `capacity`", "with --config"],
    );
}
