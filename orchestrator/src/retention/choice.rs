//! Which runs stay, and why.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_record::{Certificate, Night};
use jiff::Timestamp;

use super::baselines::named;

/// Seconds of a day: days are counted in time that passed, so that summer time changes nothing.
const DAY: i64 = 86_400;

/// What is to stay in any case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules {
    /// Runs of the last so many days.
    pub(crate) keep_days: u32,
    /// The newest runs of every suite.
    pub(crate) keep_last: u32,
    /// What nights with a regression were made of.
    pub(crate) keep_regressions: bool,
    pub(crate) now: Timestamp,
}

/// A run of the results root.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) run: String,
    /// The suite and the start; none where the manifest cannot be read.
    pub(crate) told: Option<(String, Timestamp)>,
    /// Whether somebody writes it.
    pub(crate) is_written: bool,
    /// Whether it is a link to a directory elsewhere.
    pub(crate) is_link: bool,
}

/// All that a results root holds.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    pub(crate) runs: Vec<Known>,
    pub(crate) nights: Vec<Night>,
    pub(crate) certificates: Vec<Certificate>,
    /// Files of nights and certificates that cannot be read: `SUITE_TIME.json`.
    pub(crate) unreadable: Vec<String>,
    /// The run that the link `latest` names.
    pub(crate) latest: Option<String>,
}

/// Why a run stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reason {
    Written,
    Unreadable,
    Link,
    Future,
    Newest,
    Latest,
    InUse,
    Baseline,
    Accepted,
    Certificate,
    Regression,
    ComparedWithRegression,
    Unsure,
    Last,
    Recent,
}

/// What is to become of a run: it goes where nothing keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) run: String,
    pub(crate) reasons: Vec<Reason>,
}

impl Reason {
    /// The name in JSON and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Written => "in-progress",
            Self::Unreadable => "unreadable",
            Self::Link => "link",
            Self::Future => "future",
            Self::Newest => "newest",
            Self::Latest => "latest",
            Self::InUse => "in-use",
            Self::Baseline => "baseline",
            Self::Accepted => "accepted",
            Self::Certificate => "certificate",
            Self::Regression => "regression",
            Self::ComparedWithRegression => "compared-with-regression",
            Self::Unsure => "unsure",
            Self::Last => "last",
            Self::Recent => "recent",
        }
    }
}

/// What is to become of every run, in the order of their names.
pub(crate) fn choose(shelf: &Shelf, rules: &Rules) -> Vec<Choice> {
    let mut kept: BTreeMap<&str, BTreeSet<Reason>> = BTreeMap::new();
    for known in &shelf.runs {
        let reasons = kept.entry(&known.run).or_default();
        reasons.extend(of_itself(known, rules.now));
        let is_latest = shelf.latest.as_ref() == Some(&known.run);
        reasons.extend(is_latest.then_some(Reason::Latest));
        if let Some((suite, started)) = &known.told {
            let age = rules.now.as_second() - started.as_second();
            let is_recent = age < i64::from(rules.keep_days) * DAY;
            reasons.extend(is_recent.then_some(Reason::Recent));
            // What is made of several runs is written when the last of them is there.
            let is_in_use = is_of_last_day(*started, rules.now);
            reasons.extend(is_in_use.then_some(Reason::InUse));
            let is_unsure = shelf.unreadable.iter().any(|file| may_be_of(file, suite));
            reasons.extend(is_unsure.then_some(Reason::Unsure));
        }
    }
    let by_place = newest(shelf, rules).into_iter();
    for (run, reason) in by_place.chain(named(shelf, rules)) {
        if let Some(reasons) = kept.get_mut(run) {
            reasons.insert(reason);
        }
    }
    let choice = |(run, reasons): (&str, BTreeSet<Reason>)| Choice {
        run: run.to_owned(),
        reasons: reasons.into_iter().collect(),
    };
    kept.into_iter().map(choice).collect()
}

/// Whether something began in the last 24 hours.
pub(super) fn is_of_last_day(started: Timestamp, now: Timestamp) -> bool {
    (0..DAY).contains(&(now.as_second() - started.as_second()))
}

fn of_itself(known: &Known, now: Timestamp) -> impl Iterator<Item = Reason> {
    let started = known.told.as_ref().map(|(_, started)| *started);
    [
        (known.is_written, Reason::Written),
        (known.is_link, Reason::Link),
        (started.is_none(), Reason::Unreadable),
        (started.is_some_and(|started| started > now), Reason::Future),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
}

/// A file is named after its suite, an underscore and a time; the name of a suite may hold underscores itself.
fn may_be_of(file: &str, suite: &str) -> bool {
    file.rsplit_once('_').is_none_or(|(name, _)| name == suite)
}

/// The newest runs of every suite. Those from the future take the place of none.
fn newest<'a>(shelf: &'a Shelf, rules: &Rules) -> Vec<(&'a str, Reason)> {
    let mut suites: BTreeMap<&str, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for known in &shelf.runs {
        if let Some((suite, started)) = &known.told
            && *started <= rules.now
        {
            suites
                .entry(suite)
                .or_default()
                .push((*started, &known.run));
        }
    }
    let mut found = Vec::new();
    for runs in suites.values_mut() {
        runs.sort_unstable_by(|a, b| b.cmp(a));
        found.extend(runs.iter().take(1).map(|(_, run)| (*run, Reason::Newest)));
        let last = runs.iter().take(rules.keep_last as usize);
        found.extend(last.map(|(_, run)| (*run, Reason::Last)));
    }
    found
}
