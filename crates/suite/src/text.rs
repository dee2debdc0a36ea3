//! Writes a suite of one case, for configurations that come from the command line alone.

use crate::setting::Setting;
use crate::suite::SUITE_SCHEMA_VERSION;

/// The text of a suite with one case, to be read by [`crate::Suite::parse`] like any other and kept
/// with the run.
///
/// `settings` are keys of a case with their values as typed: `("layers", "0,5,10")`. A key that does
/// not exist is left for the reader to refuse.
pub fn one_case_suite(name: &str, id: &str, settings: &[(&str, &str)]) -> String {
    let mut text = format!(
        "schema-version = {SUITE_SCHEMA_VERSION}\nname = {}\n\n[[case]]\nid = {}\n",
        string(name),
        string(id)
    );
    for (key, value) in settings {
        text.push_str(&format!("{} = {}\n", key_text(key), written(key, value)));
    }
    text
}

/// Numbers and booleans stand as typed, everything else is a string.
fn written(key: &str, value: &str) -> String {
    let number = value.parse::<u64>().map(|number| number.to_string());
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
