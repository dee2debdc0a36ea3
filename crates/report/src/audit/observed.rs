//! What every attempt of an audit measured, by case, T and metric, with what ran before it in its process.

use std::fmt;

use anechoic_record::{CellId, Metric, RunRecord, UnknownMetric, cells_of_case};
use anechoic_suite::{Arrangement, AuditSettings, Slot};
use serde::{Deserialize, Serialize};

/// What an audit compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum AuditMetric {
    /// What the benchmark is about first, and the peak of resident memory.
    Measured(Metric),
    /// Resident memory before the case loaded anything.
    ResidentAtStart,
}

const RESIDENT_AT_START: &str = "resident-at-start";

impl AuditMetric {
    /// Whether values are bytes.
    pub fn is_bytes(&self) -> bool {
        match self {
            Self::Measured(metric) => metric.kind() == anechoic_record::MetricKind::Memory,
            Self::ResidentAtStart => true,
        }
    }
}

impl fmt::Display for AuditMetric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Measured(metric) => metric.fmt(f),
            Self::ResidentAtStart => f.write_str(RESIDENT_AT_START),
        }
    }
}

impl TryFrom<String> for AuditMetric {
    type Error = UnknownMetric;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text == RESIDENT_AT_START {
            true => Ok(Self::ResidentAtStart),
            false => text.parse().map(Self::Measured),
        }
    }
}

impl From<AuditMetric> for String {
    fn from(metric: AuditMetric) -> Self {
        metric.to_string()
    }
}

/// All values of one case, T and metric.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) case: String,
    pub(super) tokens: Option<u32>,
    pub(super) metric: AuditMetric,
    pub(super) made: Vec<Made>,
}

/// What one attempt measured.
#[derive(Debug, Clone)]
pub(super) struct Made {
    pub(super) arrangement: Arrangement,
    /// The cases before it in its process, in their order.
    pub(super) before: Vec<String>,
    /// By iteration; never empty.
    pub(super) values: Vec<f64>,
}

impl Series {
    /// Values of attempts in these arrangements, one series per attempt.
    pub(super) fn values(&self, wanted: impl Fn(&Made) -> bool) -> Vec<Vec<f64>> {
        let made = self.made.iter().filter(|made| wanted(made));
        made.map(|made| made.values.clone()).collect()
    }
}

impl Made {
    pub(super) fn is_fresh(&self) -> bool {
        self.arrangement == Arrangement::Fresh
    }
}

/// Every series of an audit that has values, case by case in the suite's order.
pub(super) fn series(record: &RunRecord, settings: &AuditSettings) -> Vec<Series> {
    let mut all = Vec::new();
    for case in settings.suite_cases() {
        let mut of_case: Vec<Series> = Vec::new();
        for (index, audited) in settings.cases.iter().enumerate() {
            if audited.case == case {
                add(&mut of_case, record, settings, index);
            }
        }
        of_case.sort_by(|a, b| (a.tokens, &a.metric).cmp(&(b.tokens, &b.metric)));
        all.extend(of_case);
    }
    all
}

/// Adds what the attempts at one case of the plan measured.
fn add(series: &mut Vec<Series>, record: &RunRecord, settings: &AuditSettings, index: usize) {
    let (Some(case), Some(audited)) = (record.manifest.cases.get(index), settings.cases.get(index))
    else {
        return;
    };
    let data = case.ok_attempts().filter_map(|attempt| {
        let key = (case.case.id.clone(), attempt.attempt);
        Some((attempt.attempt, record.attempts.get(&key)?))
    });
    let data: Vec<_> = data.collect();
    let mut put = |tokens, metric, attempt, values| {
        let slot = Slot {
            case: index,
            attempt,
        };
        let made = Made {
            arrangement: audited.arrangement,
            before: settings.place(slot).map(|it| it.before).unwrap_or_default(),
            values,
        };
        let of = |s: &&mut Series| s.tokens == tokens && s.metric == metric;
        match series.iter_mut().find(of) {
            Some(found) => found.made.push(made),
            None => series.push(Series {
                case: audited.case.clone(),
                tokens,
                metric,
                made: vec![made],
            }),
        }
    };
    for cell in cells_of_case(case, data.iter().copied()) {
        let CellId { tokens, metric, .. } = cell.id;
        let primary = Metric::primary(case.case.work.name());
        if metric != primary && metric != Metric::PeakResident {
            continue;
        }
        for process in cell.processes {
            let metric = AuditMetric::Measured(metric.clone());
            put(tokens, metric, process.attempt, process.values);
        }
    }
    for (attempt, data) in data {
        let memory = data.result.as_ref().map(|result| &result.memory);
        if let Some(bytes) = memory.and_then(|memory| memory.resident_at_start_bytes) {
            put(
                None,
                AuditMetric::ResidentAtStart,
                attempt,
                vec![bytes as f64],
            );
        }
    }
}
