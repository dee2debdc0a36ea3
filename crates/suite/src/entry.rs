//! Keys with their values as they were written, before they are put over defaults.

use crate::keys::Place;
use crate::problem::{Placed, Problem};
use crate::setting::{Setting, parameter_in};
use crate::value::{Table, Value};

/// One value for one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) setting: Setting,
    /// The key as it was spelled.
    pub(crate) key: Placed<String>,
    pub(crate) value: Placed<Value>,
}

/// What a key stands for: a setting, or one parameter of many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) setting: Setting,
    pub(crate) parameter: Option<String>,
}

impl Name {
    pub(crate) fn of(setting: Setting, key: &str) -> Self {
        let parameter = parameter_in(key).filter(|_| setting == Setting::Parameters);
        Self {
            setting,
            parameter: parameter.map(str::to_owned),
        }
    }

    /// What a key of a suite or a placeholder stands for.
    pub(crate) fn parse(key: &str) -> Option<Self> {
        Setting::from_name(key).map(|setting| Self::of(setting, key))
    }
}

impl Entry {
    pub(crate) fn name(&self) -> Name {
        Name::of(self.setting, &self.key.value)
    }

    /// Whether this is a table of parameters that has this one.
    pub(crate) fn holds(&self, parameter: &str) -> bool {
        match &self.value.value {
            Value::Table(table) => {
                self.setting == Setting::Parameters && table.get(parameter).is_some()
            }
            Value::Text(_)
            | Value::Whole(_)
            | Value::Decimal(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Other(_) => false,
        }
    }

    pub(crate) fn new(setting: Setting, key: &Placed<String>, value: &Placed<Value>) -> Self {
        Self {
            setting,
            key: key.clone(),
            value: value.clone(),
        }
    }
}

/// A table's settings; its other keys are read elsewhere.
pub(crate) fn settings_of(table: &Table, place: Place) -> Result<Vec<Entry>, Problem> {
    let known = place.keys();
    let mut entries = Vec::new();
    for (key, value) in &table.entries {
        match Setting::from_name(&key.value) {
            Some(setting) => entries.push(Entry::new(setting, key, value)),
            None if known.contains(&key.value.as_str()) => {}
            None => return Err(place.unknown(key)),
        }
    }
    check_spellings(entries.iter().map(|entry| (entry.setting, &entry.key)))?;
    Ok(entries)
}

/// Refuses two spellings of one setting in one table.
pub(crate) fn check_spellings<'a>(
    keys: impl IntoIterator<Item = (Setting, &'a Placed<String>)>,
) -> Result<(), Problem> {
    let mut seen: Vec<(Name, &Placed<String>)> = Vec::new();
    for (setting, key) in keys {
        let name = Name::of(setting, &key.value);
        if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == name) {
            return Err(two_spellings(first, key));
        }
        seen.push((name, key));
    }
    Ok(())
}

fn two_spellings(first: &Placed<String>, second: &Placed<String>) -> Problem {
    let (one, other) = (&first.value, &second.value);
    let message = format!("`{one}` and `{other}` are the same setting, and both are given");
    Problem::at(&second.origin, message).accepted("one of the two")
}

/// The entry that counts for a setting: the last one of the last layer that has it.
pub(crate) fn nearest<'a>(layers: &[&'a [Entry]], setting: Setting) -> Option<&'a Entry> {
    let mut entries = layers.iter().rev().flat_map(|layer| layer.iter().rev());
    entries.find(|entry| entry.setting == setting)
}
