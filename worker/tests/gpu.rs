//! KV-cache jobs on a GPU. Off by default: `cargo test -p anechoic-worker --test gpu -- --ignored` where there is one.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod common;

use anechoic_protocol::{
    AttentionPath, Benchmark, Device, Dtype, GenerationWork, Job, MemorySource, ModelSource,
    PROTOCOL_VERSION, Preset, Sample, Version, VersionedModel,
};
use common::run;

fn work(version: Version, dtype: Dtype) -> GenerationWork {
    GenerationWork {
        model: VersionedModel {
            model: ModelSource::Preset {
                name: Preset::Qwen2Tiny,
            },
            dtype,
            version,
            attention: AttentionPath::Best,
        },
        batch_size: 2,
        prompt_length: 7,
        tokens: vec![9],
        warmup_runs: 1,
        measured_runs: 2,
    }
}

/// Samples of a job that goes well; the worker's own verification compares with other code.
fn samples(work: Benchmark) -> Vec<Sample> {
    let job = Job {
        protocol: PROTOCOL_VERSION,
        case: "kv.gpu".to_owned(),
        attempt: 1,
        device: Device::Cuda(0),
        threads: 1,
        seed: 3,
        work,
        more: false,
    };
    let ran = run(&job);
    assert_eq!(ran.result().used.0, job);
    assert!(ran.result().memory.peak_device_bytes.unwrap() > 0);
    ran.samples().into_iter().cloned().collect()
}

#[test]
#[ignore = "needs a GPU"]
fn every_version_generates_and_is_timed_by_both_clocks() {
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16] {
        for version in Version::ALL {
            for sample in samples(Benchmark::Latency(work(version, dtype))) {
                let Sample::Latency(sample) = sample else {
                    panic!("not a latency but {sample:?}");
                };
                let device_ns = sample.device_ns.unwrap();
                assert!(
                    device_ns > 0 && device_ns <= 2 * sample.total_ns,
                    "{sample:?}"
                );
            }
        }
    }
}

#[test]
#[ignore = "needs a GPU"]
fn memory_is_the_allocator_s() {
    for version in Version::ALL {
        for sample in samples(Benchmark::Vram(work(version, Dtype::Bf16))) {
            let Sample::Vram(sample) = sample else {
                panic!("not a vram but {sample:?}");
            };
            assert_eq!(sample.source, MemorySource::DeviceAllocator);
            let held = sample.baseline_bytes + sample.cache.reserved.total();
            assert!(sample.peak_bytes >= held, "{sample:?}");
            assert!(sample.reserved_bytes.unwrap() >= sample.peak_bytes);
        }
    }
}
