//! Findings that qualify the others: drift, disturbances, mixed conditions, what was left behind, warnings.

use std::collections::BTreeSet;

use anechoic_stats::Drift;
use maud::html;

use super::{Finding, SENTENCES, Tone, count, count_was};
use crate::page::cases::list;
use crate::plain::plain;
use crate::{Summary, TrustLine};

pub(super) fn findings(summary: &Summary) -> Vec<Finding> {
    let others = [
        drifting(summary),
        disturbed(summary),
        mixed(summary),
        left(summary),
        warnings(summary),
    ];
    let mut found = unsteady(summary);
    found.extend(others.into_iter().flatten());
    found
}

/// Figures whose iterations are not flat, as their series say.
fn unsteady(summary: &Summary) -> Vec<Finding> {
    let lines = summary.trust.iter();
    let remarks: Vec<String> = lines.filter_map(TrustLine::remark).collect();
    let more = remarks.len().saturating_sub(SENTENCES);
    let written = remarks.iter().take(SENTENCES);
    let mut found: Vec<Finding> = written
        .map(|remark| Finding::words(Tone::Doubt, &format!("Not steady: {remark}.")))
        .collect();
    if more > 0 {
        let text = format!("{more} more figures are not steady; the tables have all of them.");
        found.push(Finding::words(Tone::Doubt, &text));
    }
    found
}

/// Trends of capture that the label of a short series does not tell.
fn drifting(summary: &Summary) -> Option<Finding> {
    let told = |id: &str| {
        let mut lines = summary.trust.iter().filter(|line| line.cell.case == id);
        lines.any(|line| line.remark().is_some())
    };
    let cases = summary.capture.iter().flat_map(|capture| &capture.cases);
    let drifts = |drift: &Option<Drift>| drift.as_ref().is_some_and(Drift::is_drifting);
    let drifting = cases.filter(|c| drifts(&c.generation_drift) || drifts(&c.fetch_drift));
    let ids: Vec<&str> = drifting
        .map(|case| case.id.as_str())
        .filter(|id| !told(id))
        .collect();
    let text = format!(
        "Drifting: times of {} change from iteration to iteration, so that their mean depends on how many were made.",
        list(&ids)
    );
    (!ids.is_empty()).then(|| Finding::words(Tone::Doubt, &text))
}

fn disturbed(summary: &Summary) -> Option<Finding> {
    let all = summary.disturbed.len();
    let counting = summary.disturbed.iter().filter(|d| d.counts).count();
    let names: BTreeSet<&str> = (summary.disturbed.iter())
        .flat_map(|attempt| &attempt.disturbances)
        .map(|disturbance| disturbance.what.name())
        .collect();
    let names: Vec<&str> = names.into_iter().collect();
    let counting = match counting {
        0 => "none of which counts".to_owned(),
        counting if counting == all => "all of which count".to_owned(),
        some => format!("{some} of which count"),
    };
    let text = format!(
        "The machine was not at rest: {} disturbed ({}), {counting}.",
        count_was(all),
        list(&names)
    );
    (all > 0).then(|| Finding::words(Tone::Doubt, &text))
}

fn mixed(summary: &Summary) -> Option<Finding> {
    let text = format!("Made under mixed conditions: {}.", summary.mixed.join("; "));
    (!summary.mixed.is_empty()).then(|| Finding::words(Tone::Doubt, &text))
}

fn left(summary: &Summary) -> Option<Finding> {
    let text = format!(
        "{} processes behind or had their output held open.",
        match summary.left.len() {
            1 => "1 attempt left".to_owned(),
            several => format!("{several} attempts left"),
        }
    );
    (!summary.left.is_empty()).then(|| Finding::words(Tone::Doubt, &text))
}

fn warnings(summary: &Summary) -> Option<Finding> {
    let number = summary.warnings.len();
    let text =
        html! { "Workers gave " a href="#warnings" { (plain(&count(number, "warning"))) } "." };
    (number > 0).then(|| Finding::new(Tone::Doubt, text))
}
