//! Made-up cases of every KV-cache benchmark with their attempts.

use anechoic_protocol::{
    AttentionPath, Benchmark, CacheUse, CapacityProbe, CapacitySample, CapacityWork, Divergence,
    Dtype, FailureKind, GenerationWork, LatencySample, MemorySource, ModelFacts, ModelSource,
    PerplexitySample, PerplexityWork, PhaseSample, PhaseTimes, Preset, RooflinePoint,
    RooflineSample, Sample, TextSource, Version, VersionedModel, VramSample, WindowLoss,
};
use anechoic_record::{AttemptData, Outcome, RunRecord};
use anechoic_suite::Case;

use crate::result::job_result;
use crate::support::{self, ok, record};

use AttentionPath::{Best, Dequantise, Stock};
use Version::{V0, V1, V2, V3, V4};

pub(crate) const PROMPT: u32 = 32;
pub(crate) const MS: u64 = 1_000_000;

pub(crate) fn gpt2(version: Version, attention: AttentionPath) -> VersionedModel {
    VersionedModel {
        model: ModelSource::Preset { name: Preset::Gpt2 },
        dtype: Dtype::Bf16,
        version,
        attention,
    }
}

pub(crate) fn case(id: &str, work: Benchmark) -> Case {
    Case {
        seed: 42,
        ..support::case(id, work)
    }
}

pub(crate) fn generation(
    version: Version,
    attention: AttentionPath,
    tokens: &[u32],
) -> GenerationWork {
    GenerationWork {
        model: gpt2(version, attention),
        batch_size: 1,
        prompt_length: PROMPT,
        tokens: tokens.to_vec(),
        warmup_runs: 1,
        measured_runs: 2,
    }
}

pub(crate) fn cache(version: Version, tokens: u32) -> CacheUse {
    let config = Preset::Gpt2.config();
    let bytes = |positions| version.cache_bytes(&config, 1, positions, Dtype::Bf16);
    CacheUse {
        reserved: bytes(PROMPT + tokens),
        used: bytes(PROMPT + tokens - 1),
        elements: V1
            .cache_bytes(&config, 1, PROMPT + tokens - 1, Dtype::F16)
            .total()
            / 2,
    }
}

pub(crate) fn data(case: &Case, samples: Vec<Sample>) -> AttemptData {
    let version = case.work.versioned().unwrap().version;
    let config = Preset::Gpt2.config();
    let mut result = job_result(case, 1 << 30);
    result.model = Some(ModelFacts {
        layers: 12,
        hidden: 768,
        parameters: 124_439_808,
        weight_bytes: 248_879_616,
        kv_cache_bytes: 0,
        projection_bytes_saved: version.projection_bytes_saved(&config, Dtype::Bf16),
        dtype: Dtype::Bf16,
        config: Some(config),
    });
    result.environment.torch = Some("2.11.0".to_owned());
    result.environment.attention_path = Some("fused-avx2".to_owned());
    AttemptData {
        samples,
        result: Some(result),
        wall_ns: Some(2_000_000_000),
        waited_ms: 1_000,
        orchestrator_cpu_ns: Some(2_000_000),
        ..AttemptData::default()
    }
}

pub(crate) type Made = (Case, Vec<(Outcome, AttemptData)>);

/// One list of run times per process and T, in milliseconds; a quarter of each is prefill.
pub(crate) fn latency(
    version: Version,
    attention: AttentionPath,
    tokens: &[u32],
    processes: &[&[&[u64]]],
) -> Made {
    let names: Vec<String> = tokens.iter().map(u32::to_string).collect();
    let id = format!(
        "kv.{}.latency.{}.t{}",
        version.as_str(),
        attention.as_str(),
        names.join(",")
    );
    let case = case(
        &id,
        Benchmark::Latency(generation(version, attention, tokens)),
    );
    let attempts = processes.iter().map(|at_tokens| {
        let at_tokens = tokens.iter().zip(*at_tokens);
        let samples = at_tokens.flat_map(|(&tokens, runs)| {
            (1..).zip(*runs).map(move |(run, ms)| {
                Sample::Latency(LatencySample {
                    iteration: run,
                    tokens,
                    run,
                    prefill_ns: ms * MS / 4,
                    decode_ns: ms * MS / 4 * 3,
                    total_ns: ms * MS,
                    device_ns: None,
                    generated_tokens: u64::from(tokens),
                    cache: cache(version, tokens),
                })
            })
        });
        ok(data(&case, samples.collect()))
    });
    let attempts = attempts.collect();
    (case, attempts)
}

pub(crate) fn vram(version: Version) -> Made {
    let id = format!("kv.{}.vram.t128", version.as_str());
    let case = case(&id, Benchmark::Vram(generation(version, Best, &[128])));
    let cache = cache(version, 128);
    let sample = |run| {
        Sample::Vram(VramSample {
            iteration: run,
            tokens: 128,
            run,
            source: MemorySource::ResidentSet,
            baseline_bytes: 500 << 20,
            peak_bytes: (510 << 20) + cache.reserved.total() + u64::from(run),
            reserved_bytes: None,
            generated_tokens: 128,
            cache,
        })
    };
    let attempt = ok(data(&case, vec![sample(1), sample(2)]));
    (case, vec![attempt])
}

pub(crate) fn phase(version: Version) -> Made {
    let id = format!("kv.{}.phase.t128", version.as_str());
    let case = case(&id, Benchmark::Phase(generation(version, Best, &[128])));
    let times = |scale: u64| PhaseTimes {
        embedding_ns: MS * scale,
        attention_ns: 20 * MS * scale,
        mlp_ns: 30 * MS * scale,
        head_ns: 10 * MS * scale,
        other_ns: 2 * MS * scale,
        total_ns: 63 * MS * scale,
    };
    let sample = |run| {
        Sample::Phase(PhaseSample {
            iteration: run,
            tokens: 128,
            run,
            prefill: times(1),
            decode: times(3 + u64::from(run)),
            generated_tokens: 128,
        })
    };
    let attempt = ok(data(&case, vec![sample(1), sample(2)]));
    (case, vec![attempt])
}

