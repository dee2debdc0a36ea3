//! Cases of one run that agree in everything but one setting.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anechoic_record::{Cell, CellId, Metric, RunRecord};

use super::comparison::doubts;
use super::judge::judge;
use super::pair::{Pair, Refusal, machines_within};
use super::rounds::Rounds;
use super::runs::chosen;
use super::settings::{Settings, settings};
use super::{By, CompareOptions, Comparison, NotMeasured, RunFacts, Side, Unmatched};

/// By which setting cases are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Within {
    /// The setting: as in the case's JSON (`workload.batch_size`), its last part, or as suites write it (`batch-size`).
    pub key: String,
    /// The value of the base; the first of the plan where there is none.
    pub base: Option<String>,
}

/// No two cases of a run can be compared by a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoMatch {
    /// No case has the setting.
    NoSuchKey {
        /// What was asked for.
        key: String,
        /// Settings that differ between cases, with their values.
        differing: Vec<(String, Vec<String>)>,
    },
    /// The name means several settings.
    Ambiguous {
        /// What was asked for.
        key: String,
        /// What it may mean.
        keys: Vec<String>,
    },
    /// No case has the value that the base should have.
    NoSuchBase {
        /// The setting.
        key: String,
        /// What was asked for.
        base: String,
        /// Its values.
        values: Vec<String>,
    },
    /// No two cases differ in this setting alone.
    NothingAlike {
        /// The setting.
        key: String,
        /// Settings that differ between cases, with their values.
        differing: Vec<(String, Vec<String>)>,
    },
}

/// What follows from a setting where a suite does not say it: another value of it is no other difference.
const FOLLOWERS: [(&str, &str, Follows); 3] = [
    ("mode", "layers", Follows::Always),
    ("dtype", "fetch_dtype", Follows::WhereEqual),
    (
        "workload.prefill_tokens",
        "workload.prefill_chunk",
        Follows::WhereEqual,
    ),
];

enum Follows {
    Always,
    WhereEqual,
}

/// Two cases, by their places in the plan.
struct Match {
    base: usize,
    new: usize,
}

impl Comparison {
    /// Compares the cases of a run that agree in everything but one setting. Where rounds were measured side by side,
    /// each is compared with itself.
    pub fn within(
        record: &RunRecord,
        within: &Within,
        options: &CompareOptions,
    ) -> Result<Self, NoMatch> {
        let cases = record.manifest.cases.iter();
        let all: Vec<Settings> = cases.map(|case| settings(record, case)).collect();
        let key = resolve(&within.key, &all)?;
        let matches = matches(&all, &key, within)?;
        let not_measured = not_measured(record, &matches);
        let (pairs, unmatched) = pairs(record, &all, &key, &matches, options);
        Ok(Self {
            base: RunFacts::of(record),
            new: RunFacts::of(record),
            by: Some(By {
                key,
                base: within.base.clone(),
            }),
            threshold: options.threshold,
            forced: options.force,
            notes: doubts("the run", record),
            cells: judge(pairs, options),
            unmatched,
            not_measured,
        })
    }
}

/// The whole key that is meant.
fn resolve(asked: &str, all: &[Settings]) -> Result<String, NoMatch> {
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let as_json = asked.replace('-', "_");
    for name in [asked, as_json.as_str()] {
        if keys.contains(&name.to_owned()) {
            return Ok(name.to_owned());
        }
    }
    let means = |key: &&&String| {
        let last = key.rsplit_once('.').map(|(_, last)| last);
        [asked, &as_json].iter().any(|name| {
            last == Some(name) || key.strip_prefix(name).is_some_and(|rest| rest == ".name")
        })
    };
    let found: Vec<_> = keys.iter().filter(means).collect();
    match found.as_slice() {
        [key] => Ok((**key).clone()),
        [] => Err(NoMatch::NoSuchKey {
            key: asked.to_owned(),
            differing: differing(all),
        }),
        several => Err(NoMatch::Ambiguous {
            key: asked.to_owned(),
            keys: several.iter().map(|key| (**key).clone()).collect(),
        }),
    }
}

