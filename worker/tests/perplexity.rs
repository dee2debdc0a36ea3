//! The perplexity benchmark on tiny models, version by version.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use std::fs;
use std::path::Path;

use anechoic_protocol::{
    AttentionPath, Benchmark, Device, Dtype, Gpt2Config, Job, ModelSource, PROTOCOL_VERSION,
    PerplexitySample, PerplexityWork, Preset, Sample, Sharing, TextSource, Version, VersionedModel,
};
use anechoic_worker::benchmarks::{self, Measure};
use anechoic_worker::device::Place;
use anechoic_worker::text::{VOCAB, Wanted, Windows, entropy_rate, generate, write};
use anechoic_worker::train::{Recipe, to_folder};
use anechoic_worker::weights::read_config;
use tempfile::TempDir;

const PRESETS: [Preset; 2] = [Preset::Gpt2Tiny, Preset::Qwen2Tiny];

fn work(model: ModelSource, version: Version) -> PerplexityWork {
    PerplexityWork {
        model: VersionedModel {
            model,
            dtype: Dtype::F32,
            version,
            attention: AttentionPath::Best,
        },
        text: TextSource::Synthetic,
        window: 24,
        windows: 5,
        batch_size: 2,
        chunk: 7,
        greedy_tokens: 6,
    }
}

fn preset(name: Preset, version: Version) -> PerplexityWork {
    work(ModelSource::Preset { name }, version)
}

fn job(work: &PerplexityWork) -> Job {
    Job {
        protocol: PROTOCOL_VERSION,
        case: "kv.perplexity".to_owned(),
        attempt: 1,
        device: Device::Cpu,
        threads: 1,
        seed: 9,
        work: Benchmark::Perplexity(work.clone()),
        more: false,
    }
}

/// With one thread, as tests run beside each other.
fn load(work: &PerplexityWork) -> Result<Box<dyn Measure>, String> {
    tch::set_num_threads(1);
    let loaded = benchmarks::load(Place::open(Device::Cpu).unwrap(), &job(work));
    loaded.map_err(|error| error.to_string())
}

/// Verifies, measures, and checks the echo.
fn sample(work: &PerplexityWork) -> PerplexitySample {
    let mut benchmark = load(work).unwrap();
    let verification = benchmark.verify().unwrap();
    assert!(verification.max_relative_error <= verification.tolerance);
    let Sample::Perplexity(sample) = benchmark.sample().unwrap() else {
        panic!("a sample of another benchmark");
    };
    assert_eq!(benchmark.echo(&job(work)), job(work));
    sample
}

fn sum(sample: &PerplexitySample, of: impl Fn(&anechoic_protocol::WindowLoss) -> f64) -> f64 {
    sample.windows.iter().map(of).sum()
}

fn close(a: f64, b: f64, limit: f64) -> bool {
    (a - b).abs() <= limit * b.abs()
}

#[test]
fn the_loss_does_not_depend_on_the_pieces() {
    for name in PRESETS {
        for version in Version::ALL {
            let limit = if version.kv_cache_quant() { 1e-3 } else { 1e-5 };
            let with_chunk = |chunk| {
                sample(&PerplexityWork {
                    chunk,
                    ..preset(name, version)
                })
            };
            let whole = with_chunk(24);
            assert_eq!(whole.windows.len(), 5);
            for chunk in [1, 7] {
                let pieces = with_chunk(chunk);
                for (found, expected) in pieces.windows.iter().zip(&whole.windows) {
                    let (found, expected) = (found.loss, expected.loss);
                    assert!(
                        close(found, expected, limit),
                        "{name:?} {version:?} {chunk}: {found}, {expected}"
                    );
                }
            }
        }
    }
}

