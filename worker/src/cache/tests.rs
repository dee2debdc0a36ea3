//! Tests of all caches through the interface that models use.

use anechoic_protocol::{AttentionPath, Dtype, Preset, Version};
use tch::{Device, Kind, Tensor};

use super::{CacheSpec, KvCache, Stored};
use crate::ops::dequantise;

const CACHED: [Version; 4] = [Version::V1, Version::V2, Version::V3, Version::V4];

/// Of qwen2-tiny: 4 layers, 2 key-value heads of 16.
fn tiny(version: Version, positions: u32) -> KvCache {
    let spec = CacheSpec {
        version,
        batch: 2,
        positions,
        dtype: Dtype::F32,
        attention: AttentionPath::Best,
    };
    KvCache::new(&spec, &Preset::Qwen2Tiny.config(), Device::Cpu).unwrap()
}

fn rows(t: i64, value: f64) -> Tensor {
    Tensor::full([2, 2, t, 16], value, (Kind::Float, Device::Cpu))
}

fn random(t: i64) -> Tensor {
    Tensor::randn([2, 2, t, 16], (Kind::Float, Device::Cpu))
}

/// Keys and values that a layer may see, in f32.
fn read(cache: &KvCache, layer: u32) -> (Tensor, Tensor) {
    match cache.read(layer).stored {
        Stored::Full { keys, values } => (keys.copy(), values.copy()),
        Stored::Int8 { keys, values } => (
            dequantise(&keys, Kind::Float),
            dequantise(&values, Kind::Float),
        ),
    }
}

/// The bits in memory of a layer's first rows.
fn bits(cache: &KvCache, layer: u32, len: i64) -> Vec<Tensor> {
    let first = |tensor: &Tensor| tensor.narrow(2, 0, len).copy();
    match cache.read(layer).stored {
        Stored::Full { keys, values } => vec![first(&keys), first(&values)],
        Stored::Int8 { keys, values } => {
            let parts = [&keys.codes, &keys.scales, &values.codes, &values.scales];
            parts.map(first).into()
        }
    }
}

/// The value at every position of a layer's keys, from the first head of the first request, in tenths.
fn seen(cache: &KvCache, layer: u32) -> Vec<i64> {
    let (keys, _) = read(cache, layer);
    let first = keys.select(0, 0).select(0, 0).select(1, 0) * 10.0;
    Vec::try_from(first.round().to_kind(Kind::Int64)).unwrap()
}

#[test]
fn rows_are_written_behind_each_other() {
    for version in CACHED {
        let mut cache = tiny(version, 6);
        cache.append(2, &rows(2, 1.0), &rows(2, 5.0));
        assert_eq!(seen(&cache, 2), [10, 10], "{version:?}");
        assert_eq!(
            cache.position(),
            0,
            "the next layer writes at the same position"
        );
        cache.advance(2);
        cache.append(2, &rows(1, 2.0), &rows(1, 6.0));
        assert_eq!(seen(&cache, 2), [10, 10, 20]);
        cache.append(0, &rows(1, 7.0), &rows(1, 7.0));
        assert_eq!(seen(&cache, 0), [0, 0, 70]);
    }
}

#[test]
fn rewinding_and_clearing_forget() {
    for version in CACHED {
        let mut cache = tiny(version, 4);
        cache.append(0, &rows(3, 1.0), &rows(3, 1.0));
        cache.advance(3);
        cache.rewind(1);
        cache.append(0, &rows(1, 2.0), &rows(1, 2.0));
        assert_eq!(seen(&cache, 0), [10, 10, 20]);
        assert_eq!(cache.widest(), 3);
        cache.clear();
        assert_eq!((cache.position(), cache.widest()), (0, 0));
        cache.append(0, &rows(1, 3.0), &rows(1, 3.0));
        assert_eq!(seen(&cache, 0), [30]);
    }
}

#[test]
fn a_row_never_changes_once_it_is_written() {
    for version in CACHED {
        let mut cache = tiny(version, 12);
        let mut written: Vec<Vec<Tensor>> = Vec::new();
        for (step, t) in [(0, 3), (3, 1), (4, 1), (5, 4), (9, 1)] {
            for layer in (0..4).filter(|&layer| version.sharing().owns(layer)) {
                cache.append(layer, &(random(t) * 3.0), &(random(t) * 0.01));
            }
            for (layer, before) in (0..).zip(&written) {
                for (now, before) in bits(&cache, layer, step).iter().zip(before) {
                    assert!(now.equal(before), "{version:?}, layer {layer}, {step} rows");
                }
            }
            written = (0..4).map(|layer| bits(&cache, layer, step + t)).collect();
            cache.advance(t);
        }
    }
}

#[test]
fn a_quantised_row_does_not_depend_on_what_it_comes_with() {
    let all = random(7);
    let whole = {
        let mut cache = tiny(Version::V2, 7);
        cache.append(0, &all, &all);
        bits(&cache, 0, 7)
    };
    let mut cache = tiny(Version::V2, 7);
    for (first, t) in [(0, 2), (2, 1), (3, 3), (6, 1)] {
        let part = all.narrow(2, first, t);
        cache.append(0, &part, &part);
        if first + t < 7 {
            cache.advance(t);
        }
    }
    for (piecewise, whole) in bits(&cache, 0, 7).iter().zip(&whole) {
        assert!(piecewise.equal(whole));
    }
}

