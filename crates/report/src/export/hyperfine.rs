//! What `hyperfine --export-json` writes, so that scripts for it can read a run: one result per case and T with its
//! first time, and one time per process.

use std::collections::{BTreeMap, BTreeSet};

use anechoic_protocol::Benchmark;
use anechoic_record::{CaseRecord, Cell, Metric, MetricKind, RunRecord, cells_of_case};
use anechoic_stats::{Estimate, median};
use serde::Serialize;

/// The export, and what it cannot hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hyperfine {
    /// JSON, as hyperfine writes it.
    pub json: String,
    /// Cases, or some T of them, that have no time to show, with the reason.
    pub left_out: Vec<String>,
}

/// The fields of hyperfine's `BenchmarkResult`, in its order.
#[derive(Debug, Serialize)]
struct BenchmarkResult {
    command: String,
    mean: f64,
    /// Null for one process, as hyperfine has it for one run.
    stddev: Option<f64>,
    median: f64,
    user: f64,
    system: f64,
    min: f64,
    max: f64,
    times: Vec<f64>,
    exit_codes: Vec<i32>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    parameters: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
struct Results {
    results: Vec<BenchmarkResult>,
}

/// The first time of every case and T. A run of hyperfine is one process here, and its time the median over the process's
/// iterations, in seconds. CPU times are 0: they are not measured by themselves.
pub fn hyperfine(record: &RunRecord) -> Hyperfine {
    let mut results = Vec::new();
    let mut left_out = Vec::new();
    for case in &record.manifest.cases {
        let (found, lacking) = of_case(record, case);
        results.extend(found);
        left_out.extend(lacking.iter().map(|why| format!("{}: {why}", case.case.id)));
    }
    let text = serde_json::to_string_pretty(&Results { results });
    Hyperfine {
        json: text.expect("results always serialise") + "\n",
        left_out,
    }
}

/// The results of a case, and why others are missing.
fn of_case(record: &RunRecord, case: &CaseRecord) -> (Vec<BenchmarkResult>, Vec<String>) {
    let benchmark = case.case.work.name();
    let metric = Metric::primary(benchmark);
    if metric.kind() != MetricKind::Time {
        let why = format!("`{}` measures no time", benchmark.as_str());
        return (Vec::new(), vec![why]);
    }
    if case.ok_attempts().next().is_none() {
        return (Vec::new(), vec!["no attempt of it ended well".to_owned()]);
    }
    let attempts = case.ok_attempts().map(|attempt| {
        let data = record.attempt_data(&case.case.id, attempt.attempt);
        (attempt.attempt, data)
    });
    let cells = cells_of_case(case, attempts);
    let (wanted, others): (Vec<_>, Vec<_>) =
        cells.iter().partition(|cell| cell.id.metric == metric);
    let results: Vec<_> = wanted
        .iter()
        .filter_map(|cell| result(case, cell))
        .collect();
    let mut lacking = lacking(&wanted, &others, &metric);
    if results.is_empty() && lacking.is_empty() {
        lacking.push(format!("no {metric} in its attempts"));
    }
    (results, lacking)
}

/// T at which something was measured, but not what is wanted: a single token comes from prefill, and has no decode.
fn lacking(wanted: &[&Cell], others: &[&Cell], metric: &Metric) -> Vec<String> {
    let measured: BTreeSet<u32> = others.iter().filter_map(|cell| cell.id.tokens).collect();
    let has = |tokens: &u32| wanted.iter().any(|cell| cell.id.tokens == Some(*tokens));
    let without = measured.into_iter().filter(|tokens| !has(tokens));
    without
        .map(|tokens| format!("no {metric} at T = {tokens}"))
        .collect()
}

fn result(case: &CaseRecord, cell: &Cell) -> Option<BenchmarkResult> {
    let processes = cell.processes.iter();
    let times: Vec<f64> = processes.filter_map(|p| median(&p.values)).collect();
    let estimate = Estimate::of(&times)?;
    Some(BenchmarkResult {
        command: match cell.id.tokens {
            Some(tokens) => format!("{} T={tokens}", cell.id.case),
            None => cell.id.case.clone(),
        },
        mean: estimate.mean,
        stddev: estimate.stdev,
        median: median(&times)?,
        user: 0.0,
        system: 0.0,
        min: estimate.min,
        max: estimate.max,
        exit_codes: vec![0; times.len()],
        times,
        parameters: parameters(&case.case.work, cell.id.tokens),
    })
}

/// T, and the parameters of a worker of one's own: hyperfine's plots over a parameter want exactly one.
fn parameters(work: &Benchmark, tokens: Option<u32>) -> BTreeMap<String, String> {
    let tokens = tokens.map(|tokens| ("T".to_owned(), tokens.to_string()));
    let own = match work {
        Benchmark::Custom(work) => Some(&work.parameters),
        Benchmark::Capture(_)
        | Benchmark::Latency(_)
        | Benchmark::Vram(_)
        | Benchmark::Phase(_)
        | Benchmark::Perplexity(_)
        | Benchmark::Capacity(_)
        | Benchmark::Roofline(_) => None,
    };
    let own = own.into_iter().flatten();
    let own = own.map(|(name, value)| (name.clone(), value.to_string()));
    tokens.into_iter().chain(own).collect()
}
