//! Where a value came from, and what is wrong with it. Knows no text and no file; `source` turns a
//! problem into a message with file, line and column.

use std::ops::Range;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// In the suite's text, at these bytes.
    File(Range<usize>),
    /// On the command line, as this option.
    Option(String),
}

/// A value and where it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// Something wrong with the suite or an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    pub(crate) origin: Origin,
    pub(crate) message: String,
    pub(crate) case: Option<String>,
    pub(crate) accepted: Option<String>,
}

impl Origin {
    /// The place to show for a problem between several values: an option before the file, as the
    /// file was valid before the option came; the file before a default, which has no place.
    pub(crate) fn blame(candidates: &[&Self]) -> Self {
        let option = candidates.iter().find(|o| matches!(o, Self::Option(_)));
        let file = candidates.iter().find(|o| matches!(o, Self::File(_)));
        option
            .or(file)
            .map_or(Self::Default, |&origin| origin.clone())
    }
}

impl<T> Placed<T> {
    pub(crate) fn by_default(value: T) -> Self {
        Self {
            value,
            origin: Origin::Default,
        }
    }

    pub(crate) fn with<U>(&self, value: U) -> Placed<U> {
        Placed {
            value,
            origin: self.origin.clone(),
        }
    }
}

impl Problem {
    pub(crate) fn at(origin: &Origin, message: impl Into<String>) -> Self {
        Self {
            origin: origin.clone(),
            message: message.into(),
            case: None,
            accepted: None,
        }
    }

    /// A problem between several values; the first is the likeliest one to be changed.
    pub(crate) fn between(origins: &[&Origin], message: impl Into<String>) -> Self {
        Self::at(&Origin::blame(origins), message)
    }

    pub(crate) fn accepted(mut self, accepted: impl Into<String>) -> Self {
        self.accepted = Some(accepted.into());
        self
    }

    /// Something that would be accepted besides.
    pub(crate) fn or_accepted(mut self, other: &str) -> Self {
        self.accepted = Some(match self.accepted {
            Some(accepted) => format!("{accepted}, or {other}"),
            None => other.to_owned(),
        });
        self
    }

    /// Names the case, and shows its id where the values at fault are defaults.
    pub(crate) fn in_case(mut self, id: &Placed<String>) -> Self {
        self.case = Some(id.value.clone());
        if self.origin == Origin::Default {
            self.origin = id.origin.clone();
        }
        self
    }
}

/// A user's text inside a message: without control characters, and not longer than a line.
pub(crate) fn shown(text: &str) -> String {
    const LONGEST: usize = 80;
    let clean = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let short: String = clean.take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        format!("{short}…")
    } else {
        short
    }
}

/// Names for a message: `a`, `b`, `c`.
pub(crate) fn quoted<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
