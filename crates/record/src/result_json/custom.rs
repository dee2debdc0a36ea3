//! Results of workers of one's own: what they sent, with the parameters of the case.

use anechoic_protocol::{CustomSample, CustomWork, Sample};
use serde_json::{Map, Value, json};

use super::{Attempt, merge};

pub(super) fn result(attempt: &Attempt<'_>, work: &CustomWork) -> Map<String, Value> {
    let samples = samples(attempt);
    let mut map = settings(attempt, work);
    merge(
        &mut map,
        json!({
            "warmup_iterations": work.warmup_iterations,
            "iterations": samples,
            "summary": summary(&samples),
        }),
    );
    map
}

/// One object per iteration, as it was sent.
pub(super) fn lines(attempt: &Attempt<'_>, work: &CustomWork) -> Vec<Map<String, Value>> {
    let settings = settings(attempt, work);
    let samples = samples(attempt);
    if samples.is_empty() {
        return vec![settings];
    }
    let line = |sample: &&CustomSample| {
        let mut line = settings.clone();
        merge(&mut line, json!(sample));
        line
    };
    samples.iter().map(line).collect()
}

fn settings(attempt: &Attempt<'_>, work: &CustomWork) -> Map<String, Value> {
    let mut map = attempt.identity();
    merge(&mut map, json!({ "parameters": work.parameters }));
    map
}

fn samples<'a>(attempt: &Attempt<'a>) -> Vec<&'a CustomSample> {
    let samples = attempt.data.samples.iter();
    samples
        .filter_map(|sample| match sample {
            Sample::Custom(sample) => Some(sample),
            Sample::Capture(_)
            | Sample::Latency(_)
            | Sample::Vram(_)
            | Sample::Phase(_)
            | Sample::Perplexity(_)
            | Sample::Capacity(_)
            | Sample::Roofline(_) => None,
        })
        .collect()
}

/// `n`, `mean`, `min` and `max` of the time and of every value, over the iterations that have it.
fn summary(samples: &[&CustomSample]) -> Value {
    let mut values = Map::new();
    for name in samples.iter().flat_map(|sample| sample.values.keys()) {
        if !values.contains_key(name) {
            let found = samples
                .iter()
                .filter_map(|sample| sample.values.get(name).copied());
            values.insert(name.clone(), statistics(&found.collect::<Vec<_>>()));
        }
    }
    let times: Vec<f64> = samples.iter().map(|s| s.time_ns as f64 / 1e9).collect();
    json!({ "time": statistics(&times), "values": values })
}

fn statistics(values: &[f64]) -> Value {
    if values.is_empty() {
        return json!({ "n": 0 });
    }
    json!({
        "n": values.len(),
        "mean": values.iter().sum::<f64>() / values.len() as f64,
        "min": values.iter().copied().fold(f64::INFINITY, f64::min),
        "max": values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
    })
}
