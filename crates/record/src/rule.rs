//! Where a case stands under its plan's stop rule: a pure function of what its good attempts measured. It says whether a
//! further process is wanted; who starts it, and when, is not known here.

use anechoic_suite::{Metric, Plan, StopRule};
use serde::{Deserialize, Serialize};

use crate::{AttemptData, CaseRecord, Cell, RunRecord, cells_of_case};

/// What was found of one case when all attempts so far had ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RuleCheck {
    /// Whose interval it is.
    pub metric: Metric,
    /// T with the widest interval, where the case has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// Good attempts, which the interval is made of.
    pub processes: u32,
    /// Half the width of the interval relative to the value, of the widest T; absent where there is none: fewer than two
    /// processes, no value, or values around zero.
    pub half_width: Option<f64>,
    /// What follows.
    pub verdict: RuleVerdict,
}

/// What follows from a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleVerdict {
    /// Planned attempts are still to be made, so that nothing was judged.
    Pending,
    /// The interval is narrow enough.
    Met,
    /// It is too wide, or of too few good attempts: a further process is wanted.
    Another,
    /// It is too wide, and the case has had its most processes.
    MaxReached,
    /// No process has a value of the metric, so that a further one would not either.
    NotMeasured,
    /// No process has ended well: what goes wrong every time is for the user, not for more processes.
    NoneGood,
}

impl RuleVerdict {
    /// The name as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Met => "met",
            Self::Another => "another",
            Self::MaxReached => "max-reached",
            Self::NotMeasured => "not-measured",
            Self::NoneGood => "none-good",
        }
    }
}

impl RunRecord {
    /// Where each case stands, in the plan's order; `None` where the plan has no stop rule.
    pub fn rule_checks(&self) -> Option<Vec<RuleCheck>> {
        let plan = &self.manifest.plan;
        let rule = plan.until.as_ref()?;
        let cases = self.manifest.cases.iter();
        let check = |case: &CaseRecord| {
            let data = |attempt| self.attempts.get(&(case.case.id.clone(), attempt));
            rule_check(rule, plan, case, data)
        };
        Some(cases.map(check).collect())
    }
}

/// Where the case stands; `data` has what its attempts measured, by their numbers.
pub fn rule_check<'a>(
    rule: &StopRule,
    plan: &Plan,
    case: &CaseRecord,
    data: impl Fn(u32) -> Option<&'a AttemptData>,
) -> RuleCheck {
    let metric = rule.metric(case.case.work.name());
    let good = case.ok_attempts();
    let good: Vec<_> = good
        .filter_map(|attempt| Some((attempt.attempt, data(attempt.attempt)?)))
        .collect();
    let processes = u32::try_from(good.len()).unwrap_or(u32::MAX);
    let mut cells = cells_of_case(case, good.into_iter());
    cells.retain(|cell| cell.id.metric == metric && !cell.processes.is_empty());
    let widest = widest(&cells);
    let half_width = widest.and_then(|(_, half_width)| half_width);
    let verdict = match half_width {
        _ if case.unmade(plan) > 0 => RuleVerdict::Pending,
        _ if processes == 0 => RuleVerdict::NoneGood,
        _ if cells.is_empty() => RuleVerdict::NotMeasured,
        Some(found) if processes >= plan.attempts && is_narrow(rule, found) => RuleVerdict::Met,
        _ if case.processes(plan) >= rule.max => RuleVerdict::MaxReached,
        Some(_) | None => RuleVerdict::Another,
    };
    RuleCheck {
        metric,
        tokens: widest.and_then(|(cell, _)| cell.id.tokens),
        processes,
        half_width,
        verdict,
    }
}

/// The half-width reached is compared as it is shown: bytes that differ in the twelfth digit are no reason for a process.
fn is_narrow(rule: &StopRule, half_width: f64) -> bool {
    half_width <= rule.half_width_ppm.fraction() * (1.0 + 1e-9)
}

/// The cell with the widest interval; one without any counts as wider than all others.
fn widest(cells: &[Cell]) -> Option<(&Cell, Option<f64>)> {
    let widths = cells.iter().map(|cell| (cell, half_width(&cell.series())));
    widths.max_by(|(_, a), (_, b)| {
        let width = |half: &Option<f64>| half.unwrap_or(f64::INFINITY);
        width(a).total_cmp(&width(b))
    })
}

/// Half the width of the interval over processes, relative to the value.
fn half_width(series: &[Vec<f64>]) -> Option<f64> {
    anechoic_stats::centre(series)?.relative_half_width()
}
