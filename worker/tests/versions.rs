//! KV-cache versions on tiny models: what each computes, against the others.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests, where a panic is the report"
)]

use anechoic_protocol::{AttentionPath, Dtype, ModelConfig, ModelSource, Preset, Sharing, Version};
use anechoic_worker::cache::{CacheSpec, KvCache};
use anechoic_worker::generate;
use anechoic_worker::models::{Model, Unobserved};
use anechoic_worker::weights::{Weights, read_config};
use tch::{Device, Tensor};

const MODELS: [Preset; 2] = [Preset::Gpt2Tiny, Preset::Qwen2Tiny];

struct Loaded {
    model: Model,
    config: ModelConfig,
    dtype: Dtype,
}

impl Loaded {
    fn new(name: Preset, dtype: Dtype, sharing: Sharing) -> Self {
        let source = ModelSource::Preset { name };
        let config = read_config(&source).unwrap();
        let mut weights = Weights::open(&source, &config, dtype, Device::Cpu, 5).unwrap();
        let model = Model::load(&config, &mut weights, config.window(), sharing).unwrap();
        Self {
            model,
            config,
            dtype,
        }
    }

    fn for_version(name: Preset, dtype: Dtype, version: Version) -> Self {
        Self::new(name, dtype, version.sharing())
    }

    fn cache(&self, version: Version, attention: AttentionPath, positions: i64) -> KvCache {
        let spec = CacheSpec {
            version,
            batch: 2,
            positions: positions as u32,
            dtype: self.dtype,
            attention,
        };
        KvCache::new(&spec, &self.config, Device::Cpu).unwrap()
    }

    /// Scores at every position, (2, t, vocab), for tokens fed in pieces.
    fn scores(&self, version: Version, attention: AttentionPath, pieces: &[i64]) -> Tensor {
        let t = pieces.iter().sum();
        let tokens = generate::prompt(&self.config, 2, t as u32, 11);
        let mut cache = self.cache(version, attention, t);
        let mut scores = Vec::new();
        for &piece in pieces {
            let fed = tokens.narrow(1, cache.position(), piece);
            let states = self.model.forward(&fed, &mut cache, &mut Unobserved);
            assert_eq!(states.size()[1], piece, "states of what was fed alone");
            scores.push(self.model.logits(&states));
        }
        assert_eq!(cache.position(), t);
        Tensor::cat(&scores, 1)
    }
}

fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let largest = |tensor: Tensor| tensor.abs().max().double_value(&[]);
    let wide = |tensor: &Tensor| tensor.to_kind(tch::Kind::Double);
    largest(wide(a) - wide(b)) / largest(wide(b))
}

const PIECES: [i64; 8] = [9, 1, 1, 4, 1, 1, 1, 2];

#[test]
fn no_cache_and_a_full_cache_compute_the_same() {
    for name in MODELS {
        let loaded = Loaded::new(name, Dtype::F32, Sharing::None);
        let v0 = loaded.scores(Version::V0, AttentionPath::Best, &PIECES);
        let v1 = loaded.scores(Version::V1, AttentionPath::Best, &PIECES);
        let error = distance(&v0, &v1);
        assert!(error < 1e-5, "{name:?}: {error}");
    }
}

#[test]
fn in_pieces_or_token_by_token_is_the_same() {
    for name in MODELS {
        for version in Version::ALL {
            let loaded = Loaded::for_version(name, Dtype::F32, version);
            let scores = |pieces: &[i64]| loaded.scores(version, AttentionPath::Best, pieces);
            let (whole, pieces, single) = (scores(&[20]), scores(&PIECES), scores(&[1; 20]));
            // A code can flip where a value lies between two.
            let limit = if version.kv_cache_quant() { 2e-3 } else { 1e-5 };
            for other in [pieces, single] {
                let error = distance(&other, &whole);
                assert!(error < limit, "{name:?} {version:?}: {error}");
            }
        }
    }
}

#[test]
fn quantising_moves_scores_a_little_and_only_there() {
    for name in MODELS {
        for (quantised, exact) in [(Version::V2, Version::V1), (Version::V4, Version::V3)] {
            let loaded = Loaded::for_version(name, Dtype::F32, quantised);
            let scores = |version| loaded.scores(version, AttentionPath::Best, &PIECES);
            let error = distance(&scores(quantised), &scores(exact));
            assert!(
                error > 1e-7 && error < 2e-2,
                "{name:?} {quantised:?}: {error}"
            );
        }
    }
}

#[test]
fn every_attention_path_answers_alike() {
    for name in MODELS {
        for version in [Version::V1, Version::V2, Version::V3, Version::V4] {
            let loaded = Loaded::for_version(name, Dtype::F32, version);
            let scores = |path| loaded.scores(version, path, &PIECES);
            let best = scores(AttentionPath::Best);
            for path in [AttentionPath::Stock, AttentionPath::Dequantise] {
                let error = distance(&scores(path), &best);
                assert!(error < 2e-3, "{name:?} {version:?} {path:?}: {error}");
            }
        }
    }
}

#[test]
fn sharing_is_another_computation() {
    for name in MODELS {
        let plain = Loaded::new(name, Dtype::F32, Sharing::None);
        let shared = Loaded::new(name, Dtype::F32, Sharing::Pairs);
        let v1 = plain.scores(Version::V1, AttentionPath::Best, &PIECES);
        let v3 = shared.scores(Version::V3, AttentionPath::Best, &PIECES);
        assert!(distance(&v3, &v1) > 1e-4, "{name:?}");
    }
}

#[test]
fn what_a_later_token_is_changes_no_earlier_score() {
    for name in MODELS {
        for version in Version::ALL {
            let loaded = Loaded::for_version(name, Dtype::F32, version);
            let tokens = generate::prompt(&loaded.config, 2, 12, 11);
            let scores = |tokens: &Tensor| {
                let mut cache = loaded.cache(version, AttentionPath::Best, 12);
                let states = loaded.model.forward(tokens, &mut cache, &mut Unobserved);
                loaded.model.logits(&states)
            };
            let before = scores(&tokens);
            let changed = tokens.copy();
            let _ = changed.narrow(1, 11, 1).fill_(3);
            let after = scores(&changed);
            assert!(after.narrow(1, 0, 11).equal(&before.narrow(1, 0, 11)));
            assert!(!after.narrow(1, 11, 1).equal(&before.narrow(1, 11, 1)));
        }
    }
}

#[test]
fn half_precision_works_under_every_version() {
    for name in MODELS {
        for version in Version::ALL {
            let loaded = Loaded::for_version(name, Dtype::Bf16, version);
            let exact = Loaded::for_version(name, Dtype::F32, version);
            let scores = |loaded: &Loaded| loaded.scores(version, AttentionPath::Best, &PIECES);
            let error = distance(&scores(&loaded), &scores(&exact));
            assert!(error < 6e-2, "{name:?} {version:?}: {error}");
        }
    }
}
