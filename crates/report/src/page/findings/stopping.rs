//! Which cases reached the stop rule.

use anechoic_record::RuleVerdict;
use maud::{Markup, html};

use super::{Finding, SENTENCES, Tone, count, named};
use crate::{Stopping, Summary, units};

/// Nothing where the plan has no stop rule.
pub(super) fn finding(summary: &Summary) -> Option<Finding> {
    let first = summary.stopping.first()?;
    let is_met = |stopping: &&Stopping| stopping.check.verdict == RuleVerdict::Met;
    let (met, missed): (Vec<&Stopping>, Vec<&Stopping>) = summary.stopping.iter().partition(is_met);
    let reached = html! {
        (met.len()) " of " (count(summary.stopping.len(), "case")) " reached ci "
        (wanted(first)) " %"
    };
    Some(match missed.is_empty() {
        true => Finding::new(Tone::Good, html! { (reached) "." }),
        false => Finding::new(
            Tone::Doubt,
            html! { (reached) ", these did not: " (those(&missed)) "." },
        ),
    })
}

/// In percent, with the digits that were asked for.
fn wanted(stopping: &Stopping) -> f64 {
    (stopping.wanted_half_width * 1e6).round() / 1e4
}

fn those(missed: &[&Stopping]) -> Markup {
    let (written, more) = missed.split_at(missed.len().min(SENTENCES));
    html! {
        @for (index, stopping) in written.iter().enumerate() {
            @if index > 0 { ", " }
            (named(&stopping.case)) " (" (how_far(stopping)) ")"
        }
        @if !more.is_empty() { " and " (more.len()) " more in the tables" }
    }
}

fn how_far(stopping: &Stopping) -> String {
    let check = &stopping.check;
    let half_width = check.half_width.map_or_else(
        || "no interval".to_owned(),
        |half| format!("± {}", units::share(half)),
    );
    let attempts = count(check.processes as usize, "good attempt");
    match check.verdict {
        RuleVerdict::Met | RuleVerdict::MaxReached | RuleVerdict::Another => {
            format!("{half_width} after {attempts}")
        }
        RuleVerdict::Pending => "attempts are missing".to_owned(),
        RuleVerdict::NotMeasured => "no value of the metric".to_owned(),
        RuleVerdict::NoneGood => "no good attempt".to_owned(),
    }
}
