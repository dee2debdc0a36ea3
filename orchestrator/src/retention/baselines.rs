//! The runs that nights and certificates need: what later nights are compared with, and what was told of.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anechoic_record::{CellFinding, Night, NightOutcome};

use super::choice::{Reason, Rules, Shelf, is_of_last_day};

/// Good nights that stay where a suite is compared with several of them, at least.
const ROLLING: usize = 30;

/// Runs by name, with why they are needed. Some may be gone already.
pub(super) fn named<'a>(shelf: &'a Shelf, rules: &Rules) -> Vec<(&'a str, Reason)> {
    let held: BTreeSet<&str> = shelf.runs.iter().map(|known| known.run.as_str()).collect();
    let mut suites: BTreeMap<&str, Vec<&Night>> = BTreeMap::new();
    for night in &shelf.nights {
        suites.entry(&night.suite).or_default().push(night);
    }
    let mut found = Vec::new();
    for nights in suites.values_mut() {
        nights.sort_by_key(|night| night.started);
        found.extend(baselines(nights, &held).map(|run| (run, Reason::Baseline)));
        found.extend(in_use(nights, rules).map(|run| (run, Reason::InUse)));
        for night in nights.iter() {
            match night.outcome {
                NightOutcome::Accepted => {
                    found.extend(runs(night).map(|run| (run, Reason::Accepted)));
                }
                NightOutcome::Regression if rules.keep_regressions => {
                    found.extend(regression(night))
                }
                NightOutcome::NoBaseline
                | NightOutcome::Quiet
                | NightOutcome::Regression
                | NightOutcome::NotMeasured { .. }
                | NightOutcome::Failed { .. } => {}
            }
        }
    }
    found.extend(certified(shelf).map(|run| (run, Reason::Certificate)));
    found
}

/// The runs that a night made.
fn runs(night: &Night) -> impl Iterator<Item = &str> {
    let all = night.run.iter().chain(&night.confirmations);
    all.map(String::as_str)
}

/// The runs of the newest night where it may still be going on.
fn in_use<'a>(nights: &[&'a Night], rules: &Rules) -> impl Iterator<Item = &'a str> {
    let newest = nights.last().copied();
    let is_open =
        |night: &&Night| night.ended <= night.started || is_of_last_day(night.started, rules.now);
    newest.filter(is_open).into_iter().flat_map(runs)
}

/// What the next night of a suite may be compared with, and what the last one was. Nights are in their order. A good night whose run is gone
/// is none any more: an older one stands in for it.
fn baselines<'a>(nights: &[&'a Night], held: &BTreeSet<&str>) -> impl Iterator<Item = &'a str> {
    let rolling = nights
        .iter()
        .filter_map(|night| rolling(&night.baseline))
        .max();
    let count = rolling.map_or(1, |count| count.max(ROLLING));
    let is_held = |night: &&&Night| night.run.as_deref().is_some_and(|run| held.contains(run));
    let good = nights.iter().rev().filter(|night| night.outcome.is_good());
    let good = good.filter(is_held);
    let good: Vec<&str> = good.take(count).flat_map(|night| runs(night)).collect();
    let last = nights.iter().rev().find(|night| !night.against.is_empty());
    let last = last
        .into_iter()
        .flat_map(|night| night.against.iter().map(String::as_str));
    let asked = nights.last().and_then(|night| {
        let name = Path::new(&night.baseline).file_name()?;
        name.to_str()
    });
    good.into_iter().chain(last).chain(asked)
}

/// N of `rolling:N`.
fn rolling(baseline: &str) -> Option<usize> {
    baseline.strip_prefix("rolling:")?.parse().ok()
}

/// What a regression was seen in, and against.
fn regression(night: &Night) -> impl Iterator<Item = (&str, Reason)> {
    let since = night.cells.iter().filter_map(|cell| match &cell.finding {
        CellFinding::Step { since } | CellFinding::Creep { since, .. } => Some(since.as_str()),
        CellFinding::New
        | CellFinding::Unjudged
        | CellFinding::Same
        | CellFinding::Better
        | CellFinding::Worse => None,
    });
    let seen = runs(night)
        .chain(since)
        .map(|run| (run, Reason::Regression));
    let against = night.against.iter().map(String::as_str);
    seen.chain(against.map(|run| (run, Reason::ComparedWithRegression)))
}

/// The runs of the newest certificate of every suite.
fn certified(shelf: &Shelf) -> impl Iterator<Item = &str> {
    let mut newest = BTreeMap::new();
    for certificate in &shelf.certificates {
        let held = newest.entry(&certificate.suite).or_insert(certificate);
        if certificate.made > held.made {
            *held = certificate;
        }
    }
    let certificates = newest.into_values();
    certificates.flat_map(|certificate| certificate.runs.iter().map(String::as_str))
}
