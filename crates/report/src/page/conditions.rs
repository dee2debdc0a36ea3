//! The machine and the settings that a run was made with, and its suite.

use anechoic_record::RunRecord;
use anechoic_suite::{Isolation, Plan};
use maud::{Markup, html};

use super::Logs;
use super::cases::list;
use crate::plain::plain;
use crate::{Summary, render};

/// Name and value.
pub(super) type Fact = (String, String);

/// Facts as a list of names and values.
pub(super) fn facts(facts: &[Fact]) -> Markup {
    html! {
        dl.facts {
            @for (name, value) in facts {
                div { dt { (plain(name)) } dd { (plain(value)) } }
            }
        }
    }
}

/// The section's content.
pub(super) fn conditions(record: &RunRecord, summary: &Summary, logs: &Logs) -> Markup {
    let shared = render::facts(summary).into_iter();
    let shared = shared.map(|(name, value)| (name.to_owned(), value));
    let all: Vec<Fact> = shared.chain(programs(record)).collect();
    let isolated = isolated(record);
    html! {
        (facts(&all))
        @if !isolated.is_empty() {
            h3 { "Isolation other than the default" }
            (facts(&isolated))
        }
        @if let Some(suite) = &logs.suite {
            details {
                summary { "The suite, as it was run" }
                pre tabindex="0" role="region" aria-label="the suite" { code { (plain(suite)) } }
            }
        }
    }
}

fn programs(record: &RunRecord) -> Vec<Fact> {
    let manifest = &record.manifest;
    let settings = &manifest.settings;
    let identity = settings.worker_identity.as_ref();
    let worker = match identity {
        Some(said) => format!("{} ({} {})", settings.worker, said.name, said.version),
        None => settings.worker.clone(),
    };
    let hostname = manifest.machine.hostname.clone();
    let mut facts = vec![
        ("anechoic".to_owned(), manifest.anechoic.clone()),
        ("worker".to_owned(), worker),
        (
            "host".to_owned(),
            hostname.unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("cooldown".to_owned(), cooldown(&manifest.plan)),
    ];
    if manifest.starts.len() > 1 {
        let starts = manifest.starts.iter();
        let starts = starts.map(|start| start.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        facts.push(("starts".to_owned(), starts.collect::<Vec<_>>().join(", ")));
    }
    facts
}

fn cooldown(plan: &Plan) -> String {
    let pause = crate::units::duration(plan.cooldown.as_secs_f64());
    match plan.settle {
        Some(_) => format!("{pause}, then until the machine is at rest"),
        None => pause,
    }
}

/// Each isolation that is not the default, with the cases that have it.
fn isolated(record: &RunRecord) -> Vec<Fact> {
    let mut groups: Vec<(&Isolation, Vec<&str>)> = Vec::new();
    for case in &record.manifest.cases {
        let isolation = &case.case.isolation;
        if *isolation == Isolation::default() {
            continue;
        }
        match groups.iter_mut().find(|(known, _)| *known == isolation) {
            Some((_, cases)) => cases.push(&case.case.id),
            None => groups.push((isolation, vec![&case.case.id])),
        }
    }
    let all = record.manifest.cases.len();
    let fact = |(isolation, cases): (&Isolation, Vec<&str>)| {
        let whose = match cases.len() == all {
            true => "all cases".to_owned(),
            false => list(&cases),
        };
        (whose, changed(isolation))
    };
    groups.into_iter().map(fact).collect()
}

/// The settings of an isolation that are not the default, as `run.json` names them.
pub(super) fn changed(isolation: &Isolation) -> String {
    let value = |isolation| serde_json::to_value(isolation).expect("settings always serialise");
    let (own, default) = (value(isolation), value(&Isolation::default()));
    let own = own.as_object().into_iter().flatten();
    let own = own.filter(|(name, value)| default.get(name.as_str()) != Some(value));
    let words: Vec<String> = own.map(|(name, value)| format!("{name} {value}")).collect();
    words.join("; ")
}
