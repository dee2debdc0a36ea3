//! Readers of single settings: a TOML value becomes the type that the setting has, or a message that tells what would be
//! accepted.

use std::str::FromStr;

use anechoic_protocol::{LayerSelection, LayerSelectionError, Strategy, UnknownName};

use crate::problem::{Placed, Problem, quoted, shown};
use crate::value::Value;

const LAYERS: &str =
    "`0,5,10`, `9-26`, `every:4`, mixtures such as `0,9-26`, or an array of whole numbers";
const TOKENS: &str = "a whole number from 1, or an array of them such as `[32, 128]`";

/// The value as one that was given.
pub(crate) fn some<T>(placed: Placed<T>) -> Placed<Option<T>> {
    Placed {
        value: Some(placed.value),
        origin: placed.origin,
    }
}

/// A whole number from `least`.
pub(crate) fn count(key: &str, value: &Placed<Value>, least: u32) -> Result<Placed<u32>, Problem> {
    let number = value.whole(key, u64::from(least)..=u64::from(u32::MAX))?;
    Ok(number.with(u32::try_from(number.value).expect("the range ends with u32")))
}

/// A name from a closed list.
pub(crate) fn named<T>(
    key: &str,
    value: &Placed<Value>,
    all: &[&'static str],
) -> Result<Placed<T>, Problem>
where
    T: FromStr<Err = UnknownName>,
{
    let text = value.text(key, &quoted(all.iter().copied()))?;
    let parsed = text
        .value
        .parse()
        .map_err(|error| unknown_name(value, &error))?;
    Ok(text.with(parsed))
}

/// One of a closed list of names; `what` says in words what they name.
pub(crate) fn one_of<T: Copy>(
    what: &str,
    key: &str,
    value: &Placed<Value>,
    all: &[(&'static str, T)],
) -> Result<T, Problem> {
    let accepted = quoted(all.iter().map(|(name, _)| *name));
    let text = value.text(key, &accepted)?.value;
    let known = all.iter().find(|(name, _)| *name == text);
    known.map(|(_, item)| *item).ok_or_else(|| {
        let message = format!("`{}` is not a known {what}", shown(text));
        Problem::at(&value.origin, message).accepted(accepted)
    })
}

fn unknown_name(value: &Placed<Value>, error: &UnknownName) -> Problem {
    let message = format!("`{}` is not a known {}", shown(&error.name), error.what);
    Problem::at(&value.origin, message).accepted(&error.accepted)
}

pub(crate) fn model(key: &str, value: &Placed<Value>) -> Result<Placed<String>, Problem> {
    let accepted = "a preset such as `gpt2`, or a checkpoint's folder or name";
    not_empty(key, value, accepted)
}

pub(crate) fn text(key: &str, value: &Placed<Value>) -> Result<Placed<String>, Problem> {
    not_empty(key, value, "the path of a text file")
}

pub(crate) fn folder(key: &str, value: &Placed<Value>) -> Result<Placed<String>, Problem> {
    not_empty(key, value, "the path of a folder")
}

fn not_empty(key: &str, value: &Placed<Value>, accepted: &str) -> Result<Placed<String>, Problem> {
    let text = value.text(key, accepted)?;
    if text.value.trim().is_empty() {
        return Err(Problem::at(&value.origin, format!("`{key}` is empty")).accepted(accepted));
    }
    Ok(text.with(text.value.to_owned()))
}

pub(crate) fn strategy(key: &str, value: &Placed<Value>) -> Result<Placed<Strategy>, Problem> {
    let accepted = "`arena`, `concat`, `buffered:N` with N from 1";
    let text = value.text(key, accepted)?;
    let parsed = text.value.parse().map_err(|_| {
        let message = format!("`{}` is not a known capture strategy", shown(text.value));
        Problem::at(&value.origin, message).accepted(accepted)
    })?;
    Ok(text.with(parsed))
}

pub(crate) fn layers(key: &str, value: &Placed<Value>) -> Result<Placed<LayerSelection>, Problem> {
    let text = match &value.value {
        Value::Whole(layer) => layer.to_string(),
        Value::List(items) => layer_list(key, items)?,
        _ => value.text(key, LAYERS)?.value.to_owned(),
    };
    let parsed = text.parse().map_err(|error: LayerSelectionError| {
        let message = match error {
            LayerSelectionError::Empty => "the layer selection is empty".to_owned(),
            LayerSelectionError::Malformed(item) => {
                format!("`{}` is not a layer, a range or a step", shown(&item))
            }
            other @ (LayerSelectionError::Backwards(..)
            | LayerSelectionError::OutOfRange { .. }) => other.to_string(),
        };
        Problem::at(&value.origin, message).accepted(LAYERS)
    })?;
    Ok(value.with(parsed))
}

fn layer_list(key: &str, items: &[Placed<Value>]) -> Result<String, Problem> {
    let layer = |item: &Placed<Value>| count(key, item, 0).map(|layer| layer.value.to_string());
    let layers: Vec<_> = items.iter().map(layer).collect::<Result<_, _>>()?;
    Ok(layers.join(","))
}

/// One or several counts of tokens, each from 1 and each once.
pub(crate) fn tokens(key: &str, value: &Placed<Value>) -> Result<Vec<Placed<u32>>, Problem> {
    let listed = value.items().iter().map(|item| token_count(key, item));
    let listed: Vec<_> = listed.collect::<Result<_, _>>()?;
    if listed.is_empty() {
        return Err(Problem::at(&value.origin, format!("`{key}` has no value")).accepted(TOKENS));
    }
    let is_repeated = |at: &usize| {
        let earlier = &listed[..*at];
        earlier
            .iter()
            .any(|tokens| tokens.value == listed[*at].value)
    };
    match (1..listed.len()).find(is_repeated) {
        Some(at) => Err(twice(key, &listed[at])),
        None => Ok(listed),
    }
}

fn token_count(key: &str, value: &Placed<Value>) -> Result<Placed<u32>, Problem> {
    count(key, value, 1).map_err(|problem| problem.accepted(TOKENS))
}

fn twice(key: &str, tokens: &Placed<u32>) -> Problem {
    let message = format!("`{key}` has the value `{}` twice", tokens.value);
    Problem::at(&tokens.origin, message).accepted("every value once")
}
