//! Cases and samples of a made-up run.

use std::time::Duration;

use anechoic_protocol::{
    AttentionPath, Attribution, Benchmark, CacheUse, CaptureIteration, CaptureMode, CaptureWork,
    Dtype, GenerationWork, LatencySample, ModelSource, Preset, Probe, Sample, Strategy, Version,
    VersionedModel, Workload,
};
use anechoic_suite::Case;

use super::LargeRun;

const MILLISECOND: f64 = 1e6;

/// Even ones are of `latency`, odd ones of `capture`.
pub(super) fn case(run: &LargeRun, index: u32) -> Case {
    let (kind, number) = (index % 2, index / 2);
    let (id, work) = match kind {
        0 => latency_work(run, number),
        _ => capture_work(run, number),
    };
    Case {
        id,
        seed: 0,
        threads: Some(1),
        timeout: Duration::from_secs(60),
        isolation: Default::default(),
        worker: None,
        work,
    }
}

/// Five versions at each of many T.
fn latency_work(run: &LargeRun, number: u32) -> (String, Benchmark) {
    let version = Version::ALL[number as usize % Version::ALL.len()];
    let tokens = 8 * (1 + number / Version::ALL.len() as u32);
    let work = GenerationWork {
        model: VersionedModel {
            model: preset(),
            dtype: Dtype::F32,
            version,
            attention: AttentionPath::Best,
        },
        batch_size: 1,
        prompt_length: 32,
        tokens: vec![tokens],
        warmup_runs: 2,
        measured_runs: run.iterations,
    };
    let id = format!("{}.latency.t{tokens}", version.as_str());
    (id, Benchmark::Latency(work))
}

/// A baseline, and then one layer more in each case, in many workloads.
fn capture_work(run: &LargeRun, number: u32) -> (String, Benchmark) {
    let (workload, captured) = (number / LAYERS, number % LAYERS);
    let mode = match captured {
        0 => CaptureMode::Baseline,
        _ => CaptureMode::Custom,
    };
    let work = CaptureWork {
        model: preset(),
        dtype: Dtype::F32,
        workload: Workload {
            batch_size: 1 + workload,
            prefill_tokens: 32,
            decode_tokens: 16,
            prefill_chunk: 32,
            warmup_iterations: 2,
            iterations: run.iterations,
        },
        mode,
        layers: (0..captured).collect(),
        strategy: Strategy::Arena,
        probe: Probe::Full,
        attribution: Attribution::Off,
        fetch_dtype: Dtype::F32,
        fetch_breakdown: false,
    };
    let id = format!("b{}.capture-{captured}-layers", 1 + workload);
    (id, Benchmark::Capture(work))
}

/// Layers of the model.
const LAYERS: u32 = 12;

fn preset() -> ModelSource {
    ModelSource::Preset { name: Preset::Gpt2 }
}

/// One sample; `process` stretches all times of a process, `iteration_noise` those of one iteration.
pub(super) fn sample(work: &Benchmark, iteration: u32, stretch: f64) -> Sample {
    match work {
        Benchmark::Latency(work) => latency(work, iteration, stretch),
        Benchmark::Capture(work) => capture(work, iteration, stretch),
        Benchmark::Vram(_)
        | Benchmark::Phase(_)
        | Benchmark::Perplexity(_)
        | Benchmark::Capacity(_)
        | Benchmark::Roofline(_)
        | Benchmark::Custom(_) => unreachable!("no such case is made up"),
    }
}

fn latency(work: &GenerationWork, iteration: u32, stretch: f64) -> Sample {
    let tokens = work.tokens[0];
    let slower = 1.0 + 0.1 * f64::from(work.model.version as u8);
    let prefill_ns = (3.0 * MILLISECOND * stretch) as u64;
    let decode_ns = (0.9 * MILLISECOND * f64::from(tokens) * slower * stretch) as u64;
    Sample::Latency(LatencySample {
        iteration,
        tokens,
        run: iteration,
        prefill_ns,
        decode_ns,
        total_ns: prefill_ns + decode_ns + 1_000,
        device_ns: None,
        generated_tokens: u64::from(work.batch_size * tokens),
        cache: CacheUse::default(),
    })
}

fn capture(work: &CaptureWork, iteration: u32, stretch: f64) -> Sample {
    let layers = work.layers.len() as f64;
    let batch = f64::from(work.workload.batch_size);
    let generation = 40.0 * MILLISECOND * batch * (1.0 + 0.002 * layers) * stretch;
    let rows =
        work.expected_rows() * u64::from(work.workload.batch_size) * work.layers.len() as u64;
    Sample::Capture(CaptureIteration {
        iteration,
        prefill_ns: (generation / 4.0) as u64,
        decode_ns: (generation / 2.0) as u64,
        generation_ns: generation as u64,
        fetch_ns: (rows as f64 * 100.0 * stretch) as u64,
        fetch_parts: None,
        generated_tokens: u64::from(work.workload.batch_size * work.workload.decode_tokens),
        captured_rows: rows,
        captured_bytes: rows * 768 * 4,
        resident_bytes: 1 << 30,
        inside_ns: None,
        paired: None,
    })
}
