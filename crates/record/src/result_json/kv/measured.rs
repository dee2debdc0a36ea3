//! What the samples of one T say, as a row's fields: medians, means and standard deviations over the runs of one process.
//! A standard deviation of one run is null.

use anechoic_protocol::{
    CacheUse, CapacitySample, LatencySample, PerplexitySample, PhaseSample, PhaseTimes,
    RooflinePoint, RooflineSample, Sample, VramSample,
};
use anechoic_stats::{Estimate, median};
use serde_json::{Map, Value, json};

use super::super::merge;
use crate::{Ceilings, Efficiency, Quality, bits_per_element, prefill_and_decode};

/// The fields of samples that are all of one kind; empty for others.
pub(super) fn of(samples: &[&Sample]) -> Value {
    let mut of_kind = Kinds::default();
    for sample in samples {
        of_kind.add(sample);
    }
    let mut map = Map::new();
    let parts = [
        latency(&of_kind.latency),
        vram(&of_kind.vram),
        phase(&of_kind.phase),
        of_kind.perplexity.first().copied().map(perplexity),
        capacity(&of_kind.capacity),
        roofline(&of_kind.roofline),
    ];
    for part in parts.into_iter().flatten() {
        merge(&mut map, part);
    }
    Value::Object(map)
}

#[derive(Default)]
struct Kinds<'a> {
    latency: Vec<&'a LatencySample>,
    vram: Vec<&'a VramSample>,
    phase: Vec<&'a PhaseSample>,
    perplexity: Vec<&'a PerplexitySample>,
    capacity: Vec<&'a CapacitySample>,
    roofline: Vec<&'a RooflineSample>,
}

impl<'a> Kinds<'a> {
    fn add(&mut self, sample: &'a Sample) {
        match sample {
            Sample::Capture(_) | Sample::Custom(_) => {}
            Sample::Latency(sample) => self.latency.push(sample),
            Sample::Vram(sample) => self.vram.push(sample),
            Sample::Phase(sample) => self.phase.push(sample),
            Sample::Perplexity(sample) => self.perplexity.push(sample),
            Sample::Capacity(sample) => self.capacity.push(sample),
            Sample::Roofline(sample) => self.roofline.push(sample),
        }
    }
}

/// `NAME_median`, `NAME_mean` and `NAME_std`.
fn statistics(map: &mut Map<String, Value>, name: &str, values: &[f64]) {
    let estimate = Estimate::of(values);
    map.insert(format!("{name}_median"), json!(median(values)));
    map.insert(format!("{name}_mean"), json!(estimate.map(|e| e.mean)));
    map.insert(format!("{name}_std"), json!(estimate.and_then(|e| e.stdev)));
}

fn milliseconds(ns: u64) -> f64 {
    ns as f64 / 1e6
}

fn latency(samples: &[&LatencySample]) -> Option<Value> {
    let first = samples.first()?;
    let values = |of: &dyn Fn(&LatencySample) -> f64| -> Vec<f64> {
        samples.iter().map(|sample| of(sample)).collect()
    };
    let mut map = Map::new();
    let total = values(&|s| milliseconds(s.total_ns));
    statistics(&mut map, "time_total_ms", &total);
    let per_token = values(&|s| milliseconds(s.total_ns) / f64::from(s.tokens));
    statistics(&mut map, "time_per_token_ms", &per_token);
    let prefill = values(&|s| milliseconds(s.prefill_ns));
    statistics(&mut map, "time_prefill_ms", &prefill);
    let decode = values(&|s| milliseconds(s.decode_ns));
    statistics(&mut map, "time_decode_ms", &decode);
    let device: Option<Vec<f64>> = samples
        .iter()
        .map(|s| s.device_ns.map(milliseconds))
        .collect();
    if let Some(device) = device {
        statistics(&mut map, "time_device_ms", &device);
    }
    map.insert("generated_tokens".to_owned(), first.generated_tokens.into());
    merge(&mut map, cache(&first.cache));
    Some(Value::Object(map))
}

fn cache(cache: &CacheUse) -> Value {
    json!({
        "cache_reserved_bytes": cache.reserved.total(),
        "cache_used_bytes": cache.used.total(),
        "cache_scale_bytes": cache.reserved.scales,
        "cache_auxiliary_bytes": cache.reserved.auxiliary,
        "bits_per_element": bits_per_element(cache),
    })
}

/// The run with the highest peak.
fn vram(samples: &[&VramSample]) -> Option<Value> {
    let highest = samples.iter().max_by_key(|sample| sample.peak_bytes)?;
    let mut map = Map::new();
    merge(
        &mut map,
        json!({
            "peak_memory_bytes": highest.peak_bytes,
            "peak_activation_bytes": highest.peak_bytes.saturating_sub(highest.baseline_bytes),
            "baseline_memory_bytes": highest.baseline_bytes,
            "reserved_memory_bytes": highest.reserved_bytes,
            "memory_source": highest.source,
            "generated_tokens": highest.generated_tokens,
        }),
    );
    merge(&mut map, cache(&highest.cache));
    Some(Value::Object(map))
}

