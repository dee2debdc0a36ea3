//! KV-cache jobs through the real worker.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod common;

use anechoic_protocol::{
    AttentionPath, Benchmark, CacheBytes, CapacityWork, Device, Dtype, FailureKind, GenerationWork,
    Job, MemorySource, ModelSource, PROTOCOL_VERSION, Preset, Sample, Version, VersionedModel,
};
use common::run;

fn model(name: Preset, version: Version) -> VersionedModel {
    VersionedModel {
        model: ModelSource::Preset { name },
        dtype: Dtype::F32,
        version,
        attention: AttentionPath::Best,
    }
}

fn generation(name: Preset, version: Version) -> GenerationWork {
    GenerationWork {
        model: model(name, version),
        batch_size: 2,
        prompt_length: 7,
        tokens: vec![5, 3],
        warmup_runs: 1,
        measured_runs: 2,
    }
}

fn job(work: Benchmark) -> Job {
    Job {
        protocol: PROTOCOL_VERSION,
        case: "kv.test".to_owned(),
        attempt: 1,
        device: Device::Cpu,
        threads: 1,
        seed: 3,
        work,
        more: false,
    }
}

/// Runs a job that must go well and be echoed as it is.
fn samples(work: Benchmark) -> Vec<Sample> {
    let job = job(work);
    let ran = run(&job);
    let result = ran.result();
    assert_eq!(result.used.0, job);
    let verification = result.verification.as_ref().unwrap();
    assert!(verification.compared > 0);
    assert!(verification.max_relative_error <= verification.tolerance);
    ran.samples().into_iter().cloned().collect()
}

fn work_of(name: Preset) -> impl Iterator<Item = (Version, GenerationWork)> {
    Version::ALL
        .into_iter()
        .map(move |version| (version, generation(name, version)))
}

#[test]
fn latency_under_every_version() {
    for name in [Preset::Gpt2Tiny, Preset::Qwen2Tiny] {
        for (version, work) in work_of(name) {
            let samples = samples(Benchmark::Latency(work));
            let mut turns = Vec::new();
            for sample in &samples {
                let Sample::Latency(sample) = sample else {
                    panic!("not a latency but {sample:?}");
                };
                turns.push((sample.iteration, sample.tokens, sample.run));
                assert_eq!(sample.generated_tokens, 2 * u64::from(sample.tokens));
                assert!(sample.prefill_ns > 0 && sample.decode_ns > 0);
                assert!(sample.prefill_ns + sample.decode_ns <= sample.total_ns);
                let bytes =
                    |positions| version.cache_bytes(&name.config(), 2, positions, Dtype::F32);
                assert_eq!(sample.cache.reserved, bytes(7 + sample.tokens));
                assert_eq!(sample.cache.used, bytes(7 + sample.tokens - 1));
                assert_eq!(sample.device_ns, None);
            }
            assert_eq!(turns, [(1, 5, 1), (2, 5, 2), (3, 3, 1), (4, 3, 2)]);
        }
    }
}

#[test]
fn memory_is_the_process_s_own_and_says_so() {
    for (version, work) in work_of(Preset::Gpt2Tiny) {
        for sample in samples(Benchmark::Vram(work)) {
            let Sample::Vram(sample) = sample else {
                panic!("not a vram but {sample:?}");
            };
            assert_eq!(sample.source, MemorySource::ResidentSet);
            assert!(sample.baseline_bytes > 1 << 20);
            assert!(sample.peak_bytes >= sample.baseline_bytes);
            assert_eq!(sample.reserved_bytes, None);
            assert_eq!(
                sample.cache.reserved == CacheBytes::default(),
                version == Version::V0
            );
        }
    }
}

#[test]
fn phases_make_up_the_whole() {
    for name in [Preset::Gpt2Tiny, Preset::Qwen2Tiny] {
        for (_, work) in work_of(name) {
            for sample in samples(Benchmark::Phase(work)) {
                let Sample::Phase(sample) = sample else {
                    panic!("not a phase but {sample:?}");
                };
                for times in [sample.prefill, sample.decode] {
                    let parts = [
                        times.embedding_ns,
                        times.attention_ns,
                        times.mlp_ns,
                        times.head_ns,
                        times.other_ns,
                    ];
                    assert!(parts.iter().all(|&part| part > 0), "{times:?}");
                    assert_eq!(parts.iter().sum::<u64>(), times.total_ns);
                }
            }
        }
    }
}

#[test]
fn a_roofline_has_ceilings() {
    let mut work = generation(Preset::Gpt2Tiny, Version::V2);
    work.tokens = vec![4];
    work.measured_runs = 1;
    for sample in samples(Benchmark::Roofline(work)) {
        let Sample::Roofline(sample) = sample else {
            panic!("not a roofline but {sample:?}");
        };
        assert!(sample.read_bytes_per_s > 100_000_000, "{sample:?}");
        assert!(sample.matrix_flops_per_s > 100_000_000, "{sample:?}");
        assert!(sample.decode.bytes > 0 && sample.decode.time_ns > 0);
        assert!(sample.prefill.flops > sample.decode.flops / 3);
    }
}

fn capacity(version: Version, budget_bytes: u64) -> CapacityWork {
    CapacityWork {
        model: model(Preset::Gpt2Tiny, version),
        prompt_length: 4,
        tokens: vec![124],
        budget_bytes,
        measured_runs: 1,
    }
}

#[test]
fn the_largest_batch_is_one_that_was_tried_and_fitted() {
    for version in [Version::V1, Version::V4] {
        let budget = 400 << 20;
        for sample in samples(Benchmark::Capacity(capacity(version, budget))) {
            let Sample::Capacity(sample) = sample else {
                panic!("not a capacity but {sample:?}");
            };
            assert!(sample.batch > 0);
            let fits = |batch| {
                let mut tried = sample.probes.iter();
                tried.any(|p| p.batch == batch && p.fits && p.peak_bytes.unwrap() <= budget)
            };
            assert!(fits(sample.batch), "{sample:?}");
            let bytes = version.cache_bytes(&Preset::Gpt2Tiny.config(), 1, 128, Dtype::F32);
            assert_eq!(sample.cache_bytes_per_request, bytes.total());
        }
    }
}

#[test]
fn a_budget_below_the_program_itself_fits_nothing() {
    for sample in samples(Benchmark::Capacity(capacity(Version::V1, 1 << 20))) {
        let Sample::Capacity(sample) = sample else {
            panic!("not a capacity but {sample:?}");
        };
        assert_eq!(sample.batch, 0);
        assert!(sample.probes.iter().all(|probe| !probe.fits));
    }
}

#[test]
fn what_cannot_be_done_is_refused_by_hand_too() {
    let check = |change: fn(&mut GenerationWork), expected: &str| {
        let mut work = generation(Preset::Gpt2Tiny, Version::V1);
        change(&mut work);
        let ran = run(&job(Benchmark::Latency(work)));
        let (kind, message) = ran.failure();
        assert_eq!(kind, FailureKind::InvalidJob);
        assert!(message.contains(expected), "{message}");
    };
    check(
        |work| work.tokens = vec![125],
        "132 positions are needed, and the model's window is 128",
    );
    check(|work| work.tokens = Vec::new(), "must be at least 1");
    check(|work| work.tokens = vec![4, 0], "must be at least 1");
    check(|work| work.measured_runs = 0, "must be at least 1");
}
