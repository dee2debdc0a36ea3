//! What KV-cache cases become: defaults by benchmark, T from two keys, aliases, replaced and grouped matrices.

mod support;

use std::cell::RefCell;

use anechoic_protocol::{Benchmark, BenchmarkName, ModelConfig, ModelSource, Preset, Version};
use anechoic_suite::{FoundText, KnownModel, Plan, PlanOptions, Suite};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::Here;

/// Presets, and any other name as a folder with a tokenizer.
fn look_up(name: &str) -> Result<KnownModel, String> {
    if let Ok(preset) = name.parse::<Preset>() {
        return Ok(KnownModel::from(preset));
    }
    let config = r#"{"model_type":"gpt2","vocab_size":35,"n_positions":512,"n_embd":128,"n_layer":4,"n_head":2}"#;
    Ok(KnownModel {
        source: ModelSource::Folder {
            name: name.to_owned(),
            path: format!("/{name}"),
        },
        config: ModelConfig::from_json(config).expect("a configuration"),
        tokenizer: true,
    })
}

fn find_text(name: &str) -> Result<FoundText, String> {
    let path = format!("/texts/{name}");
    Ok(FoundText { path, bytes: 256 })
}

fn plan_with(cases: &str, options: &PlanOptions) -> Plan {
    let text = format!("schema-version = 1\nname = \"x\"\n{cases}");
    let planned = Suite::parse("suite.toml", &text)
        .and_then(|suite| suite.plan(options, &mut Here(look_up, find_text)));
    planned.unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn plan(cases: &str) -> Plan {
    plan_with(cases, &PlanOptions::default())
}

fn set(pairs: &[(&str, &str)]) -> PlanOptions {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    PlanOptions {
        set: pairs.iter().map(owned).collect(),
        ..PlanOptions::default()
    }
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.cases.iter().map(|case| case.id.as_str()).collect()
}

fn t_of(work: &Benchmark) -> &[u32] {
    match work {
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => &work.tokens,
        Benchmark::Capacity(work) => &work.tokens,
        Benchmark::Capture(_) | Benchmark::Perplexity(_) | Benchmark::Custom(_) => &[],
    }
}

/// Every case's T.
fn tokens(plan: &Plan) -> Vec<&[u32]> {
    plan.cases.iter().map(|case| t_of(&case.work)).collect()
}

fn versions(plan: &Plan) -> Vec<Version> {
    let version = |work: &Benchmark| work.versioned().expect("a KV-cache case").version;
    plan.cases.iter().map(|case| version(&case.work)).collect()
}

/// What a case of the benchmark becomes, with no key but those that are required.
fn least(benchmark: BenchmarkName) -> Value {
    let benchmark = benchmark.as_str();
    let cases = format!("[[case]]\nid = \"a\"\nbenchmark = \"{benchmark}\"\nversion = \"v1\"\n");
    let plan = plan(&cases);
    assert_eq!(ids(&plan), ["kv.a"], "an id starts with its family");
    assert_eq!(plan.cases[0].work.name().as_str(), benchmark);
    serde_json::to_value(&plan.cases[0].work).expect("work is JSON")
}

#[test]
fn generating_benchmarks_have_the_defaults_of_gpt2() {
    use BenchmarkName::{Latency, Phase, Roofline, Vram};
    for benchmark in [Latency, Vram, Phase, Roofline] {
        let expected = json!({
            "benchmark": benchmark.as_str(),
            "model": { "source": "preset", "name": "gpt2" },
            "dtype": "bf16", "version": "v1", "attention": "best", "batch_size": 1,
            "prompt_length": 32, "tokens": [128], "warmup_runs": 3, "measured_runs": 5
        });
        assert_eq!(least(benchmark), expected);
    }
}

#[test]
fn capacity_and_perplexity_have_defaults_of_their_own() {
    let capacity = json!({
        "benchmark": "capacity",
        "model": { "source": "preset", "name": "gpt2" },
        "dtype": "bf16", "version": "v1", "attention": "best",
        "prompt_length": 32, "tokens": [128], "budget_bytes": 2_147_483_648_u64, "measured_runs": 1
    });
    assert_eq!(least(BenchmarkName::Capacity), capacity);
    let perplexity = json!({
        "benchmark": "perplexity",
        "model": { "source": "folder", "name": "models/markov", "path": "/models/markov" },
        "dtype": "f32", "version": "v1", "attention": "best", "text": { "kind": "synthetic" },
        "window": 256, "windows": 32, "batch_size": 8, "chunk": 1, "greedy_tokens": 64
    });
    assert_eq!(least(BenchmarkName::Perplexity), perplexity);
}

#[test]
fn every_setting_reaches_the_plan() {
    let plan = plan(
        r#"
[defaults]
model = "own"
dtype = "f16"
attention = "dequantise"
[[case]]
id = "a"
benchmark = "latency"
version = "v4"
batch-size = 2
prompt-length = 3
tokens = [7, 5]
warmup-runs = 0
measured-runs = 9
[[case]]
id = "b"
benchmark = "capacity"
version = "v2"
prompt-length = 3
tokens = 7
memory-budget = "800MB"
measured-runs = 2
[[case]]
id = "c"
benchmark = "perplexity"
version = "v3"
text = "wiki.txt"
window = 128
windows = 6
batch-size = 2
chunk = 128
greedy-tokens = 0
"#,
    );
    let works: Vec<_> = plan.cases.iter().map(|case| &case.work).collect();
    let model = json!({ "source": "folder", "name": "own", "path": "/own" });
    let expected = json!([
        {
            "benchmark": "latency", "model": model, "dtype": "f16", "version": "v4",
            "attention": "dequantise", "batch_size": 2, "prompt_length": 3, "tokens": [7, 5],
            "warmup_runs": 0, "measured_runs": 9
        },
        {
            "benchmark": "capacity", "model": model, "dtype": "f16", "version": "v2",
            "attention": "dequantise", "prompt_length": 3, "tokens": [7],
            "budget_bytes": 800_000_000, "measured_runs": 2
        },
        {
            "benchmark": "perplexity", "model": model, "dtype": "f16", "version": "v3",
            "attention": "dequantise",
            "text": { "kind": "file", "name": "wiki.txt", "path": "/texts/wiki.txt" },
            "window": 128, "windows": 6, "batch_size": 2, "chunk": 128, "greedy_tokens": 0
        }
    ]);
    assert_eq!(serde_json::to_value(works).unwrap(), expected);
}

#[test]
fn both_spellings_mean_the_same() {
    let written = |prompt, warmup, runs| {
        plan(&format!(
            "[[case]]\nid = \"a\"\nbenchmark = \"vram\"\nversion = \"v0\"\n{prompt} = 8\n{warmup} = 1\n{runs} = 2\n"
        ))
    };
    let ours = written("prefill-tokens", "warmup-iterations", "iterations");
    assert_eq!(
        ours,
        written("prompt-length", "warmup-runs", "measured-runs")
    );
    let matrix = "[[case]]\nid = \"{prefill-tokens}\"\nbenchmark = \"vram\"\nversion = \"v0\"\nmatrix = { prompt-length = [8, 9] }\n";
    assert_eq!(ids(&plan(matrix)), ["kv.8", "kv.9"]);
    let replaced = plan_with(matrix, &set(&[("prefill-tokens", "[3]")]));
    assert_eq!(ids(&replaced), ["kv.3"]);
}

const MIXED: &str = r#"
[defaults]
tokens = [32, 64]
phase-tokens = 16
[[case]]
id = "latency.{version}.t{tokens}"
benchmark = "latency"
matrix = { version = ["v1", "v2"], tokens = [8, 9] }
[[case]]
id = "vram"
benchmark = "vram"
version = "v1"
[[case]]
id = "phase"
benchmark = "phase"
version = "v1"
[[case]]
id = "phase.own"
benchmark = "phase"
version = "v1"
tokens = 48
[[case]]
id = "baseline"
benchmark = "capture"
mode = "baseline"
"#;

#[test]
fn the_nearest_t_wins_and_phase_has_a_key_of_its_own() {
    let check = |pairs: &[(&str, &str)], expected: [&[u32]; 3]| {
        let options = PlanOptions {
            skip: vec!["*latency*".to_owned(), "capture.*".to_owned()],
            ..set(pairs)
        };
        let plan = plan_with(MIXED, &options);
        assert_eq!(ids(&plan), ["kv.vram", "kv.phase", "kv.phase.own"]);
        assert_eq!(tokens(&plan), expected, "{pairs:?}");
    };
    check(&[], [&[32, 64], &[16], &[48]]);
    check(&[("tokens", "[4, 5]")], [&[4, 5], &[4, 5], &[4, 5]]);
    check(&[("phase-tokens", "4")], [&[32, 64], &[4], &[4]]);
    let both = [("phase-tokens", "4"), ("tokens", "5")];
    check(&both, [&[5], &[4], &[4]]);
}

#[test]
fn a_set_value_takes_the_place_of_a_matrix_s_values() {
    let check = |pairs: &[(&str, &str)], expected: &[&str]| {
        let options = PlanOptions {
            benchmarks: vec![BenchmarkName::Latency],
            ..set(pairs)
        };
        let plan = plan_with(MIXED, &options);
        let ids: Vec<_> = plan
            .cases
            .iter()
            .map(|case| &case.id["kv.latency.".len()..])
            .collect();
        assert_eq!(ids, expected, "{pairs:?}");
        for case in &plan.cases {
            let Benchmark::Latency(work) = &case.work else {
                unreachable!("it is called latency")
            };
            let named = format!("{}.t{}", work.model.version.as_str(), work.tokens[0]);
            assert!(case.id.ends_with(&named), "the id tells the values");
        }
    };
    check(&[], &["v1.t8", "v1.t9", "v2.t8", "v2.t9"]);
    check(&[("tokens", "7")], &["v1.t7", "v2.t7"]);
    check(&[("version", "v3")], &["v3.t8", "v3.t9"]);
    let unquoted = [("version", "[v0,v4]"), ("tokens", "[7]")];
    check(&unquoted, &["v0.t7", "v4.t7"]);
    let twice = [
        ("tokens", "[1]"),
        ("version", "[\"v0\"]"),
        ("tokens", "[2, 3]"),
    ];
    check(&twice, &["v0.t2", "v0.t3"]);
}

#[test]
fn a_replaced_matrix_leaves_other_cases_as_they_are() {
    let plan = plan_with(MIXED, &set(&[("tokens", "[7]"), ("version", "v2")]));
    assert_eq!(
        versions(&plan_with(
            MIXED,
            &PlanOptions {
                skip: vec!["capture.*".to_owned()],
                ..set(&[("version", "v2")])
            }
        )),
        [Version::V2; 5]
    );
    let capture = &plan.cases.last().unwrap().work;
    assert_eq!(capture, &self::plan(MIXED).cases.last().unwrap().work);
}

#[test]
fn grouped_tokens_are_one_case() {
    let grouped = |options| PlanOptions {
        group_tokens: true,
        benchmarks: vec![BenchmarkName::Latency, BenchmarkName::Vram],
        ..options
    };
    let plan = plan_with(MIXED, &grouped(set(&[("tokens", "[9, 7]")])));
    let expected = ["kv.latency.v1.t9,7", "kv.latency.v2.t9,7", "kv.vram"];
    assert_eq!(ids(&plan), expected);
    assert_eq!(tokens(&plan), [[9, 7]; 3]);
    let untouched = plan_with(MIXED, &grouped(PlanOptions::default()));
    assert_eq!(tokens(&untouched), [[8, 9], [8, 9], [32, 64]]);
}

#[test]
fn benchmarks_choose_cases() {
    let of = |benchmarks: &[BenchmarkName]| {
        let options = PlanOptions {
            benchmarks: benchmarks.to_vec(),
            ..PlanOptions::default()
        };
        plan_with(MIXED, &options).cases.len()
    };
    assert_eq!(of(&[]), 8);
    assert_eq!(of(&[BenchmarkName::Phase]), 2);
    assert_eq!(of(&[BenchmarkName::Phase, BenchmarkName::Capture]), 3);
}

#[test]
fn a_case_s_benchmark_wins_over_that_of_defaults() {
    let plan = plan(
        "[defaults]\nbenchmark = \"capture\"\nmode = \"baseline\"\n[[case]]\nid = \"a\"\n\
         [[case]]\nid = \"b\"\nbenchmark = \"latency\"\nversion = \"v1\"\ntokens = 8\n",
    );
    assert_eq!(ids(&plan), ["capture.a", "kv.b"]);
    assert_eq!(tokens(&plan), [&[][..], &[8]]);
}

#[test]
fn a_matrix_may_go_over_benchmarks() {
    let plan = plan(
        "[defaults]\nphase-tokens = 4\n[[case]]\nid = \"{benchmark}.t{tokens}\"\nversion = \"v1\"\n\
         matrix = { benchmark = [\"vram\", \"phase\"], tokens = [8, 9] }\n",
    );
    assert_eq!(
        ids(&plan),
        ["kv.vram.t8", "kv.vram.t9", "kv.phase.t8", "kv.phase.t9"]
    );
    assert_eq!(
        tokens(&plan),
        [[8], [9], [8], [9]],
        "a matrix is nearer than [defaults]"
    );
}

#[test]
fn the_last_values_that_fit_are_accepted() {
    let fits = |key: &str, value: &str| {
        let options = PlanOptions {
            skip: vec!["*own".to_owned(), "capture.*".to_owned()],
            ..set(&[(key, value)])
        };
        assert_eq!(
            plan_with(MIXED, &options).cases.len(),
            6 - usize::from(key == "tokens") * 2
        );
    };
    fits("tokens", "992");
    fits("prompt-length", "960");
    let perplexity = "[[case]]\nid = \"a\"\nbenchmark = \"perplexity\"\nversion = \"v1\"\n";
    let whole = format!("{perplexity}window = 512\nchunk = 512\ngreedy-tokens = 256\n");
    assert_eq!(plan(&whole).cases.len(), 1);
    let least = format!("{perplexity}window = 2\ngreedy-tokens = 511\n");
    assert_eq!(plan(&least).cases.len(), 1);
}

#[test]
fn texts_of_remaining_cases_are_looked_for_once_each() {
    let cases = r#"
[defaults]
benchmark = "perplexity"
[[case]]
id = "{version}"
text = "a.txt"
matrix = { version = ["v0", "v1"] }
[[case]]
id = "b"
version = "v1"
text = "7"
"#;
    let asked = |options: &PlanOptions| {
        let names = RefCell::new(Vec::new());
        let find = |name: &str| {
            names.borrow_mut().push(name.to_owned());
            find_text(name)
        };
        let text = format!("schema-version = 1\nname = \"x\"\n{cases}");
        let suite = Suite::parse("suite.toml", &text).unwrap();
        suite.plan(options, &mut Here(look_up, find)).unwrap();
        names.into_inner()
    };
    assert_eq!(asked(&PlanOptions::default()), ["a.txt", "7"]);
    assert_eq!(asked(&set(&[("text", "9")])), ["9"], "free text stays text");
    let only = PlanOptions {
        only: vec!["kv.v*".to_owned()],
        ..PlanOptions::default()
    };
    assert_eq!(asked(&only), ["a.txt"]);
}

#[test]
fn a_list_of_free_text_is_a_list_for_a_matrix() {
    let cases = "[[case]]\nid = \"{model}\"\nbenchmark = \"latency\"\nversion = \"v1\"\nmatrix = { model = [\"gpt2\"] }\n";
    let plan = plan_with(cases, &set(&[("model", "[gpt2-xl, 7]")]));
    assert_eq!(ids(&plan), ["kv.gpt2-xl", "kv.7"]);
    let names: Vec<_> = plan
        .cases
        .iter()
        .map(|case| case.work.model().unwrap().name())
        .collect();
    assert_eq!(names, ["gpt2-xl", "7"]);
}

#[test]
fn sizes_may_have_a_unit() {
    let budget = |written: &str| {
        let options = set(&[("memory-budget", written)]);
        let cases = "[[case]]\nid = \"a\"\nbenchmark = \"capacity\"\nversion = \"v1\"\n";
        let Benchmark::Capacity(work) = plan_with(cases, &options).cases.remove(0).work else {
            unreachable!("it measures capacity")
        };
        work.budget_bytes
    };
    assert_eq!(budget("512MiB"), 512 << 20);
    assert_eq!(budget("1GB"), 1_000_000_000);
    assert_eq!(budget("4096"), 4096);
}

#[test]
fn a_plan_survives_its_record() {
    let plan = plan(MIXED);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
}

proptest! {
    /// Whatever is set, an answer comes: a plan whose ids tell its cases, or a message that names the option or the file.
    #[test]
    fn no_option_breaks_the_plan(
        key in prop::sample::select(vec!["version", "tokens", "phase-tokens", "prompt-length", "model", "attention"]),
        value in "(\\[[v0-9a-z, \"\\[\\]-]{0,12}\\]|[\\PC]{0,8}|v[0-5]|[0-9]{1,5})",
        group_tokens: bool,
    ) {
        let options = PlanOptions { group_tokens, ..set(&[(key, value.as_str())]) };
        let text = format!("schema-version = 1\nname = \"x\"\n{MIXED}");
        let suite = Suite::parse("suite.toml", &text).expect("a suite");
        match suite.plan(&options, &mut Here(look_up, find_text)) {
            Ok(plan) => prop_assert!(!plan.slots.is_empty()),
            Err(error) => {
                let error = error.to_string();
                prop_assert!(error.starts_with("--set") || error.starts_with("suite.toml:"), "{error}");
            }
        }
    }
}
