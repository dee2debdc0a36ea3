//! Every suite in `suites/` is read and planned, as it stands.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::{
    Benchmark, BenchmarkName, CaptureMode, CaptureWork, ModelConfig, ModelSource, Preset,
};
use anechoic_suite::{FoundText, KEPT_ENVIRONMENT, KnownModel, Plan, PlanOptions, Suite};
use support::Here;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites")
}

fn plan(file: &str) -> Plan {
    let text = fs::read_to_string(folder().join(file)).expect("the suite is in suites/");
    plan_text(file, &text)
}

fn plan_text(file: &str, text: &str) -> Plan {
    plan_with(file, text, &PlanOptions::default())
}

fn plan_with(file: &str, text: &str, options: &PlanOptions) -> Plan {
    let planned = Suite::parse(file, text)
        .and_then(|suite| suite.plan(options, &mut Here(look_up, find_text)));
    planned.unwrap_or_else(|error| panic!("{error}"))
}

/// Presets, and the shape of the models that come with the project.
fn look_up(name: &str) -> Result<KnownModel, String> {
    if let Ok(preset) = name.parse::<Preset>() {
        return Ok(KnownModel::from(preset));
    }
    if !["models/markov", "models/markov-shared"].contains(&name) {
        return Err(format!(
            "a suite uses `{name}`, which does not come with the project"
        ));
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
    Err(format!(
        "a suite uses the text `{name}`, which does not come with the project"
    ))
}

fn layers(plan: &Plan) -> Vec<(&str, usize)> {
    let captures = plan.cases.iter().filter_map(|case| {
        let work = capture(&case.work)?;
        Some((case.id.as_str(), work.layers.len()))
    });
    captures.collect()
}

fn capture(work: &Benchmark) -> Option<&CaptureWork> {
    match work {
        Benchmark::Capture(work) => Some(work),
        Benchmark::Latency(_)
        | Benchmark::Vram(_)
        | Benchmark::Phase(_)
        | Benchmark::Perplexity(_)
        | Benchmark::Capacity(_)
        | Benchmark::Roofline(_)
        | Benchmark::Custom(_) => None,
    }
}

/// How many cases of each benchmark, in the order of lists, and the versions of each.
fn counts(plan: &Plan) -> Vec<(&'static str, usize, String)> {
    let of = |benchmark: BenchmarkName| {
        let cases: Vec<_> = plan
            .cases
            .iter()
            .filter(|case| case.work.name() == benchmark)
            .collect();
        let versioned = cases.iter().filter_map(|case| case.work.versioned());
        let versions: BTreeSet<_> = versioned.map(|model| model.version.as_str()).collect();
        let versions: Vec<_> = versions.into_iter().collect();
        (benchmark.as_str(), cases.len(), versions.join(" "))
    };
    let all = BenchmarkName::ALL.into_iter().map(of);
    all.filter(|(_, cases, _)| *cases > 0).collect()
}

#[track_caller]
fn check_counts(file: &str, expected: &[(&str, usize, &str)]) {
    let plan = plan(file);
    let found = counts(&plan);
    let found: Vec<_> = found.iter().map(|(b, n, v)| (*b, *n, v.as_str())).collect();
    assert_eq!(found, expected, "{file}");
    for case in &plan.cases {
        let benchmark = case.work.name().as_str();
        let Some(versioned) = case.work.versioned() else {
            continue;
        };
        let start = format!("kv.{}.{benchmark}", versioned.version.as_str());
        assert!(
            case.id.starts_with(&start),
            "{}: the id tells the benchmark",
            case.id
        );
    }
}

#[test]
fn every_suite_is_planned() {
    let mut files: Vec<_> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    files.sort();
    let expected = [
        "audit-aa.toml",
        "audit-demo.toml",
        "capture-cost.toml",
        "capture-layers.toml",
        "capture-strategies.toml",
        "capture.toml",
        "kv-long.toml",
        "kv-quality.toml",
        "kv-quick.toml",
        "kv.toml",
        "own-worker.toml",
        "quick.toml",
    ];
    assert_eq!(files, expected);
    for file in files {
        let plan = plan(&file);
        assert_eq!(
            format!("{}.toml", plan.name),
            file,
            "a suite has its file's name"
        );
        assert!(
            plan.question
                .is_some_and(|question| question.ends_with('?')),
            "{file} asks a question"
        );
        let measures_once = ["kv-quality.toml", "kv-quick.toml"].contains(&file.as_str());
        assert!(
            plan.attempts >= 3 || measures_once,
            "{file} has an interval over processes"
        );
        let text = fs::read_to_string(folder().join(&file)).unwrap();
        assert!(text.starts_with("# "), "{file} opens with its question");
    }
}

#[test]
fn quick_holds_every_mode_once_and_a_few_versions() {
    let plan = plan("quick.toml");
    let captures = plan.cases.iter().filter_map(|case| capture(&case.work));
    let modes: Vec<_> = captures.map(|work| work.mode).collect();
    assert_eq!(modes, CaptureMode::ALL);
    check_counts(
        "quick.toml",
        &[
            ("capture", 4, ""),
            ("latency", 2, "v1 v2"),
            ("perplexity", 2, "v2 v4"),
        ],
    );
    assert_eq!(plan.slots.len(), 8 * plan.attempts as usize);
}

const ALL_VERSIONS: &str = "v0 v1 v2 v3 v4";

#[test]
fn kv_suites_hold_every_version() {
    check_counts(
        "kv.toml",
        &[
            ("latency", 25, ALL_VERSIONS),
            ("vram", 15, ALL_VERSIONS),
            ("phase", 5, ALL_VERSIONS),
            ("perplexity", 10, ALL_VERSIONS),
            ("capacity", 5, ALL_VERSIONS),
            ("roofline", 5, ALL_VERSIONS),
        ],
    );
    check_counts(
        "kv-quick.toml",
        &[
            ("latency", 10, ALL_VERSIONS),
            ("vram", 5, ALL_VERSIONS),
            ("phase", 5, ALL_VERSIONS),
            ("perplexity", 10, ALL_VERSIONS),
            ("capacity", 5, ALL_VERSIONS),
            ("roofline", 5, ALL_VERSIONS),
        ],
    );
    check_counts("kv-quality.toml", &[("perplexity", 20, ALL_VERSIONS)]);
    check_counts("kv-long.toml", &[("latency", 8, "v1 v2 v3 v4")]);
}

/// Where somebody compares versions of their own choice, or one T with another.
#[test]
fn every_kv_case_lets_versions_and_tokens_be_chosen() {
    for file in [
        "kv.toml",
        "kv-quick.toml",
        "kv-quality.toml",
        "kv-long.toml",
    ] {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let options = PlanOptions {
            set: vec![("version".to_owned(), "[v1, v4]".to_owned())],
            ..PlanOptions::default()
        };
        let plan = plan_with(file, &text, &options);
        assert!(
            counts(&plan)
                .iter()
                .all(|(_, _, versions)| versions == "v1 v4")
        );
    }
    let text = fs::read_to_string(folder().join("kv.toml")).unwrap();
    let options = PlanOptions {
        benchmarks: vec![BenchmarkName::Latency],
        set: vec![
            ("version".to_owned(), r#"["v0", "v1"]"#.to_owned()),
            ("tokens".to_owned(), "[32,128]".to_owned()),
            ("model".to_owned(), "gpt2-medium".to_owned()),
        ],
        ..PlanOptions::default()
    };
    let plan = plan_with("kv.toml", &text, &options);
    let ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
    let expected = [
        "kv.v0.latency.t32",
        "kv.v0.latency.t128",
        "kv.v1.latency.t32",
        "kv.v1.latency.t128",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn kv_long_takes_the_paths_of_attention_apart() {
    let plan = plan("kv-long.toml");
    let ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
    let expected = [
        "kv.v1.latency.best",
        "kv.v2.latency.best",
        "kv.v3.latency.best",
        "kv.v4.latency.best",
        "kv.v1.latency.stock",
        "kv.v1.latency.dequantise",
        "kv.v2.latency.stock",
        "kv.v2.latency.dequantise",
    ];
    assert_eq!(ids, expected);
}

#[test]
fn capture_has_its_layers() {
    let plan = plan("capture.toml");
    let expected = [
        ("capture.baseline", 0),
        ("capture.zero-layer", 0),
        ("capture.all-layers", 36),
        ("capture.half", 18),
        ("capture.single", 1),
    ];
    assert_eq!(layers(&plan), expected);
}

#[test]
fn capture_layers_has_the_counts_its_ids_tell() {
    let plan = plan("capture-layers.toml");
    for (id, layers) in &layers(&plan)[1..] {
        assert_eq!(*id, format!("capture.layers-{layers}"));
    }
}

#[test]
fn matrices_give_readable_ids() {
    let ids = |file| {
        layers(&plan(file))
            .iter()
            .map(|(id, _)| (*id).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        ids("capture-strategies.toml"),
        [
            "capture.baseline",
            "capture.zero-layer",
            "capture.all-layers.concat",
            "capture.all-layers.buffered:32",
            "capture.all-layers.arena"
        ]
    );
    assert_eq!(
        ids("capture-cost.toml"),
        [
            "capture.inside.arena",
            "capture.inside.buffered:32",
            "capture.inside.concat",
            "capture.paired.arena",
            "capture.paired.buffered:32",
            "capture.paired.concat"
        ]
    );
}

/// The page on suites, as a reader has it.
const PAGE: &str = include_str!("../../../docs/suites.md");

fn blocks(language: &str) -> Vec<&'static str> {
    let fence = format!("```{language}\n");
    let after = PAGE.split(fence.as_str()).skip(1);
    after
        .map(|rest| rest.split("```").next().expect("a block ends"))
        .collect()
}

#[test]
fn the_page_s_examples_are_suites() {
    let [example, kv, rule, workers] = blocks("toml")[..] else {
        panic!("the page has four examples");
    };
    let ruled = example.replace("attempts = 3 ", &format!("{}\n#", rule.trim_end()));
    let plan = plan_text("docs/suites.md", &ruled);
    assert!(plan.until.is_some_and(|until| until.max == 10));
    let plan = plan_text("docs/suites.md", workers);
    let own: Vec<_> = plan
        .cases
        .iter()
        .map(|case| case.worker.is_some())
        .collect();
    assert_eq!(own, [true, false]);
    let plan = plan_text("docs/suites.md", example);
    let ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
    let expected = [
        "capture.baseline",
        "capture.middle",
        "capture.all.concat.b1",
        "capture.all.concat.b8",
        "capture.all.buffered:32.b1",
        "capture.all.buffered:32.b8",
        "capture.all.arena.b1",
        "capture.all.arena.b8",
    ];
    assert_eq!(ids, expected);
    let plan = plan_text("docs/suites.md", kv);
    let ids: Vec<_> = plan.cases.iter().map(|case| case.id.as_str()).collect();
    let expected = [
        "kv.v1.latency.t32",
        "kv.v1.latency.t128",
        "kv.v2.latency.t32",
        "kv.v2.latency.t128",
        "kv.v1.phase",
        "kv.v2.phase",
        "kv.v2.perplexity",
    ];
    assert_eq!(ids, expected);
    assert!(PAGE.contains("six cases: `capture.all.concat.b1` … `capture.all.arena.b8`"));
}

#[test]
fn the_page_s_errors_are_real() {
    let real = [
        include_str!("messages/models.txt"),
        include_str!("messages/options.txt"),
        include_str!("messages/one-case.txt"),
        include_str!("messages/kv-fit.txt"),
        include_str!("messages/kv-keys.txt"),
        include_str!("messages/kv-options.txt"),
    ];
    for block in blocks("text") {
        assert!(
            real.iter().any(|messages| messages.contains(block)),
            "{block}"
        );
    }
}

#[test]
fn the_page_tells_every_key() {
    let keys = |text: &str| {
        let message = Suite::parse("suite.toml", text)
            .expect_err("x is no key")
            .to_string();
        let (_, keys) = message.split_once("accepted: ").expect("keys are listed");
        keys.split(", ").map(str::to_owned).collect::<Vec<_>>()
    };
    let head = "schema-version = 1\nname = \"a\"\n";
    let top = keys(&format!("{head}x = 1"));
    let case = keys(&format!("{head}[[case]]\nx = 1"));
    let required = keys(&format!("{head}[requires]\nx = 1"));
    assert_eq!((top.len(), case.len(), required.len()), (16, 43, 5));
    for key in top.iter().chain(&case).chain(&required) {
        let told = [
            format!("`{key}`"),
            format!("`[{key}]`"),
            format!("`[[{key}]]`"),
        ];
        let row =
            |line: &str| line.starts_with("| ") && told.iter().any(|told| line.contains(told));
        assert!(PAGE.lines().any(row), "{key}");
    }
}

#[test]
fn the_page_tells_which_variables_a_worker_gets() {
    for name in KEPT_ENVIRONMENT {
        assert!(PAGE.contains(&format!("`{name}`")), "{name}");
    }
}
