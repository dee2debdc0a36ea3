//! What a run measured, as numbers alone: one cell per case, T and metric, with one series per process. The input of
//! every estimate and comparison that is not bound to one benchmark. No statistics in here.

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, Sample};
use serde::{Deserialize, Serialize};

use crate::{AttemptData, CaseRecord, Metric, Quality, RunRecord, prefill_and_decode};

/// Which cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellId {
    /// The case.
    pub case: String,
    /// T, in benchmarks that measure at several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u32>,
    /// The metric.
    pub metric: Metric,
}

/// The values of one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Which one.
    pub id: CellId,
    /// Good attempts that have values, oldest first.
    pub processes: Vec<ProcessValues>,
    /// Values that are not finite numbers, which are left out.
    pub not_finite: usize,
}

/// What one process measured: values by iteration; one alone where the metric is of the process as a whole. Times in
/// seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessValues {
    /// The attempt.
    pub attempt: u32,
    /// In the order in which they were measured; never empty.
    pub values: Vec<f64>,
}

/// Every cell of a run that has values, in the plan's order.
pub fn cells(record: &RunRecord) -> Vec<Cell> {
    let cases = record.manifest.cases.iter();
    cases
        .flat_map(|case| {
            let attempts = case.ok_attempts().filter_map(|attempt| {
                let key = (case.case.id.clone(), attempt.attempt);
                Some((attempt.attempt, record.attempts.get(&key)?))
            });
            cells_of_case(case, attempts)
        })
        .collect()
}

/// The cells of one case from these attempts, all of which ended well.
pub fn cells_of_case<'a>(
    case: &CaseRecord,
    attempts: impl Iterator<Item = (u32, &'a AttemptData)>,
) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for (attempt, data) in attempts {
        for ((tokens, metric), values) in of_attempt(&case.case.work, data) {
            let id = CellId {
                case: case.case.id.clone(),
                tokens,
                metric,
            };
            let at = cells.iter().position(|cell| cell.id == id);
            let at = at.unwrap_or_else(|| {
                let (processes, not_finite) = (Vec::new(), 0);
                cells.push(Cell {
                    id,
                    processes,
                    not_finite,
                });
                cells.len() - 1
            });
            cells[at].add(attempt, values);
        }
    }
    cells.retain(|cell| !cell.processes.is_empty() || cell.not_finite > 0);
    cells.sort_by(|a, b| (a.id.tokens, &a.id.metric).cmp(&(b.id.tokens, &b.id.metric)));
    cells
}

impl Cell {
    fn add(&mut self, attempt: u32, values: Vec<f64>) {
        let all = values.len();
        let values: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        self.not_finite += all - values.len();
        if !values.is_empty() {
            self.processes.push(ProcessValues { attempt, values });
        }
    }

    /// One series per process.
    pub fn series(&self) -> Vec<Vec<f64>> {
        let processes = self.processes.iter();
        processes.map(|process| process.values.clone()).collect()
    }
}

type Values = BTreeMap<(Option<u32>, Metric), Vec<f64>>;

/// The values of one attempt, by T and metric.
fn of_attempt(work: &Benchmark, data: &AttemptData) -> Values {
    let mut values = Values::new();
    for sample in &data.samples {
        let (tokens, found) = of_sample(work, sample);
        for (metric, value) in found {
            values.entry((tokens, metric)).or_default().push(value);
        }
    }
    let peak = data.result.as_ref().map(|r| r.memory.peak_resident_bytes);
    if let Some(peak) = peak.filter(|peak| *peak > 0) {
        values.insert((None, Metric::PeakResident), vec![peak as f64]);
    }
    values
}

fn of_sample(work: &Benchmark, sample: &Sample) -> (Option<u32>, Vec<(Metric, f64)>) {
    use Metric::{
        AttentionTime, CacheBytes, DecodeTime, EmbeddingTime, FetchTime, GenerationTime, HeadTime,
        MaxBatch, MlpTime, PeakMemory, Perplexity, PrefillTime, TotalTime,
    };
    let seconds = |ns: u64| ns as f64 / 1e9;
    match sample {
        Sample::Capture(i) => {
            let mut found = vec![
                (TotalTime, seconds(i.total_ns())),
                (PrefillTime, seconds(i.prefill_ns)),
                (DecodeTime, seconds(i.decode_ns)),
                (GenerationTime, seconds(i.generation_ns)),
            ];
            if matches!(work, Benchmark::Capture(work) if work.expected_rows() > 0) {
                found.push((FetchTime, seconds(i.fetch_ns)));
            }
            (None, found)
        }
        Sample::Latency(s) => {
            let mut found = vec![
                (TotalTime, seconds(s.total_ns)),
                (PrefillTime, seconds(s.prefill_ns)),
            ];
            // A single token comes from prefill.
            if s.tokens > 1 {
                found.push((DecodeTime, seconds(s.decode_ns)));
            }
            let used = s.cache.used.total();
            if used > 0 {
                found.push((CacheBytes, used as f64));
            }
            (Some(s.tokens), found)
        }
        Sample::Vram(s) => (Some(s.tokens), vec![(PeakMemory, s.peak_bytes as f64)]),
        Sample::Phase(s) => {
            let both = prefill_and_decode(&s.prefill, &s.decode);
            let found = vec![
                (TotalTime, seconds(both.total_ns)),
                (EmbeddingTime, seconds(both.embedding_ns)),
                (AttentionTime, seconds(both.attention_ns)),
                (MlpTime, seconds(both.mlp_ns)),
                (HeadTime, seconds(both.head_ns)),
            ];
            (Some(s.tokens), found)
        }
        Sample::Perplexity(s) => {
            let quality = Quality::of(s);
            let found = quality.map(|quality| (Perplexity, quality.perplexity));
            (None, found.into_iter().collect())
        }
        Sample::Capacity(s) => (Some(s.tokens), vec![(MaxBatch, f64::from(s.batch))]),
        Sample::Roofline(s) => {
            let mut found = vec![(PrefillTime, seconds(s.prefill.time_ns))];
            if s.tokens > 1 {
                found.push((DecodeTime, seconds(s.decode.time_ns)));
            }
            (Some(s.tokens), found)
        }
        Sample::Custom(s) => {
            let own = s.values.iter();
            let own = own.map(|(name, value)| (Metric::Value(name.clone()), *value));
            let found = [(TotalTime, seconds(s.time_ns))].into_iter().chain(own);
            (None, found.collect())
        }
    }
}
