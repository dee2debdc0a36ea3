//! Jobs for attacks: the smallest of each benchmark, and ones that last.

use std::collections::BTreeMap;

use anechoic_protocol::{
    AttentionPath, Attribution, Benchmark, BenchmarkName, CapacityWork, CaptureMode, CaptureWork,
    CustomWork, Device, DeviceInfo, Dtype, GenerationWork, Job, ModelSource, PROTOCOL_VERSION,
    Parameter, PerplexityWork, Preset, Probe, Strategy, TextSource, Version, VersionedModel,
    Workload,
};

/// Iterations of a job that is not meant to reach its end.
const MANY: u32 = 1_000_000;

/// The budget of a capacity job, in bytes: so little that the search for the largest batch is short.
const BUDGET: u64 = 1 << 20;

/// Which part of a job lasts until the worker is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lasting {
    Nothing,
    WarmUp,
    Measure,
}

/// The smallest job of a benchmark.
pub(super) fn small(
    benchmark: BenchmarkName,
    devices: &[DeviceInfo],
    parameters: &BTreeMap<String, Parameter>,
) -> Job {
    Job {
        protocol: PROTOCOL_VERSION,
        case: format!("check.{}", benchmark.as_str()),
        attempt: 1,
        device: device(devices),
        threads: 1,
        seed: 0,
        work: work(benchmark, parameters),
        more: false,
    }
}

/// The CPU, where the worker does not say that it has none.
fn device(devices: &[DeviceInfo]) -> Device {
    let has_cpu = devices.is_empty() || devices.iter().any(|info| info.device == Device::Cpu);
    match (has_cpu, devices.first()) {
        (false, Some(first)) => first.device,
        (true, _) | (false, None) => Device::Cpu,
    }
}

fn work(benchmark: BenchmarkName, parameters: &BTreeMap<String, Parameter>) -> Benchmark {
    match benchmark {
        BenchmarkName::Capture => Benchmark::Capture(capture()),
        BenchmarkName::Latency => Benchmark::Latency(generation()),
        BenchmarkName::Vram => Benchmark::Vram(generation()),
        BenchmarkName::Phase => Benchmark::Phase(generation()),
        BenchmarkName::Roofline => Benchmark::Roofline(generation()),
        BenchmarkName::Perplexity => Benchmark::Perplexity(PerplexityWork {
            model: versioned(),
            text: TextSource::Synthetic,
            window: 16,
            windows: 2,
            batch_size: 1,
            chunk: 1,
            greedy_tokens: 2,
        }),
        BenchmarkName::Capacity => Benchmark::Capacity(CapacityWork {
            model: versioned(),
            prompt_length: 4,
            tokens: vec![4],
            budget_bytes: BUDGET,
            measured_runs: 1,
        }),
        BenchmarkName::Custom => Benchmark::Custom(CustomWork {
            parameters: parameters.clone(),
            warmup_iterations: 1,
            iterations: 2,
        }),
    }
}

fn model() -> ModelSource {
    ModelSource::Preset {
        name: Preset::Gpt2Tiny,
    }
}

fn capture() -> CaptureWork {
    CaptureWork {
        model: model(),
        dtype: Dtype::F32,
        workload: Workload {
            batch_size: 1,
            prefill_tokens: 4,
            decode_tokens: 3,
            prefill_chunk: 4,
            warmup_iterations: 1,
            iterations: 2,
        },
        mode: CaptureMode::AllLayers,
        layers: (0..Preset::Gpt2Tiny.config().layers()).collect(),
        strategy: Strategy::Arena,
        probe: Probe::Full,
        attribution: Attribution::Off,
        fetch_dtype: Dtype::F32,
        fetch_breakdown: false,
    }
}

fn versioned() -> VersionedModel {
    VersionedModel {
        model: model(),
        dtype: Dtype::F32,
        version: Version::V1,
        attention: AttentionPath::Best,
    }
}

fn generation() -> GenerationWork {
    GenerationWork {
        model: versioned(),
        batch_size: 1,
        prompt_length: 4,
        tokens: vec![4],
        warmup_runs: 1,
        measured_runs: 2,
    }
}

/// The job with a part that lasts.
pub(super) fn lasting(job: &Job, part: Lasting) -> Job {
    let mut job = job.clone();
    let (warm_up, measure) = repetitions(&mut job.work);
    match (part, warm_up) {
        (Lasting::Nothing, _) => {}
        (Lasting::WarmUp, Some(count)) => *count = MANY,
        // Without a warm-up of its own the measuring follows at once.
        (Lasting::WarmUp, None) | (Lasting::Measure, _) => *measure = MANY,
    }
    job
}

/// The counts of warm-up, where the benchmark has them, and of measured work.
fn repetitions(work: &mut Benchmark) -> (Option<&mut u32>, &mut u32) {
    match work {
        Benchmark::Capture(work) => (
            Some(&mut work.workload.warmup_iterations),
            &mut work.workload.iterations,
        ),
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => (Some(&mut work.warmup_runs), &mut work.measured_runs),
        Benchmark::Perplexity(work) => (None, &mut work.windows),
        Benchmark::Capacity(work) => (None, &mut work.measured_runs),
        Benchmark::Custom(work) => (Some(&mut work.warmup_iterations), &mut work.iterations),
    }
}
