//! Every suite in `suites/` is read and planned, as it stands.

use std::fs;
use std::path::{Path, PathBuf};

use anechoic_protocol::{Benchmark, CaptureMode, Preset};
use anechoic_suite::{KnownModel, Plan, PlanOptions, Suite};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../suites")
}

fn plan(file: &str) -> Plan {
    let text = fs::read_to_string(folder().join(file)).expect("the suite is in suites/");
    plan_text(file, &text)
}

fn plan_text(file: &str, text: &str) -> Plan {
    let preset = |name: &str| match name.parse::<Preset>() {
        Ok(preset) => Ok(KnownModel::from(preset)),
        Err(error) => Err(error.to_string()),
    };
    let planned =
        Suite::parse(file, text).and_then(|suite| suite.plan(&PlanOptions::default(), preset));
    planned.unwrap_or_else(|error| panic!("{error}"))
}

fn layers(plan: &Plan) -> Vec<(&str, usize)> {
    let count = |work: &Benchmark| match work {
        Benchmark::Capture(work) => work.layers.len(),
        _ => 0,
    };
    plan.cases
        .iter()
        .map(|case| (case.id.as_str(), count(&case.work)))
        .collect()
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
        "capture-cost.toml",
        "capture-layers.toml",
        "capture-strategies.toml",
        "capture.toml",
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
        assert!(plan.attempts >= 3, "{file} has an interval over processes");
        let text = fs::read_to_string(folder().join(&file)).unwrap();
        assert!(text.starts_with("# "), "{file} opens with its question");
    }
}

#[test]
fn quick_holds_every_mode_once() {
    let plan = plan("quick.toml");
    let mode = |work: &Benchmark| match work {
        Benchmark::Capture(work) => work.mode,
        _ => unreachable!("quick measures capture"),
    };
    let modes: Vec<_> = plan.cases.iter().map(|case| mode(&case.work)).collect();
    assert_eq!(modes, CaptureMode::ALL);
    assert_eq!(plan.slots.len(), 4 * plan.attempts as usize);
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
fn the_page_s_example_is_a_suite() {
    let [example] = blocks("toml")[..] else {
        panic!("the page has one example");
    };
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
    assert!(PAGE.contains("six cases: `capture.all.concat.b1` … `capture.all.arena.b8`"));
}

#[test]
fn the_page_s_errors_are_real() {
    let real = [
        include_str!("messages/models.txt"),
        include_str!("messages/options.txt"),
        include_str!("messages/one-case.txt"),
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
    assert_eq!((top.len(), case.len()), (11, 21));
    for key in top.iter().chain(&case) {
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
