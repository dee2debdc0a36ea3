//! The schemas in `schemas/` are those that the program prints, and what they describe conforms to them.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_integration_tests::Bench;
use serde_json::{Value, json};

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn schema(of: &str) -> Value {
    let path = root().join("schemas").join(format!("{of}.json"));
    let text = fs::read_to_string(path).expect("the schema is there");
    serde_json::from_str(&text).expect("a schema is JSON")
}

#[track_caller]
fn check(validator: &jsonschema::Validator, value: &Value, what: &str) {
    let errors: Vec<_> = validator
        .iter_errors(value)
        .map(|e| e.to_string())
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}");
}

fn validator(of: &str) -> jsonschema::Validator {
    jsonschema::draft202012::new(&schema(of)).expect("a schema is one")
}

#[test]
fn the_files_are_what_the_program_prints() {
    let bench = Bench::new("", "");
    for of in ["suite", "job", "event", "result"] {
        let run = bench.run(&["schema", of]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let path = root().join("schemas").join(format!("{of}.json"));
        let file = fs::read_to_string(&path).expect("the schema is there");
        assert!(
            run.stdout == file,
            "schemas/{of}.json has drifted: write it anew with `anechoic schema {of} > schemas/{of}.json`"
        );
    }
    assert_eq!(bench.run(&["schema", "nonsense"]).code, 2);
}

#[test]
fn every_example_of_the_protocol_conforms() {
    let (job, event, result) = (validator("job"), validator("event"), validator("result"));
    let blocks = PROTOCOL.split("```json\n").skip(1);
    let lines = blocks
        .filter_map(|block| block.split("```").next())
        .flat_map(str::lines);
    let mut count = 0;
    for line in lines {
        count += 1;
        let value: Value = serde_json::from_str(line).expect("examples are JSON");
        match value.get("type") {
            Some(_) => check(&event, &value, line),
            None => check(&job, &value, line),
        }
        if let Some(of) = value.get("result") {
            check(&result, of, line);
        }
    }
    assert!(count > 10, "{count} examples");
}

#[test]
fn every_suite_conforms() {
    let suite = validator("suite");
    let files = fs::read_dir(root().join("suites")).expect("there are suites");
    let mut count = 0;
    for file in files {
        let path = file.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a suite is text");
        let value: toml::Value = toml::from_str(&text).expect("a suite is TOML");
        check(&suite, &json!(value), &path.display().to_string());
        count += 1;
    }
    assert!(count > 5, "{count} suites");
}

#[test]
fn what_is_wrong_does_not_conform() {
    let suite = validator("suite");
    let with = |key: &str, value: Value| {
        let mut suite = json!({ "schema-version": 1, "name": "a", "case": [{ "id": "b" }] });
        suite[key] = value;
        suite
    };
    assert!(suite.is_valid(&with("attempts", json!(3))));
    for (key, value) in [
        ("attempts", json!(0)),
        ("attemps", json!(3)),
        ("order", json!("sorted")),
        ("schema-version", json!(2)),
        ("case", json!([])),
        ("case", json!([{ "id": "b", "batch_size": 1 }])),
        (
            "case",
            json!([{ "id": "b", "parameters": { "size": [1] } }]),
        ),
        ("case", json!([{ "id": "b", "worker": { "command": [] } }])),
    ] {
        assert!(!suite.is_valid(&with(key, value.clone())), "{key} {value}");
    }
    let matrix =
        json!([{ "id": "b", "matrix": { "parameters.size": [1, 2], "tokens": [1, [2, 3]] } }]);
    assert!(suite.is_valid(&with("case", matrix)));
    assert!(!validator("job").is_valid(&json!({ "protocol": 1 })));
    assert!(!validator("event").is_valid(&json!({ "type": "progress", "done": "1", "total": 2 })));
}
