//! Layer selections as people write them: `0,5,10`, `9-26`, `every:4`, and mixtures with commas.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Which decoder layers to capture, before the model's layer count is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct LayerSelection {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    One(u32),
    Range(u32, u32),
    Every(u32),
}

/// Why a selection cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayerSelectionError {
    /// Nothing selected.
    #[error("the layer selection is empty; write layers like `0,5,10`, `9-26` or `every:4`")]
    Empty,
    /// Not a number, a range or a step.
    #[error("`{0}` is not a layer, a range like `9-26` or a step like `every:4`")]
    Malformed(String),
    /// A range that ends before it starts.
    #[error("the layer range `{0}-{1}` ends before it starts")]
    Backwards(u32, u32),
    /// The model has no such layer.
    #[error("layer {layer} is outside the model, which has layers 0 to {last}", last = total - 1)]
    OutOfRange {
        /// The layer asked for.
        layer: u32,
        /// Layers of the model.
        total: u32,
    },
}

impl LayerSelection {
    /// The selected layers of a model with `total` layers, ascending, each once.
    pub fn resolve(&self, total: u32) -> Result<Vec<u32>, LayerSelectionError> {
        let mut chosen = BTreeSet::new();
        for item in &self.items {
            match *item {
                Item::One(layer) => {
                    check(layer, total)?;
                    chosen.insert(layer);
                }
                Item::Range(first, last) => {
                    check(last, total)?;
                    chosen.extend(first..=last);
                }
                Item::Every(step) => chosen.extend((0..total).step_by(step as usize)),
            }
        }
        Ok(chosen.into_iter().collect())
    }
}

fn check(layer: u32, total: u32) -> Result<(), LayerSelectionError> {
    if layer < total {
        Ok(())
    } else {
        Err(LayerSelectionError::OutOfRange { layer, total })
    }
}

impl FromStr for LayerSelection {
    type Err = LayerSelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.trim().is_empty() {
            return Err(LayerSelectionError::Empty);
        }
        let items = text
            .split(',')
            .map(|item| parse_item(item.trim()))
            .collect::<Result<_, _>>()?;
        Ok(Self { items })
    }
}

fn parse_item(text: &str) -> Result<Item, LayerSelectionError> {
    let number = |digits: &str| {
        digits
            .parse::<u32>()
            .map_err(|_| LayerSelectionError::Malformed(text.to_owned()))
    };
    if let Some(step) = text.strip_prefix("every:") {
        return match number(step)? {
            0 => Err(LayerSelectionError::Malformed(text.to_owned())),
            step => Ok(Item::Every(step)),
        };
    }
    match text.split_once('-') {
        None => number(text).map(Item::One),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(LayerSelectionError::Backwards(first, last));
            }
            Ok(Item::Range(first, last))
        }
    }
}

impl fmt::Display for LayerSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, item) in self.items.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match item {
                Item::One(layer) => write!(f, "{layer}")?,
                Item::Range(first, last) => write!(f, "{first}-{last}")?,
                Item::Every(step) => write!(f, "every:{step}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for LayerSelection {
    type Error = LayerSelectionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<LayerSelection> for String {
    fn from(selection: LayerSelection) -> Self {
        selection.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_resolve() {
        let check = |text: &str, expected: &[u32]| {
            let selection: LayerSelection = text.parse().unwrap();
            assert_eq!(selection.resolve(12).unwrap(), expected, "{text}");
            assert_eq!(
                selection.to_string().parse(),
                Ok(selection),
                "{text} round-trips"
            );
        };
        check("0,5,10", &[0, 5, 10]);
        check("9-11", &[9, 10, 11]);
        check("every:4", &[0, 4, 8]);
        check("10, 0, 10", &[0, 10]);
        check("every:6,1-2", &[0, 1, 2, 6]);
    }

    #[test]
    fn bad_selections_are_named() {
        let check = |text: &str, expected: LayerSelectionError| {
            let found = text
                .parse::<LayerSelection>()
                .and_then(|selection| selection.resolve(12));
            assert_eq!(found, Err(expected), "{text}");
        };
        let malformed = |text: &str| LayerSelectionError::Malformed(text.to_owned());
        check("", LayerSelectionError::Empty);
        check("a", malformed("a"));
        check("1,,2", malformed(""));
        check("every:0", malformed("every:0"));
        check("-3", malformed("-3"));
        check("5-2", LayerSelectionError::Backwards(5, 2));
        check(
            "12",
            LayerSelectionError::OutOfRange {
                layer: 12,
                total: 12,
            },
        );
        check(
            "3-40",
            LayerSelectionError::OutOfRange {
                layer: 40,
                total: 12,
            },
        );
    }
}