/// Two windows of 255 scored tokens with this much loss per token, against a reference of 1 nat.
pub(crate) fn perplexity(version: Version, nats_per_token: f64) -> Made {
    let id = format!("kv.{}.perplexity", version.as_str());
    let model = VersionedModel {
        model: ModelSource::Folder {
            name: "models/a|b".to_owned(),
            path: "/models/a".to_owned(),
        },
        dtype: Dtype::F32,
        version,
        attention: Best,
    };
    let work = PerplexityWork {
        model,
        text: TextSource::Synthetic,
        window: 256,
        windows: 2,
        batch_size: 2,
        chunk: 1,
        greedy_tokens: 64,
    };
    let case = case(&id, Benchmark::Perplexity(work));
    let window = WindowLoss {
        tokens: 255,
        loss: 255.0 * nats_per_token,
        teacher_forced_loss: 255.0,
        reference_loss: 255.0,
        source_loss: Some(255.0 * 0.95),
    };
    let is_v1 = version == V1;
    let sample = Sample::Perplexity(PerplexitySample {
        iteration: 1,
        windows: vec![window; 2],
        divergence: match is_v1 {
            true => Divergence {
                mean: 0.0,
                p99: 0.0,
                max: 0.0,
            },
            false => Divergence {
                mean: 0.000_25,
                p99: 0.004,
                max: 0.02,
            },
        },
        same_top_tokens: if is_v1 { 510 } else { 507 },
        first_divergence: if is_v1 {
            vec![None, None]
        } else {
            vec![None, Some(17)]
        },
        source_entropy: Some(0.9),
        cache: CacheUse::default(),
    });
    let attempt = ok(data(&case, vec![sample]));
    (case, vec![attempt])
}

pub(crate) fn capacity(version: Version, batches: &[u32]) -> Made {
    let id = format!("kv.{}.capacity.t128", version.as_str());
    let work = CapacityWork {
        model: gpt2(version, Best),
        prompt_length: PROMPT,
        tokens: vec![128],
        budget_bytes: 2 << 30,
        measured_runs: 2,
    };
    let case = case(&id, Benchmark::Capacity(work));
    let samples = (1..).zip(batches).map(|(run, &batch)| {
        Sample::Capacity(CapacitySample {
            iteration: run,
            tokens: 128,
            run,
            source: MemorySource::ResidentSet,
            batch,
            probes: vec![CapacityProbe {
                batch,
                peak_bytes: Some(1 << 30),
                fits: true,
            }],
            cache_bytes_per_request: cache(version, 128).reserved.total(),
        })
    });
    let attempt = ok(data(&case, samples.collect()));
    (case, vec![attempt])
}

pub(crate) fn roofline(tokens: &[u32]) -> Made {
    let names: Vec<String> = tokens.iter().map(u32::to_string).collect();
    let case = case(
        &format!("kv.v1.roofline.t{}", names.join(",")),
        Benchmark::Roofline(generation(V1, Best, tokens)),
    );
    let sample = |tokens: u32, run| {
        Sample::Roofline(RooflineSample {
            iteration: run,
            tokens,
            run,
            prefill: RooflinePoint {
                time_ns: 40 * MS,
                bytes: 250_000_000,
                flops: 5_600_000_000,
            },
            decode: RooflinePoint {
                time_ns: (1_249 + 2 * u64::from(run)) * MS,
                bytes: 31_500_000_000,
                flops: 31_700_000_000,
            },
            read_bytes_per_s: 30_000_000_000,
            matrix_flops_per_s: 200_000_000_000,
            generated_tokens: u64::from(tokens),
        })
    };
    let samples = tokens.iter().flat_map(|&t| [sample(t, 1), sample(t, 2)]);
    let attempt = ok(data(&case, samples.collect()));
    (case, vec![attempt])
}

pub(crate) fn failed(mut made: Made) -> Made {
    let outcome = Outcome::WorkerFailed {
        kind: FailureKind::OutOfMemory,
        message: "no room for the cache".to_owned(),
    };
    made.1 = vec![(outcome, made.1.remove(0).1)];
    made
}

pub(crate) fn everything() -> RunRecord {
    record(vec![
        latency(
            V0,
            Best,
            &[32, 128],
            &[&[&[90, 90], &[900, 910]], &[&[91, 89], &[905, 905]]],
        ),
        latency(
            V1,
            Best,
            &[32, 128],
            &[&[&[100, 102], &[400, 400]], &[&[101, 99], &[410, 398]]],
        ),
        latency(V2, Best, &[32], &[&[&[101, 103]]]),
        latency(V2, Best, &[128], &[&[&[300, 304]], &[&[302, 306]]]),
        latency(V2, Stock, &[128], &[&[&[600, 610]], &[&[600, 606]]]),
        latency(V2, Dequantise, &[128], &[&[&[900, 910]], &[&[906, 912]]]),
        latency(V3, Best, &[128], &[&[&[390, 391]], &[&[392, 390]]]),
        failed(latency(V4, Best, &[32, 128], &[&[&[1, 1], &[2, 2]]])),
        vram(V1),
        vram(V2),
        phase(V1),
        perplexity(V0, 1.0),
        perplexity(V1, 1.0),
        perplexity(V2, 1.002),
        capacity(V1, &[30, 32]),
        capacity(V2, &[57, 57]),
        roofline(&[128]),
    ])
}
