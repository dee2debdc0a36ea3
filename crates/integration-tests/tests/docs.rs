//! The pages say what the programs do.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anechoic_protocol::{FailureKind, Job, Phase, WorkerEvent, decode_line};
use anechoic_suite::Ending;
use serde_json::Value;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");
const ISOLATION: &str = include_str!("../../../docs/isolation.md");
const FAILURES: &str = include_str!("../../../docs/failures.md");

/// The lines of the page's JSON examples.
fn examples() -> Vec<&'static str> {
    let blocks = PROTOCOL.split("```json\n").skip(1);
    let inside = blocks.filter_map(|block| block.split("```").next());
    inside.flat_map(str::lines).collect()
}

/// No example has a field that the types do not know, or a value that they would write otherwise.
#[test]
fn every_example_of_the_protocol_is_a_message() {
    let mut types = BTreeSet::new();
    for line in examples() {
        let written: Value = serde_json::from_str(line).expect("examples are JSON");
        let read = match written["type"].as_str() {
            Some(name) => {
                types.insert(name.to_owned());
                let event: WorkerEvent = decode_line(line.as_bytes()).expect(line);
                serde_json::to_value(event)
            }
            None => serde_json::to_value(decode_line::<Job>(line.as_bytes()).expect(line)),
        };
        assert_eq!(read.expect("messages always serialise"), written);
    }
    let all = [
        "failed", "finished", "hello", "phase", "progress", "sample", "warning",
    ];
    assert_eq!(types, all.map(str::to_owned).into());
}

#[test]
fn every_phase_is_named() {
    for phase in Phase::ALL {
        assert!(
            PROTOCOL.contains(&format!("`{}`", phase.as_str())),
            "{phase:?}"
        );
    }
}

#[test]
fn every_outcome_and_every_kind_has_a_row() {
    let endings = Ending::ALL.map(Ending::as_str);
    let kinds = FailureKind::ALL.map(FailureKind::as_str);
    let names = endings.into_iter().chain(kinds);
    for name in names {
        assert!(FAILURES.contains(&format!("\n| `{name}` |")), "{name}");
    }
}

/// The page of isolation names a test for each promise; each of them exists.
#[test]
fn every_test_that_the_page_of_isolation_names_exists() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");
    let sources = sources(Path::new(folder));
    let table = ISOLATION
        .rsplit_once("| Elsewhere |")
        .expect("the page has the table");
    let rows = table.1.lines().skip(2).filter(|line| line.starts_with('|'));
    let cells = rows.filter_map(|row| row.rsplit('|').nth(1));
    let mut named = 0;
    for name in cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)) {
        assert!(sources.contains(&format!("fn {name}(")), "{name}");
        named += 1;
    }
    assert!(named > 20, "{named} names were found");
}

/// The text of every file of tests in the folder and below it.
fn sources(folder: &Path) -> String {
    let entries = fs::read_dir(folder).expect("the folder is there").flatten();
    let text = |path: std::path::PathBuf| match path.is_dir() {
        true => sources(&path),
        false => fs::read_to_string(path).unwrap_or_default(),
    };
    entries.map(|entry| text(entry.path())).collect()
}
