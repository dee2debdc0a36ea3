//! Which cases reached the stop rule of their plan, after how many processes and with which interval.

use anechoic_record::{RuleCheck, RunRecord};
use serde::{Deserialize, Serialize};

/// Where one case stands under the stop rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stopping {
    /// The case.
    pub case: String,
    /// The half-width that was to be reached, relative to the value.
    pub wanted_half_width: f64,
    /// Processes after which none is added, retries aside.
    pub most_processes: u32,
    /// What was found.
    #[serde(flatten)]
    pub check: RuleCheck,
}

/// One entry per case, in the plan's order; none where the plan has no stop rule.
pub(crate) fn stopping(record: &RunRecord) -> Vec<Stopping> {
    let manifest = &record.manifest;
    let (Some(rule), Some(checks)) = (&manifest.plan.until, record.rule_checks()) else {
        return Vec::new();
    };
    let cases = manifest.cases.iter().zip(checks);
    let entry = |(case, check): (&anechoic_record::CaseRecord, RuleCheck)| Stopping {
        case: case.case.id.clone(),
        wanted_half_width: rule.half_width_ppm.fraction(),
        most_processes: rule.max,
        check,
    };
    cases.map(entry).collect()
}
