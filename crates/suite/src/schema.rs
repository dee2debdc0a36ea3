//! The JSON Schema of a suite file, from the same lists of keys that the reader uses. It tells types and names; what has to fit
//! together is the reader's to say.

use anechoic_protocol::{
    AttentionPath, Attribution, BenchmarkName, CaptureMode, Dtype, Probe, Version,
};
use serde_json::{Map, Value, json};

use crate::isolating::IsolationSetting;
use crate::keys::Place;
use crate::pace::{MOST, PaceSetting};
use crate::requires::{RequiredDevice, Requirement};
use crate::setting::Setting;
use crate::suite::SUITE_SCHEMA_VERSION;
use crate::{Ending, Metric, WhenRestless};

/// The JSON Schema of a suite file, read as TOML.
pub fn suite_schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("anechoic: suite, schema version {SUITE_SCHEMA_VERSION}"),
        "required": ["schema-version", "name", "case"],
    });
    extend(&mut schema, table(Place::Top));
    schema
}

fn extend(schema: &mut Value, with: Value) {
    if let (Value::Object(schema), Value::Object(with)) = (schema, with) {
        schema.extend(with);
    }
}

/// A table with the keys that may stand in this place, and no others.
fn table(place: Place) -> Value {
    let keys = place.keys().into_iter();
    let properties: Map<_, _> = keys
        .map(|key| (key.to_owned(), value(place, key)))
        .collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if matches!(place, Place::Defaults | Place::Case | Place::Matrix) {
        schema["patternProperties"] = json!({ "^parameters\\.": in_place(place, parameter()) });
    }
    schema
}

/// What a key of this place may hold.
fn value(place: Place, key: &str) -> Value {
    match (place, Setting::from_name(key), PaceSetting::from_name(key)) {
        (Place::Requires, _, _) => {
            let mut known = Requirement::ALL.into_iter();
            known
                .find(|known| known.name() == key)
                .map_or(json!(true), required)
        }
        (_, Some(setting), _) => in_place(place, of_setting(setting)),
        (_, None, Some(pace)) => of_pace(pace),
        (_, None, None) => of_file(key),
    }
}

/// A matrix has a list of what would stand elsewhere.
fn in_place(place: Place, value: Value) -> Value {
    match place {
        Place::Matrix => json!({ "type": "array", "minItems": 1, "items": value }),
        Place::Top
        | Place::Requires
        | Place::Worker
        | Place::Attempts
        | Place::Defaults
        | Place::Case
        | Place::SetOption => value,
    }
}

/// Keys that are neither settings nor requirements.
fn of_file(key: &str) -> Value {
    match key {
        "schema-version" => json!({ "const": SUITE_SCHEMA_VERSION }),
        "requires" => table(Place::Requires),
        "defaults" => table(Place::Defaults),
        "case" => json!({ "type": "array", "minItems": 1, "maxItems": MOST, "items": case() }),
        "matrix" => table(Place::Matrix),
        _ => json!({ "type": "string" }),
    }
}

fn case() -> Value {
    let mut case = table(Place::Case);
    case["required"] = json!(["id"]);
    case
}

fn of_pace(setting: PaceSetting) -> Value {
    match setting {
        PaceSetting::Cooldown | PaceSetting::SettleLimit => duration(),
        PaceSetting::WhenRestless => names(&WhenRestless::ALL.map(WhenRestless::as_str)),
        PaceSetting::Attempts => json!({ "anyOf": [up_to_most(1), until()] }),
        PaceSetting::Retries => up_to_most(0),
        PaceSetting::RetryOn => {
            json!({ "type": "array", "items": names(&Ending::ALL.map(Ending::as_str)) })
        }
        PaceSetting::Order => {
            json!({ "type": "string", "pattern": "^(listed|interleaved|random(:[0-9]+)?)$" })
        }
    }
}

