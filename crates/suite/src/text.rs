//! Writes a suite of one case, for configurations that come from the command line alone.

use crate::problem::shown;
use crate::setting::Setting;
use crate::source::OptionPlace;
use crate::suite::SUITE_SCHEMA_VERSION;

/// A suite with one case, to be read like any other and kept with the run.
pub(crate) struct OneCase {
    pub(crate) text: String,
    /// Which part of the text came from which option.
    pub(crate) options: Vec<OptionPlace>,
}

impl OneCase {
    /// A key that does not exist is left for the reader to refuse.
    pub(crate) fn write(name: &str, id: &str, settings: &[(&str, &str)]) -> Self {
        let mut text = format!(
            "schema-version = {SUITE_SCHEMA_VERSION}\nname = {}\n\n[[case]]\nid = {}\n",
            string(name),
            string(id)
        );
        let mut options = Vec::new();
        for (key, value) in settings {
            let start = text.len();
            text.push_str(&format!("{} = {}\n", key_text(key), written(key, value)));
            options.push(OptionPlace {
                bytes: start..text.len(),
                option: option(key, value),
            });
        }
        Self { text, options }
    }
}

/// The option as typed, with quotes around what is no number, so that an empty value shows.
fn option(key: &str, value: &str) -> String {
    let (key, value) = (shown(key), shown(value));
    match value.parse::<i128>() {
        Ok(_) => format!("--{key} {value}"),
        Err(_) => format!("--{key} \"{value}\""),
    }
}

/// Numbers and booleans stand as typed, everything else is a string.
fn written(key: &str, value: &str) -> String {
    let number = value.parse::<i128>().map(|number| number.to_string());
    let bare = number
        .ok()
        .or_else(|| value.parse::<bool>().ok().map(|flag| flag.to_string()));
    let takes_text = Setting::from_name(key).is_some_and(Setting::takes_any_text);
    bare.filter(|_| !takes_text)
        .unwrap_or_else(|| string(value))
}

fn key_text(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !key.is_empty() && key.chars().all(plain) {
        key.to_owned()
    } else {
        string(key)
    }
}

fn string(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
