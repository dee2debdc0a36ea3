//! Rows and results of the KV-cache benchmarks: names, units and figures, checked by hand.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

mod made;

use std::collections::BTreeMap;

use anechoic_protocol::{Benchmark, Device, DeviceInfo, Sample, Version};
use anechoic_record::{
    AttemptData, AttemptRecord, Manifest, Outcome, RunRecord, point_lines, result_json,
    result_lines,
};
use made::{
    capacity, capacity_work, case, generation, latency, manifest, perplexity, perplexity_work,
    phase, roofline, rows, vram,
};
use serde_json::{Value, json};

#[track_caller]
fn check(row: &Value, expected: Value) {
    for (key, value) in expected.as_object().unwrap() {
        match (value.as_f64(), row[key].as_f64()) {
            (Some(expected), Some(found)) => assert!(
                (found - expected).abs() <= 1e-9 * expected.abs().max(1.0),
                "`{key}` is {found} and not {expected}"
            ),
            _ => assert_eq!(&row[key], value, "`{key}`"),
        }
    }
}

#[test]
fn a_latency_row_per_t() {
    let work = Benchmark::Latency(generation(Version::V2, &[64, 128]));
    let samples = vec![
        latency(64, 1, 640),
        latency(64, 2, 660),
        latency(64, 3, 740),
        latency(128, 1, 1280),
    ];
    let rows = rows(work, samples);
    assert_eq!(rows.len(), 2);
    check(
        &rows[0],
        json!({
            "implementation_name": "anechoic",
            "gpu_name": "A CPU",
            "gpu_total_vram": null,
            "python_version": null,
            "pytorch_version": "2.11.0+cu128",
            "cuda_version": null,
            "dtype": "bfloat16",
            "dtype_short": "bf16",
            "model": "gpt2",
            "pretrained": null,
            "weights": "random",
            "prompt_length": 32,
            "batch_size": 2,
            "seed": 42,
            "benchmark": "latency",
            "benchmark_name": "latency_vs_T",
            "version": "v2",
            "version_description": "KV-cache + INT8 quantization",
            "use_cache": true,
            "kv_cache_quant": true,
            "cross_layer_sharing": false,
            "attention": "best",
            "grouped": true,
            "device": "cpu",
            "threads": 2,
            "case": "kv.case",
            "T": 64,
            "n_samples": 3,
            "time_total_ms_median": 660.0,
            "time_total_ms_mean": 680.0,
            "time_total_ms_std": 2800_f64.sqrt(),
            "time_per_token_ms_median": 660.0 / 64.0,
            "time_prefill_ms_median": 165.0,
            "time_decode_ms_median": 330.0,
            "cache_reserved_bytes": 6800,
            "cache_used_bytes": 3400,
            "cache_scale_bytes": 400,
            "bits_per_element": 8.5,
        }),
    );
    assert_eq!(
        rows[0]["model_config"],
        json!({
            "model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_kv_head": 12, "n_embd": 768, "block_size": 1024,
            "vocab_size": 50257, "kv_cache_quant": true, "cross_layer_sharing": false,
        })
    );
    assert_eq!(rows[0]["samples"].as_array().unwrap().len(), 3);
    assert_eq!(rows[0]["samples"][2]["total_ns"], 740_000_000);
    assert_eq!(rows[1]["T"], 128);
    assert_eq!(
        rows[1]["time_total_ms_std"],
        Value::Null,
        "one run has no spread"
    );
}

#[test]
fn the_gpu_is_named_by_the_worker() {
    let data = AttemptData {
        samples: vec![latency(64, 1, 640)],
        devices: vec![DeviceInfo {
            device: Device::Cuda(1),
            description: "A GPU".to_owned(),
            total_memory_bytes: Some(80 << 30),
        }],
        ..AttemptData::default()
    };
    let work = case(Benchmark::Latency(generation(Version::V0, &[64])));
    let rows = result_lines(&manifest(Device::Cuda(1)), &work, 1, &data);
    check(
        &rows[0],
        json!({
            "gpu_name": "A GPU",
            "gpu_total_vram": 80_u64 << 30,
            "cuda_version": "12.8",
            "grouped": false,
            "use_cache": false,
        }),
    );
}

