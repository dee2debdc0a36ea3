//! The part of a row that holds before anything is measured: hardware, versions, model, workload.

use anechoic_protocol::{
    Benchmark, BenchmarkName, Device, Dtype, ModelConfig, ModelSource, TextSource, Version,
    VersionedModel,
};
use serde_json::{Map, Value, json};

use super::super::{Attempt, merge};

/// Who measured, in the rows' field of that name.
const IMPLEMENTATION: &str = "anechoic";

pub(super) fn of(attempt: &Attempt<'_>) -> Map<String, Value> {
    let mut map = attempt.identity();
    merge(&mut map, hardware(attempt));
    if let Some(model) = attempt.case.case.work.versioned() {
        merge(&mut map, model_fields(attempt, model));
        merge(&mut map, version_fields(model.version));
    }
    merge(&mut map, workload(&attempt.case.case.work));
    map
}

fn hardware(attempt: &Attempt<'_>) -> Value {
    let machine = &attempt.manifest.machine;
    let device = attempt.manifest.settings.device;
    let info = attempt.data.devices.iter().find(|d| d.device == device);
    let environment = attempt.data.result.as_ref().map(|r| &r.environment);
    let torch = environment
        .and_then(|e| e.torch.clone())
        .or_else(|| attempt.manifest.settings.torch.clone());
    let (name, memory, cuda) = match device {
        Device::Cpu => (machine.cpu.clone(), None, None),
        Device::Cuda(_) => (
            info.map(|d| d.description.clone())
                .or_else(|| machine.gpu.clone()),
            info.and_then(|d| d.total_memory_bytes),
            torch.as_deref().and_then(cuda_version),
        ),
    };
    json!({
        "implementation_name": IMPLEMENTATION,
        "gpu_name": name,
        "gpu_total_vram": memory,
        "python_version": null,
        "pytorch_version": torch,
        "cuda_version": cuda,
        "attention_path": environment.and_then(|e| e.attention_path.as_ref()),
    })
}

/// `12.8` of `2.11.0+cu128`; `None` where libtorch's version does not tell.
fn cuda_version(torch: &str) -> Option<String> {
    let (_, digits) = torch.split_once("+cu")?;
    let is_number = digits.len() >= 2 && digits.bytes().all(|b| b.is_ascii_digit());
    let (major, minor) = digits.split_at_checked(digits.len().checked_sub(1)?)?;
    is_number.then(|| format!("{major}.{minor}"))
}

fn model_fields(attempt: &Attempt<'_>, model: &VersionedModel) -> Value {
    let facts = attempt.data.result.as_ref().and_then(|r| r.model.as_ref());
    let known = match &model.model {
        ModelSource::Preset { name } => Some(name.config()),
        ModelSource::Folder { .. } => None,
    };
    let config = facts.and_then(|f| f.config.clone()).or(known);
    json!({
        "model": model.model.name(),
        "pretrained": match &model.model {
            ModelSource::Preset { .. } => None,
            ModelSource::Folder { name, .. } => Some(name),
        },
        "weights": match model.model {
            ModelSource::Preset { .. } => "random",
            ModelSource::Folder { .. } => "checkpoint",
        },
        "dtype": dtype_in_words(model.dtype),
        "dtype_short": model.dtype,
        "model_config": config.map(|config| model_config(&config, model.version)),
        "weight_bytes": facts.map(|f| f.weight_bytes),
        "projection_bytes_saved": facts.map(|f| f.projection_bytes_saved),
        "attention": model.attention,
    })
}

/// The type's name as PyTorch writes it.
fn dtype_in_words(dtype: Dtype) -> &'static str {
    match dtype {
        Dtype::F32 => "float32",
        Dtype::Bf16 => "bfloat16",
        Dtype::F16 => "float16",
    }
}

fn model_config(config: &ModelConfig, version: Version) -> Value {
    json!({
        "model_type": config.family().as_str(),
        "n_layer": config.layers(),
        "n_head": config.heads(),
        "n_kv_head": config.kv_heads(),
        "n_embd": config.hidden(),
        "block_size": config.window(),
        "vocab_size": config.vocab(),
        "kv_cache_quant": version.kv_cache_quant(),
        "cross_layer_sharing": version.cross_layer_sharing(),
    })
}

fn version_fields(version: Version) -> Value {
    json!({
        "version": version,
        "version_description": version.description(),
        "use_cache": version.use_cache(),
        "kv_cache_quant": version.kv_cache_quant(),
        "cross_layer_sharing": version.cross_layer_sharing(),
    })
}

fn workload(work: &Benchmark) -> Value {
    let name = benchmark_name(work.name());
    match work {
        Benchmark::Capture(_) | Benchmark::Custom(_) => json!({}),
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => json!({
            "benchmark_name": name,
            "prompt_length": work.prompt_length,
            "batch_size": work.batch_size,
            "grouped": work.tokens.len() > 1,
            "warmup_runs": work.warmup_runs,
            "measured_runs": work.measured_runs,
        }),
        Benchmark::Perplexity(work) => json!({
            "benchmark_name": name,
            "batch_size": work.batch_size,
            "window": work.window,
            "windows": work.windows,
            "chunk": work.chunk,
            "greedy_tokens": work.greedy_tokens,
            "text": text_name(&work.text),
        }),
        Benchmark::Capacity(work) => json!({
            "benchmark_name": name,
            "prompt_length": work.prompt_length,
            "grouped": work.tokens.len() > 1,
            "measured_runs": work.measured_runs,
            "memory_budget_bytes": work.budget_bytes,
        }),
    }
}

fn text_name(text: &TextSource) -> &str {
    match text {
        TextSource::Synthetic => "synthetic",
        TextSource::File { name, .. } => name,
    }
}

/// The benchmark as existing readers of such rows call it.
fn benchmark_name(name: BenchmarkName) -> &'static str {
    match name {
        BenchmarkName::Capture => "capture",
        BenchmarkName::Latency => "latency_vs_T",
        BenchmarkName::Vram => "vram_vs_T",
        BenchmarkName::Phase => "per_phase_timing",
        BenchmarkName::Perplexity => "perplexity",
        BenchmarkName::Capacity => "max_batch_capacity",
        BenchmarkName::Roofline => "roofline",
        BenchmarkName::Custom => "custom",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_cuda_is_in_the_name_of_the_build() {
        let check = |torch, expected: Option<&str>| {
            assert_eq!(cuda_version(torch).as_deref(), expected);
        };
        check("2.11.0+cu128", Some("12.8"));
        check("2.6.0+cu92", Some("9.2"));
        check("2.11.0+cpu", None);
        check("2.11.0", None);
        check("2.11.0+cu", None);
        check("2.11.0+cu1", None);
        check("2.11.0+custom", None);
    }
}