/// A stop rule in the place of a number of attempts.
fn until() -> Value {
    let names = Metric::NAMED.map(|metric| metric.name());
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["until"],
        "properties": {
            "until": { "type": "string", "pattern": "^ci +[0-9]{1,4}(\\.[0-9]{1,2})? *%$" },
            "min": up_to_most(2),
            "max": up_to_most(2),
            "metric": { "anyOf": [{ "enum": names }, { "type": "string", "pattern": "^value\\." }] },
        },
    })
}

fn up_to_most(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": MOST })
}

fn of_setting(setting: Setting) -> Value {
    match setting {
        Setting::Benchmark => names(&BenchmarkName::ALL.map(BenchmarkName::as_str)),
        Setting::Dtype | Setting::FetchDtype => names(&Dtype::ALL.map(Dtype::as_str)),
        Setting::Mode => names(&CaptureMode::ALL.map(CaptureMode::as_str)),
        Setting::Probe => names(&Probe::ALL.map(Probe::as_str)),
        Setting::Attribution => names(&Attribution::ALL.map(Attribution::as_str)),
        Setting::Version => names(&Version::ALL.map(Version::as_str)),
        Setting::Attention => names(&AttentionPath::ALL.map(AttentionPath::as_str)),
        Setting::Strategy => {
            json!({ "type": "string", "pattern": "^(arena|concat|buffered(:[1-9][0-9]*)?)$" })
        }
        Setting::Model | Setting::Text => json!({ "type": "string", "minLength": 1 }),
        Setting::Layers => json!({ "anyOf": [{ "type": "string" }, whole(0), list(whole(0))] }),
        Setting::Tokens | Setting::PhaseTokens => json!({ "anyOf": [whole(1), list(whole(1))] }),
        Setting::Window => whole(2),
        Setting::WarmupIterations | Setting::GreedyTokens | Setting::Seed => whole(0),
        Setting::BatchSize
        | Setting::PrefillTokens
        | Setting::DecodeTokens
        | Setting::PrefillChunk
        | Setting::Iterations
        | Setting::Windows
        | Setting::Chunk
        | Setting::Threads => whole(1),
        Setting::FetchBreakdown => json!({ "type": "boolean" }),
        Setting::MemoryBudget => size(),
        Setting::Parameters => json!({ "type": "object", "additionalProperties": parameter() }),
        Setting::Timeout => duration(),
        Setting::Isolation(setting) => of_isolation(setting),
    }
}

fn of_isolation(setting: IsolationSetting) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    match setting {
        IsolationSetting::Worker => json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["command"],
            "properties": { "command": { "type": "array", "minItems": 1, "items": { "type": "string" } } },
        }),
        IsolationSetting::PassEnvironment => list(text),
        IsolationSetting::Environment => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        IsolationSetting::WorkingDirectory => text,
        IsolationSetting::Cpus => json!({ "anyOf": [text, whole(0), list(whole(0))] }),
        IsolationSetting::Nice => json!({ "type": "integer", "minimum": 0, "maximum": 19 }),
        IsolationSetting::MemoryLimit => size(),
        IsolationSetting::FixedAddresses => json!({ "type": "boolean" }),
    }
}

fn required(requirement: Requirement) -> Value {
    match requirement {
        Requirement::Memory | Requirement::Disk => size(),
        Requirement::Device => names(&RequiredDevice::ALL.map(RequiredDevice::as_str)),
        Requirement::Cpus => whole(1),
        Requirement::Quiet => json!({ "type": "boolean" }),
    }
}

fn names(all: &[&str]) -> Value {
    json!({ "enum": all })
}

fn whole(least: u32) -> Value {
    json!({ "type": "integer", "minimum": least })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// Durations such as `5s`; the cooldown also takes a word.
fn duration() -> Value {
    json!({ "type": "string" })
}

fn size() -> Value {
    json!({ "anyOf": [{ "type": "string" }, whole(1)] })
}

fn parameter() -> Value {
    json!({ "type": ["string", "number", "boolean"] })
}
