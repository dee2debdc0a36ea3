//! Every case with the outcome of every attempt, its settings, and its files one click away.

use anechoic_record::{AttemptRecord, CaseRecord, Disturbance, RunRecord};
use maud::{Markup, html};
use serde_json::Value;

use super::Logs;
use super::conditions::{Fact, changed, facts};
use crate::plain::{attempt_link, plain};
use crate::units::{self, count};

/// Attempts of a case that are listed at once; the rest opens on request.
const SHOWN: usize = 10;

/// Names in a sentence or a cell that are told apart; the rest is counted.
const NAMED: usize = 8;

/// The names, the end of a long list counted.
pub(super) fn list(names: &[&str]) -> String {
    let (named, more) = names.split_at(names.len().min(NAMED));
    match more.len() {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// All cases, in the plan's order; those that lack good attempts are open.
pub(super) fn cases(record: &RunRecord, logs: &Logs) -> Markup {
    html! {
        @for (index, case) in record.manifest.cases.iter().enumerate() {
            (self::case(index, case, record, logs))
        }
    }
}

fn case(index: usize, case: &CaseRecord, record: &RunRecord, logs: &Logs) -> Markup {
    let plan = &record.manifest.plan;
    let planned = case.planned(plan);
    let lacks = case.lacks(plan) > 0;
    let good = case.ok_attempts().count();
    let class = if lacks { "badge bad" } else { "badge good" };
    html! {
        details.case id={ "case-" (index + 1) } open[lacks] {
            summary {
                code { (plain(&case.case.id)) } " "
                span class=(class) { (good) " of " (planned) " good" }
            }
            (attempts(case, record))
            (tails(case, logs))
            details { summary { "Settings" } (facts(&settings(case))) }
        }
    }
}

fn attempts(case: &CaseRecord, record: &RunRecord) -> Markup {
    if case.attempts.is_empty() {
        return html! { p { "No attempt was made." } };
    }
    let (shown, more) = case.attempts.split_at(case.attempts.len().min(SHOWN));
    html! {
        (table(shown, case, record))
        @if !more.is_empty() {
            details {
                summary { (count(more.len(), "more attempt")) }
                (table(more, case, record))
            }
        }
    }
}

fn table(attempts: &[AttemptRecord], case: &CaseRecord, record: &RunRecord) -> Markup {
    html! {
        div.scroll role="region" tabindex="0" aria-label={ "attempts of " (plain(&case.case.id)) } {
            table {
                thead { tr {
                    th scope="col" .number { "attempt" }
                    th scope="col" { "outcome" }
                    th scope="col" .number { "time" }
                    th scope="col" .number { "waited" }
                    th scope="col" { "disturbed by" }
                    th scope="col" { "files" }
                } }
                tbody { @for attempt in attempts { (row(attempt, case, record)) } }
            }
        }
    }
}

fn row(attempt: &AttemptRecord, case: &CaseRecord, record: &RunRecord) -> Markup {
    let id = &case.case.id;
    let data = record.attempts.get(&(id.clone(), attempt.attempt));
    let waited = data.map_or(0, |data| data.waited_ms);
    let causes: Vec<String> = attempt.disturbed.iter().map(Disturbance::cause).collect();
    let link = |file: &str| attempt_link(id, attempt.attempt, file);
    html! {
        tr {
            th scope="row" .number { (attempt.attempt) }
            td {
                @if attempt.outcome.is_ok() { "ok" } @else {
                    strong.bad { (attempt.outcome.name()) } ": " (plain(&attempt.outcome.cause()))
                }
            }
            td.number { (units::duration(attempt.wall_ns as f64 / 1e9)) }
            td.number { (units::duration(waited as f64 / 1e3)) }
            td { (plain(&causes.join("; "))) }
            td.files {
                @if attempt.outcome.is_ok() { a href=(link("result.json")) { "result" } " " }
                a href=(link("stderr.log")) { "log" } " "
                a href=(link("job.json")) { "job" }
            }
        }
    }
}

/// What attempts that did not end well have said last.
fn tails(case: &CaseRecord, logs: &Logs) -> Markup {
    let attempts = case.attempts.iter();
    let tails = attempts.filter_map(|attempt| {
        let tail = logs.stderr.get(&(case.case.id.clone(), attempt.attempt))?;
        Some((attempt.attempt, plain(tail)))
    });
    let tails: Vec<_> = tails.filter(|(_, tail)| !tail.trim().is_empty()).collect();
    html! {
        @for (attempt, tail) in tails {
            details {
                summary { "Last lines of attempt " (attempt) " on standard error" }
                pre tabindex="0" role="region" aria-label={ "standard error of " (plain(&case.case.id)) ", attempt " (attempt) } { (tail) }
            }
        }
    }
}

/// As `run.json` names them; nested ones are joined by dots.
fn settings(case: &CaseRecord) -> Vec<Fact> {
    let case = &case.case;
    let mut facts = Vec::new();
    let work = serde_json::to_value(&case.work).expect("settings always serialise");
    flatten("", &work, &mut facts);
    let mut add = |name: &str, value: String| facts.push((name.to_owned(), value));
    add("seed", case.seed.to_string());
    if let Some(threads) = case.threads {
        add("threads", threads.to_string());
    }
    add("time limit", units::duration(case.timeout.as_secs_f64()));
    if let Some(worker) = &case.worker {
        add("worker", worker.0.join(" "));
    }
    let isolation = changed(&case.isolation);
    if !isolation.is_empty() {
        add("isolation", isolation);
    }
    facts
}

fn flatten(path: &str, value: &Value, facts: &mut Vec<Fact>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = match path {
                    "" => name.clone(),
                    above => format!("{above}.{name}"),
                };
                flatten(&path, value, facts);
            }
        }
        Value::String(text) => facts.push((path.to_owned(), text.clone())),
        Value::Array(values) => {
            let texts: Vec<String> = values.iter().map(Value::to_string).collect();
            facts.push((path.to_owned(), texts.join(", ")));
        }
        Value::Null => {}
        Value::Bool(_) | Value::Number(_) => facts.push((path.to_owned(), value.to_string())),
    }
}
