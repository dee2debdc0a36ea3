//! Audits from made-up records: what is said, and what is not.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

#[path = "support/result.rs"]
mod result;
mod support;

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, CustomSample, CustomWork, Sample};
use anechoic_record::{AttemptData, Metric, Outcome, RunRecord};
use anechoic_report::{
    Audit, AuditMetric, CarryOver, CarryOverVerdict, Cause, Logs, Summary, When, html, plots,
};
use anechoic_suite::{AuditSettings, Case, Plan, SessionPlace, Slot};
use result::job_result;

const MIB: u64 = 1 << 20;

fn work() -> Benchmark {
    Benchmark::Custom(CustomWork {
        parameters: BTreeMap::new(),
        warmup_iterations: 0,
        iterations: 3,
    })
}

fn case(id: &str) -> Case {
    support::case(id, work())
}

/// What an attempt measures: time in ns, and resident memory at the start.
type Law<'a> = &'a dyn Fn(&str, Option<&SessionPlace>) -> (u64, u64);

fn attempt(law: Law<'_>, settings: &AuditSettings, slot: Slot) -> AttemptData {
    let place = settings.place(slot);
    let id = &settings.cases[slot.case].case;
    let (time_ns, resident) = law(id, place.as_ref());
    // A little that differs from attempt to attempt.
    let wobble = (slot.case as u64 * 7 + u64::from(slot.attempt) * 13) % 11;
    let sample = |iteration| {
        Sample::Custom(CustomSample {
            iteration,
            time_ns: time_ns + time_ns * (wobble + u64::from(iteration)) / 1000,
            values: BTreeMap::new(),
        })
    };
    let resident = resident + (wobble << 12);
    let mut result = job_result(&case(id), resident + 8 * MIB);
    result.memory.resident_at_start_bytes = Some(resident);
    result.memory.resident_at_end_bytes = Some(resident + MIB);
    AttemptData {
        samples: (1..=3).map(sample).collect(),
        result: Some(result),
        ..AttemptData::default()
    }
}

/// A record of an audit of these cases under a law.
fn record(ids: &[&str], rounds: u32, law: Law<'_>) -> RunRecord {
    let cases: Vec<Case> = ids.iter().map(|id| case(id)).collect();
    let bare = support::record(cases.into_iter().map(|case| (case, Vec::new())).collect());
    let plan: Plan = bare.manifest.plan;
    let (plan, settings) = plan.audited(rounds, 1, 5);
    let made = plan.cases.iter().enumerate().map(|(index, case)| {
        let attempts = (1..=rounds).map(|attempt_number| {
            let slot = Slot {
                case: index,
                attempt: attempt_number,
            };
            support::ok(attempt(law, &settings, slot))
        });
        (case.clone(), attempts.collect())
    });
    let mut record = support::record(made.collect());
    record.manifest.plan = plan;
    record.manifest.audit = Some(settings);
    record
}

fn found<'a>(audit: &'a Audit, case: &str, metric: &str) -> &'a CarryOver {
    let mut all = audit.carry_over.iter();
    all.find(|it| it.case == case && it.metric.to_string() == metric)
        .unwrap()
}

fn ran_before(place: Option<&SessionPlace>, case: &str) -> bool {
    place.is_some_and(|place| place.before.iter().any(|it| it == case))
}

#[test]
fn a_neighbour_is_named_with_its_effect() {
    let law = |_: &str, place: Option<&SessionPlace>| match ran_before(place, "b") {
        true => (1_100_000, 80 * MIB),
        false => (1_000_000, 64 * MIB),
    };
    let record = record(&["a", "b", "c", "d"], 6, &law);
    let audit = Audit::of(&record).unwrap();
    for case in ["a", "c", "d"] {
        let found = found(&audit, case, "total-time");
        assert_eq!(found.verdict, CarryOverVerdict::Found, "{found:#?}");
        let Some(Cause::Neighbour(neighbour)) = &found.cause else {
            panic!("{found:#?}")
        };
        assert_eq!(
            (neighbour.case.as_str(), neighbour.when),
            ("b", When::Before)
        );
        assert!(
            (neighbour.effect.effect - 0.1).abs() < 0.005,
            "{neighbour:?}"
        );
        assert!(neighbour.adjusted_p < 0.01);
    }
    let of_b = found(&audit, "b", "total-time");
    assert_eq!(of_b.verdict, CarryOverVerdict::NoneFound, "{of_b:#?}");
    assert!(audit.found());
    let text = anechoic_report::terminal(&Summary::of(&record));
    assert!(text.contains("b causes it: +"), "{text}");
}