/// Settings that do not have the same value in all cases, with their values in the plan's order.
fn differing(all: &[Settings]) -> Vec<(String, Vec<String>)> {
    let keys: BTreeSet<&String> = all.iter().flat_map(BTreeMap::keys).collect();
    let values = keys.into_iter().map(|key| (key.clone(), values(all, key)));
    values.filter(|(_, values)| values.len() > 1).collect()
}

fn values(all: &[Settings], key: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let values = all.iter().filter_map(|settings| settings.get(key));
    values
        .filter(|value| seen.insert(*value))
        .cloned()
        .collect()
}

/// Everything but the setting and what follows from it.
fn rest(settings: &Settings, key: &str) -> Settings {
    let mut rest = settings.clone();
    let value = rest.remove(key);
    for (of, follower, follows) in &FOLLOWERS {
        let goes = match follows {
            Follows::Always => true,
            Follows::WhereEqual => rest.get(*follower) == value.as_ref(),
        };
        if *of == key && goes {
            rest.remove(*follower);
        }
    }
    rest
}

/// Cases that agree in all else, each with that of its group that has the base's value.
fn matches(all: &[Settings], key: &str, within: &Within) -> Result<Vec<Match>, NoMatch> {
    let values = values(all, key);
    if let Some(base) = within.base.as_ref().filter(|base| !values.contains(base)) {
        let (key, base) = (key.to_owned(), base.clone());
        return Err(NoMatch::NoSuchBase { key, base, values });
    }
    let mut groups: BTreeMap<Settings, Vec<usize>> = BTreeMap::new();
    for (at, settings) in all.iter().enumerate() {
        if settings.contains_key(key) {
            groups.entry(rest(settings, key)).or_default().push(at);
        }
    }
    let value = |at: usize| all[at].get(key);
    let mut matches = Vec::new();
    for group in groups.values() {
        let is_base = |at: &usize| within.base.is_none() || value(*at) == within.base.as_ref();
        let Some(base) = group.iter().copied().find(is_base) else {
            continue;
        };
        let others = group.iter().copied().filter(|at| value(*at) != value(base));
        matches.extend(others.map(|new| Match { base, new }));
    }
    matches.sort_by_key(|found| found.new);
    match matches.is_empty() {
        true => Err(NoMatch::NothingAlike {
            key: key.to_owned(),
            differing: differing(all),
        }),
        false => Ok(matches),
    }
}

/// Failures of the cases that would be compared; a case that is the base of several is told of once.
fn not_measured(record: &RunRecord, matches: &[Match]) -> Vec<NotMeasured> {
    let cases = &record.manifest.cases;
    let bases: BTreeSet<usize> = matches.iter().map(|found| found.base).collect();
    let bases = bases
        .into_iter()
        .filter_map(|at| NotMeasured::of(Side::Base, &cases[at]));
    let new = matches.iter().filter_map(|found| {
        let is_measured = cases[found.base].ok_attempts().next().is_some();
        Some(NotMeasured::of(Side::New, &cases[found.new])?.beside(is_measured))
    });
    bases.chain(new).collect()
}

type Cells = BTreeMap<(Option<u32>, Metric), Cell>;

fn pairs(
    record: &RunRecord,
    all: &[Settings],
    key: &str,
    matches: &[Match],
    options: &CompareOptions,
) -> (Vec<Pair>, Vec<Unmatched>) {
    let cases = &record.manifest.cases;
    let mut of_case: BTreeMap<String, Cells> = BTreeMap::new();
    for cell in chosen(record, options) {
        let cells = of_case.entry(cell.id.case.clone()).or_default();
        cells.insert((cell.id.tokens, cell.id.metric.clone()), cell);
    }
    let refusal = Refusal::of(&machines_within("the run", record), &[]);
    let rounds = Rounds::of(record);
    let value = |at: usize| all[at].get(key).cloned().unwrap_or_default();
    let id = |at: usize| cases[at].case.id.as_str();
    let (mut pairs, mut matched) = (Vec::new(), BTreeSet::new());
    for found in matches {
        let both = of_case.get(id(found.base)).zip(of_case.get(id(found.new)));
        let Some((base, new)) = both else { continue };
        for (tokens, base, new) in common(key, base, new) {
            matched.extend([base.id.clone(), new.id.clone()]);
            pairs.push(Pair {
                base_case: base.id.case.clone(),
                new_case: new.id.case.clone(),
                by: Some((value(found.base), value(found.new))),
                tokens,
                metric: base.id.metric.clone(),
                side_by_side: rounds.hold((found.base, base), (found.new, new)),
                base: base.clone().into(),
                new: new.clone().into(),
                refusal: refusal.clone(),
            });
        }
    }
    let ids = of_case.into_values().flat_map(BTreeMap::into_values);
    let alone = ids.map(|cell| cell.id).filter(|id| !matched.contains(id));
    (pairs, unmatched(record, matches, alone))
}

