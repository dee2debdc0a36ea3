//! The table of the stop rule.

use anechoic_record::RuleVerdict;

use super::cell::{self, Cell};
use super::section::Section;
use crate::{Stopping, Summary, units};

/// Where the plan has a stop rule: how far each case came.
pub(super) fn section(summary: &Summary) -> Option<Section> {
    let first = summary.stopping.first()?;
    let reached = summary.stopping.iter().filter(|s| is_met(s)).count();
    let note = format!(
        "Processes were added until half the 95 % interval over processes was at most {} of the value, up to {} per case:\n\
         {reached} of {} case(s) reached it. To look after every round makes such an interval hold the truth somewhat less\n\
         often than 95 % of the time; docs/measurement.md has how much.\n",
        units::share(first.wanted_half_width),
        first.most_processes,
        summary.stopping.len()
    );
    let header = ["case", "metric", "good attempts", "half-width", "rule"];
    let rows = summary.stopping.iter().map(row).collect();
    Section::table("Stop rule", &note, &header, rows)
}

fn is_met(stopping: &Stopping) -> bool {
    stopping.check.verdict == RuleVerdict::Met
}

fn row(stopping: &Stopping) -> Vec<Cell> {
    let check = &stopping.check;
    let metric = match check.tokens {
        Some(tokens) => format!("{} at T={tokens}", check.metric),
        None => check.metric.to_string(),
    };
    let half_width = match check.half_width {
        Some(half) => format!("± {} %", units::significant(half * 100.0, 2)),
        None => units::NONE.to_owned(),
    };
    vec![
        stopping.case.clone().into(),
        metric.into(),
        Cell::number(u64::from(check.processes)),
        cell::keyed(half_width, check.half_width),
        words(stopping).into(),
    ]
}

fn words(stopping: &Stopping) -> String {
    match stopping.check.verdict {
        RuleVerdict::Met => "reached".to_owned(),
        RuleVerdict::Another => "not reached yet".to_owned(),
        RuleVerdict::Pending => "attempts are missing".to_owned(),
        RuleVerdict::MaxReached => {
            format!("not reached in {} processes", stopping.most_processes)
        }
        RuleVerdict::NotMeasured => "no value of the metric".to_owned(),
        RuleVerdict::NoneGood => "no good attempt".to_owned(),
    }
}
