//! Names that become directory names, and ids with `{placeholders}` for matrix keys.

use crate::problem::{Origin, Placed, Problem, shown};

/// The longest name; with a time stamp and a file's name it still fits every file system.
const LONGEST: usize = 100;

const ACCEPTED: &str = "letters, digits and `. - _ : = , +`, at most 100 characters, \
     not starting with `.` or `-`, without `..`";

fn is_safe(c: char) -> bool {
    c.is_ascii_alphanumeric() || ".-_:=,+".contains(c)
}

/// Refuses a name that is not safe as a directory's.
pub(crate) fn check_name(what: &str, name: &Placed<String>) -> Result<(), Problem> {
    let text = &name.value;
    let fault = if text.is_empty() {
        "is empty".to_owned()
    } else if let Some(bad) = text.chars().find(|&c| !is_safe(c)) {
        format!("`{}` holds `{}`", shown(text), shown(&bad.to_string()))
    } else if text.starts_with(['.', '-']) {
        format!("`{text}` starts with `{}`", &text[..1])
    } else if text.contains("..") {
        format!("`{}` holds `..`", shown(text))
    } else if text.len() > LONGEST {
        format!("`{}` is {} characters long", shown(text), text.len())
    } else {
        return Ok(());
    };
    Err(Problem::at(&name.origin, format!("{what} {fault}")).accepted(ACCEPTED))
}

/// An id as written, with its placeholders found.
pub(crate) struct Template {
    parts: Vec<Part>,
    origin: Origin,
}

enum Part {
    Literal(String),
    Placeholder(String),
}

impl Template {
    pub(crate) fn parse(id: &Placed<&str>) -> Result<Self, Problem> {
        let mut parts = Vec::new();
        let mut rest = id.value;
        while let Some((before, after)) = rest.split_once('{') {
            let (key, after) = after.split_once('}').ok_or_else(|| {
                let message = format!("id `{}` has a `{{` without its `}}`", shown(id.value));
                Problem::at(&id.origin, message)
            })?;
            parts.push(Part::Literal(before.to_owned()));
            parts.push(Part::Placeholder(key.to_owned()));
            rest = after;
        }
        parts.push(Part::Literal(rest.to_owned()));
        Ok(Self {
            parts,
            origin: id.origin.clone(),
        })
    }

    /// The keys in braces, in order.
    pub(crate) fn placeholders(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Placeholder(key) => Some(key.as_str()),
            Part::Literal(_) => None,
        })
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The id with `value_of` each placeholder in its place.
    pub(crate) fn fill(&self, value_of: impl Fn(&str) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Literal(text) => text.clone(),
            Part::Placeholder(key) => value_of(key),
        };
        self.parts.iter().map(part).collect()
    }
}

/// A value as part of an id. What no directory name may hold becomes `-`, so that a matrix can go over paths.
pub(crate) fn safe_text(value: &str) -> String {
    value
        .chars()
        .map(|c| if is_safe(c) { c } else { '-' })
        .collect()
}