#[test]
fn versions_are_compared_with_the_same_v1() {
    for name in PRESETS {
        let [v0, v1, v2, v3, v4] = Version::ALL.map(|version| sample(&preset(name, version)));
        for other in [&v0, &v2, &v3, &v4] {
            for (found, expected) in other.windows.iter().zip(&v1.windows) {
                assert_eq!(found.reference_loss, expected.loss);
                assert_eq!(found.tokens, 23);
            }
        }
        for other in [&v0, &v2] {
            for (found, expected) in other.windows.iter().zip(&v1.windows) {
                assert_eq!(found.teacher_forced_loss, expected.teacher_forced_loss);
            }
        }
        for unquantised in [&v0, &v1, &v3] {
            let (loss, teacher_forced) = (
                sum(unquantised, |w| w.loss),
                sum(unquantised, |w| w.teacher_forced_loss),
            );
            assert!(close(loss, teacher_forced, 1e-5), "{loss} {teacher_forced}");
        }
        assert_eq!(v3.windows.len(), v4.windows.len());
        for (a, b) in v3.windows.iter().zip(&v4.windows) {
            assert_eq!(a.teacher_forced_loss, b.teacher_forced_loss);
        }
    }
}

#[test]
fn distance_from_v1_is_none_for_v1_and_grows_with_what_is_spoiled() {
    for name in PRESETS {
        let [v0, v1, v2, v3, v4] = Version::ALL.map(|version| sample(&preset(name, version)));
        assert_eq!(
            (v1.divergence.mean, v1.divergence.max, v1.same_top_tokens),
            (0.0, 0.0, 5 * 23)
        );
        assert_eq!(v1.first_divergence, [None; 5]);
        assert!(v0.divergence.max < 1e-7, "{:?}", v0.divergence);
        assert!(
            v2.divergence.mean > v0.divergence.max,
            "{:?}",
            v2.divergence
        );
        assert!(
            v3.divergence.mean > 3.0 * v2.divergence.mean,
            "{:?} {:?}",
            v2.divergence,
            v3.divergence
        );
        assert!(v4.divergence.mean > 3.0 * v2.divergence.mean);
        for sample in [&v2, &v3, &v4] {
            let divergence = sample.divergence;
            assert!(divergence.mean <= divergence.p99 && divergence.p99 <= divergence.max);
        }
    }
}

#[test]
fn the_cache_is_that_of_the_largest_batch() {
    let config = Preset::Gpt2Tiny.config();
    for version in Version::ALL {
        let cache = sample(&preset(Preset::Gpt2Tiny, version)).cache;
        let expected = version.cache_bytes(&config, 2, 24, Dtype::F32);
        assert_eq!(
            (cache.reserved, cache.used),
            (expected, expected),
            "{version:?}"
        );
    }
}

#[test]
fn what_the_source_knows_is_told_beside() {
    let work = preset(Preset::Gpt2Tiny, Version::V2);
    let sample = sample(&work);
    assert_eq!(sample.source_entropy, Some(entropy_rate()));
    let wanted = Wanted {
        window: 24,
        windows: 5,
    };
    let windows = Windows::cut(&TextSource::Synthetic, &work.model.model, wanted, 9).unwrap();
    for (found, expected) in sample.windows.iter().zip(windows.source.unwrap().losses) {
        assert_eq!(found.source_loss, Some(expected));
    }
    assert!(sum(&sample, |w| w.loss) > sum(&sample, |w| w.source_loss.unwrap()));
}

#[test]
fn without_greedy_tokens_nothing_is_continued() {
    let none = PerplexityWork {
        greedy_tokens: 0,
        ..preset(Preset::Gpt2Tiny, Version::V3)
    };
    assert!(sample(&none).first_divergence.is_empty());
    let many = PerplexityWork {
        windows: 11,
        greedy_tokens: 20,
        ..preset(Preset::Gpt2Tiny, Version::V3)
    };
    assert_eq!(sample(&many).first_divergence.len(), 8);
}

