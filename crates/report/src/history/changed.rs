//! What of machine and programs is another than at the point before, in words: short for a cell, in full where there is room.

use super::{Point, Series, Stretch};
use anechoic_record::Difference;

/// In few words, for a cell of a table: conditions of the machine by their names, programs by those of their files.
pub(super) fn in_few_words(series: &Series, index: usize, point: &Point) -> String {
    joined(
        &machine(series, index).map(names).unwrap_or_default(),
        &point.program_words.join("; "),
    )
}

/// The machine in full, programs in few words.
pub(crate) fn what_changed(series: &Series, index: usize, point: &Point) -> String {
    joined(
        &machine(series, index).map(differences).unwrap_or_default(),
        &point.program_words.join("; "),
    )
}

/// Programs with their places, sizes and times; nothing where none changed.
pub(crate) fn programs_in_full(point: &Point) -> Option<String> {
    (!point.programs.is_empty()).then(|| differences(&point.programs))
}

/// What of the machine is another at the first point of a stretch; nothing at the others.
fn machine(series: &Series, index: usize) -> Option<&[Difference]> {
    let mut stretches = series.stretches.iter();
    let found = stretches.find(|stretch: &&Stretch| stretch.first == index)?;
    Some(found.changes.as_slice()).filter(|changes| !changes.is_empty())
}

fn joined(machine: &str, programs: &str) -> String {
    match (machine.is_empty(), programs.is_empty()) {
        (true, _) => programs.to_owned(),
        (false, true) => format!("machine: {machine}"),
        (false, false) => format!("machine: {machine}; {programs}"),
    }
}

/// Differences in words.
pub(crate) fn differences(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(Difference::text).collect();
    texts.join("; ")
}

/// Which conditions changed, without from what to what.
pub(crate) fn names(changes: &[Difference]) -> String {
    let names: Vec<&str> = changes.iter().map(|change| change.what.as_str()).collect();
    match names[..] {
        [one] => one.to_owned(),
        [one, other] => format!("{one}, {other}"),
        [one, .., _] => format!("{one} and {} more", names.len() - 1),
        [] => "machine".to_owned(),
    }
}
