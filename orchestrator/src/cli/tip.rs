//! Reads the command line, and says how a value is given that stands where none is looked for.

use std::env;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Error, Parser};

use super::Cli;

/// Options whose value is optional: only behind `=` it is theirs.
const WITH_EQUALS: [&str; 3] = ["--html", "--print", "--wait"];

/// Reads the command line; ends the program where that cannot be done.
pub(crate) fn read() -> Cli {
    Cli::try_parse().unwrap_or_else(|error| {
        let words: Vec<String> = env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        with_tip(error, &words).exit()
    })
}

/// Adds how the value of such an option is written, where one was not understood.
fn with_tip(mut error: Error, words: &[String]) -> Error {
    if let Some(tip) = tip(&error, words) {
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

fn tip(error: &Error, words: &[String]) -> Option<String> {
    let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    // What begins with `-` is another option.
    let is_value = error.kind() == ErrorKind::UnknownArgument && !value.starts_with('-');
    let mut pairs = words.iter().zip(words.iter().skip(1));
    let (option, _) = pairs.find(|(option, behind)| {
        is_value && *behind == value && WITH_EQUALS.contains(&option.as_str())
    })?;
    Some(format!(
        "a value of `{option}` is written `{option}={value}`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory};

    fn with_equals(command: &Command, found: &mut BTreeSet<String>) {
        let options = command.get_opts().filter(|arg| arg.is_require_equals_set());
        found.extend(options.filter_map(|arg| Some(format!("--{}", arg.get_long()?))));
        command
            .get_subcommands()
            .for_each(|inner| with_equals(inner, found));
    }

    #[test]
    fn every_option_with_an_optional_value_is_known() {
        let mut found = BTreeSet::new();
        with_equals(&Cli::command(), &mut found);
        let known = WITH_EQUALS.map(str::to_owned);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), known);
    }

    #[test]
    fn a_value_without_its_equals_sign_is_explained() {
        let check = |line: &str, expected: Option<&str>| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let error = Cli::try_parse_from(&words).unwrap_err();
            let text = with_tip(error, &words).to_string();
            match expected {
                Some(tip) => assert!(text.contains(&format!("  tip: {tip}\n")), "{text}"),
                None => assert!(!text.contains("is written"), "{text}"),
            }
        };
        check(
            "anechoic history a --html x.html",
            Some("a value of `--html` is written `--html=x.html`"),
        );
        check(
            "anechoic schedule add s --at 02:30 --print out",
            Some("a value of `--print` is written `--print=out`"),
        );
        check(
            "anechoic run s --wait 5m",
            Some("a value of `--wait` is written `--wait=5m`"),
        );
        check("anechoic history a b --html", None);
        check("anechoic history a --html --frobnicate", None);
        check("anechoic history --last 0", None);
    }
}