#[test]
fn other_types_are_verified_too() {
    for dtype in [Dtype::Bf16, Dtype::F16] {
        for version in Version::ALL {
            let mut work = preset(Preset::Qwen2Tiny, version);
            work.model.dtype = dtype;
            let sample = sample(&work);
            assert!(sum(&sample, |w| w.loss).is_finite());
        }
    }
}

/// A small checkpoint with a tokenizer, and a text beside it.
struct Checkpoint {
    folder: TempDir,
}

impl Checkpoint {
    fn new(text: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Gpt2Config {
            vocab_size: VOCAB as u32,
            n_positions: 64,
            ..Gpt2Config::sized(16, 2, 2)
        };
        let mut recipe = Recipe::shipped(Sharing::None, 1, 1);
        (recipe.config, recipe.tokens_per_step) = (config, 64);
        to_folder(&recipe, &folder.path().join("model"), &mut |_| {}).unwrap();
        fs::write(folder.path().join("text"), text).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn work(&self, version: Version) -> PerplexityWork {
        let text = |path: &Path| path.display().to_string();
        let source = ModelSource::Folder {
            name: "model".to_owned(),
            path: text(&self.path("model")),
        };
        PerplexityWork {
            text: TextSource::File {
                name: "a text".to_owned(),
                path: text(&self.path("text")),
            },
            ..work(source, version)
        }
    }

    fn refused(&self, work: &PerplexityWork, expected: &str) {
        let error = load(work).map(|_| ()).unwrap_err();
        assert!(error.starts_with("carry out the job: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}

fn text(tokens: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(tokens, 4, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_text_is_scored_as_far_as_it_goes() {
    let checkpoint = Checkpoint::new(&text(24 * 3 + 5));
    let work = PerplexityWork {
        windows: 50,
        batch_size: 16,
        ..checkpoint.work(Version::V4)
    };
    let sample = sample(&work);
    assert_eq!(sample.windows.len(), 3);
    assert_eq!(
        (sample.source_entropy, sample.windows[0].source_loss),
        (None, None)
    );
    assert_eq!(generate(4, 1).len(), 1);
    assert!(read_config(&work.model.model).is_ok());
}

#[test]
fn texts_and_sizes_that_do_not_fit_are_refused() {
    let checkpoint = Checkpoint::new(&text(10));
    let work = checkpoint.work(Version::V1);
    checkpoint.refused(
        &work,
        "cut windows of 24 tokens from the text `a text`, which has 10 tokens",
    );
    checkpoint.refused(
        &PerplexityWork {
            window: 65,
            ..work.clone()
        },
        "65 positions are needed, and the model's window is 64",
    );
    checkpoint.refused(
        &PerplexityWork {
            greedy_tokens: 60,
            ..work.clone()
        },
        "72 positions are needed",
    );
    for broken in [
        PerplexityWork {
            window: 1,
            ..work.clone()
        },
        PerplexityWork {
            windows: 0,
            ..work.clone()
        },
        PerplexityWork {
            batch_size: 0,
            ..work.clone()
        },
        PerplexityWork {
            chunk: 0,
            ..work.clone()
        },
    ] {
        checkpoint.refused(
            &broken,
            "window must be at least 2, and windows, batch_size and chunk at least 1",
        );
    }
    fs::remove_file(checkpoint.path("model/tokenizer.json")).unwrap();
    checkpoint.refused(
        &work,
        "put the tokenizer.json that belongs to the model beside its config.json",
    );
}

#[test]
fn a_tokenizer_of_another_model_is_found_out() {
    let checkpoint = Checkpoint::new(&text(100));
    let path = checkpoint.path("model/tokenizer.json");
    let json = fs::read_to_string(&path).unwrap();
    let strange = json
        .replace("\"\\n\": 0,", "\"\\n\": 300,")
        .replace("\"a\": 5,", "\"a\": 99,");
    assert_ne!(strange, json);
    fs::write(&path, strange).unwrap();
    checkpoint.refused(
        &checkpoint.work(Version::V1),
        "of the text is beyond the model's vocabulary of 21",
    );
}
