//! How a run went: which cases failed, and whether the machine was at rest enough for its values to be believed.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_record::{AttemptRecord, CaseRecord, Disturbance, Manifest, Outcome};

/// How a run went.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Course {
    /// Cases that lack good attempts for another reason than a machine without rest, each with its cause.
    pub(crate) failed: Vec<String>,
    /// Why nothing may be concluded from its values; none where it may.
    pub(crate) restless: Vec<String>,
    /// What else is to be known.
    pub(crate) notes: Vec<String>,
}

impl Course {
    /// Of a run whose attempts are made.
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let lacking = manifest.cases.iter();
        let lacking: Vec<_> = lacking
            .filter(|case| case.lacks(&manifest.plan) > 0)
            .collect();
        let (spoiled, failed): (Vec<_>, Vec<_>) =
            lacking.into_iter().partition(|case| is_spoiled(case));
        Self {
            failed: failed.into_iter().map(failure).collect(),
            restless: restless(manifest),
            notes: spoiled.into_iter().map(spoiled_text).collect(),
        }
    }
}

/// Whether nothing but a machine without rest has cost it attempts.
fn is_spoiled(case: &CaseRecord) -> bool {
    let mut bad = case.attempts.iter().filter(|a| !a.outcome.is_ok());
    let first = bad.next();
    first.is_some_and(is_contaminated) && bad.all(is_contaminated)
}

fn is_contaminated(attempt: &AttemptRecord) -> bool {
    matches!(attempt.outcome, Outcome::Contaminated { .. })
}

fn failure(case: &CaseRecord) -> String {
    let mut bad = case.attempts.iter().rev();
    let newest = bad.find(|attempt| !attempt.outcome.is_ok());
    let cause = newest.map_or_else(
        || "not attempted".to_owned(),
        |attempt| attempt.outcome.cause(),
    );
    format!("{}: {cause}", case.case.id)
}

fn spoiled_text(case: &CaseRecord) -> String {
    let good = case.ok_attempts().count();
    let all = case.attempts.len();
    format!(
        "{}: {good} of {all} attempts count, as the machine was not at rest",
        case.case.id
    )
}

/// Where more than half of the attempts that a night rests on were disturbed, the causes, those of most attempts first. It rests on good
/// attempts, and on those that do not count and were not made up for.
fn restless(manifest: &Manifest) -> Vec<String> {
    let (mut made, mut disturbed) = (0_usize, 0_usize);
    for case in &manifest.cases {
        let lost = case.attempts.iter().filter(|a| is_contaminated(a)).count();
        let lacks = usize::try_from(case.lacks(&manifest.plan)).unwrap_or(usize::MAX);
        let lost = lost.min(lacks);
        let doubtful = case.ok_attempts().filter(|a| !a.disturbed.is_empty());
        made += case.ok_attempts().count() + lost;
        disturbed += doubtful.count() + lost;
    }
    if disturbed * 2 <= made {
        return Vec::new();
    }
    let all = format!("{disturbed} of {made} attempts were disturbed");
    std::iter::once(all).chain(causes(manifest)).collect()
}

fn causes(manifest: &Manifest) -> impl Iterator<Item = String> {
    let mut causes: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (_, attempt) in manifest.attempts() {
        let mut seen = BTreeSet::new();
        for disturbance in of_attempt(attempt) {
            let name = disturbance.what.name();
            let cause = causes.entry(name);
            let cause = cause.or_insert_with(|| (0, disturbance.what.cause()));
            cause.0 += usize::from(seen.insert(name));
        }
    }
    let mut causes: Vec<_> = causes.into_values().collect();
    causes.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let text = |(count, text)| match count {
        1 => format!("in 1 attempt: {text}"),
        several => format!("in {several} attempts, for example: {text}"),
    };
    causes.into_iter().map(text)
}

/// The record repeats in `disturbed` what an outcome holds; of older records only the outcome has it.
fn of_attempt(attempt: &AttemptRecord) -> &[Disturbance] {
    match &attempt.outcome {
        Outcome::Contaminated { disturbances, .. } if attempt.disturbed.is_empty() => disturbances,
        _ => &attempt.disturbed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nightly::made::manifest;

    /// One case per word, one letter per attempt: `o` good, `d` good and disturbed, `c` contaminated, `x` failed. Two good ones are planned.
    fn check(cases: &str, failed: usize, is_restless: bool, notes: usize) {
        let course = Course::of(&manifest(cases));
        let found = (
            course.failed.len(),
            !course.restless.is_empty(),
            course.notes.len(),
        );
        assert_eq!(found, (failed, is_restless, notes), "{cases}: {course:?}");
    }

    #[test]
    fn failed_cases_and_machines_without_rest() {
        check("oo oo", 0, false, 0);
        check("oo ox", 1, false, 0);
        check("xx xx", 2, false, 0);
        check("oo xoo", 0, false, 0);
        check("oo -", 1, false, 0);
        check("oo od", 0, false, 0);
        check("dd oo", 0, false, 0);
        check("dd od", 0, true, 0);
        check("oo oc", 0, false, 1);
        check("cc cc", 0, true, 2);
        check("oo cc", 0, false, 1);
        check("oo cx", 1, false, 0);
        // Made up for by retries.
        check("cccoo cccoo", 0, false, 0);
    }

    #[test]
    fn causes_are_told() {
        let course = Course::of(&manifest("dd xx"));
        assert_eq!(
            course.restless,
            [
                "2 of 2 attempts were disturbed",
                "in 2 attempts, for example: the processor throttled 3 time(s)"
            ]
        );
        let course = Course::of(&manifest("xx"));
        assert_eq!(course.failed, ["case-0: exited with code 1"]);
        let course = Course::of(&manifest("-"));
        assert_eq!(course.failed, ["case-0: not attempted"]);
    }
}
