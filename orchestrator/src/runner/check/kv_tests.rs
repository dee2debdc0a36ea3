//! Samples and results of KV-cache benchmarks that are refused, each with what makes it so.

use anechoic_protocol::{
    AttentionPath, Benchmark, CacheBytes, CacheUse, CapacityProbe, CapacitySample, CapacityWork,
    Divergence, Dtype, GenerationWork, Job, JobResult, LatencySample, MemorySource, ModelFacts,
    ModelSource, PerplexitySample, PerplexityWork, PhaseSample, PhaseTimes, Preset, RooflinePoint,
    RooflineSample, Sample, TextSource, Version, VersionedModel, VramSample, WindowLoss,
};
use anechoic_record::Outcome;

use super::{bad_result, bad_sample};
use crate::runner::lifecycle_tests::fixture;

/// 4 layers × (keys, values) × 2 heads × 16, in f32.
const PER_TOKEN: u64 = 4 * 2 * 2 * 16 * 4;

fn model(version: Version) -> VersionedModel {
    VersionedModel {
        model: ModelSource::Preset {
            name: Preset::Qwen2Tiny,
        },
        dtype: Dtype::F32,
        version,
        attention: AttentionPath::Best,
    }
}

/// T of 5 and of 3, twice each, for two requests with prompts of 4.
fn generation() -> GenerationWork {
    GenerationWork {
        model: model(Version::V1),
        batch_size: 2,
        prompt_length: 4,
        tokens: vec![5, 3],
        warmup_runs: 0,
        measured_runs: 2,
    }
}

fn job(work: Benchmark) -> Job {
    Job {
        work,
        ..fixture::job()
    }
}

fn cache(tokens: u64) -> CacheUse {
    let values = |positions| CacheBytes {
        values: 2 * positions * PER_TOKEN,
        ..CacheBytes::default()
    };
    CacheUse {
        reserved: values(4 + tokens),
        used: values(3 + tokens),
        elements: 2 * (3 + tokens) * PER_TOKEN / 4,
    }
}

fn latency(iteration: u32, tokens: u32, run: u32) -> LatencySample {
    LatencySample {
        iteration,
        tokens,
        run,
        prefill_ns: 3,
        decode_ns: 4,
        total_ns: 7,
        device_ns: None,
        generated_tokens: 2 * u64::from(tokens),
        cache: cache(tokens.into()),
    }
}

fn all() -> Vec<Sample> {
    let all = [(1, 5, 1), (2, 5, 2), (3, 3, 1), (4, 3, 2)];
    all.map(|(iteration, tokens, run)| Sample::Latency(latency(iteration, tokens, run)))
        .into()
}

/// The verdict over a first sample.
fn first(work: Benchmark, sample: Sample) -> String {
    cause(bad_sample(&job(work), 0, &sample))
}

fn cause(outcome: Option<Outcome>) -> String {
    outcome.map_or("fine".to_owned(), |outcome| outcome.cause())
}

#[track_caller]
fn assert_in(part: &str, text: &str) {
    assert!(text.contains(part), "no `{part}` in `{text}`");
}

#[test]
fn samples_follow_the_order_of_the_job() {
    let job = job(Benchmark::Latency(generation()));
    let verdict = |seen, sample| cause(bad_sample(&job, seen, &sample));
    for (seen, sample) in all().into_iter().enumerate() {
        assert_eq!(verdict(u32::try_from(seen).unwrap(), sample), "fine");
    }
    let early = verdict(1, Sample::Latency(latency(2, 3, 1)));
    assert_in(
        "sample 2: tokens: expected 5, got 3; sample 2: run: expected 2, got 1",
        &early,
    );
    assert_in(
        "sample 5 where 1 was due",
        &verdict(0, Sample::Latency(latency(5, 3, 1))),
    );
}

