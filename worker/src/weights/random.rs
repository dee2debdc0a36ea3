//! Seeded random parameters. A value depends on the seed, the parameter's name and its own index
//! alone, so it is the same on every device, in every order of loading and with any number of
//! threads.

use std::num::NonZero;
use std::thread;

/// How a parameter starts, as in the published training code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Init {
    Zeros,
    Ones,
    /// Normal with this standard deviation.
    Normal(f64),
}

impl Init {
    /// The start of the parameter with this name in a model of so many layers.
    pub(super) fn of(name: &str, layers: u32) -> Self {
        let module = name.rsplit('.').nth(1).unwrap_or_default();
        if name.ends_with(".bias") {
            Self::Zeros
        } else if module.starts_with("ln_") || module.ends_with("norm") {
            Self::Ones
        } else if module == "c_proj" {
            // GPT-2 scales what is added to the residual stream by its number of additions.
            Self::Normal(0.02 / f64::from(2 * layers).sqrt())
        } else {
            Self::Normal(0.02)
        }
    }
}

/// The values `first ..` of a parameter, about normal with mean 0.
pub(super) fn fill_normal(values: &mut [f32], key: u64, first: u64, std: f64) {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let share = values.len().div_ceil(threads).max(1 << 14);
    thread::scope(|scope| {
        for (i, part) in values.chunks_mut(share).enumerate() {
            let first = first + (i * share) as u64;
            scope.spawn(move || fill_part(part, key, first, std));
        }
    });
}

/// The sum of four uniform 16-bit numbers is close enough to normal, and costs one draw and no
/// logarithm.
fn fill_part(values: &mut [f32], key: u64, first: u64, std: f64) {
    const MEAN: i32 = 2 * 0xffff;
    const STD: f64 = 37_837.227; // 65536 / √3
    let scale = (std / STD) as f32;
    for (value, index) in values.iter_mut().zip(first..) {
        let draw = draw(key, index);
        let lane = |shift: u32| (draw >> shift & 0xffff) as i32;
        let sum = lane(0) + lane(16) + lane(32) + lane(48);
        *value = (sum - MEAN) as f32 * scale;
    }
}

/// Number `index` of the stream `key`.
pub(crate) fn draw(key: u64, index: u64) -> u64 {
    mix(key.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

/// The stream of a seed and a name.
pub(crate) fn hash(seed: u64, name: &str) -> u64 {
    name.bytes()
        .fold(mix(seed), |hash, byte| mix(hash ^ u64::from(byte)))
}

/// The finaliser of splitmix64.
fn mix(mut x: u64) -> u64 {
    x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ x >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(key: u64, first: u64, count: usize) -> Vec<f32> {
        let mut values = vec![0.0; count];
        fill_normal(&mut values, key, first, 0.02);
        values
    }

    #[test]
    fn values_have_the_mean_spread_and_tails_of_a_normal() {
        let values = normal(hash(1, "w"), 0, 1 << 20);
        let n = values.len() as f64;
        let moment = |power: i32| {
            values
                .iter()
                .map(|&v| (f64::from(v) / 0.02).powi(power))
                .sum::<f64>()
                / n
        };
        assert!(moment(1).abs() < 0.005, "mean {}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.01, "variance {}", moment(2));
        assert!(moment(3).abs() < 0.02, "skewness {}", moment(3));
        assert!((moment(4) - 2.7).abs() < 0.05, "kurtosis {}", moment(4));
        let neighbours = values
            .windows(2)
            .map(|w| f64::from(w[0]) * f64::from(w[1]) / 0.0004)
            .sum::<f64>()
            / n;
        assert!(
            neighbours.abs() < 0.005,
            "correlation of neighbours {neighbours}"
        );
    }

    #[test]
    fn a_value_depends_on_seed_name_and_index_alone() {
        let whole = normal(hash(1, "w"), 0, 100_000);
        assert_eq!(whole[70_000..], normal(hash(1, "w"), 70_000, 30_000));
        assert_ne!(whole, normal(hash(2, "w"), 0, 100_000));
        assert_ne!(whole, normal(hash(1, "v"), 0, 100_000));
        assert_ne!(hash(1, "ab"), hash(1, "ba"));
    }

    #[test]
    fn each_kind_of_parameter_starts_as_published() {
        let check = |name: &str, expected: Init| assert_eq!(Init::of(name, 8), expected, "{name}");
        check("transformer.wte.weight", Init::Normal(0.02));
        check("transformer.h.0.ln_1.weight", Init::Ones);
        check("transformer.ln_f.bias", Init::Zeros);
        check("transformer.h.3.mlp.c_proj.weight", Init::Normal(0.005));
        check("transformer.h.3.mlp.c_fc.weight", Init::Normal(0.02));
        check("model.layers.0.input_layernorm.weight", Init::Ones);
        check("model.norm.weight", Init::Ones);
        check("model.layers.0.self_attn.q_proj.bias", Init::Zeros);
    }
}
