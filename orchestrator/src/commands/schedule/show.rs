//! `anechoic schedule list` and `status`: the same facts as columns, as lines, and as JSON.

use anechoic_record::{Night, NightOutcome};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::found::{Found, Standing, find_all, find_one};
use super::notes::moment;
use super::place::local_zone;
use crate::cli::{ScheduleListArgs, StatusArgs};
use crate::commands::CommandError;
use crate::commands::list::columns;
use crate::exit_code::ExitCode;
use crate::reporter::{Format, print_data, say};
use crate::schedule::State;

/// What is shown where nothing is known.
const UNKNOWN: &str = "–";

pub(super) fn list(args: &ScheduleListArgs) -> Result<ExitCode, CommandError> {
    let found = find_all(args.place);
    show(found, args.format, |all, zone| {
        if all.is_empty() {
            return String::new();
        }
        let head = ["name", "suite", "when", "next", "last", "place"].map(str::to_owned);
        let rows = all.iter().map(|standing| row(standing, zone));
        columns(&std::iter::once(head.into()).chain(rows).collect::<Vec<_>>())
    })
}

pub(super) fn status(args: &StatusArgs) -> Result<ExitCode, CommandError> {
    let found = match &args.name {
        Some(name) => vec![find_one(name, args.place)?],
        None => find_all(args.place),
    };
    show(found, args.format, |all, zone| {
        let texts = all.iter().map(|standing| lines(standing, zone));
        texts.collect::<Vec<_>>().join("\n")
    })
}

fn show(
    found: Vec<Found>,
    format: Format,
    text: impl Fn(&[Standing], &TimeZone) -> String,
) -> Result<ExitCode, CommandError> {
    let all: Vec<_> = found.into_iter().map(Found::standing).collect();
    if all.is_empty() {
        say("no schedules here");
    }
    let (zone, _) = local_zone();
    let shown = match format {
        Format::Text => text(&all, &zone),
        Format::Json => format!("{:#}\n", all.iter().map(object).collect::<Value>()),
    };
    print_data(&shown).map_err(CommandError::Stdout)?;
    Ok(ExitCode::Done)
}

fn row(standing: &Standing, zone: &TimeZone) -> Vec<String> {
    let job = &standing.found.job;
    vec![
        job.name.to_string(),
        job.suite.clone(),
        job.times.to_string(),
        next(standing, zone),
        last(standing, zone),
        standing.found.place.name().to_owned(),
    ]
}

fn state(standing: &Standing) -> Option<&State> {
    standing.state.as_ref().ok()
}

fn shown(at: Option<Timestamp>, zone: &TimeZone) -> String {
    at.map_or_else(|| UNKNOWN.to_owned(), |at| moment(at, zone))
}

fn next(standing: &Standing, zone: &TimeZone) -> String {
    shown(state(standing).and_then(|state| state.next), zone)
}

/// How the job ended last: as systemd has it, else as its newest night tells.
fn last(standing: &Standing, zone: &TimeZone) -> String {
    let state = state(standing);
    if let Some(since) = state.and_then(|state| state.runs_since) {
        return format!("runs since {}", moment(since, zone));
    }
    match (state.and_then(|state| state.last.as_ref()), &standing.night) {
        (Some(last), _) => format!("{}: {}", moment(last.at, zone), last.text),
        (None, Some(night)) => night_line(night, zone),
        (None, None) => UNKNOWN.to_owned(),
    }
}

fn night_line(night: &Night, zone: &TimeZone) -> String {
    format!(
        "{}: {}",
        moment(night.started, zone),
        outcome(&night.outcome)
    )
}

fn outcome(outcome: &NightOutcome) -> String {
    match outcome {
        NightOutcome::NoBaseline => "measured, nothing to compare with yet".to_owned(),
        NightOutcome::Quiet => "quiet".to_owned(),
        NightOutcome::Regression => "regression".to_owned(),
        NightOutcome::Accepted => "accepted as the new level".to_owned(),
        NightOutcome::NotMeasured { reasons } => format!("not measured: {}", reasons.join("; ")),
        NightOutcome::Failed { reasons } => format!("failed: {}", reasons.join("; ")),
    }
}

fn lines(standing: &Standing, zone: &TimeZone) -> String {
    let Standing { found, .. } = standing;
    let job = &found.job;
    let mut facts = vec![
        ("suite", job.suite_file.clone()),
        ("results", job.results.clone()),
        ("when", job.times.to_string()),
        ("next", next(standing, zone)),
    ];
    match &standing.state {
        Ok(_) => facts.push(("last", last(standing, zone))),
        Err(why) => facts.push(("last", format!("unknown: {why}"))),
    }
    if let Some(night) = &standing.night {
        facts.push(("night", night_line(night, zone)));
        let reports = night
            .run
            .iter()
            .map(|run| ("report", format!("{}/{run}/report.html", job.results)));
        facts.extend(reports);
    }
    if standing.unmeasured > 1 {
        facts.push((
            "unmeasured",
            format!("{} nights in a row", standing.unmeasured),
        ));
    }
    facts.push(("log", found.log()));
    facts.extend(
        standing
            .problems
            .iter()
            .map(|problem| ("problem", problem.clone())),
    );
    let lines = facts
        .into_iter()
        .map(|(what, fact)| format!("  {what:<10}  {fact}\n"));
    let lines: String = lines.collect();
    format!("{}: {}\n{lines}", job.name, found.place)
}

fn object(standing: &Standing) -> Value {
    let Standing { found, night, .. } = standing;
    let job = &found.job;
    let state = state(standing);
    json!({
        "name": job.name,
        "place": found.place.name(),
        "suite": job.suite,
        "suite_file": job.suite_file,
        "results": job.results,
        "at": job.times.at,
        "days": job.times.days,
        "utc": job.times.utc,
        "command": job.command,
        "on": state.map(|state| state.is_on),
        "next": state.and_then(|state| state.next),
        "runs_since": state.and_then(|state| state.runs_since),
        "last": state.and_then(|state| state.last.as_ref()).map(|last| {
            json!({ "ended": last.at, "exit_code": last.code, "text": last.text })
        }),
        "night": night.as_ref().map(|night| {
            json!({
                "started": night.started,
                "outcome": night.outcome.name(),
                "text": outcome(&night.outcome),
                "run": night.run,
            })
        }),
        "unmeasured_nights": standing.unmeasured,
        "log": found.log(),
        "unknown_because": standing.state.as_ref().err(),
        "problems": standing.problems,
    })
}