/// The setting that T is.
const TOKENS: &str = "tokens";

/// Cells that both cases have, with their T where it is the same. Compared by T, cases that measure at one each have
/// their cells in common all the same.
fn common<'a>(
    key: &str,
    base: &'a Cells,
    new: &'a Cells,
) -> Vec<(Option<u32>, &'a Cell, &'a Cell)> {
    let only = |cells: &Cells| {
        let at: BTreeSet<u32> = cells.keys().filter_map(|(tokens, _)| *tokens).collect();
        (at.len() == 1).then(|| at.first().copied()).flatten()
    };
    let differing = only(base).zip(only(new)).filter(|_| key == TOKENS);
    let pair = |((tokens, metric), of_base): (&(Option<u32>, Metric), &'a Cell)| {
        let (at, theirs) = match (differing, tokens) {
            (Some((_, theirs)), Some(_)) => (None, Some(theirs)),
            (None, _) | (Some(_), None) => (*tokens, *tokens),
        };
        Some((at, of_base, new.get(&(theirs, metric.clone()))?))
    };
    base.iter().filter_map(pair).collect()
}

/// In the plan's order. What has a counterpart that failed is not missing.
fn unmatched(
    record: &RunRecord,
    matches: &[Match],
    alone: impl Iterator<Item = CellId>,
) -> Vec<Unmatched> {
    let cases = &record.manifest.cases;
    let place: BTreeMap<&str, usize> = (0..)
        .zip(cases)
        .map(|(at, case)| (case.case.id.as_str(), at))
        .collect();
    let has_failed = |at: usize| cases[at].ok_attempts().next().is_none();
    let explained: BTreeSet<usize> = matches
        .iter()
        .filter(|found| has_failed(found.base) || has_failed(found.new))
        .flat_map(|found| [found.base, found.new])
        .collect();
    let bases: BTreeSet<usize> = matches.iter().map(|found| found.base).collect();
    let mut alone: Vec<(usize, CellId)> = alone
        .map(|id| (place.get(id.case.as_str()).copied().unwrap_or(0), id))
        .filter(|(at, _)| !explained.contains(at))
        .collect();
    alone.sort();
    let side = |at: usize| match bases.contains(&at) {
        true => Side::Base,
        false => Side::New,
    };
    alone
        .into_iter()
        .map(|(at, id)| Unmatched {
            side: side(at),
            case: id.case,
            tokens: id.tokens,
            metric: id.metric,
        })
        .collect()
}

impl fmt::Display for NoMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchKey { key, differing } => {
                write!(f, "no case has a setting `{key}`; {}", listed(differing))
            }
            Self::Ambiguous { key, keys } => {
                write!(f, "`{key}` may mean {}", keys.join(" or "))
            }
            Self::NoSuchBase { key, base, values } => {
                let values = values.join(", ");
                write!(f, "no case has `{base}` as its {key}; there are {values}")
            }
            Self::NothingAlike { key, differing } => write!(
                f,
                "no two cases differ in `{key}` alone; {}",
                listed(differing)
            ),
        }
    }
}

impl std::error::Error for NoMatch {}

fn listed(differing: &[(String, Vec<String>)]) -> String {
    if differing.is_empty() {
        return "cases differ in no setting".to_owned();
    }
    let one = |(key, values): &(String, Vec<String>)| format!("{key} ({})", values.join(", "));
    let all: Vec<_> = differing.iter().map(one).collect();
    format!("cases differ in {}", all.join("; "))
}
