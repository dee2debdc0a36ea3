//! Which neighbour a carry-over comes from, or whether it comes from the position in the process alone.
//!
//! Every explanation splits the attempts in two: those before which something had happened (a certain case had run, had
//! run just before, or any case had) and the others, alone ones among them. The explanation that leaves the least spread
//! within both groups explains best; one that leaves not much more is its rival.

use anechoic_stats::{Contrast, contrast, holm, process_value};
use serde::{Deserialize, Serialize};

use super::carry_over::ALPHA;
use super::observed::{Made, Series};

/// Where a carry-over comes from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "kebab-case")]
pub enum Cause {
    /// A certain case.
    Neighbour(Neighbour),
    /// Any case before it: that it is not the first of its process explains it as well as the data can tell.
    Position {
        /// Not first / first − 1.
        effect: Contrast,
        /// The p of it, adjusted for all explanations.
        adjusted_p: f64,
    },
    /// It cannot be told.
    Unclear {
        /// Explanations that do as well as each other, in words.
        rivals: Vec<String>,
        /// Rounds that would tell them apart; absent where no number of rounds would.
        rounds: Option<u32>,
    },
}

/// The case that causes a carry-over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Its id in the suite.
    pub case: String,
    /// When it does so.
    pub when: When,
    /// Behind it / not behind it − 1.
    pub effect: Contrast,
    /// The p of it, adjusted for all explanations (Holm 1979).
    pub adjusted_p: f64,
}

/// Where the neighbour has to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Anywhere before.
    Before,
    /// Directly before.
    JustBefore,
}

/// Twice the logarithm of 20: an explanation that is less than 20 times as likely as another (both with the same number of
/// parameters and normal logarithms, as in Burnham & Anderson 2002, §2.9) is not told apart from it.
const EVIDENCE: f64 = 6.0;

/// Values that differ by less than 0.1 % are taken as equal.
const EQUAL: f64 = 1e-3;

#[derive(Debug, Clone, PartialEq)]
enum Explanation {
    Position,
    Neighbour(String, When),
}

impl Explanation {
    fn holds(&self, made: &Made) -> bool {
        match self {
            Self::Position => !made.before.is_empty(),
            Self::Neighbour(case, When::Before) => made.before.contains(case),
            Self::Neighbour(case, When::JustBefore) => made.before.last() == Some(case),
        }
    }

    fn words(&self) -> String {
        match self {
            Self::Position => "any case before it".to_owned(),
            Self::Neighbour(case, When::Before) => format!("`{case}` before it"),
            Self::Neighbour(case, When::JustBefore) => format!("`{case}` just before it"),
        }
    }

    /// Whether both name the same case.
    fn is_akin(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Neighbour(one, _), Self::Neighbour(another, _)) => one == another,
            (Self::Position, _) | (_, Self::Position) => false,
        }
    }
}

/// An explanation with what it explains.
struct Tried {
    explanation: Explanation,
    effect: Contrast,
    p: f64,
    adjusted_p: f64,
    /// Sum of squares within the two groups, on logarithms.
    spread: f64,
}

/// The best explanation of what was found in a series; `None` where nothing can be tried.
pub(super) fn find(series: &Series, cases: &[String], rounds: u32) -> Option<Cause> {
    let mut tried: Vec<Tried> = (explanations(&series.case, cases).into_iter())
        .filter_map(|explanation| attempt(series, explanation))
        .collect();
    let adjusted = holm(&tried.iter().map(|it| it.p).collect::<Vec<_>>());
    for (it, adjusted_p) in tried.iter_mut().zip(adjusted) {
        it.adjusted_p = adjusted_p;
    }
    tried.sort_by(|a, b| a.spread.total_cmp(&b.spread));
    let (best, others) = tried.split_first()?;
    let count = series.made.len();
    let evidence = |other: &Tried| count as f64 * (other.spread / best.spread).ln();
    let rivals: Vec<&Tried> = others
        .iter()
        .filter(|other| evidence(other) < EVIDENCE && !other.explanation.is_akin(&best.explanation))
        .collect();
    if rivals.is_empty() && best.adjusted_p < ALPHA {
        return Some(best.cause());
    }
    let words = std::iter::once(best).chain(rivals.iter().copied());
    let needed = match rivals.is_empty() {
        true => best
            .effect
            .minimum_detectable
            .map(|least| (least / best.effect.effect).powi(2)),
        false => {
            let weakest = rivals
                .iter()
                .map(|rival| evidence(rival))
                .fold(f64::MAX, f64::min);
            match weakest > 0.1 {
                true => Some(EVIDENCE / weakest),
                // They held for the same attempts. Further rounds bring other orders, but not where there are two cases.
                false => (cases.len() > 2).then_some(2.0),
            }
        }
    };
    Some(Cause::Unclear {
        rivals: words.map(|it| it.explanation.words()).collect(),
        rounds: needed.map(|factor| (f64::from(rounds) * factor.max(1.0)).ceil() as u32 + 1),
    })
}

/// The contrasts of all explanations that split the attempts in different ways.
pub(super) fn contrasts(series: &Series, cases: &[String]) -> Vec<Contrast> {
    let mut splits: Vec<Vec<bool>> = Vec::new();
    let explanations = explanations(&series.case, cases).into_iter();
    let new = explanations.filter(|explanation| {
        let split = series
            .made
            .iter()
            .map(|made| explanation.holds(made))
            .collect();
        let is_new = !splits.contains(&split);
        splits.push(split);
        is_new
    });
    new.filter_map(|explanation| Some(attempt(series, explanation)?.effect))
        .collect()
}

/// What may explain a carry-over to this case, the plainest first: of those that explain equally well the first counts.
fn explanations(case: &str, cases: &[String]) -> Vec<Explanation> {
    let others = || cases.iter().filter(|other| *other != case);
    let neighbour = |when| others().map(move |other| Explanation::Neighbour(other.clone(), when));
    std::iter::once(Explanation::Position)
        .chain(neighbour(When::Before))
        .chain(neighbour(When::JustBefore))
        .collect()
}

fn attempt(series: &Series, explanation: Explanation) -> Option<Tried> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for made in &series.made {
        match explanation.holds(made) {
            true => with.push(made.values.clone()),
            false => without.push(made.values.clone()),
        }
    }
    let effect = contrast(&without, &with)?;
    let count = series.made.len() as f64;
    Some(Tried {
        p: effect.p?,
        adjusted_p: 1.0,
        spread: within(&with)? + within(&without)? + count * EQUAL.powi(2),
        effect,
        explanation,
    })
}

/// Sum of squares around the mean, of logarithms of process values.
fn within(series: &[Vec<f64>]) -> Option<f64> {
    let values: Option<Vec<f64>> = series.iter().map(|it| process_value(it)).collect();
    let logarithms: Vec<f64> = values?.into_iter().map(f64::ln).collect();
    let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
    Some(logarithms.iter().map(|it| (it - mean).powi(2)).sum())
}

impl Tried {
    fn cause(&self) -> Cause {
        match &self.explanation {
            Explanation::Position => Cause::Position {
                effect: self.effect,
                adjusted_p: self.adjusted_p,
            },
            Explanation::Neighbour(case, when) => Cause::Neighbour(Neighbour {
                case: case.clone(),
                when: *when,
                effect: self.effect,
                adjusted_p: self.adjusted_p,
            }),
        }
    }
}
