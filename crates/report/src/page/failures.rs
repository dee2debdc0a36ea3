//! Attempts that did not end well, in a table of their own.

use maud::{Markup, html};

use super::tables;
use crate::render::{Cell, Table};
use crate::{FailedAttempt, Summary};

/// Nothing where every attempt ended well.
pub(super) fn failures(summary: &Summary) -> Markup {
    let all = || summary.failed.iter().chain(&summary.cut_short);
    if all().next().is_none() {
        return html! {};
    }
    let header = ["case", "attempt", "outcome", "made up for", "cause"];
    let table = Table::of(&header, all().map(row).collect());
    html! {
        section.part aria-labelledby="failed" {
            h3 id="failed" { "Attempts that did not end well" }
            p.note {
                "None of them counts in any figure. Made up for: the case has its planned number of good attempts all the same. "
                "Outcomes are explained in the documentation's page on failures; each attempt's log is with its case below."
            }
            (tables::table("failed-table", "Attempts that did not end well", &table))
        }
    }
}

fn row(failed: &FailedAttempt) -> Vec<Cell> {
    let made_up = match failed.made_up {
        true => "yes",
        false => "no",
    };
    vec![
        failed.case.as_str().into(),
        Cell::number(u64::from(failed.attempt)),
        failed.outcome.name().into(),
        made_up.into(),
        failed.outcome.cause().into(),
    ]
}