#[test]
fn another_benchmarks_sample_is_refused() {
    let found = first(
        Benchmark::Vram(generation()),
        Sample::Latency(latency(1, 5, 1)),
    );
    assert_in(
        "sample 1: it is one of `latency`, and the job is `vram`",
        &found,
    );
}

#[test]
fn parts_fit_into_the_whole() {
    let mut sample = latency(1, 5, 1);
    sample.decode_ns = 5;
    let found = first(Benchmark::Latency(generation()), Sample::Latency(sample));
    assert_in(
        "prefill and decode take 8 ns, which is longer than the whole, 7 ns",
        &found,
    );

    let times = |head_ns| PhaseTimes {
        attention_ns: 6,
        head_ns,
        total_ns: 9,
        ..PhaseTimes::default()
    };
    let phase = |prefill, decode| {
        let sample = PhaseSample {
            iteration: 1,
            tokens: 5,
            run: 1,
            prefill: times(prefill),
            decode: times(decode),
            generated_tokens: 10,
        };
        first(Benchmark::Phase(generation()), Sample::Phase(sample))
    };
    assert_eq!(phase(3, 3), "fine");
    assert_in("the parts of prefill take 10 ns", &phase(4, 3));
    assert_in("the parts of decode take 10 ns", &phase(3, 4));
}

#[test]
fn tokens_and_peaks_are_real() {
    let vram = |peak_bytes, generated_tokens| {
        let sample = VramSample {
            iteration: 1,
            tokens: 5,
            run: 1,
            source: MemorySource::ResidentSet,
            baseline_bytes: 1,
            peak_bytes,
            reserved_bytes: None,
            generated_tokens,
            cache: cache(5),
        };
        first(Benchmark::Vram(generation()), Sample::Vram(sample))
    };
    assert_eq!(vram(9, 10), "fine");
    assert_in("its peak is 0 bytes", &vram(0, 10));
    assert_in("generated_tokens: expected 10, got 9", &vram(9, 9));
}

#[test]
fn ceilings_are_measured() {
    let roofline = |read_bytes_per_s, matrix_flops_per_s| {
        let point = RooflinePoint {
            time_ns: 1,
            bytes: 1,
            flops: 1,
        };
        let sample = RooflineSample {
            iteration: 1,
            tokens: 5,
            run: 1,
            prefill: point,
            decode: point,
            read_bytes_per_s,
            matrix_flops_per_s,
            generated_tokens: 10,
        };
        first(Benchmark::Roofline(generation()), Sample::Roofline(sample))
    };
    assert_eq!(roofline(1, 1), "fine");
    assert_in("`read_bytes_per_s` is 0", &roofline(0, 1));
    assert_in("`matrix_flops_per_s` is 0", &roofline(1, 0));
}

fn capacity_work() -> CapacityWork {
    CapacityWork {
        model: model(Version::V1),
        prompt_length: 4,
        tokens: vec![5],
        budget_bytes: 10_000,
        measured_runs: 1,
    }
}

fn capacity(batch: u32, probes: &[(u32, Option<u64>, bool)]) -> CapacitySample {
    let probe = |&(batch, peak_bytes, fits)| CapacityProbe {
        batch,
        peak_bytes,
        fits,
    };
    CapacitySample {
        iteration: 1,
        tokens: 5,
        run: 1,
        source: MemorySource::ResidentSet,
        batch,
        probes: probes.iter().map(probe).collect(),
        cache_bytes_per_request: 9 * PER_TOKEN,
    }
}

