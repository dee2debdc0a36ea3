//! Formats for programs.

use anechoic_record::{RunRecord, point_lines};
use serde_json::Value;

use crate::Summary;

/// The summary as indented JSON, as in `summary.json`.
pub fn json(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary).expect("summaries always serialise");
    text.push('\n');
    text
}

/// Columns of the CSV, each a key of a line of `results.jsonl`.
const COLUMNS: [&str; 28] = [
    "run",
    "suite",
    "case",
    "attempt",
    "iteration",
    "benchmark",
    "model",
    "dtype",
    "device",
    "threads",
    "seed",
    "batch_size",
    "prefill_tokens",
    "decode_tokens",
    "mode",
    "num_captured_layers",
    "strategy",
    "probe",
    "attribution",
    "prefill_ns",
    "decode_ns",
    "generation_ns",
    "fetch_ns",
    "generated_tokens",
    "captured_rows",
    "captured_bytes",
    "resident_bytes",
    "outcome",
];

/// Every sample of every attempt that ended well, one row each, and one row without sample for every
/// attempt that did not.
pub fn csv(record: &RunRecord) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let written = write_rows(record, &mut writer);
    written.expect("writing to memory does not fail");
    let bytes = writer
        .into_inner()
        .expect("writing to memory does not fail");
    String::from_utf8(bytes).expect("fields are text")
}

fn write_rows(record: &RunRecord, writer: &mut csv::Writer<Vec<u8>>) -> csv::Result<()> {
    writer.write_record(COLUMNS)?;
    for point in point_lines(record) {
        writer.write_record(COLUMNS.map(|column| field(&point[column])))?;
    }
    Ok(())
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
