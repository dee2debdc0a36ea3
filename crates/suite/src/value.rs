//! TOML as a tree of values that know their place, and the readers that check a value's type and
//! range. Knows no key.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use anechoic_protocol::Decimal;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::problem::{Origin, Placed, Problem, shown};

/// The longest cooldown or timeout.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// A TOML value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Whole(i64),
    Decimal(Decimal),
    Flag(bool),
    List(Vec<Placed<Value>>),
    Table(Table),
    /// A kind that no key takes: its name in words.
    Other(&'static str),
}

/// A table's entries in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) entries: Vec<(Placed<String>, Placed<Value>)>,
}

impl Table {
    /// Reads a whole file.
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let table = DeTable::parse(text).map_err(|error| not_toml(&error, text.len()))?;
        Ok(Self::from_toml(table.into_inner()))
    }

    fn from_toml(table: DeTable<'_>) -> Self {
        let mut entries: Vec<_> = table.into_iter().map(|(k, v)| (k.span(), k, v)).collect();
        entries.sort_by_key(|(span, ..)| span.start);
        let place = |(span, key, value): (Range<usize>, Spanned<_>, _)| {
            let key: std::borrow::Cow<'_, str> = key.into_inner();
            let key = Placed {
                value: key.into_owned(),
                origin: Origin::File(span),
            };
            (key, Placed::<Value>::from_toml(value))
        };
        Self {
            entries: entries.into_iter().map(place).collect(),
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Placed<Value>> {
        self.entries
            .iter()
            .find(|(name, _)| name.value == key)
            .map(|(_, value)| value)
    }
}

fn not_toml(error: &toml::de::Error, end: usize) -> Problem {
    let range = error.span().unwrap_or(end..end);
    let message = error.message().trim().replace('\n', "; ");
    Problem::at(&Origin::File(range), format!("not TOML: {message}"))
}

impl Value {
    /// Reads an option's value: TOML where it is, text otherwise, so that quotes can be left out,
    /// in a list as well: `[v0, v1]`.
    pub(crate) fn parse_option(text: &str, origin: &Origin) -> Placed<Self> {
        let parsed = DeValue::parse(text).map(Placed::<Self>::from_toml);
        let value = parsed.map_or_else(|_| words(text, origin), |placed| placed.value);
        let mut placed = Placed {
            value,
            origin: origin.clone(),
        };
        placed.move_to(origin);
        placed
    }

    /// The kind in words.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Whole(_) => "a whole number",
            Self::Decimal(_) => "a fractional number",
            Self::Flag(_) => "a boolean",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }

    fn from_toml(value: DeValue<'_>) -> Self {
        match value {
            DeValue::String(text) => Self::Text(text.into_owned()),
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Self::Other("a number too large for TOML"), Self::Whole),
            DeValue::Float(number) => {
                let decimal = number.as_str().parse().ok().and_then(Decimal::new);
                decimal.map_or(Self::Other("a number that is not finite"), Self::Decimal)
            }
            DeValue::Boolean(flag) => Self::Flag(flag),
            DeValue::Datetime(_) => Self::Other("a date or time"),
            DeValue::Array(items) => {
                Self::List(items.into_iter().map(Placed::<Self>::from_toml).collect())
            }
            DeValue::Table(table) => Self::Table(Table::from_toml(table)),
        }
    }
}

/// Text that is no TOML: a list of words, or one text.
fn words(text: &str, origin: &Origin) -> Value {
    let list = text.trim().strip_prefix('[');
    let Some(list) = list.and_then(|rest| rest.strip_suffix(']')) else {
        return Value::Text(text.to_owned());
    };
    let item = |word: &str| {
        let parsed = DeValue::parse(word).map(Placed::<Value>::from_toml);
        let value = parsed.map_or_else(|_| Value::Text(word.to_owned()), |item| item.value);
        Placed {
            value,
            origin: origin.clone(),
        }
    };
    Value::List(list.split(',').map(str::trim).map(item).collect())
}