#[test]
fn the_largest_batch_is_one_that_fitted() {
    let check = |batch, probes: &[_], expected: &str| {
        let sample = Sample::Capacity(capacity(batch, probes));
        assert_in(
            expected,
            &first(Benchmark::Capacity(capacity_work()), sample),
        );
    };
    let (two, four) = ((2, Some(9_000), true), (4, Some(10_001), false));
    check(2, &[two, four], "fine");
    check(0, &[(1, None, false)], "fine");
    check(
        4,
        &[two, four],
        "batch, the largest that fits: expected 2, got 4",
    );
    check(0, &[two], "expected 2, got 0");
    check(0, &[], "it tried no batch");
    let mut tight = capacity_work();
    tight.budget_bytes = 9 * PER_TOKEN - 1;
    let sample = Sample::Capacity(capacity(0, &[]));
    assert_eq!(first(Benchmark::Capacity(tight), sample), "fine");
    check(
        4,
        &[two, (4, Some(10_001), true)],
        "a batch of 4 fits, with a peak of 10001 bytes",
    );
    check(
        1,
        &[(1, None, true)],
        "a batch of 1 fits, with a peak of unknown",
    );
    check(0, &[(2, Some(9_000), false)], "a batch of 2 does not fit");
}

fn perplexity_work() -> PerplexityWork {
    PerplexityWork {
        model: model(Version::V2),
        text: TextSource::Synthetic,
        window: 8,
        windows: 2,
        batch_size: 2,
        chunk: 1,
        greedy_tokens: 4,
    }
}

fn perplexity() -> PerplexitySample {
    let window = WindowLoss {
        tokens: 7,
        loss: 1.5,
        teacher_forced_loss: 1.5,
        reference_loss: 1.5,
        source_loss: Some(1.0),
    };
    PerplexitySample {
        iteration: 1,
        windows: vec![window; 2],
        divergence: Divergence {
            mean: 0.1,
            p99: 0.2,
            max: 0.3,
        },
        same_top_tokens: 14,
        first_divergence: vec![None, Some(4)],
        source_entropy: Some(1.0),
        cache: CacheUse::default(),
    }
}

#[test]
fn quality_is_counted_and_finite() {
    let check = |change: fn(&mut PerplexitySample), expected: &str| {
        let mut sample = perplexity();
        change(&mut sample);
        let found = first(
            Benchmark::Perplexity(perplexity_work()),
            Sample::Perplexity(sample),
        );
        assert_in(expected, &found);
    };
    check(|_| {}, "fine");
    check(|s| s.windows.clear(), "it scored no window");
    check(|s| s.windows.push(s.windows[0]), "it scored 3 windows of 2");
    check(
        |s| s.windows[1].tokens = 8,
        "windows[1].tokens: expected 7, got 8",
    );
    check(|s| s.windows[1].loss = f64::NAN, "negative or not finite");
    check(
        |s| s.windows[0].reference_loss = -0.1,
        "negative or not finite",
    );
    check(
        |s| s.windows[0].source_loss = Some(f64::INFINITY),
        "negative or not finite",
    );
    check(
        |s| s.divergence.max = f64::INFINITY,
        "its divergence is not finite",
    );
    check(
        |s| s.same_top_tokens = 15,
        "15 tokens are v1's, of 14 scored",
    );
    check(
        |s| s.first_divergence.push(None),
        "more continuations than windows",
    );
    check(
        |s| s.first_divergence[0] = Some(0),
        "differs outside its 4 tokens",
    );
    check(
        |s| s.first_divergence[0] = Some(5),
        "differs outside its 4 tokens",
    );
}

/// A result for the job, with the preset's shape.
fn result(job: &Job) -> JobResult {
    let config = Preset::Qwen2Tiny.config();
    JobResult {
        model: Some(ModelFacts {
            layers: config.layers(),
            hidden: config.hidden(),
            parameters: config.parameters(),
            weight_bytes: 1,
            kv_cache_bytes: 1,
            projection_bytes_saved: 0,
            dtype: Dtype::F32,
            config: Some(config),
        }),
        ..fixture::result(job)
    }
}

