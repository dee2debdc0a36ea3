//! The benchmark `custom`: settings and samples of workers that measure something of their own. The orchestrator knows
//! their names and types, and nothing of what they mean.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a worker of one's own is asked to measure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CustomWork {
    /// Settings by name; what they mean is the worker's business.
    pub parameters: BTreeMap<String, Parameter>,
    /// Iterations before the first measured one.
    pub warmup_iterations: u32,
    /// Measured iterations.
    pub iterations: u32,
}

/// One measured iteration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CustomSample {
    /// From 1.
    pub iteration: u32,
    /// Time of the iteration.
    pub time_ns: u64,
    /// Whatever else was measured, by name.
    #[serde(default)]
    pub values: BTreeMap<String, f64>,
}

/// The value of a parameter. JSON and TOML keep the four kinds apart: `1` is whole, `1.0` is decimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// A decimal number.
    Decimal(Decimal),
    /// Yes or no.
    Flag(bool),
}

/// A decimal number that is neither infinite nor undefined.
#[derive(Debug, Clone, Copy)]
pub struct Decimal(f64);

impl Decimal {
    /// `None` where the number is not finite. Zero has no sign here.
    pub fn new(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self(number + 0.0))
    }

    /// The number.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

// Equal bits are equal numbers: there is no NaN in here, and no negative zero.
impl Eq for Decimal {}

impl std::hash::Hash for Decimal {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{:?}", number.get()),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Whole(number) => to.serialize_i64(*number),
            Self::Decimal(number) => to.serialize_f64(number.get()),
            Self::Flag(flag) => to.serialize_bool(*flag),
        }
    }
}

impl<'de> Deserialize<'de> for Parameter {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ParameterVisitor)
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Parameter {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Parameter".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "A string, a whole number, a decimal number or a boolean.",
            "type": ["string", "number", "boolean"],
        })
    }
}

struct ParameterVisitor;

impl Visitor<'_> for ParameterVisitor {
    type Value = Parameter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a whole number, a decimal number or a boolean")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Parameter, E> {
        Ok(Parameter::Flag(flag))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Parameter, E> {
        Ok(Parameter::Whole(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Parameter, E> {
        let whole = i64::try_from(number).map_err(|_| E::custom("the number is too large"))?;
        Ok(Parameter::Whole(whole))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Parameter, E> {
        let decimal = Decimal::new(number).ok_or_else(|| E::custom("the number is not finite"))?;
        Ok(Parameter::Decimal(decimal))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Parameter, E> {
        Ok(Parameter::Text(text.to_owned()))
    }
}

/// The longest name of a parameter or a value.
const LONGEST_NAME: usize = 64;

/// What [`is_custom_name`] accepts, in words.
pub const CUSTOM_NAME: &str = "ASCII letters, digits, `_` and `-`, at most 64 of them";

/// Whether a parameter or a value may have this name: it becomes a column of tables and a part of ids.
pub fn is_custom_name(name: &str) -> bool {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_keep_their_kind_through_json() {
        let check = |json: &str, expected: Parameter| {
            let read: Parameter = serde_json::from_str(json).unwrap();
            assert_eq!(read, expected, "{json}");
            assert_eq!(serde_json::to_string(&read).unwrap(), json);
        };
        check("256", Parameter::Whole(256));
        check("-1", Parameter::Whole(-1));
        check("1.0", Parameter::Decimal(Decimal(1.0)));
        check("true", Parameter::Flag(true));
        check("\"matmul\"", Parameter::Text("matmul".to_owned()));
    }

    #[test]
    fn other_kinds_are_refused() {
        for json in ["null", "[1]", "{}", "18446744073709551615", "1e999"] {
            assert!(serde_json::from_str::<Parameter>(json).is_err(), "{json}");
        }
        assert_eq!(Decimal::new(f64::NAN), None);
        assert_eq!(Decimal::new(-0.0), Decimal::new(0.0));
    }

    #[test]
    fn names_are_safe_for_columns_and_ids() {
        for name in ["size", "tokens_per_second", "a-1"] {
            assert!(is_custom_name(name), "{name}");
        }
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in ["", "a.b", "a b", "größe", &long] {
            assert!(!is_custom_name(name), "{name}");
        }
    }
}