impl Placed<Value> {
    /// The values of a list, or the one value.
    pub(crate) fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Text(_)
            | Value::Whole(_)
            | Value::Decimal(_)
            | Value::Flag(_)
            | Value::Table(_)
            | Value::Other(_) => std::slice::from_ref(self),
        }
    }

    fn from_toml(value: Spanned<DeValue<'_>>) -> Self {
        let origin = Origin::File(value.span());
        Self {
            value: Value::from_toml(value.into_inner()),
            origin,
        }
    }

    /// Gives the value and all in it another place.
    fn move_to(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.value {
            Value::List(items) => items.iter_mut().for_each(|item| item.move_to(origin)),
            Value::Table(table) => {
                for (key, value) in &mut table.entries {
                    key.origin = origin.clone();
                    value.move_to(origin);
                }
            }
            Value::Text(_)
            | Value::Whole(_)
            | Value::Decimal(_)
            | Value::Flag(_)
            | Value::Other(_) => {}
        }
    }

    /// The problem of a value of the wrong kind.
    pub(crate) fn wrong_kind(&self, key: &str, wanted: &str, accepted: &str) -> Problem {
        let kind = self.value.kind();
        Problem::at(&self.origin, format!("`{key}` is {kind}, not {wanted}")).accepted(accepted)
    }

    pub(crate) fn text(&self, key: &str, accepted: &str) -> Result<Placed<&str>, Problem> {
        match &self.value {
            Value::Text(text) => Ok(self.with(text)),
            _ => Err(self.wrong_kind(key, "a string", accepted)),
        }
    }

    pub(crate) fn whole(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Placed<u64>, Problem> {
        let accepted = format!("a whole number from {} to {}", range.start(), range.end());
        let Value::Whole(number) = self.value else {
            return Err(self.wrong_kind(key, "a whole number", &accepted));
        };
        match u64::try_from(number) {
            Ok(number) if range.contains(&number) => Ok(self.with(number)),
            _ => Err(Problem::at(&self.origin, format!("`{key}` is {number}")).accepted(accepted)),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Placed<bool>, Problem> {
        match self.value {
            Value::Flag(flag) => Ok(self.with(flag)),
            _ => Err(self.wrong_kind(key, "a boolean", "`true` or `false`")),
        }
    }

    pub(crate) fn duration(
        &self,
        key: &str,
        shortest: Duration,
    ) -> Result<Placed<Duration>, Problem> {
        let accepted = accepted_durations(shortest);
        let text = self.text(key, &accepted)?.value;
        let duration = humantime::parse_duration(text).map_err(|_| {
            let message = format!("`{key}` is `{}`, which is no duration", shown(text));
            Problem::at(&self.origin, message).accepted(&accepted)
        })?;
        check_duration(&self.with(duration), key, shortest)
    }

    pub(crate) fn list(&self, key: &str, accepted: &str) -> Result<&[Self], Problem> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err(self.wrong_kind(key, "an array", accepted)),
        }
    }

    pub(crate) fn table(&self, key: &str, accepted: &str) -> Result<&Table, Problem> {
        match &self.value {
            Value::Table(table) => Ok(table),
            _ => Err(self.wrong_kind(key, "a table", accepted)),
        }
    }
}

/// Durations are stored in whole milliseconds, so others are refused instead of rounded.
pub(crate) fn check_duration(
    duration: &Placed<Duration>,
    key: &str,
    shortest: Duration,
) -> Result<Placed<Duration>, Problem> {
    let value = duration.value;
    let whole = value.subsec_nanos().is_multiple_of(1_000_000);
    if whole && (shortest..=LONGEST).contains(&value) {
        return Ok(duration.clone());
    }
    let message = format!("`{key}` is {}", humantime::format_duration(value));
    Err(Problem::at(&duration.origin, message).accepted(accepted_durations(shortest)))
}

fn accepted_durations(shortest: Duration) -> String {
    let (shortest, longest) = (
        humantime::format_duration(shortest),
        humantime::format_duration(LONGEST),
    );
    format!(
        "a duration in whole milliseconds such as \"5s\", \"1m 30s\" or \"250ms\", from {shortest} to {longest}"
    )
}
