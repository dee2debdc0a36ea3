//! A case's matrix: one case per combination of values, the last key changing fastest.

use crate::id::{Template, safe_text};
use crate::keys::Place;
use crate::pace::MOST;
use crate::problem::{Placed, Problem, quoted, shown};
use crate::setting::Setting;
use crate::settings::Entry;
use crate::value::{Table, Value};

const ACCEPTED: &str =
    "a table of settings with their values, such as `{ decode-tokens = [32, 64] }`";

/// The keys of a matrix with their values. Without a matrix there is no key, and so one combination.
#[derive(Debug, Default)]
pub(crate) struct Matrix {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    name: Placed<String>,
    setting: Setting,
    values: Vec<Placed<Value>>,
}

impl Matrix {
    pub(crate) fn parse(matrix: &Placed<Value>) -> Result<Self, Problem> {
        let table = matrix.table("matrix", ACCEPTED)?;
        let keys = table
            .entries
            .iter()
            .map(|(name, values)| Key::parse(name, values));
        let parsed = Self {
            keys: keys.collect::<Result<_, _>>()?,
        };
        let size = parsed
            .keys
            .iter()
            .try_fold(1_usize, |size, key| size.checked_mul(key.values.len()));
        if size.is_none_or(|size| size > MOST as usize) {
            let message = "the matrix has too many combinations";
            return Err(Problem::at(&matrix.origin, message).accepted(format!("up to {MOST}")));
        }
        Ok(parsed)
    }

    pub(crate) fn settings(&self) -> Vec<Setting> {
        self.keys.iter().map(|key| key.setting).collect()
    }

    /// Refuses a key that the case also sets by itself.
    pub(crate) fn check_against(&self, case: &Table) -> Result<(), Problem> {
        let twice = self
            .keys
            .iter()
            .find(|key| case.get(&key.name.value).is_some());
        twice.map_or(Ok(()), |key| {
            let message = format!(
                "`{}` is given by the case and by its matrix",
                key.name.value
            );
            Err(Problem::at(&key.name.origin, message).accepted("one of the two"))
        })
    }

    /// Refuses an id that names no key of the matrix, and a key that the id leaves out.
    pub(crate) fn check_id(&self, id: &Template) -> Result<(), Problem> {
        let is_key = |name: &str| self.keys.iter().any(|key| key.name.value == name);
        if let Some(unknown) = id.placeholders().find(|&name| !is_key(name)) {
            return Err(self.no_such_key(id, unknown));
        }
        let left_out = |key: &&Key| {
            key.values.len() > 1 && id.placeholders().all(|name| name != key.name.value)
        };
        self.keys.iter().find(left_out).map_or(Ok(()), |key| {
            let (name, count) = (&key.name.value, key.values.len());
            let message = format!(
                "the id leaves out the matrix key `{name}`, so {count} cases would share each id"
            );
            Err(Problem::at(&key.name.origin, message)
                .accepted(format!("an id with `{{{name}}}` in it")))
        })
    }

    fn no_such_key(&self, id: &Template, unknown: &str) -> Problem {
        let message = format!(
            "the id's `{{{}}}` is not a key of the case's matrix",
            shown(unknown)
        );
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| format!("{{{}}}", key.name.value))
            .collect();
        let accepted = match keys.as_slice() {
            [] => "an id without braces, or a `matrix` with that key".to_owned(),
            keys => quoted(keys.iter().map(String::as_str)),
        };
        Problem::at(id.origin(), message).accepted(accepted)
    }

    /// Every combination: the settings it gives.
    pub(crate) fn combinations(&self) -> Vec<Vec<Entry>> {
        let mut rows: Vec<Vec<Entry>> = vec![Vec::new()];
        for key in &self.keys {
            let longer = |row: &Vec<Entry>| {
                let with =
                    |value: &Placed<Value>| [&row[..], &[(key.setting, value.clone())]].concat();
                key.values.iter().map(with).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(longer).collect();
        }
        rows
    }
}

impl Key {
    fn parse(name: &Placed<String>, values: &Placed<Value>) -> Result<Self, Problem> {
        let Some(setting) = Setting::from_name(&name.value) else {
            return Err(Place::Matrix.unknown(name));
        };
        let list = values.list(setting.name(), "an array with one value per case")?;
        if list.is_empty() {
            let message = format!("the matrix key `{}` has no values", name.value);
            return Err(
                Problem::at(&values.origin, message).accepted("an array with one value per case")
            );
        }
        let texts: Vec<_> = list.iter().map(|item| text_of(&item.value)).collect();
        if let Some(at) = (1..texts.len()).find(|&at| texts[..at].contains(&texts[at])) {
            let message = format!(
                "`{}` has the value `{}` twice",
                name.value,
                shown(&texts[at])
            );
            return Err(Problem::at(&list[at].origin, message).accepted("every value once"));
        }
        Ok(Self {
            name: name.clone(),
            setting,
            values: list.to_vec(),
        })
    }
}

/// The value that a combination gives a placeholder, as an id writes it.
pub(crate) fn placeholder_text(combination: &[Entry], key: &str) -> String {
    let entry = combination
        .iter()
        .find(|(setting, _)| setting.name() == key);
    entry.map_or_else(String::new, |(_, value)| safe_text(&text_of(&value.value)))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => {
            let texts: Vec<_> = items.iter().map(|item| text_of(&item.value)).collect();
            texts.join(",")
        }
        // No setting takes these: putting the value fails before the id is of use.
        Value::Table(_) | Value::Other(_) => String::new(),
    }
}
