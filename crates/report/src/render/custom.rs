//! The table of workers of one's own: a row per case, a column for every value that one of them named.

use anechoic_stats::Estimate;

use super::cell::{self, Cell};
use super::section::Section;
use crate::{CustomCase, CustomSummary, units};

pub(super) fn sections(custom: &CustomSummary) -> Vec<Section> {
    let names = value_names(custom);
    let mut header = vec!["case", "n", "time"];
    header.extend(&names);
    let rows = custom.cases.iter().map(|case| row(case, &names));
    let section = Section::table(
        "Custom: times and values per iteration",
        "n = processes × iterations; mean over processes ± standard deviation between them, of times as a share. Values are in the worker's own units.",
        &header,
        rows.collect(),
    );
    section.into_iter().collect()
}

fn value_names(custom: &CustomSummary) -> Vec<&str> {
    let mut names = Vec::new();
    for value in custom.cases.iter().flat_map(|case| &case.values) {
        if !names.contains(&value.name.as_str()) {
            names.push(value.name.as_str());
        }
    }
    names
}

fn row(case: &CustomCase, names: &[&str]) -> Vec<Cell> {
    let mut row = vec![
        case.id.as_str().into(),
        cell::runs(case.processes, case.iterations),
        cell::keyed(
            time(case.time_s.as_ref()),
            case.time_s.as_ref().map(|time| time.mean),
        ),
    ];
    row.extend(names.iter().map(|name| {
        let value = case.values.iter().find(|value| value.name == *name);
        value.map_or_else(
            || units::NONE.into(),
            |value| cell::keyed(plain(&value.estimate), value.estimate.mean),
        )
    }));
    row
}

/// A coarse clock may find nothing at all, of which a spread is no share.
fn time(found: Option<&Estimate>) -> String {
    match found {
        Some(estimate) if estimate.mean == 0.0 => units::duration(0.0),
        Some(_) | None => units::estimate(found),
    }
}

/// A value may be zero or negative, so its spread is absolute.
fn plain(estimate: &Estimate) -> String {
    let spread = estimate
        .stdev
        .map(|s| format!(" ± {}", units::significant(s, 2)));
    units::significant(estimate.mean, 4) + &spread.unwrap_or_default()
}