#[test]
fn caches_hold_exactly_what_the_version_makes_of_the_model() {
    let job = job(Benchmark::Latency(generation()));
    let check = |change: fn(&mut CacheUse), expected: &str| {
        let mut samples = all();
        let Some(Sample::Latency(third)) = samples.get_mut(2) else {
            unreachable!("all are timed generations")
        };
        change(&mut third.cache);
        assert_in(expected, &cause(bad_result(&job, &samples, &result(&job))));
    };
    check(|_| {}, "fine");
    check(
        |c| c.reserved.values += 1,
        "sample 3: cache.reserved.values: expected 14336, got 14337",
    );
    check(
        |c| c.reserved.scales = 4,
        "sample 3: cache.reserved.scales: expected 0, got 4",
    );
    check(
        |c| c.used = c.reserved,
        "sample 3: cache.used.values: expected 12288, got 14336",
    );
    check(
        |c| c.elements = 1,
        "sample 3: cache.elements: expected 3072, got 1",
    );
}

#[test]
fn without_a_cache_there_are_no_bytes() {
    let mut work = generation();
    work.model.version = Version::V0;
    let job = job(Benchmark::Latency(work));
    let mut samples = all();
    assert_in(
        "cache.used.values: expected 0",
        &cause(bad_result(&job, &samples, &result(&job))),
    );
    for sample in &mut samples {
        let Sample::Latency(sample) = sample else {
            unreachable!("all are timed generations")
        };
        sample.cache = CacheUse::default();
    }
    assert_eq!(cause(bad_result(&job, &samples, &result(&job))), "fine");
}

#[test]
fn a_capacity_names_the_bytes_of_one_request() {
    let job = job(Benchmark::Capacity(capacity_work()));
    let mut sample = capacity(1, &[(1, Some(1), true)]);
    let verdict = |sample: &CapacitySample| {
        cause(bad_result(
            &job,
            &[Sample::Capacity(sample.clone())],
            &result(&job),
        ))
    };
    assert_eq!(verdict(&sample), "fine");
    sample.cache_bytes_per_request -= 1;
    assert_in(
        "sample 1: cache_bytes_per_request: expected 9216, got 9215",
        &verdict(&sample),
    );
}

/// Rows of 16 values in INT8 with a scale each, of 4 layers × (keys, values) × 2 heads × 8 positions.
fn window_cache(batch: u64) -> CacheUse {
    let rows = 4 * 2 * 2 * 8 * batch;
    let bytes = CacheBytes {
        values: rows * 16,
        scales: rows * 4,
        auxiliary: 0,
    };
    CacheUse {
        reserved: bytes,
        used: bytes,
        elements: rows * 16,
    }
}

#[test]
fn quality_names_the_cache_of_its_largest_batch() {
    let mut work = perplexity_work();
    work.batch_size = 3;
    work.windows = 3;
    let job = job(Benchmark::Perplexity(work));
    let verdict = |change: fn(&mut PerplexitySample)| {
        // The text has two windows, fewer than a batch.
        let mut sample = perplexity();
        sample.cache = window_cache(2);
        change(&mut sample);
        cause(bad_result(
            &job,
            &[Sample::Perplexity(sample)],
            &result(&job),
        ))
    };
    assert_eq!(verdict(|_| {}), "fine");
    assert_in(
        "sample 1: cache.reserved.values: expected 4096, got 6144",
        &verdict(|s| s.cache = window_cache(3)),
    );
    assert_in(
        "sample 1: cache.used.scales: expected 1024, got 1023",
        &verdict(|s| s.cache.used.scales -= 1),
    );
    assert_in(
        "sample 1: cache.elements: expected 4096, got 0",
        &verdict(|s| s.cache.elements = 0),
    );
}

#[test]
fn the_model_is_named_and_is_the_one_asked_for() {
    let job = job(Benchmark::Latency(generation()));
    let mut unnamed = result(&job);
    unnamed.model = None;
    let verdict = |result: &JobResult| cause(bad_result(&job, &all(), result));
    assert_in("without the model's configuration", &verdict(&unnamed));
    let mut other = result(&job);
    if let Some(facts) = &mut other.model {
        facts.config = Some(Preset::Gpt2Tiny.config());
    }
    assert_in(
        "model.config: not that of the preset `qwen2-tiny`",
        &verdict(&other),
    );
}
