//! The part of a summary for workers of one's own. One value per process (the mean over its iterations) is the unit of
//! every spread.

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, CustomSample, CustomWork, Parameter, Sample};
use anechoic_record::{CaseRecord, RunRecord};
use anechoic_stats::Estimate;
use serde::{Deserialize, Serialize};

/// All custom cases of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomSummary {
    /// The cases, in the plan's order.
    pub cases: Vec<CustomCase>,
}

/// One case's estimates, over processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CustomCase {
    /// The case.
    pub id: String,
    /// Its parameters.
    pub parameters: BTreeMap<String, Parameter>,
    /// Compute threads.
    pub threads: u32,
    /// Good attempts.
    pub processes: usize,
    /// Measured iterations over all of them.
    pub iterations: usize,
    /// Time of an iteration, in seconds.
    pub time_s: Option<Estimate>,
    /// Whatever else was measured, in the order of names.
    pub values: Vec<NamedEstimate>,
}

/// A value that the worker named, in its own unit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NamedEstimate {
    /// Its name.
    pub name: String,
    /// Its estimate.
    pub estimate: Estimate,
}

impl CustomSummary {
    /// Summarises the custom cases of a record; `None` where there are none.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        let cases = record.manifest.cases.iter();
        let cases: Vec<_> = cases.filter_map(|found| case(record, found)).collect();
        (!cases.is_empty()).then_some(Self { cases })
    }
}

fn case(record: &RunRecord, case: &CaseRecord) -> Option<CustomCase> {
    let Benchmark::Custom(CustomWork { parameters, .. }) = &case.case.work else {
        return None;
    };
    let processes = processes(record, case);
    let threads = record.manifest.settings.threads;
    Some(CustomCase {
        id: case.case.id.clone(),
        parameters: parameters.clone(),
        threads: case.case.threads.unwrap_or(threads),
        processes: processes.len(),
        iterations: processes.iter().map(Vec::len).sum(),
        time_s: estimate(&processes, |sample| Some(sample.time_ns as f64 / 1e9)),
        values: values(&processes),
    })
}

/// The samples of every process that ended well.
fn processes<'a>(record: &'a RunRecord, case: &'a CaseRecord) -> Vec<Vec<&'a CustomSample>> {
    let key = |attempt: u32| (case.case.id.clone(), attempt);
    let data = case
        .ok_attempts()
        .filter_map(|attempt| record.attempts.get(&key(attempt.attempt)));
    data.map(|data| data.samples.iter().filter_map(sample).collect())
        .collect()
}

fn sample(sample: &Sample) -> Option<&CustomSample> {
    let Sample::Custom(sample) = sample else {
        return None;
    };
    Some(sample)
}

fn values(processes: &[Vec<&CustomSample>]) -> Vec<NamedEstimate> {
    let samples = processes.iter().flatten();
    let mut names: Vec<&String> = samples.flat_map(|sample| sample.values.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let named = |name: &String| {
        let estimate = estimate(processes, |sample| sample.values.get(name).copied())?;
        let name = name.clone();
        Some(NamedEstimate { name, estimate })
    };
    names.into_iter().filter_map(named).collect()
}

/// Over processes, each with the mean over those of its iterations that have the figure.
fn estimate(
    processes: &[Vec<&CustomSample>],
    of: impl Fn(&CustomSample) -> Option<f64>,
) -> Option<Estimate> {
    let mean = |samples: &Vec<&CustomSample>| {
        let figures: Vec<f64> = samples.iter().filter_map(|sample| of(sample)).collect();
        Estimate::of(&figures).map(|process| process.mean)
    };
    let means: Vec<f64> = processes.iter().filter_map(mean).collect();
    Estimate::of(&means)
}
