//! Results of activation capture; times in `result.json` are in seconds, as its users know them.

use anechoic_protocol::{Attribution, CaptureIteration, CaptureWork, Sample};
use serde_json::{Map, Value, json};

use super::{Attempt, merge};

pub(super) fn result(attempt: &Attempt<'_>, work: &CaptureWork) -> Map<String, Value> {
    let iterations: Vec<&CaptureIteration> = attempt
        .data
        .samples
        .iter()
        .filter_map(|sample| match sample {
            Sample::Capture(iteration) => Some(iteration),
            Sample::Latency(_)
            | Sample::Vram(_)
            | Sample::Phase(_)
            | Sample::Perplexity(_)
            | Sample::Capacity(_)
            | Sample::Roofline(_)
            | Sample::Custom(_) => None,
        })
        .collect();
    let model = attempt.data.result.as_ref().and_then(|r| r.model.as_ref());
    let mut map = settings(attempt, work);
    merge(
        &mut map,
        json!({
            "total_layers": model.map(|m| m.layers),
            "warmup_iterations": work.workload.warmup_iterations,
            "iterations": iterations.iter().map(|i| iteration_json(work, i)).collect::<Vec<_>>(),
            "summary": summary(work, &iterations),
        }),
    );
    map
}

/// One object per iteration, as it was sent.
pub(super) fn lines(attempt: &Attempt<'_>, work: &CaptureWork) -> Vec<Map<String, Value>> {
    let settings = settings(attempt, work);
    if attempt.data.samples.is_empty() {
        return vec![settings];
    }
    let line = |sample: &Sample| {
        let mut line = settings.clone();
        let measured = match sample {
            Sample::Capture(iteration) => serde_json::to_value(iteration),
            Sample::Latency(_)
            | Sample::Vram(_)
            | Sample::Phase(_)
            | Sample::Perplexity(_)
            | Sample::Capacity(_)
            | Sample::Roofline(_)
            | Sample::Custom(_) => serde_json::to_value(sample),
        };
        merge(&mut line, measured.expect("samples always serialise"));
        line
    };
    attempt.data.samples.iter().map(line).collect()
}

fn settings(attempt: &Attempt<'_>, work: &CaptureWork) -> Map<String, Value> {
    let mut map = attempt.identity();
    merge(
        &mut map,
        json!({
            "model": work.model.name(),
            "dtype": work.dtype,
            "batch_size": work.workload.batch_size,
            "prefill_tokens": work.workload.prefill_tokens,
            "decode_tokens": work.workload.decode_tokens,
            "prefill_chunk": work.workload.prefill_chunk,
            "mode": work.mode,
            "capture_layers": work.layers,
            "num_captured_layers": work.layers.len(),
            "strategy": work.strategy,
            "probe": work.probe,
            "attribution": work.attribution,
            "fetch_dtype": work.fetch_dtype,
        }),
    );
    map
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// Prompt and generated tokens of the whole batch per second of generation. Paired attribution makes every
/// decode step twice, so that its times are no rates.
fn throughput(work: &CaptureWork, iteration: &CaptureIteration) -> Option<f64> {
    if work.attribution == Attribution::Paired {
        return None;
    }
    let workload = &work.workload;
    let tokens = u64::from(workload.batch_size)
        * (u64::from(workload.prefill_tokens) + u64::from(workload.decode_tokens));
    Some(tokens as f64 / seconds(iteration.generation_ns))
}

/// Tokens per second of the decode steps alone; prefill yields the first token.
fn decode_rate(work: &CaptureWork, iteration: &CaptureIteration) -> Option<f64> {
    let workload = &work.workload;
    let tokens = u64::from(workload.batch_size) * u64::from(workload.decode_tokens - 1);
    let is_rate = tokens > 0 && work.attribution != Attribution::Paired;
    is_rate.then(|| tokens as f64 / seconds(iteration.decode_ns))
}

fn iteration_json(work: &CaptureWork, iteration: &CaptureIteration) -> Value {
    let mut value = json!({
        "iteration": iteration.iteration,
        "generation_time": seconds(iteration.generation_ns),
        "prefill_time": seconds(iteration.prefill_ns),
        "decode_time": seconds(iteration.decode_ns),
        "fetch_time": seconds(iteration.fetch_ns),
        "total_time": seconds(iteration.total_ns()),
        "throughput_tokens_per_sec": throughput(work, iteration),
        "decode_tokens_per_sec": decode_rate(work, iteration),
        "captured_rows": iteration.captured_rows,
        "captured_bytes": iteration.captured_bytes,
        "resident_bytes": iteration.resident_bytes,
    });
    if let Some(parts) = iteration.fetch_parts {
        value["fetch_parts"] = json!({
            "coalesce_time": seconds(parts.coalesce_ns),
            "copy_time": seconds(parts.copy_ns),
            "convert_time": seconds(parts.convert_ns),
        });
    }
    if let Some(inside) = iteration.inside_ns {
        value["capture_time"] = json!({
            "prefill": seconds(inside.prefill_ns),
            "decode": seconds(inside.decode_ns),
        });
    }
    value
}

/// `mean_*`, `min_*` and `max_*` over the iterations; a mean is never stored without its `n`.
fn summary(work: &CaptureWork, iterations: &[&CaptureIteration]) -> Value {
    let mut map = Map::new();
    map.insert("n".to_owned(), iterations.len().into());
    let mut add = |name: &str, of: &dyn Fn(&CaptureIteration) -> Option<f64>| {
        let values: Vec<f64> = iterations.iter().filter_map(|i| of(i)).collect();
        if values.is_empty() {
            return;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        for (statistic, value) in [("mean", mean), ("min", min), ("max", max)] {
            map.insert(format!("{statistic}_{name}"), value.into());
        }
    };
    add("generation_time", &|i| Some(seconds(i.generation_ns)));
    add("prefill_time", &|i| Some(seconds(i.prefill_ns)));
    add("decode_time", &|i| Some(seconds(i.decode_ns)));
    add("fetch_time", &|i| Some(seconds(i.fetch_ns)));
    add("total_time", &|i| Some(seconds(i.total_ns())));
    add("throughput_tokens_per_sec", &|i| throughput(work, i));
    add("decode_tokens_per_sec", &|i| decode_rate(work, i));
    Value::Object(map)
}
