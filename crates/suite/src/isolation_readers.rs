//! Readers of isolation settings: a TOML value becomes what the setting is, or a message that tells what would be accepted.

use std::collections::BTreeMap;

use crate::cpus;
use crate::isolation::{ATTEMPT_MARK, ORCHESTRATOR_MARK};
use crate::keys::Place;
use crate::problem::{Placed, Problem, shown};
use crate::readers::count;
use crate::value::Value;

const NAMES: &str = "an array of names of variables such as `[\"HF_TOKEN\", \"MY_*\"]`: letters, digits and `_`, not \
     starting with a digit, with `*` at the end for anything";
const VARIABLES: &str = "a table of strings such as `{ OMP_PROC_BIND = \"true\" }`, with names of letters, digits and `_`, \
     not starting with a digit";
const CPUS: &str = "`\"0-3,6\"`, or an array of whole numbers such as `[0, 1]`";
const COMMAND: &str = "a table such as `{ command = [\"python3\", \"my_worker.py\"] }`";
const WORDS: &str = "an array of strings, the program first: `[\"python3\", \"my_worker.py\"]`";

/// They decide which GPU the number of a device means.
const OF_THE_DEVICE: [&str; 2] = ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"];

/// Names of variables to pass on, some of which stand for all that start alike.
pub(crate) fn names(key: &str, value: &Placed<Value>) -> Result<Vec<String>, Problem> {
    let name = |item: &Placed<Value>| {
        let name = item.text(key, NAMES)?.value;
        if is_name(name.strip_suffix('*').unwrap_or(name)) {
            return Ok(name.to_owned());
        }
        let message = format!("`{}` is no name of a variable", shown(name));
        Err(Problem::at(&item.origin, message).accepted(NAMES))
    };
    value.list(key, NAMES)?.iter().map(name).collect()
}

/// Variables with their values.
pub(crate) fn variables(
    key: &str,
    value: &Placed<Value>,
) -> Result<BTreeMap<String, String>, Problem> {
    let entries = value.table(key, VARIABLES)?.entries.iter();
    entries.map(|(name, value)| variable(name, value)).collect()
}

fn variable(name: &Placed<String>, value: &Placed<Value>) -> Result<(String, String), Problem> {
    let refused = |message: String| Problem::at(&name.origin, message).accepted(VARIABLES);
    let shown_name = shown(&name.value);
    if !is_name(&name.value) {
        return Err(refused(format!("`{shown_name}` is no name of a variable")));
    }
    if [ATTEMPT_MARK, ORCHESTRATOR_MARK].contains(&name.value.as_str()) {
        let message = format!("`{}` marks the processes of an attempt", name.value);
        return Err(Problem::at(&name.origin, message).accepted("any other name"));
    }
    if OF_THE_DEVICE.contains(&name.value.as_str()) {
        let message = format!(
            "`{}` would give the worker another device than the one that is held and watched",
            name.value
        );
        let accepted = "any other name; choose the device with `--device`, or set the variable for anechoic itself";
        return Err(Problem::at(&name.origin, message).accepted(accepted));
    }
    let text = value.text(&name.value, "a string")?.value;
    if text.contains('\0') {
        let message = format!("the value of `{shown_name}` holds a zero byte");
        return Err(Problem::at(&value.origin, message).accepted("text without it"));
    }
    Ok((name.value.clone(), text.to_owned()))
}

fn is_name(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_start) && name.chars().all(|c| is_start(c) || c.is_ascii_digit())
}

/// CPUs, ascending and each once.
pub(crate) fn cpu_list(key: &str, value: &Placed<Value>) -> Result<Placed<Vec<u32>>, Problem> {
    let text = match &value.value {
        Value::Whole(cpu) => cpu.to_string(),
        Value::List(items) => numbers(key, items)?,
        _ => value.text(key, CPUS)?.value.to_owned(),
    };
    let cpus = cpus::parse(&text);
    let cpus = cpus.map_err(|error| Problem::at(&value.origin, error.to_string()).accepted(CPUS));
    Ok(value.with(cpus?))
}

fn numbers(key: &str, items: &[Placed<Value>]) -> Result<String, Problem> {
    let number = |item: &Placed<Value>| {
        let cpu = count(key, item, 0).map_err(|problem| problem.accepted(CPUS));
        cpu.map(|cpu| cpu.value.to_string())
    };
    let numbers: Vec<_> = items.iter().map(number).collect::<Result<_, _>>()?;
    Ok(numbers.join(","))
}

/// What is added to the niceness. Less than nothing needs rights that a benchmark should not have.
pub(crate) fn niceness(key: &str, value: &Placed<Value>) -> Result<Placed<i32>, Problem> {
    let nice = value.whole(key, 0..=19)?;
    Ok(nice.with(i32::try_from(nice.value).expect("the range ends with 19")))
}

/// The words of a worker's command; there is at least the program.
pub(crate) fn command(key: &str, value: &Placed<Value>) -> Result<Vec<Placed<String>>, Problem> {
    let table = value.table(key, COMMAND)?;
    let known = Place::Worker.keys();
    if let Some((name, _)) = table
        .entries
        .iter()
        .find(|(name, _)| !known.contains(&name.value.as_str()))
    {
        return Err(Place::Worker.unknown(name));
    }
    let Some(words) = table.get("command") else {
        let message = format!("`{key}` has no `command`");
        return Err(Problem::at(&value.origin, message).accepted(COMMAND));
    };
    let words = words.list("command", WORDS)?;
    let words: Vec<_> = words.iter().map(word).collect::<Result<_, _>>()?;
    match words.first() {
        Some(program) if !program.value.is_empty() => Ok(words),
        Some(_) | None => {
            let message = format!("the command of `{key}` names no program");
            Err(Problem::at(&value.origin, message).accepted(WORDS))
        }
    }
}

fn word(item: &Placed<Value>) -> Result<Placed<String>, Problem> {
    let text = item.text("command", WORDS)?;
    if text.value.contains('\0') {
        let message = "a word of `command` holds a zero byte";
        return Err(Problem::at(&item.origin, message).accepted(WORDS));
    }
    Ok(text.with(text.value.to_owned()))
}