#[test]
fn a_quantised_value_lies_within_half_a_code() {
    let (keys, values) = (random(9) * 40.0, random(9) * 1e-3);
    let mut cache = tiny(Version::V4, 9);
    cache.append(2, &keys, &values);
    let (found_keys, found_values) = read(&cache, 3);
    for (exact, found) in [(keys, found_keys), (values, found_values)] {
        let half = exact.abs().amax([-1].as_slice(), true) / 254.0;
        let excess = (found - exact).abs() - half * 1.00001;
        assert!(excess.max().double_value(&[]) <= 0.0);
    }
}

#[test]
fn layers_of_a_pair_read_the_same_memory() {
    for version in [Version::V3, Version::V4] {
        let mut cache = tiny(version, 3);
        for layer in [0, 2] {
            cache.append(layer, &random(3), &random(3));
        }
        let address = |layer| match cache.read(layer).stored {
            Stored::Full { keys, .. } => keys.data_ptr(),
            Stored::Int8 { keys, .. } => keys.codes.data_ptr(),
        };
        assert_eq!(address(1), address(0));
        assert_eq!(address(3), address(2));
        assert_ne!(address(2), address(0));
    }
}

#[test]
#[should_panic(expected = "layer 1 owns no rows")]
fn a_borrower_cannot_write() {
    tiny(Version::V3, 3).append(1, &rows(1, 1.0), &rows(1, 1.0));
}

#[test]
fn bytes_are_those_of_the_memory_and_of_the_formula() {
    let config = Preset::Qwen2Tiny.config();
    for version in Version::ALL {
        let mut cache = tiny(version, 6);
        cache.advance(5);
        let memory = cache.memory();
        let expected = |positions| version.cache_bytes(&config, 2, positions, Dtype::F32);
        assert_eq!(memory.reserved, expected(6), "{version:?}");
        assert_eq!(memory.used, expected(5), "{version:?}");
        let elements = if version.use_cache() {
            2 * 4 * 2 * 2 * 16 * 5
        } else {
            0
        };
        assert_eq!(memory.elements, elements);
        assert_eq!(cache.version(), version);
    }
}

#[test]
fn head_dim_64_takes_the_bytes_that_the_versions_promise() {
    let config = Preset::Gpt2.config();
    let bytes = |version| {
        let spec = CacheSpec {
            version,
            batch: 1,
            positions: 8,
            dtype: Dtype::Bf16,
            attention: AttentionPath::Best,
        };
        let cache = KvCache::new(&spec, &config, Device::Cpu).unwrap();
        cache.memory().reserved.total() as f64
    };
    let below = |version| bytes(Version::V1) / bytes(version);
    assert_eq!(below(Version::V2), 128.0 / 68.0); // 1.88
    assert_eq!(below(Version::V3), 2.0);
    assert_eq!(below(Version::V4), 256.0 / 68.0); // 3.76
}

#[test]
fn without_a_cache_everything_is_fed_again() {
    let mut cache = tiny(Version::V0, 5);
    let tokens = |ids: &[i64]| Tensor::from_slice(ids).view([1, -1]);
    let mut feed = |ids: &[i64]| {
        let fed: Vec<i64> = Vec::try_from(cache.feed(&tokens(ids)).view([-1])).unwrap();
        assert_eq!(cache.past(), 0);
        cache.append(0, &random(fed.len() as i64), &random(fed.len() as i64));
        assert_eq!(read(&cache, 0).0.size()[2], fed.len() as i64);
        cache.advance(ids.len() as i64);
        fed
    };
    assert_eq!(feed(&[1, 2]), [1, 2]);
    assert_eq!(feed(&[3]), [1, 2, 3]);
    cache.rewind(1);
    assert_eq!(
        Vec::<i64>::try_from(cache.feed(&tokens(&[4])).view([-1])).unwrap(),
        [1, 2, 4]
    );
    cache.clear();
    assert_eq!(
        Vec::<i64>::try_from(cache.feed(&tokens(&[5])).view([-1])).unwrap(),
        [5]
    );
}

#[test]
#[should_panic(expected = "the cache has 2 positions, and 3 are needed")]
fn a_full_cache_is_named() {
    tiny(Version::V2, 2).append(0, &rows(3, 1.0), &rows(3, 1.0));
}

#[test]
fn what_does_not_fit_the_model_is_refused() {
    let check = |version, positions, layers, expected: &str| {
        let mut config = Preset::Gpt2Tiny.config();
        if let anechoic_protocol::ModelConfig::Gpt2(config) = &mut config {
            config.n_layer = layers;
        }
        let spec = CacheSpec {
            version,
            batch: 1,
            positions,
            dtype: Dtype::F32,
            attention: AttentionPath::Best,
        };
        let error = KvCache::new(&spec, &config, Device::Cpu).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        Version::V1,
        129,
        4,
        "make a cache of 129 positions: the model's window is 128",
    );
    check(
        Version::V3,
        8,
        3,
        "make a cache: v3 shares keys and values between the layers of pairs, and the model has an odd number of layers, 3",
    );
}
