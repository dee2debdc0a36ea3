//! Parameters of custom cases: a table of strings, numbers and booleans whose meaning only the worker knows. Later layers
//! go over earlier ones key by key.

use std::collections::BTreeMap;

use anechoic_protocol::{CUSTOM_NAME, CustomWork, Parameter, is_custom_name};

use crate::entry::{Entry, Name};
use crate::problem::{Placed, Problem, shown};
use crate::settings::Settings;
use crate::value::Value;

const ACCEPTED: &str =
    "a table of strings, numbers and booleans, such as `{ size = 256, kind = \"matmul\" }`";

const ONE: &str = "a string, a whole number, a decimal number or a boolean";

/// The work of settings that were checked.
pub(crate) fn work(settings: &Settings) -> CustomWork {
    CustomWork {
        parameters: settings.parameters.clone(),
        warmup_iterations: settings.warmup_iterations.value,
        iterations: settings.iterations.value,
    }
}

/// Puts the whole table or one of its keys over what is there.
pub(crate) fn put(
    parameters: &mut BTreeMap<String, Parameter>,
    entry: &Entry,
) -> Result<(), Problem> {
    match entry.name().parameter {
        Some(name) => put_one(parameters, &entry.key.with(name), &entry.value),
        None => {
            let table = entry.value.table(&entry.key.value, ACCEPTED)?;
            let mut entries = table.entries.iter();
            entries.try_for_each(|(key, value)| put_one(parameters, key, value))
        }
    }
}

fn put_one(
    parameters: &mut BTreeMap<String, Parameter>,
    key: &Placed<String>,
    value: &Placed<Value>,
) -> Result<(), Problem> {
    if !is_custom_name(&key.value) {
        let message = format!("`{}` is no name of a parameter", shown(&key.value));
        return Err(Problem::at(&key.origin, message).accepted(CUSTOM_NAME));
    }
    parameters.insert(key.value.clone(), parameter(&key.value, value)?);
    Ok(())
}

fn parameter(name: &str, value: &Placed<Value>) -> Result<Parameter, Problem> {
    match &value.value {
        Value::Text(text) => Ok(Parameter::Text(text.clone())),
        Value::Whole(number) => Ok(Parameter::Whole(*number)),
        Value::Decimal(number) => Ok(Parameter::Decimal(*number)),
        Value::Flag(flag) => Ok(Parameter::Flag(*flag)),
        Value::List(_) | Value::Table(_) | Value::Other(_) => {
            Err(value.wrong_kind(&format!("parameters.{name}"), ONE, ONE))
        }
    }
}

/// Refuses a table of `--set` that holds a parameter of the case's matrix, which its id tells.
pub(crate) fn check_against_matrix(entry: &Entry, matrix: &[Name]) -> Result<(), Problem> {
    let in_matrix = matrix
        .iter()
        .filter_map(|name| name.parameter.as_deref())
        .find(|parameter| entry.holds(parameter));
    in_matrix.map_or(Ok(()), |parameter| {
        let message = format!(
            "`parameters` would go over `parameters.{parameter}` of this case's matrix, which its id tells"
        );
        let accepted = format!("`--set parameters.{parameter}=…`");
        Err(Problem::at(&entry.key.origin, message).accepted(accepted))
    })
}