#[test]
fn a_position_is_no_neighbour() {
    let law = |_: &str, place: Option<&SessionPlace>| match place {
        Some(place) if place.position > 1 => (1_200_000, 90 * MIB),
        Some(_) | None => (1_000_000, 64 * MIB),
    };
    let audit = Audit::of(&record(&["a", "b", "c"], 6, &law)).unwrap();
    let time = found(&audit, "c", "total-time");
    assert_eq!(time.verdict, CarryOverVerdict::Found);
    assert!(
        matches!(time.cause, Some(Cause::Position { .. })),
        "{time:#?}"
    );
    let start = found(&audit, "c", "resident-at-start");
    assert_eq!(start.verdict, CarryOverVerdict::AnyCase);
}

#[test]
fn two_cases_cannot_be_told_from_their_position() {
    let law = |_: &str, place: Option<&SessionPlace>| match place {
        Some(place) if place.position > 1 => (1_200_000, 64 * MIB),
        Some(_) | None => (1_000_000, 64 * MIB),
    };
    let record = record(&["a", "b"], 6, &law);
    let audit = Audit::of(&record).unwrap();
    let Some(Cause::Unclear { rivals, rounds }) = &found(&audit, "b", "total-time").cause else {
        panic!("{audit:#?}")
    };
    assert_eq!(rivals.len(), 3, "{rivals:?}");
    assert_eq!(*rounds, None);
    let text = anechoic_report::markdown(&Summary::of(&record));
    assert!(
        text.contains("no number of rounds tells them apart"),
        "{text}"
    );
}

#[test]
fn equal_cases_carry_nothing_over_and_stay_readable() {
    let law = |_: &str, _: Option<&SessionPlace>| (1_000_000, 64 * MIB);
    let record = record(&["a", "b", "c"], 5, &law);
    let audit = Audit::of(&record).unwrap();
    assert!(!audit.found() && audit.is_measured());
    let summary = Summary::of(&record);
    assert!(summary.custom.is_none(), "its cases are no measurements");
    let text = anechoic_report::terminal(&summary);
    assert!(text.contains("No carry-over was found"), "{text}");
    let json = anechoic_report::json(&summary);
    let read: Summary = serde_json::from_str(&json).unwrap();
    assert_eq!(read.audit.as_ref().map(|it| it.carry_over.len()), Some(9));
    let metric: AuditMetric = serde_json::from_str("\"peak-resident\"").unwrap();
    assert_eq!(metric, AuditMetric::Measured(Metric::PeakResident));
}

#[test]
fn what_stays_is_told_by_the_case_that_leaves_it() {
    let law = |_: &str, _: Option<&SessionPlace>| (1_000_000, 64 * MIB);
    let audit = Audit::of(&record(&["a", "b"], 4, &law)).unwrap();
    for stay in &audit.stays {
        for left in [&stay.as_first, &stay.as_later].into_iter().flatten() {
            assert_eq!(left.value, MIB as f64);
        }
        assert!(stay.as_later.is_some());
    }
}

#[test]
fn too_little_is_said_so_and_cut_sessions_show() {
    let law = |_: &str, _: Option<&SessionPlace>| (1_000_000, 64 * MIB);
    let mut record = record(&["a", "b"], 1, &law);
    let audit = Audit::of(&record).unwrap();
    assert!(!audit.is_measured());
    let text = anechoic_report::terminal(&Summary::of(&record));
    assert!(text.contains("Nothing can be said"), "{text}");

    let listed = (record.manifest.cases.iter_mut()).filter(|case| case.case.id == "b@listed");
    for case in listed {
        case.attempts[0].outcome = Outcome::NotMade {
            after: "a@listed".to_owned(),
        };
    }
    let audit = Audit::of(&record).unwrap();
    assert_eq!(audit.cut.len(), 1);
    assert_eq!(
        (audit.cut[0].session, audit.cut[0].not_made[0].as_str()),
        (1, "b")
    );

    record.manifest.audit = None;
    assert_eq!(Audit::of(&record), None);
}

#[test]
fn the_page_of_an_audit_begins_with_what_it_found() {
    let law = |case: &str, place: Option<&SessionPlace>| {
        let slow = case != "b" && ran_before(place, "b");
        (if slow { 1_300_000 } else { 1_000_000 }, 50 * MIB)
    };
    let record = record(&["a", "b", "c", "d"], 6, &law);
    let summary = Summary::of(&record);
    let plots = plots(&record, &summary);
    let page = html(&record, &summary, &plots, &Logs::default());
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("audit");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("report.html"), &page).unwrap();
    let (_, findings) = page.split_once("<ul class=\"findings\">").unwrap();
    let (findings, _) = findings.split_once("</ul>").unwrap();
    assert!(findings.contains("b causes it: "), "{findings}");
    assert!(
        !findings.contains("each in a process of its own"),
        "some shared one: {findings}"
    );
    assert!(plots.iter().any(|plot| plot.id == "values-custom"));
}
