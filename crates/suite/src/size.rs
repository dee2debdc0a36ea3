//! Sizes in bytes: whole numbers, or strings with a unit.

use crate::problem::{Placed, Problem, shown};
use crate::value::Value;

/// Units with the bytes they stand for.
const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const ACCEPTED: &str = "a whole number of bytes from 1, or one with a unit such as \"2GiB\", \"512MiB\" or \"800MB\"; \
     units are B, KiB, MiB, GiB, TiB, kB, MB, GB, TB";

/// A size from 1 byte to the largest whole number of TOML.
pub(crate) fn size(key: &str, value: &Placed<Value>) -> Result<Placed<u64>, Problem> {
    if let Value::Whole(_) = value.value {
        let bytes = value.whole(key, 1..=i64::MAX as u64);
        return bytes.map_err(|problem| problem.accepted(ACCEPTED));
    }
    let text = value.text(key, ACCEPTED)?;
    let bytes = bytes_of(text.value).filter(|bytes| (1..=i64::MAX as u64).contains(bytes));
    bytes.map(|bytes| text.with(bytes)).ok_or_else(|| {
        let message = format!("`{key}` is `{}`, which is no size", shown(text.value));
        Problem::at(&value.origin, message).accepted(ACCEPTED)
    })
}

fn bytes_of(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = (&text[..digits], text[digits..].trim_start());
    let unit = if unit.is_empty() { "B" } else { unit };
    let (_, bytes) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_exactly() {
        let check = |text: &str, expected| assert_eq!(bytes_of(text), expected, "{text}");
        check("7", Some(7));
        check("2GiB", Some(2_147_483_648));
        check(" 512 MiB ", Some(536_870_912));
        check("800MB", Some(800_000_000));
        check("1kB", Some(1_000));
        check("16777215TiB", Some(16_777_215 << 40));
        check("16777216TiB", None);
        check("99999999999999999999B", None);
        check("1.5GiB", None);
        check("2gib", None);
        check("GiB", None);
        check("-1B", None);
        check("", None);
    }
}
