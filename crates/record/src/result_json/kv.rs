//! Results of the KV-cache benchmarks: one object per attempt and T, flat, with the field names that readers of such
//! results know. `docs/results.md` lists them with their units.

mod measured;
mod settings;

use anechoic_protocol::{Benchmark, Sample};
use serde_json::{Map, Value, json};

use super::{Attempt, merge};

/// One attempt: its settings, and under `points` what was measured at each T.
pub(super) fn result(attempt: &Attempt<'_>) -> Map<String, Value> {
    let mut map = settings::of(attempt);
    let points: Vec<Map<String, Value>> = points(&attempt.case.case.work)
        .into_iter()
        .map(|tokens| point(attempt, tokens))
        .collect();
    merge(&mut map, json!({ "points": points }));
    map
}

/// One object per T; of `perplexity`, which has none, one per attempt.
pub(super) fn lines(attempt: &Attempt<'_>) -> Vec<Map<String, Value>> {
    let settings = settings::of(attempt);
    let line = |tokens| {
        let mut line = settings.clone();
        line.extend(point(attempt, tokens));
        line
    };
    points(&attempt.case.case.work)
        .into_iter()
        .map(line)
        .collect()
}

/// Every T, in the order in which they are measured.
fn points(work: &Benchmark) -> Vec<Option<u32>> {
    match work {
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => work.tokens.iter().copied().map(Some).collect(),
        Benchmark::Capacity(work) => work.tokens.iter().copied().map(Some).collect(),
        Benchmark::Perplexity(_) | Benchmark::Capture(_) | Benchmark::Custom(_) => vec![None],
    }
}

/// What was measured at T, with the raw samples beside it.
fn point(attempt: &Attempt<'_>, tokens: Option<u32>) -> Map<String, Value> {
    let samples: Vec<&Sample> = attempt
        .data
        .samples
        .iter()
        .filter(|sample| tokens_of(sample) == tokens)
        .collect();
    let mut map = Map::new();
    map.insert("T".to_owned(), json!(tokens));
    if !samples.is_empty() {
        merge(&mut map, measured::of(&samples));
        map.insert("n_samples".to_owned(), samples.len().into());
        map.insert("samples".to_owned(), json!(samples));
    }
    map
}

fn tokens_of(sample: &Sample) -> Option<u32> {
    match sample {
        Sample::Latency(sample) => Some(sample.tokens),
        Sample::Vram(sample) => Some(sample.tokens),
        Sample::Phase(sample) => Some(sample.tokens),
        Sample::Capacity(sample) => Some(sample.tokens),
        Sample::Roofline(sample) => Some(sample.tokens),
        Sample::Perplexity(_) | Sample::Capture(_) | Sample::Custom(_) => None,
    }
}
