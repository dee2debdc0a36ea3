//! A case's matrix: one case per combination of values, the last key changing fastest.

use anechoic_protocol::Parameter;

use crate::draft::Changes;
use crate::entry::{Entry, Name, check_spellings};
use crate::id::{Template, safe_text};
use crate::keys::Place;
use crate::pace::MOST;
use crate::problem::{Placed, Problem, quoted, shown};
use crate::setting::Setting;
use crate::value::Value;

const ACCEPTED: &str =
    "a table of settings with their values, such as `{ decode-tokens = [32, 64] }`";

const LIST: &str = "an array with one value per case";

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
    /// The matrix of a case, with the command line's changes.
    pub(crate) fn read(
        written: Option<&Placed<Value>>,
        changes: &Changes,
    ) -> Result<Self, Problem> {
        let Some(matrix) = written else {
            return Ok(Self::default());
        };
        let mut parsed = Self::parse(matrix)?;
        for key in &mut parsed.keys {
            key.change(changes)?;
        }
        parsed.check_size(matrix)?;
        Ok(parsed)
    }

    fn parse(matrix: &Placed<Value>) -> Result<Self, Problem> {
        let table = matrix.table("matrix", ACCEPTED)?;
        let keys = table.entries.iter();
        let keys: Vec<_> = keys
            .map(|(name, values)| Key::parse(name, values))
            .collect::<Result<_, _>>()?;
        check_spellings(keys.iter().map(|key| (key.setting, &key.name)))?;
        Ok(Self { keys })
    }

    fn check_size(&self, matrix: &Placed<Value>) -> Result<(), Problem> {
        let size = self
            .keys
            .iter()
            .try_fold(1_usize, |size, key| size.checked_mul(key.values.len()));
        if size.is_some_and(|size| size <= MOST as usize) {
            return Ok(());
        }
        let message = "the matrix has too many combinations";
        Err(Problem::at(&matrix.origin, message).accepted(format!("up to {MOST}")))
    }

    /// Refuses a key that the case also sets by itself.
    pub(crate) fn check_against(&self, own: &[Entry]) -> Result<(), Problem> {
        let twice = |key: &&Key| {
            let name = key.name();
            let held = |entry: &Entry| name.parameter.as_ref().is_some_and(|p| entry.holds(p));
            own.iter().any(|entry| entry.name() == name || held(entry))
        };
        self.keys.iter().find(twice).map_or(Ok(()), |key| {
            let name = &key.name.value;
            let message = format!("`{name}` is given by the case and by its matrix");
            Err(Problem::at(&key.name.origin, message).accepted("one of the two"))
        })
    }

    /// Refuses an id that names no key of the matrix, and a key that the id leaves out.
    pub(crate) fn check_id(&self, id: &Template) -> Result<(), Problem> {
        let is_key = |name: &str| self.keys.iter().any(|key| key.is_named(name));
        if let Some(unknown) = id.placeholders().find(|&name| !is_key(name)) {
            return Err(self.no_such_key(id, unknown));
        }
        let left_out =
            |key: &&Key| key.values.len() > 1 && id.placeholders().all(|name| !key.is_named(name));
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
                    |value| [&row[..], &[Entry::new(key.setting, &key.name, value)]].concat();
                key.values.iter().map(with).collect::<Vec<_>>()
            };
            rows = rows.iter().flat_map(longer).collect();
        }
        rows
    }
}

impl Key {
    fn parse(name: &Placed<String>, values: &Placed<Value>) -> Result<Self, Problem> {
        let setting = Setting::from_name(&name.value).filter(|setting| !setting.takes_table());
        let Some(setting) = setting else {
            return Err(Place::Matrix.unknown(name));
        };
        if setting == Setting::Parameters && Name::of(setting, &name.value).parameter.is_none() {
            let message = "a matrix goes over one parameter at a time";
            let accepted = "`\"parameters.NAME\" = […]`, the key in quotes";
            return Err(Problem::at(&name.origin, message).accepted(accepted));
        }
        let list = values.list(&name.value, LIST)?;
        let key = Self {
            name: name.clone(),
            setting,
            values: list.to_vec(),
        };
        key.check_values(values)?;
        Ok(key)
    }

    /// Refuses no values at all, and a value that comes twice.
    fn check_values(&self, list: &Placed<Value>) -> Result<(), Problem> {
        let name = &self.name.value;
        if self.values.is_empty() {
            let message = format!("the matrix key `{name}` has no values");
            return Err(Problem::at(&list.origin, message).accepted(LIST));
        }
        let texts: Vec<_> = self
            .values
            .iter()
            .map(|item| text_of(&item.value))
            .collect();
        match (1..texts.len()).find(|&at| texts[..at].contains(&texts[at])) {
            None => Ok(()),
            Some(at) => {
                let message = format!("`{name}` has the value `{}` twice", shown(&texts[at]));
                Err(Problem::at(&self.values[at].origin, message).accepted("every value once"))
            }
        }
    }

    fn name(&self) -> Name {
        Name::of(self.setting, &self.name.value)
    }

    /// Whether a placeholder means this key, in any of its spellings.
    fn is_named(&self, placeholder: &str) -> bool {
        Name::parse(placeholder) == Some(self.name())
    }

    fn change(&mut self, changes: &Changes) -> Result<(), Problem> {
        let mut set = changes.set.iter().rev();
        if let Some(entry) = set.find(|entry| entry.name() == self.name()) {
            self.name = entry.key.clone();
            self.values = entry.value.items().to_vec();
            self.check_values(&entry.value)?;
        }
        let is_t = matches!(self.setting, Setting::Tokens | Setting::PhaseTokens);
        if changes.group_tokens && is_t {
            self.group();
        }
        Ok(())
    }

    /// Makes one value of all, a list of them.
    fn group(&mut self) {
        let Some(first) = self.values.first() else {
            return;
        };
        let all = self.values.iter().flat_map(|value| value.items());
        self.values = vec![first.with(Value::List(all.cloned().collect()))];
    }
}

/// The value that a combination gives a placeholder, as an id writes it.
pub(crate) fn placeholder_text(combination: &[Entry], key: &str) -> String {
    let name = Name::parse(key);
    let entry = combination.iter().find(|entry| Some(entry.name()) == name);
    entry.map_or_else(String::new, |entry| safe_text(&text_of(&entry.value.value)))
}

/// A value as text, as an id or a path would hold it.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Whole(number) => number.to_string(),
        Value::Decimal(number) => Parameter::Decimal(*number).to_string(),
        Value::Flag(flag) => flag.to_string(),
        Value::List(items) => {
            let texts: Vec<_> = items.iter().map(|item| text_of(&item.value)).collect();
            texts.join(",")
        }
        // No setting takes these: putting the value fails before the id is of use.
        Value::Table(_) | Value::Other(_) => String::new(),
    }
}
