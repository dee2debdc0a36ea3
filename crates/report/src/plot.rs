//! Pictures of a run as SVG text. Pure: the same record and summary give the same pictures. Nothing is drawn that the run
//! has no data for, and what failed is seen as failed.

mod centre;
mod frame;
mod mark;
mod scale;
mod series;
mod style;
mod svg;
mod thin;
mod unit;
mod values;

use anechoic_record::{RunRecord, cells};

use crate::Summary;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plot {
    /// Usable as the name of a file and as an HTML id: `latency-t`. Unique among the plots of a run.
    pub id: String,
    /// What is seen, in a few words.
    pub title: String,
    /// What is seen, of how many, in which unit, and what intervals are; one sentence or a few. Plain text.
    pub caption: String,
    /// The picture: one self-contained SVG element that begins with `<svg`.
    pub svg: String,
}

/// Every picture that a run has data for, in the order in which a report shows them.
pub fn plots(record: &RunRecord, summary: &Summary) -> Vec<Plot> {
    let cells = cells(record);
    values::plots(record, summary, &cells)
}

/// Lower-case letters, digits and hyphens of a name from outside.
fn slug(name: &str) -> String {
    let plain = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_lowercase(),
        false => '-',
    };
    let text: String = name.chars().map(plain).collect();
    let words: Vec<&str> = text.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}

/// The id of the plot at this place, from 1, of those that share a name.
fn numbered(base: &str, number: usize) -> String {
    match number {
        1 => base.to_owned(),
        _ => format!("{base}-{number}"),
    }
}
