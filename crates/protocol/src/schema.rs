//! JSON Schemas of the messages, generated from their types. They describe what is accepted: unknown fields are ignored.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::Value;

use crate::{Job, JobResult, PROTOCOL_VERSION, WorkerEvent};

/// The job that a worker gets.
pub fn job() -> Value {
    schema::<Job>("job")
}

/// A message that a worker sends.
pub fn event() -> Value {
    schema::<WorkerEvent>("message of a worker")
}

/// The result in a worker's last message.
pub fn result() -> Value {
    schema::<JobResult>("result of a worker")
}

fn schema<T: JsonSchema>(what: &str) -> Value {
    let settings = SchemaSettings::draft2020_12();
    let mut schema: Schema = settings.into_generator().into_root_schema_for::<T>();
    let title = format!("anechoic: {what}, protocol {PROTOCOL_VERSION}");
    schema.insert("title".to_owned(), Value::from(title));
    schema.to_value()
}
