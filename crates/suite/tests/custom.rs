//! Custom cases: parameters of a table, layer over layer, spread out by a matrix and changed by options.

use anechoic_protocol::{Benchmark, CustomWork};
use anechoic_suite::{FoundText, KnownModel, Plan, PlanOptions, Suite, SuiteError, Surroundings};
use serde_json::{Value, json};

/// A machine on which nothing is found: custom cases look nothing up.
struct Nothing;

impl Surroundings for Nothing {
    fn model(&mut self, name: &str) -> Result<KnownModel, String> {
        Err(format!("`{name}` was looked up"))
    }

    fn text(&mut self, path: &str) -> Result<FoundText, String> {
        Err(format!("`{path}` was looked up"))
    }

    fn folder(&mut self, path: &str) -> Result<String, String> {
        Err(format!("`{path}` was looked up"))
    }

    fn program(&mut self, name: &str, _folder: Option<&str>) -> Result<String, String> {
        Err(format!("`{name}` was looked up"))
    }

    fn cpus(&self) -> Vec<u32> {
        vec![0]
    }
}

fn try_plan(cases: &str, set: &[(&str, &str)]) -> Result<Plan, SuiteError> {
    let text = format!("schema-version = 1\nname = \"x\"\n{cases}");
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let options = PlanOptions {
        set: set.iter().map(owned).collect(),
        ..PlanOptions::default()
    };
    Suite::parse("suite.toml", &text)?.plan(&options, &mut Nothing)
}

fn works(cases: &str, set: &[(&str, &str)]) -> Vec<(String, CustomWork)> {
    let plan = try_plan(cases, set).unwrap_or_else(|error| panic!("{error}\n{cases}"));
    let work = |case: anechoic_suite::Case| match case.work {
        Benchmark::Custom(work) => (case.id, work),
        other => panic!("{} is no custom case", other.name().as_str()),
    };
    plan.cases.into_iter().map(work).collect()
}

fn parameters(cases: &str, set: &[(&str, &str)]) -> Vec<(String, Value)> {
    let works = works(cases, set).into_iter();
    works
        .map(|(id, work)| (id, json!(work.parameters)))
        .collect()
}

#[track_caller]
fn check(cases: &str, set: &[(&str, &str)], expected: &[(&str, Value)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(id, value)| ((*id).to_owned(), value.clone()))
        .collect();
    assert_eq!(parameters(cases, set), expected);
}

#[track_caller]
fn refused(cases: &str, set: &[(&str, &str)]) -> String {
    try_plan(cases, set).map_or_else(|error| error.to_string(), |_| "no error".to_owned())
}

const LAYERED: &str = r#"
[defaults]
benchmark = "custom"
parameters = { size = 128, kind = "matmul", scale = 0.5, fast = true }
[[case]]
id = "a"
[[case]]
id = "b"
parameters.size = 256
"#;

#[test]
fn a_case_goes_over_the_defaults_key_by_key() {
    check(
        LAYERED,
        &[],
        &[
            (
                "custom.a",
                json!({"fast": true, "kind": "matmul", "scale": 0.5, "size": 128}),
            ),
            (
                "custom.b",
                json!({"fast": true, "kind": "matmul", "scale": 0.5, "size": 256}),
            ),
        ],
    );
}

#[test]
fn options_go_over_all_cases() {
    let set = [
        ("parameters.size", "7"),
        ("parameters", "{ kind = \"sum\", more = -1 }"),
    ];
    let expected = json!({"fast": true, "kind": "sum", "more": -1, "scale": 0.5, "size": 7});
    let cases = [("custom.a", expected.clone()), ("custom.b", expected)];
    check(LAYERED, &set, &cases);
}

#[test]
fn a_case_needs_no_parameters_and_no_model() {
    let found = works(
        "[[case]]\nid = \"custom.plain\"\nbenchmark = \"custom\"\n",
        &[],
    );
    let work = CustomWork {
        parameters: Default::default(),
        warmup_iterations: 1,
        iterations: 5,
    };
    assert_eq!(found, [("custom.plain".to_owned(), work)]);
}

const MATRIX: &str = r#"
[[case]]
id = "{parameters.size}-{parameters.kind}"
benchmark = "custom"
parameters = { scale = 0.5 }
matrix = { "parameters.size" = [1, 2], "parameters.kind" = ["a", "b"] }
"#;

#[test]
fn a_matrix_goes_over_single_parameters() {
    let case = |size: u32, kind: &str| json!({"kind": kind, "scale": 0.5, "size": size});
    let expected = [
        ("custom.1-a", case(1, "a")),
        ("custom.1-b", case(1, "b")),
        ("custom.2-a", case(2, "a")),
        ("custom.2-b", case(2, "b")),
    ];
    check(MATRIX, &[], &expected);
    let set = [("parameters.size", "9"), ("parameters.kind", "[b, c]")];
    let expected = [("custom.9-b", case(9, "b")), ("custom.9-c", case(9, "c"))];
    check(MATRIX, &set, &expected);
}

#[test]
fn what_no_worker_could_use_is_refused() {
    let case = |line: &str| format!("[[case]]\nid = \"a\"\nbenchmark = \"custom\"\n{line}\n");
    let check = |line: &str, expected: &[&str]| {
        let found = refused(&case(line), &[]);
        for part in expected {
            assert!(found.contains(part), "{line}: {found}");
        }
    };
    check(
        "parameters = 1",
        &["suite.toml:6:14", "not a table", "size = 256"],
    );
    check(
        "parameters = { size = [1] }",
        &["suite.toml:6:23", "`parameters.size` is an array"],
    );
    check(
        "parameters = { size = inf }",
        &["a number that is not finite"],
    );
    check(
        "parameters = { \"a b\" = 1 }",
        &["`a b` is no name of a parameter"],
    );
    check(
        "model = \"gpt2\"",
        &["benchmark `custom` does not use `model`"],
    );
    check(
        "matrix = { parameters = [1] }",
        &["one parameter at a time", "parameters.NAME"],
    );
    check(
        "parameters = { size = 1 }\nmatrix = { \"parameters.size\" = [1] }",
        &["`parameters.size` is given by the case and by its matrix"],
    );
}

#[test]
fn options_do_not_go_over_what_an_id_tells() {
    let found = refused(MATRIX, &[("parameters", "{ size = 3 }")]);
    assert!(
        found.starts_with(
            "--set parameters={ size = 3 }: `parameters` would go over `parameters.size`"
        ),
        "{found}"
    );
    let lists = refused(LAYERED, &[("parameters.size", "[1, 2]")]);
    assert!(lists.contains("takes one value here"), "{lists}");
    let bad = refused(LAYERED, &[("parameters", "{ size = { x = 1 } }")]);
    assert!(bad.starts_with("--set parameters="), "{bad}");
}
