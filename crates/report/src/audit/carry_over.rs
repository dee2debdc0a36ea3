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
    /// The p of `pooled`, adjusted for all that the audit compares (Holm 1979).
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
    /// Not more than [`LEAST`], or than chance.
    NoneFound,
    /// Too few values to say anything.
    TooFew,
}

/// Carry-over below 2 % is not called found, however sure it is: a process that has worked before is never quite the same.
pub(super) const LEAST: f64 = 0.02;

/// The nominal rate of false alarms over the whole audit.
pub(super) const ALPHA: f64 = 0.05;

/// Judges every series.
pub(super) fn judge(all: &[Series], cases: &[String], rounds: u32) -> Vec<CarryOver> {
    let mut found: Vec<CarryOver> = all.iter().map(compare).collect();
    adjust(&mut found);
    for (found, series) in found.iter_mut().zip(all) {
        found.verdict = verdict(found);
        if found.verdict == CarryOverVerdict::Found {
            found.cause = cause::find(series, cases, rounds);
            if found.metric == AuditMetric::ResidentAtStart
                && !matches!(found.cause, Some(Cause::Neighbour(_)))
            {
                found.verdict = CarryOverVerdict::AnyCase;
            }
        }
    }
    found
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

fn adjust(found: &mut [CarryOver]) {
    let p = |it: &CarryOver| it.pooled.and_then(|pooled| pooled.p);
    let known: Vec<f64> = found.iter().filter_map(p).collect();
    let with_p = found.iter_mut().filter(|it| p(it).is_some());
    for (it, adjusted) in with_p.zip(holm(&known)) {
        it.adjusted_p = Some(adjusted);
    }
}

fn verdict(found: &CarryOver) -> CarryOverVerdict {
    match (found.pooled, found.adjusted_p) {
        (Some(pooled), Some(p)) if p < ALPHA && pooled.effect.abs() >= LEAST => {
            CarryOverVerdict::Found
        }
        (Some(_), Some(_)) => CarryOverVerdict::NoneFound,
        (None, _) | (_, None) => CarryOverVerdict::TooFew,
    }
}
