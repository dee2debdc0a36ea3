//! The settings of a case as flat keys with text, and in what two cases differ.

use std::collections::BTreeMap;

use anechoic_record::{CaseRecord, RunRecord, decisive};
use anechoic_suite::Case;
use serde_json::Value;

use super::Mismatch;

/// Settings by key, in the order of keys; a nested one is written `workload.batch_size`.
pub(crate) type Settings = BTreeMap<String, String>;

/// A model is known by its name, and a text too: where they lie decides nothing.
const PLACES: [&str; 2] = ["model.path", "text.path"];

/// Every setting that decides what is measured, and how; of variables that were passed on, those that decide results.
pub(crate) fn settings(record: &RunRecord, case: &CaseRecord) -> Settings {
    let mut settings = own_settings(record, case);
    for (name, value) in passed(record, &case.case) {
        settings.entry(variable(&name)).or_insert(value);
    }
    settings
}

/// [`settings`] without variables that were passed on, of which runs of earlier builds know nothing.
pub(crate) fn own_settings(record: &RunRecord, case: &CaseRecord) -> Settings {
    let case = &case.case;
    let work = serde_json::to_value(&case.work).expect("settings always serialise");
    let mut flat = Settings::new();
    flatten("", &work, &mut flat);
    PLACES.iter().for_each(|key| drop(flat.remove(*key)));
    let threads = case.threads.unwrap_or(record.manifest.settings.threads);
    let isolation = &case.isolation;
    let whole = |number: Option<String>| number.unwrap_or_else(|| "none".to_owned());
    let cpus = isolation.cpus.as_ref().map(|cpus| {
        let cpus: Vec<_> = cpus.iter().map(u32::to_string).collect();
        cpus.join(",")
    });
    flat.extend([
        ("seed".to_owned(), case.seed.to_string()),
        ("threads".to_owned(), threads.to_string()),
        ("cpus".to_owned(), cpus.unwrap_or_else(|| "all".to_owned())),
        ("nice".to_owned(), isolation.nice.unwrap_or(0).to_string()),
        (
            "memory_limit".to_owned(),
            whole(isolation.memory_limit_bytes.map(|bytes| bytes.to_string())),
        ),
        (
            "fixed_addresses".to_owned(),
            isolation.fixed_addresses.to_string(),
        ),
        (
            "working_directory".to_owned(),
            whole(isolation.working_directory.clone()),
        ),
    ]);
    let variables = isolation.environment.iter();
    flat.extend(variables.map(|(name, value)| (variable(name), value.clone())));
    flat
}

/// The setting that a variable is.
fn variable(name: &str) -> String {
    format!("environment.{name}")
}

/// Whether a run knows what its workers were passed.
pub(crate) fn knows_environment(record: &RunRecord) -> bool {
    let mut starts = record.manifest.starts.iter();
    starts.any(|start| !start.environment.is_empty())
}

/// It says where libraries lie, and another libtorch is what one compares.
const OF_LIBRARIES: &str = "LD_LIBRARY_PATH";

/// Variables that workers of this case were passed and that decide results, or that the suite asks for: these are known
/// by name alone. Where starts of the run differ, the values in their order.
fn passed(record: &RunRecord, case: &Case) -> BTreeMap<String, String> {
    let mut passed: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut add = |name: &str, value: &str| {
        let values = passed.entry(name.to_owned()).or_default();
        if values.last().is_none_or(|last| last != value) {
            values.push(value.to_owned());
        }
    };
    for start in &record.manifest.starts {
        let known = decisive(&start.environment).into_iter();
        known
            .filter(|(name, _)| *name != OF_LIBRARIES)
            .for_each(|(name, value)| add(name, value));
        let asked = start.environment.iter();
        asked
            .filter(|(name, value)| value.is_none() && case.isolation.asks_for(name))
            .for_each(|(name, _)| add(name, "set"));
    }
    let text = |values: Vec<String>| values.join(", then ");
    passed
        .into_iter()
        .map(|(name, values)| (name, text(values)))
        .collect()
}

/// A list is one setting.
fn flatten(path: &str, value: &Value, into: &mut Settings) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                flatten(&path, value, into);
            }
        }
        Value::String(text) => drop(into.insert(path.to_owned(), text.clone())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            into.insert(path.to_owned(), value.to_string());
        }
    }
}

/// What differs between two cases; what only one has is `absent` on the other side.
pub(crate) fn differences(base: &Settings, new: &Settings) -> Vec<Mismatch> {
    let keys = base
        .keys()
        .chain(new.keys().filter(|key| !base.contains_key(*key)));
    let text = |side: &Settings, key: &String| {
        let value = side.get(key).cloned();
        value.unwrap_or_else(|| "absent".to_owned())
    };
    let found = keys.filter(|key| base.get(*key) != new.get(*key));
    let found = found.map(|key| Mismatch {
        what: key.clone(),
        base: text(base, key),
        new: text(new, key),
    });
    found.collect()
}
