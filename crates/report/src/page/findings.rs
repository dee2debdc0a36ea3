//! What a run found, in sentences, before any table: how complete it is, what failed and why, what is notable, and
//! what makes it doubtful.

mod capture;
mod doubts;
mod kv;

use anechoic_record::{CaseRecord, Outcome, RunRecord, RunState};
use maud::{Markup, html};

use super::cases::list;
use super::plain::plain;
use crate::{Summary, units};

/// Sentences of one kind that are written out; the rest is in the tables.
const SENTENCES: usize = 6;

/// What a sentence does to the trust in the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// All is as it should be.
    Good,
    /// A result.
    Result,
    /// Something to bear in mind.
    Doubt,
    /// Something is missing.
    Bad,
}

/// One finding.
pub(super) struct Finding {
    tone: Tone,
    text: Markup,
}

impl Finding {
    fn new(tone: Tone, text: Markup) -> Self {
        Self { tone, text }
    }

    fn words(tone: Tone, text: &str) -> Self {
        Self::new(tone, html! { (plain(text)) })
    }
}

/// The list of all findings.
pub(super) fn findings(record: &RunRecord, summary: &Summary) -> Markup {
    let mut found = vec![completeness(summary)];
    found.extend(failures(record, summary));
    found.extend(summary.capture.iter().flat_map(capture::findings));
    found.extend(summary.kv.iter().flat_map(kv::findings));
    found.extend(custom(summary));
    found.extend(doubts::findings(summary));
    html! {
        ul.findings {
            @for finding in &found { li class=(class(finding.tone)) { (finding.text) } }
        }
    }
}

fn class(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "good",
        Tone::Result => "result",
        Tone::Doubt => "doubt",
        Tone::Bad => "bad",
    }
}

/// The name of a case in a sentence.
fn named(id: &str) -> Markup {
    html! { code { (plain(id)) } }
}

fn completeness(summary: &Summary) -> Finding {
    let tally = &summary.tally;
    let attempts = format!(
        "{} of {} planned attempts ended well, each in a process of its own",
        tally.ok_attempts,
        tally.cases * tally.planned_attempts as usize
    );
    if summary.is_complete() {
        let text = format!("All {} cases are complete: {attempts}.", tally.cases);
        return Finding::words(Tone::Good, &text);
    }
    let state = match summary.state {
        RunState::Running => html! { " The run is still being made." },
        RunState::Interrupted => html! {
            " The run was interrupted; " code { "anechoic resume " (plain(&summary.run)) } " makes what it owes."
        },
        RunState::Complete => html! {},
    };
    let (complete, all) = (tally.complete_cases, tally.cases);
    let text = html! { (complete) " of " (all) " cases are complete: " (attempts) "." (state) };
    Finding::new(Tone::Bad, text)
}

/// One sentence per case that failed and lacks attempts, then those that are forgiven, then those cut short.
fn failures(record: &RunRecord, summary: &Summary) -> Vec<Finding> {
    let planned = record.manifest.plan.attempts;
    let failing = |case: &&CaseRecord| {
        let failed = |o: &Outcome| !o.is_ok() && !o.is_cut_short();
        case.owed(planned) > 0 && case.attempts.iter().any(|a| failed(&a.outcome))
    };
    let cases: Vec<(usize, &CaseRecord)> = (record.manifest.cases.iter().enumerate())
        .filter(|(_, case)| failing(case))
        .collect();
    let mut found: Vec<Finding> = (cases.iter().take(SENTENCES))
        .map(|(index, case)| failed_case(*index, case, planned))
        .collect();
    if cases.len() > SENTENCES {
        let more = cases.len() - SENTENCES;
        found.push(Finding::new(
            Tone::Bad,
            html! { (more) " more cases failed: " a href="#failed" { "all of them with their causes" } "." },
        ));
    }
    found.extend(forgiven(summary));
    found
}

fn failed_case(index: usize, case: &CaseRecord, planned: u32) -> Finding {
    let good = case.ok_attempts().count();
    let mut causes: Vec<String> = Vec::new();
    for attempt in &case.attempts {
        let cause = attempt.outcome.cause();
        if !attempt.outcome.is_ok() && !causes.contains(&cause) {
            causes.push(cause);
        }
    }
    let causes: Vec<&str> = causes.iter().map(String::as_str).collect();
    let text = html! {
        a href={ "#case-" (index + 1) } { (named(&case.case.id)) }
        @if good == 0 { " failed and has no result: " } @else { " has " (good) " of " (planned) " good attempts: " }
        (plain(&list(&causes))) "."
    };
    Finding::new(Tone::Bad, text)
}

fn forgiven(summary: &Summary) -> Vec<Finding> {
    let made_up = summary.failed.iter().filter(|f| f.made_up).count();
    let cut = summary.cut_short.iter().filter(|c| !c.made_up).count();
    let mut found = Vec::new();
    if made_up > 0 {
        let text = format!(
            "{} were made up for by later ones.",
            count(made_up, "failed attempt")
        );
        found.push(Finding::words(Tone::Doubt, &text));
    }
    if cut > 0 {
        let text = format!(
            "{} cut short from outside and not made up for.",
            count_was(cut)
        );
        found.push(Finding::words(Tone::Bad, &text));
    }
    found
}

fn count(number: usize, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        several => format!("{several} {thing}s"),
    }
}

fn count_was(number: usize) -> String {
    match number {
        1 => "1 attempt was".to_owned(),
        several => format!("{several} attempts were"),
    }
}

/// What workers of one's own measured may be anything; only the ends of the range are named.
fn custom(summary: &Summary) -> Option<Finding> {
    let cases = summary.custom.iter().flat_map(|custom| &custom.cases);
    let timed = cases.filter_map(|case| Some((case.id.as_str(), case.time_s.as_ref()?)));
    let (least, most) = ends(timed, |(_, time)| time.mean)?;
    let text = html! {
        "Of the cases with workers of one's own, " (named(least.0)) " takes the least time per iteration ("
        (units::estimate(Some(least.1))) ") and " (named(most.0)) " the most (" (units::estimate(Some(most.1))) ")."
    };
    Some(Finding::new(Tone::Result, text))
}

/// The least and the greatest; `None` where there are no two that differ.
fn ends<T: Copy>(items: impl Iterator<Item = T>, of: impl Fn(&T) -> f64) -> Option<(T, T)> {
    let mut sorted: Vec<T> = items.filter(|item| of(item).is_finite()).collect();
    sorted.sort_by(|a, b| of(a).total_cmp(&of(b)));
    match sorted.as_slice() {
        [] | [_] => None,
        [least, .., most] => (of(least) < of(most)).then_some((*least, *most)),
    }
}
