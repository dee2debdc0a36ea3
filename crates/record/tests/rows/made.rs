//! Made-up cases and samples of every KV-cache benchmark.

use std::time::Duration;

use anechoic_protocol::{
    AttentionPath, Benchmark, CacheBytes, CacheUse, CapacityProbe, CapacitySample, CapacityWork,
    Device, Divergence, Dtype, GenerationWork, LatencySample, MemorySource, ModelSource,
    PerplexitySample, PerplexityWork, PhaseSample, PhaseTimes, Preset, RooflinePoint,
    RooflineSample, Sample, TextSource, Version, VersionedModel, VramSample, WindowLoss,
};
use anechoic_record::{
    AttemptData, CaseRecord, Executor, Machine, Manifest, RunSettings, RunState, SCHEMA_VERSION,
    result_lines,
};
use anechoic_suite::{Case, Order, Plan};
use serde_json::Value;

pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn model(version: Version) -> VersionedModel {
    VersionedModel {
        model: ModelSource::Preset { name: Preset::Gpt2 },
        dtype: Dtype::Bf16,
        version,
        attention: AttentionPath::Best,
    }
}

pub(crate) fn generation(version: Version, tokens: &[u32]) -> GenerationWork {
    GenerationWork {
        model: model(version),
        batch_size: 2,
        prompt_length: 32,
        tokens: tokens.to_vec(),
        warmup_runs: 1,
        measured_runs: 3,
    }
}

pub(crate) fn case(work: Benchmark) -> CaseRecord {
    CaseRecord {
        case: Case {
            id: "kv.case".to_owned(),
            seed: 42,
            threads: None,
            timeout: Duration::from_secs(60),
            isolation: Default::default(),
            worker: None,
            work,
        },
        attempts: vec![],
        granted: None,
    }
}

pub(crate) fn manifest(device: Device) -> Manifest {
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: "kv_1".to_owned(),
        anechoic: "0.1.0".to_owned(),
        started: "2026-11-22T03:45:00Z".parse().unwrap(),
        state: RunState::Complete,
        settings: RunSettings {
            device,
            threads: 2,
            worker: "anechoic-worker".to_owned(),
            worker_identity: None,
            torch: Some("2.11.0+cu128".to_owned()),
            executor: Executor::Local,
        },
        machine: Machine {
            hostname: None,
            kernel: None,
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 2,
            physical_cores: 2,
            memory_bytes: Some(24 << 30),
            gpu: None,
            gpu_uuid: None,
        },
        cases: vec![],
        starts: vec![],
        audit: None,
        plan: Plan {
            name: "kv".to_owned(),
            question: None,
            cooldown: Duration::ZERO,
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Listed,
            attempts: 1,
            until: None,
            slots: vec![],
            cases: vec![],
        },
    }
}

pub(crate) fn rows(work: Benchmark, samples: Vec<Sample>) -> Vec<Value> {
    let data = AttemptData {
        samples,
        ..AttemptData::default()
    };
    result_lines(&manifest(Device::Cpu), &case(work), 1, &data)
}

pub(crate) fn cache() -> CacheUse {
    let bytes = |values| CacheBytes {
        values,
        scales: values / 16,
        auxiliary: 0,
    };
    CacheUse {
        reserved: bytes(6400),
        used: bytes(3200),
        elements: 3200,
    }
}

pub(crate) fn latency(tokens: u32, run: u32, total_ms: u64) -> Sample {
    Sample::Latency(LatencySample {
        iteration: run,
        tokens,
        run,
        prefill_ns: total_ms * MS / 4,
        decode_ns: total_ms * MS / 2,
        total_ns: total_ms * MS,
        device_ns: None,
        generated_tokens: 2 * u64::from(tokens),
        cache: cache(),
    })
}

pub(crate) fn vram(run: u32, peak_bytes: u64) -> Sample {
    Sample::Vram(VramSample {
        iteration: run,
        tokens: 64,
        run,
        source: MemorySource::ResidentSet,
        baseline_bytes: 1000,
        peak_bytes,
        reserved_bytes: None,
        generated_tokens: 128,
        cache: cache(),
    })
}

pub(crate) fn phase(run: u32) -> Sample {
    let times = |ms: u64| PhaseTimes {
        embedding_ns: ms * MS,
        attention_ns: 2 * ms * MS,
        mlp_ns: 3 * ms * MS,
        head_ns: 4 * ms * MS,
        other_ns: 5 * ms * MS,
        total_ns: 15 * ms * MS,
    };
    Sample::Phase(PhaseSample {
        iteration: run,
        tokens: 64,
        run,
        prefill: times(1),
        decode: times(u64::from(run) * 10),
        generated_tokens: 128,
    })
}

pub(crate) fn capacity(run: u32, batch: u32) -> Sample {
    Sample::Capacity(CapacitySample {
        iteration: run,
        tokens: 64,
        run,
        source: MemorySource::DeviceAllocator,
        batch,
        probes: vec![CapacityProbe {
            batch,
            peak_bytes: None,
            fits: true,
        }],
        cache_bytes_per_request: 77,
    })
}

pub(crate) fn roofline(run: u32, decode_ms: u64) -> Sample {
    Sample::Roofline(RooflineSample {
        iteration: run,
        tokens: 64,
        run,
        prefill: RooflinePoint {
            time_ns: 50 * MS,
            bytes: 1_000_000,
            flops: 1_000_000_000,
        },
        decode: RooflinePoint {
            time_ns: decode_ms * MS,
            bytes: 1_000_000_000,
            flops: 2_000_000_000,
        },
        read_bytes_per_s: 10_000_000_000,
        matrix_flops_per_s: 100_000_000_000,
        generated_tokens: 128,
    })
}

/// As many windows of ten scored tokens.
pub(crate) fn perplexity(windows: usize) -> Sample {
    let window = WindowLoss {
        tokens: 10,
        loss: 10.0 * 4_f64.ln(),
        teacher_forced_loss: 10.0 * 3_f64.ln(),
        reference_loss: 10.0 * 2_f64.ln(),
        source_loss: Some(10.0 * 1.5_f64.ln()),
    };
    Sample::Perplexity(PerplexitySample {
        iteration: 1,
        windows: vec![window; windows],
        divergence: Divergence {
            mean: 0.1,
            p99: 0.2,
            max: 0.3,
        },
        same_top_tokens: 15,
        first_divergence: vec![Some(3), None, Some(2)],
        source_entropy: Some(1.25_f64.ln()),
        cache: cache(),
    })
}

pub(crate) fn capacity_work() -> Benchmark {
    Benchmark::Capacity(CapacityWork {
        model: model(Version::V1),
        prompt_length: 32,
        tokens: vec![64],
        budget_bytes: 1 << 30,
        measured_runs: 2,
    })
}

pub(crate) fn perplexity_work() -> Benchmark {
    Benchmark::Perplexity(PerplexityWork {
        model: VersionedModel {
            model: ModelSource::Folder {
                name: "models/a".to_owned(),
                path: "/models/a".to_owned(),
            },
            dtype: Dtype::F32,
            ..model(Version::V4)
        },
        text: TextSource::Synthetic,
        window: 11,
        windows: 2,
        batch_size: 2,
        chunk: 1,
        greedy_tokens: 4,
    })
}