fn phase(samples: &[&PhaseSample]) -> Option<Value> {
    let first = samples.first()?;
    let over = |of: &dyn Fn(&PhaseSample) -> PhaseTimes| {
        let times: Vec<PhaseTimes> = samples.iter().map(|sample| of(sample)).collect();
        phase_medians(&times)
    };
    Some(json!({
        "time_phase_ms": over(&|s| prefill_and_decode(&s.prefill, &s.decode)),
        "time_phase_prefill_ms": over(&|s| s.prefill),
        "time_phase_decode_ms": over(&|s| s.decode),
        "generated_tokens": first.generated_tokens,
    }))
}

fn phase_medians(times: &[PhaseTimes]) -> Value {
    let middle = |of: fn(&PhaseTimes) -> u64| {
        let values: Vec<f64> = times.iter().map(|t| milliseconds(of(t))).collect();
        median(&values)
    };
    json!({
        "embedding": middle(|t| t.embedding_ns),
        "attention": middle(|t| t.attention_ns),
        "mlp": middle(|t| t.mlp_ns),
        "head": middle(|t| t.head_ns),
        "other": middle(|t| t.other_ns),
        "total": middle(|t| t.total_ns),
    })
}

fn perplexity(sample: &PerplexitySample) -> Value {
    let quality = Quality::of(sample);
    let mut fields = cache(&sample.cache);
    let percent = |fraction: f64| fraction * 100.0;
    let measured = json!({
        "perplexity": quality.map(|q| q.perplexity),
        "loss": quality.map(|q| q.loss),
        "degradation": quality.map(|q| percent(q.degradation)),
        "reference_perplexity": quality.map(|q| q.reference_perplexity),
        "teacher_forced_perplexity": quality.map(|q| q.teacher_forced_perplexity),
        "source_perplexity": quality.and_then(|q| q.source_perplexity),
        "entropy_bound_perplexity": quality.and_then(|q| q.entropy_bound_perplexity),
        "kld_mean": sample.divergence.mean,
        "kld_p99": sample.divergence.p99,
        "kld_max": sample.divergence.max,
        "same_top_percent": quality.map(|q| percent(q.same_top)),
        "first_divergence": quality.and_then(|q| q.first_divergence),
        "greedy_continuations": sample.first_divergence.len(),
        "greedy_diverged": sample.first_divergence.iter().flatten().count(),
        "scored_tokens": quality.map(|q| q.scored_tokens),
        "scored_windows": sample.windows.len(),
    });
    if let Value::Object(fields) = &mut fields {
        merge(fields, measured);
    }
    fields
}

/// The smallest of the batches that the searches found.
fn capacity(samples: &[&CapacitySample]) -> Option<Value> {
    let smallest = samples.iter().min_by_key(|sample| sample.batch)?;
    Some(json!({
        "max_batch": smallest.batch,
        "probes": smallest.probes,
        "memory_source": smallest.source,
        "cache_bytes_per_request": smallest.cache_bytes_per_request,
    }))
}

fn roofline(samples: &[&RooflineSample]) -> Option<Value> {
    let first = samples.first()?;
    let middle = |of: &dyn Fn(&RooflineSample) -> f64| {
        median(&samples.iter().map(|sample| of(sample)).collect::<Vec<_>>())
    };
    let mut map = Map::new();
    merge(
        &mut map,
        json!({
            "ceiling_read_bytes_per_s": middle(&|s| s.read_bytes_per_s as f64),
            "ceiling_matrix_flops_per_s": middle(&|s| s.matrix_flops_per_s as f64),
            "generated_tokens": first.generated_tokens,
        }),
    );
    efficiency(&mut map, "prefill", samples, |sample| &sample.prefill);
    efficiency(&mut map, "decode", samples, |sample| &sample.decode);
    Some(Value::Object(map))
}

/// `PART_…`: the counted work, and medians over the runs of what was achieved.
fn efficiency(
    map: &mut Map<String, Value>,
    part: &str,
    samples: &[&RooflineSample],
    of: fn(&RooflineSample) -> &RooflinePoint,
) {
    let runs: Vec<Efficiency> = samples
        .iter()
        .filter_map(|sample| Efficiency::of(of(sample), &Ceilings::of(sample)))
        .collect();
    let Some(first) = runs.first() else { return };
    let middle = |of: fn(&Efficiency) -> f64| median(&runs.iter().map(of).collect::<Vec<_>>());
    let times: Vec<f64> = samples
        .iter()
        .map(|s| milliseconds(of(s).time_ns))
        .collect();
    statistics(map, &format!("time_{part}_ms"), &times);
    let fields = [
        ("bytes", json!(first.bytes)),
        ("flops", json!(first.flops)),
        ("arithmetic_intensity", json!(first.arithmetic_intensity)),
        ("achieved_bytes_per_s", json!(middle(|e| e.bytes_per_s))),
        ("achieved_flops_per_s", json!(middle(|e| e.flops_per_s))),
        ("bound", json!(first.bound)),
        (
            "fraction_of_ceiling",
            json!(middle(|e| e.fraction_of_ceiling)),
        ),
    ];
    for (name, value) in fields {
        map.insert(format!("{part}_{name}"), value);
    }
}