#[test]
fn a_vram_row_is_the_run_with_the_highest_peak() {
    let work = Benchmark::Vram(generation(Version::V2, &[64]));
    let rows = rows(work, vec![vram(1, 1500), vram(2, 1700), vram(3, 1600)]);
    check(
        &rows[0],
        json!({
            "benchmark_name": "vram_vs_T",
            "peak_memory_bytes": 1700,
            "peak_activation_bytes": 700,
            "baseline_memory_bytes": 1000,
            "reserved_memory_bytes": null,
            "memory_source": "resident-set",
            "cache_reserved_bytes": 6800,
        }),
    );
}

#[test]
fn a_phase_row_adds_prefill_and_decode() {
    let work = Benchmark::Phase(generation(Version::V1, &[64]));
    let rows = rows(work, vec![phase(1), phase(2), phase(4)]);
    assert_eq!(rows[0]["benchmark_name"], "per_phase_timing");
    check(
        &rows[0]["time_phase_ms"],
        json!({"embedding": 21.0, "attention": 42.0, "mlp": 63.0, "head": 84.0, "other": 105.0, "total": 315.0}),
    );
    check(&rows[0]["time_phase_prefill_ms"], json!({"total": 15.0}));
    check(&rows[0]["time_phase_decode_ms"], json!({"total": 300.0}));
}

#[test]
fn a_perplexity_row_per_attempt() {
    let sample = perplexity(2);
    let rows = rows(perplexity_work(), vec![sample]);
    assert_eq!(rows.len(), 1);
    check(
        &rows[0],
        json!({
            "benchmark_name": "perplexity",
            "weights": "checkpoint",
            "dtype": "float32",
            "model_config": null,
            "T": null,
            "text": "synthetic",
            "window": 11,
            "perplexity": 4.0,
            "loss": 4_f64.ln(),
            "degradation": 100.0,
            "reference_perplexity": 2.0,
            "teacher_forced_perplexity": 3.0,
            "source_perplexity": 1.5,
            "entropy_bound_perplexity": 1.25,
            "kld_mean": 0.1,
            "kld_p99": 0.2,
            "kld_max": 0.3,
            "same_top_percent": 75.0,
            "first_divergence": 2,
            "greedy_continuations": 3,
            "greedy_diverged": 2,
            "scored_tokens": 20,
            "n_samples": 1,
        }),
    );
}

#[test]
fn a_capacity_row_is_the_smallest_search() {
    let work = capacity_work();
    let rows = rows(work, vec![capacity(1, 9), capacity(2, 8)]);
    check(
        &rows[0],
        json!({
            "benchmark_name": "max_batch_capacity",
            "max_batch": 8,
            "memory_budget_bytes": 1 << 30,
            "memory_source": "device-allocator",
            "cache_bytes_per_request": 77,
            "probes": [{"batch": 8, "peak_bytes": null, "fits": true}],
        }),
    );
    assert_eq!(rows[0].get("batch_size"), None, "it is what is looked for");
}

#[test]
fn a_roofline_row_has_the_ceiling_that_binds() {
    let work = Benchmark::Roofline(generation(Version::V1, &[64]));
    let rows = rows(work, vec![roofline(1, 200), roofline(2, 125)]);
    check(
        &rows[0],
        json!({
            "benchmark_name": "roofline",
            "ceiling_read_bytes_per_s": 1e10,
            "ceiling_matrix_flops_per_s": 1e11,
            "prefill_bound": "compute",
            "prefill_fraction_of_ceiling": 0.2,
            "prefill_achieved_flops_per_s": 2e10,
            "decode_bytes": 1_000_000_000,
            "decode_flops": 2_000_000_000,
            "decode_arithmetic_intensity": 2.0,
            "decode_bound": "memory",
            "decode_fraction_of_ceiling": 0.65,
            "decode_achieved_bytes_per_s": 6.5e9,
            "time_decode_ms_mean": 162.5,
        }),
    );
}

