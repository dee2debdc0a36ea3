//! Formats for programs.

use anechoic_protocol::{BenchmarkFamily, BenchmarkName};
use anechoic_record::{RunRecord, points};
use serde_json::Value;

use super::columns::{CAPTURE, COMMON, CUSTOM, KV};
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
    for point in points(record) {
        writer.write_record(columns.iter().map(|column| field(at(&point, column))))?;
    }
    Ok(())
}

/// The columns of all families in the record, each once; what disturbed the attempt and its outcome last.
fn columns(record: &RunRecord) -> Vec<String> {
    let mut columns = COMMON.map(str::to_owned).to_vec();
    for case in &record.manifest.cases {
        let family: &[&str] = match case.case.work.name().family() {
            BenchmarkFamily::Capture => &CAPTURE,
            BenchmarkFamily::Kv => &KV,
            BenchmarkFamily::Custom => &CUSTOM,
        };
        add(&mut columns, family.iter().map(|&name| name.to_owned()));
    }
    let mut cases = record.manifest.cases.iter();
    if cases.any(|case| case.case.work.name() == BenchmarkName::Custom) {
        for point in points(record).filter(is_custom) {
            add(&mut columns, names_under(&point, "parameters"));
            add(&mut columns, names_under(&point, "values"));
        }
    }
    columns.extend(["disturbed", "outcome"].map(str::to_owned));
    columns
}

/// Adds the columns that are not there yet.
fn add(columns: &mut Vec<String>, more: impl Iterator<Item = String>) {
    for name in more {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
}

fn is_custom(point: &Value) -> bool {
    point["benchmark"] == BenchmarkName::Custom.as_str()
}

/// The names in an object of a point, as paths.
fn names_under(point: &Value, key: &str) -> impl Iterator<Item = String> {
    let object = point[key].as_object().into_iter().flatten();
    object.map(move |(name, _)| format!("{key}.{name}"))
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
