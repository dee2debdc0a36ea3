//! Formats for programs.

use anechoic_protocol::BenchmarkFamily;
use anechoic_record::{RunRecord, point_lines};
use serde_json::Value;

use super::columns::{CAPTURE, COMMON, KV};
use crate::Summary;

/// The summary as indented JSON, as in `summary.json`.
pub fn json(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary).expect("summaries always serialise");
    text.push('\n');
    text
}

/// One row per measured point of every attempt that ended well, and rows without measurements for every attempt that did
/// not. A record of several families of benchmarks has the columns of all of them.
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
    let columns = columns(record);
    writer.write_record(&columns)?;
    for point in point_lines(record) {
        writer.write_record(columns.iter().map(|column| field(at(&point, column))))?;
    }
    Ok(())
}

/// The columns of all families in the record, each once; what disturbed the attempt and its outcome last.
fn columns(record: &RunRecord) -> Vec<&'static str> {
    let mut columns = COMMON.to_vec();
    for case in &record.manifest.cases {
        let family: &[&str] = match case.case.work.name().family() {
            BenchmarkFamily::Capture => &CAPTURE,
            BenchmarkFamily::Kv => &KV,
        };
        let new: Vec<_> = family
            .iter()
            .filter(|c| !columns.contains(c))
            .copied()
            .collect();
        columns.extend(new);
    }
    columns.extend(["disturbed", "outcome"]);
    columns
}

/// The value at a path of keys joined by dots; null where there is none.
fn at<'v>(point: &'v Value, column: &str) -> &'v Value {
    column.split('.').fold(point, |value, key| &value[key])
}

fn field(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        // Names of disturbances.
        Value::Array(names) => names.iter().map(field).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
