//! Together against alone, per case, T and metric.

use anechoic_stats::{Contrast, contrast, holm};
use anechoic_suite::Arrangement;
use serde::{Deserialize, Serialize};

use super::cause::{self, Cause};
use super::observed::{AuditMetric, Series};

/// What a case takes on from others in its process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CarryOver {
    /// The case, by its id in the suite.
    pub case: String,
    /// T, in benchmarks that measure at several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// What is compared.
    pub metric: AuditMetric,
    /// Together in the suite's order / alone − 1.
    pub listed: Option<Contrast>,
    /// Together in shuffled orders / alone − 1.
    pub shuffled: Option<Contrast>,
    /// Together in any order / alone − 1.
    pub pooled: Option<Contrast>,
    /// The p of the strongest comparison: `pooled`, or attempts behind a certain case with those not behind it. A case
    /// that only one other harms differs little on average. Adjusted for all that the audit compares (Bonferroni within
    /// a row, Holm 1979 over the rows).
    pub adjusted_p: Option<f64>,
    /// What may be said.
    pub verdict: CarryOverVerdict,
    /// Where it comes from; where something was found.
    pub cause: Option<Cause>,
}

/// What may be said of one comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CarryOverVerdict {
    /// It is measured otherwise beside others.
    Found,
    /// Memory that any case leaves, whichever: of resident memory at the start alone.
    AnyCase,
    /// Not more than 2 %, or than chance.
    NoneFound,
    /// Too few values to say anything.
    TooFew,
}

/// Carry-over below 2 % is not called found, however sure it is: a process that has worked before is never quite the same.
pub(crate) const LEAST: f64 = 0.02;

/// The nominal rate of false alarms over the whole audit.
pub(super) const ALPHA: f64 = 0.05;

/// Judges every series.
pub(super) fn judge(all: &[Series], cases: &[String], rounds: u32) -> Vec<CarryOver> {
    let mut judged: Vec<(CarryOver, Option<Strongest>)> = (all.iter())
        .map(|series| {
            let found = compare(series);
            let strongest = strongest(&found, series, cases);
            (found, strongest)
        })
        .collect();
    adjust(&mut judged);
    let judged = judged.into_iter().zip(all);
    judged
        .map(|((mut found, strongest), series)| {
            found.verdict = verdict(&found, strongest);
            if found.verdict == CarryOverVerdict::Found {
                explain(&mut found, series, cases, rounds);
            }
            found
        })
        .collect()
}

/// The comparison of a row that is least likely by chance.
#[derive(Debug, Clone, Copy)]
struct Strongest {
    effect: f64,
    /// For all comparisons of the row.
    p: f64,
}

fn strongest(found: &CarryOver, series: &Series, cases: &[String]) -> Option<Strongest> {
    let compared = cause::contrasts(series, cases);
    let compared: Vec<Contrast> = found.pooled.into_iter().chain(compared).collect();
    let with_p = compared.iter().filter_map(|it| Some((it.effect, it.p?)));
    let (effect, p) = with_p.min_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let tests = compared.iter().filter(|it| it.p.is_some()).count();
    let p = (p * tests as f64).min(1.0);
    Some(Strongest { effect, p })
}

fn adjust(judged: &mut [(CarryOver, Option<Strongest>)]) {
    let known: Vec<f64> = (judged.iter())
        .filter_map(|(_, strongest)| Some((*strongest)?.p))
        .collect();
    let with_p = judged
        .iter_mut()
        .filter(|(_, strongest)| strongest.is_some());
    for ((found, _), adjusted) in with_p.zip(holm(&known)) {
        found.adjusted_p = Some(adjusted);
    }
}

fn verdict(found: &CarryOver, strongest: Option<Strongest>) -> CarryOverVerdict {
    match (strongest, found.adjusted_p) {
        (Some(strongest), Some(p)) if p < ALPHA && strongest.effect.abs() >= LEAST => {
            CarryOverVerdict::Found
        }
        (Some(_), Some(_)) => CarryOverVerdict::NoneFound,
        (None, _) | (_, None) => CarryOverVerdict::TooFew,
    }
}

/// Adds the cause. Memory at the start that any case leaves is nothing that is measured.
fn explain(found: &mut CarryOver, series: &Series, cases: &[String], rounds: u32) {
    found.cause = cause::find(series, cases, rounds);
    let is_blamed = matches!(found.cause, Some(Cause::Neighbour(_)));
    if found.metric == AuditMetric::ResidentAtStart && !is_blamed {
        found.verdict = CarryOverVerdict::AnyCase;
    }
}

fn compare(series: &Series) -> CarryOver {
    let alone = series.values(|made| made.is_fresh());
    let against = |together: Vec<Vec<f64>>| contrast(&alone, &together);
    CarryOver {
        case: series.case.clone(),
        tokens: series.tokens,
        metric: series.metric.clone(),
        listed: against(series.values(|made| made.arrangement == Arrangement::Listed)),
        shuffled: against(series.values(|made| match made.arrangement {
            Arrangement::Fresh | Arrangement::Listed => false,
            Arrangement::Shuffled { .. } => true,
        })),
        pooled: against(series.values(|made| !made.is_fresh())),
        adjusted_p: None,
        verdict: CarryOverVerdict::TooFew,
        cause: None,
    }
}
