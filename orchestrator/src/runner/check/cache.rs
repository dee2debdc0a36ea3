//! Bytes of KV caches, which follow exactly from the version, the model and the workload.

use anechoic_protocol::{
    Benchmark, CacheUse, CapacitySample, CapacityWork, GenerationWork, ModelConfig, ModelFacts,
    ModelSource, PerplexitySample, PerplexityWork, Sample, Version, VersionedModel,
};

use super::differing;

/// Where the caches of samples are not what the model and the job make them; `Err` when the model is not known.
pub(super) fn differences(
    work: &Benchmark,
    samples: &[Sample],
    facts: Option<&ModelFacts>,
) -> Result<Vec<String>, String> {
    let Some(versioned) = work.versioned() else {
        return Ok(Vec::new());
    };
    let config = facts.and_then(|facts| facts.config.as_ref());
    let Some(config) = config else {
        return Err("it finished without the model's configuration".to_owned());
    };
    if let Some(other) = other_model(versioned, config) {
        return Ok(vec![other]);
    }
    let named = |sample: &Sample| {
        let found = in_sample(work, config, sample).into_iter();
        found
            .map(|what| format!("sample {}: {what}", sample.iteration()))
            .collect::<Vec<_>>()
    };
    Ok(samples.iter().flat_map(named).collect())
}

/// A preset's shape is known here; a checkpoint's is known from what the worker read.
fn other_model(versioned: &VersionedModel, config: &ModelConfig) -> Option<String> {
    match &versioned.model {
        ModelSource::Preset { name } => (name.config() != *config)
            .then(|| format!("model.config: not that of the preset `{}`", name.as_str())),
        ModelSource::Folder { .. } => None,
    }
}

fn in_sample(work: &Benchmark, config: &ModelConfig, sample: &Sample) -> Vec<String> {
    use Benchmark as Work;
    match (work, sample) {
        (Work::Latency(work), Sample::Latency(s)) => generation(work, config, s.tokens, &s.cache),
        (Work::Vram(work), Sample::Vram(s)) => generation(work, config, s.tokens, &s.cache),
        (Work::Capacity(work), Sample::Capacity(s)) => capacity(work, config, s),
        (Work::Perplexity(work), Sample::Perplexity(s)) => perplexity(work, config, s),
        // These tell of no cache.
        (Work::Capture(_) | Work::Phase(_) | Work::Roofline(_) | Work::Custom(_), _) => Vec::new(),
        (Work::Latency(_) | Work::Vram(_) | Work::Capacity(_) | Work::Perplexity(_), _) => {
            unreachable!("a sample of another benchmark is refused when it comes")
        }
    }
}

/// What a cache has room for and what it holds.
struct Shape {
    batch: u32,
    positions: u32,
    filled: u32,
}

/// Room for the prompt and every generated token, the last of which is never fed back.
fn generation(
    work: &GenerationWork,
    config: &ModelConfig,
    tokens: u32,
    cache: &CacheUse,
) -> Vec<String> {
    let positions = work.prompt_length.saturating_add(tokens);
    let shape = Shape {
        batch: work.batch_size,
        positions,
        filled: positions - 1,
    };
    differing_cache(&work.model, config, &shape, cache)
}

/// The cache of the largest batch that the text has windows for; every token of a window is fed.
fn perplexity(
    work: &PerplexityWork,
    config: &ModelConfig,
    sample: &PerplexitySample,
) -> Vec<String> {
    let windows = u32::try_from(sample.windows.len()).unwrap_or(u32::MAX);
    let shape = Shape {
        batch: work.batch_size.min(windows),
        positions: work.window,
        filled: work.window,
    };
    differing_cache(&work.model, config, &shape, &sample.cache)
}

fn differing_cache(
    model: &VersionedModel,
    config: &ModelConfig,
    shape: &Shape,
    cache: &CacheUse,
) -> Vec<String> {
    let VersionedModel { version, dtype, .. } = *model;
    let bytes = |positions| version.cache_bytes(config, shape.batch, positions, dtype);
    let (reserved, used) = (bytes(shape.positions), bytes(shape.filled));
    let kept = match version.use_cache() {
        true => Version::V1.cache_bytes(config, shape.batch, shape.filled, dtype),
        false => used,
    };
    differing(&[
        (
            "cache.reserved.values",
            reserved.values,
            cache.reserved.values,
        ),
        (
            "cache.reserved.scales",
            reserved.scales,
            cache.reserved.scales,
        ),
        (
            "cache.reserved.auxiliary",
            reserved.auxiliary,
            cache.reserved.auxiliary,
        ),
        ("cache.used.values", used.values, cache.used.values),
        ("cache.used.scales", used.scales, cache.used.scales),
        ("cache.used.auxiliary", used.auxiliary, cache.used.auxiliary),
        (
            "cache.elements",
            kept.values / dtype.size_bytes(),
            cache.elements,
        ),
    ])
}

fn capacity(work: &CapacityWork, config: &ModelConfig, sample: &CapacitySample) -> Vec<String> {
    let VersionedModel { version, dtype, .. } = work.model;
    let positions = work.prompt_length.saturating_add(sample.tokens);
    let one = version.cache_bytes(config, 1, positions, dtype).total();
    differing(&[(
        "cache_bytes_per_request",
        one,
        sample.cache_bytes_per_request,
    )])
}
