//! What a run found, in sentences, before any table: how complete it is, what failed and why, what is notable, and
//! what makes it doubtful.

mod capture;
mod doubts;
mod kv;
mod stopping;

use anechoic_record::{CaseRecord, Cell, Metric, Outcome, RunRecord, RunState, cells};
use anechoic_stats::{Estimate, contrast};
use maud::{Markup, html};

use super::cases::list;
use crate::plain::plain;
use crate::render::headlines;
use crate::units::{self, count};
use crate::{Audit, Summary};

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
    let cells = cells(record);
    let mut found = vec![completeness(record, summary)];
    found.extend(failures(record, summary));
    found.extend(stopping::finding(summary));
    found.extend(summary.audit.iter().flat_map(audit));
    found.extend(
        summary
            .capture
            .iter()
            .flat_map(|it| capture::findings(it, &cells)),
    );
    found.extend(summary.kv.iter().flat_map(|it| kv::findings(it, &cells)));
    found.extend(custom(summary, &cells));
    found.extend(doubts::findings(summary));
    html! {
        ul.findings {
            @for finding in &found { li class=(class(finding.tone)) { (finding.text) } }
        }
    }
}

/// The first sentences of a kind, and how many more there are.
fn capped(mut found: Vec<Finding>, kind: &str) -> Vec<Finding> {
    let more = found.len().saturating_sub(SENTENCES);
    found.truncate(SENTENCES);
    if more > 0 {
        let text = format!("{} in the tables.", count(more, &format!("more {kind}")));
        found.push(Finding::words(Tone::Result, &text));
    }
    found
}

/// What an audit says of itself.
fn audit(audit: &Audit) -> Vec<Finding> {
    let tone = match audit.is_measured() {
        true => Tone::Result,
        false => Tone::Doubt,
    };
    let sentences = headlines(audit).into_iter();
    let found = sentences.map(|text| Finding::words(tone, &text)).collect();
    capped(found, "finding")
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

fn completeness(record: &RunRecord, summary: &Summary) -> Finding {
    let tally = &summary.tally;
    let manifest = &record.manifest;
    let planned: u64 = (manifest.cases.iter())
        .map(|case| u64::from(case.planned(&manifest.plan)))
        .sum();
    let apart = match summary.audit.is_some() {
        true => "",
        false => ", each in a process of its own",
    };
    let attempts = format!(
        "{} of {} ended well{apart}",
        tally.ok_attempts,
        count(planned as usize, "planned attempt")
    );
    if summary.is_complete() {
        let text = match tally.cases {
            1 => format!("The only case is complete: {attempts}."),
            cases => format!("All {cases} cases are complete: {attempts}."),
        };
        return Finding::words(Tone::Good, &text);
    }
    let state = match summary.state {
        RunState::Running => html! { " The run is still being made." },
        RunState::Interrupted if summary.audit.is_some() => html! {
            " The audit was interrupted; it is made in one go: make it anew."
        },
        RunState::Interrupted => html! {
            " The run was interrupted; " code { "anechoic resume " (plain(&summary.run)) } " makes what it owes."
        },
        RunState::Complete => html! {},
    };
    let (complete, all) = (tally.complete_cases, tally.cases);
    let text = html! { (complete) " of " (count(all, "case")) (are(all)) " complete: " (attempts) "." (state) };
    Finding::new(Tone::Bad, text)
}

/// One sentence per case that failed and lacks attempts, then those that are forgiven, then those cut short.
fn failures(record: &RunRecord, summary: &Summary) -> Vec<Finding> {
    let plan = &record.manifest.plan;
    let failing = |case: &&CaseRecord| {
        let failed = |o: &Outcome| !o.is_ok() && !o.is_cut_short();
        case.lacks(plan) > 0 && case.attempts.iter().any(|a| failed(&a.outcome))
    };
    let cases: Vec<(usize, &CaseRecord)> = (record.manifest.cases.iter().enumerate())
        .filter(|(_, case)| failing(case))
        .collect();
    let mut found: Vec<Finding> = (cases.iter().take(SENTENCES))
        .map(|(index, case)| failed_case(*index, case, case.planned(plan)))
        .collect();
    if cases.len() > SENTENCES {
        let more = cases.len() - SENTENCES;
        found.push(Finding::new(
            Tone::Bad,
            html! { (count(more, "more case")) " failed: " a href="#failed" { "all of them with their causes" } "." },
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
        let text = match made_up {
            1 => "1 failed attempt was made up for by a later one.".to_owned(),
            several => format!("{several} failed attempts were made up for by later ones."),
        };
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

fn are(number: usize) -> &'static str {
    match number {
        1 => " is",
        _ => " are",
    }
}

fn count_was(number: usize) -> String {
    match number {
        1 => "1 attempt was".to_owned(),
        several => format!("{several} attempts were"),
    }
}

/// What your own workers measured may be anything; only the ends of the range are named.
fn custom(summary: &Summary, cells: &[Cell]) -> Option<Finding> {
    let cases = summary.custom.iter().flat_map(|custom| &custom.cases);
    let timed = cases.filter_map(|case| Some((case.id.as_str(), case.time_s.as_ref()?)));
    let (least, most) = ends(timed, |(_, time)| time.mean)?;
    let of = |(id, time): (&str, &Estimate)| {
        html! { (named(id)) " (" (units::estimate(Some(time))) ")" }
    };
    let apart = Apart::of(cells, (least.0, None), (most.0, None));
    let text = match apart {
        Apart::Told => html! {
            "Of the cases with your own workers, " (of(least)) " takes the least time per iteration, "
            (of(most)) " the most."
        },
        Apart::Untold | Apart::Unknown => html! {
            "Of the cases with your own workers, " (of(least)) " has the lowest mean time per iteration, "
            (of(most)) " the highest; " (apart.doubt()) "."
        },
    };
    Some(Finding::new(apart.tone(), text))
}

/// Whether the ends of a range are told from each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Apart {
    /// The interval of their contrast excludes zero.
    Told,
    /// It covers zero.
    Untold,
    /// There is none.
    Unknown,
}

impl Apart {
    /// The total times of two cases, each at this T where it has several.
    fn of(cells: &[Cell], a: (&str, Option<u32>), b: (&str, Option<u32>)) -> Self {
        let series = |(case, tokens): (&str, Option<u32>)| {
            let is_it = |cell: &&Cell| {
                let has_tokens =
                    tokens.is_none() || cell.id.tokens.is_none() || cell.id.tokens == tokens;
                cell.id.case == case && cell.id.metric == Metric::TotalTime && has_tokens
            };
            cells.iter().find(is_it).map(Cell::series)
        };
        let both = series(a).zip(series(b));
        let found = both.and_then(|(a, b)| contrast(&a, &b)?.interval);
        match found {
            None => Self::Unknown,
            Some(interval) if interval.covers(0.0) => Self::Untold,
            Some(_) => Self::Told,
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Told => Tone::Result,
            Self::Untold | Self::Unknown => Tone::Doubt,
        }
    }

    fn doubt(self) -> &'static str {
        match self {
            Self::Told => "they are told from each other",
            Self::Untold => "they are not told from each other",
            Self::Unknown => "there are too few processes to tell them from each other",
        }
    }
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