#[test]
fn attempts_that_failed_have_a_row_per_t_without_measurements() {
    let mut case = case(Benchmark::Latency(generation(Version::V3, &[64, 128])));
    case.attempts = vec![AttemptRecord {
        attempt: 1,
        started: "2026-11-22T03:45:00Z".parse().unwrap(),
        wall_ns: 1,
        outcome: Outcome::ExitCode { code: 3 },
        disturbed: Vec::new(),
        left: Vec::new(),
        pipes_left: false,
        worker_identity: None,
        placement: None,
    }];
    let data = AttemptData {
        samples: vec![latency(64, 1, 640)],
        ..AttemptData::default()
    };
    let record = RunRecord {
        path: "results/x".into(),
        manifest: Manifest {
            cases: vec![case],
            ..manifest(Device::Cpu)
        },
        attempts: BTreeMap::from([(("kv.case".to_owned(), 1), data)]),
    };
    let lines = point_lines(&record);
    assert_eq!(lines.len(), 2);
    for (line, tokens) in lines.iter().zip([64, 128]) {
        check(
            line,
            json!({"outcome": "exit-code", "T": tokens, "version": "v3", "cross_layer_sharing": true}),
        );
        assert_eq!(line.get("time_total_ms_median"), None);
        assert_eq!(line.get("samples"), None);
    }
}

#[test]
fn the_result_of_an_attempt_holds_every_point() {
    let work = case(Benchmark::Latency(generation(Version::V1, &[64, 128])));
    let data = AttemptData {
        samples: vec![latency(64, 1, 640), latency(128, 1, 1280)],
        warnings: vec!["something".to_owned()],
        ..AttemptData::default()
    };
    let result = result_json(&manifest(Device::Cpu), &work, 1, &data);
    check(
        &result,
        json!({"version": "v1", "batch_size": 2, "warnings": ["something"]}),
    );
    assert_eq!(result["machine"]["cpu"], "A CPU");
    let points = result["points"].as_array().unwrap();
    check(
        &points[1],
        json!({"T": 128, "time_total_ms_median": 1280.0}),
    );
}

/// A row of every benchmark, with every field that it can have.
fn all_kinds() -> Vec<Value> {
    let Sample::Latency(mut timed) = latency(64, 1, 640) else {
        unreachable!("it is a latency")
    };
    timed.device_ns = Some(1);
    let of_one = |work: Benchmark, sample: Sample| rows(work, vec![sample]).remove(0);
    let generation = || generation(Version::V1, &[64]);
    vec![
        of_one(Benchmark::Latency(generation()), Sample::Latency(timed)),
        of_one(Benchmark::Vram(generation()), vram(1, 1500)),
        of_one(Benchmark::Phase(generation()), phase(1)),
        of_one(perplexity_work(), perplexity(2)),
        of_one(capacity_work(), capacity(1, 9)),
        of_one(Benchmark::Roofline(generation()), roofline(1, 200)),
    ]
}

#[test]
fn every_field_is_documented() {
    let page = include_str!("../../../../docs/results.md");
    for row in all_kinds() {
        for key in row.as_object().unwrap().keys() {
            let is_named = page.contains(&format!("`{key}`"));
            assert!(is_named, "docs/results.md lacks `{key}`");
        }
    }
}

#[test]
fn nothing_scored_has_no_perplexity() {
    let rows = rows(perplexity_work(), vec![perplexity(0)]);
    check(
        &rows[0],
        json!({"perplexity": null, "degradation": null, "scored_windows": 0, "kld_mean": 0.1}),
    );
}
