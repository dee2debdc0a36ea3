//! The pages say what the programs do.

use std::collections::BTreeSet;

use anechoic_protocol::{FailureKind, Job, Phase, WorkerEvent, decode_line};
use anechoic_suite::Ending;
use serde_json::Value;

const PROTOCOL: &str = include_str!("../../../docs/protocol.md");
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
