//! What the samples of KV-cache benchmarks say, worked out once for rows and reports alike: quality from losses,
//! efficiency from counted work, bits per element from bytes. Pure arithmetic on single samples; no statistics.

use anechoic_protocol::{
    CacheUse, Cost, Divergence, PerplexitySample, PhaseTimes, RooflinePoint, RooflineSample,
};
use serde::{Deserialize, Serialize};

/// The quality of a version on a text. Perplexities are `exp` of the mean loss per scored token.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Tokens scored, over all windows.
    pub scored_tokens: u64,
    /// Windows.
    pub windows: usize,
    /// Mean loss per scored token through the cache, in nats.
    pub loss: f64,
    /// Perplexity through the cache.
    pub perplexity: f64,
    /// Perplexity through v1's cache, in the same process.
    pub reference_perplexity: f64,
    /// `perplexity / reference_perplexity - 1`.
    pub degradation: f64,
    /// Perplexity of one pass per window without a cache.
    pub teacher_forced_perplexity: f64,
    /// The perplexity that the text's own source has on this text, where there is such a source.
    pub source_perplexity: Option<f64>,
    /// `exp` of the source's entropy rate: what no model can be below in the long run.
    pub entropy_bound_perplexity: Option<f64>,
    /// Kullback-Leibler divergence from v1, in nats.
    pub divergence: Divergence,
    /// Share of scored positions whose most likely token is v1's.
    pub same_top: f64,
    /// Greedy continuations made.
    pub continuations: usize,
    /// Continuations that differ from v1's.
    pub diverged: usize,
    /// The earliest token, from 1, at which a continuation differs from v1's; `None` where none does.
    pub first_divergence: Option<u32>,
}

impl Quality {
    /// The figures of a sample; `None` where it scored no token.
    pub fn of(sample: &PerplexitySample) -> Option<Self> {
        let windows = &sample.windows;
        let scored_tokens: u64 = windows.iter().map(|w| u64::from(w.tokens)).sum();
        if scored_tokens == 0 {
            return None;
        }
        let tokens = scored_tokens as f64;
        let loss = windows.iter().map(|w| w.loss).sum::<f64>() / tokens;
        let reference = windows.iter().map(|w| w.reference_loss).sum::<f64>() / tokens;
        let teacher_forced = windows.iter().map(|w| w.teacher_forced_loss).sum::<f64>() / tokens;
        let source: Option<f64> = windows.iter().map(|w| w.source_loss).sum();
        let differing = || sample.first_divergence.iter().flatten();
        Some(Self {
            scored_tokens,
            windows: windows.len(),
            loss,
            perplexity: loss.exp(),
            reference_perplexity: reference.exp(),
            degradation: (loss - reference).exp_m1(),
            teacher_forced_perplexity: teacher_forced.exp(),
            source_perplexity: source.map(|loss| (loss / tokens).exp()),
            entropy_bound_perplexity: sample.source_entropy.map(f64::exp),
            divergence: sample.divergence,
            same_top: sample.same_top_tokens as f64 / tokens,
            continuations: sample.first_divergence.len(),
            diverged: differing().count(),
            first_divergence: differing().min().copied(),
        })
    }
}

/// What a device can do at most, as measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ceilings {
    /// Bytes read from memory per second.
    pub bytes_per_s: f64,
    /// Matrix operations per second.
    pub flops_per_s: f64,
}

/// The ceiling that counted work meets first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// Moving bytes takes longer than computing.
    Memory,
    /// Computing takes longer than moving bytes.
    Compute,
}

impl Bound {
    /// The bound as JSON and tables show it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Compute => "compute",
        }
    }
}

impl Ceilings {
    /// The ceilings that were measured beside a generation.
    pub fn of(sample: &RooflineSample) -> Self {
        Self {
            bytes_per_s: sample.read_bytes_per_s as f64,
            flops_per_s: sample.matrix_flops_per_s as f64,
        }
    }

    /// Which ceiling binds.
    pub fn bound(&self, cost: Cost) -> Bound {
        match self.moving_s(cost) >= self.computing_s(cost) {
            true => Bound::Memory,
            false => Bound::Compute,
        }
    }

    /// The least time that the work can take, in seconds.
    pub fn time_s(&self, cost: Cost) -> f64 {
        self.moving_s(cost).max(self.computing_s(cost))
    }

    fn moving_s(&self, cost: Cost) -> f64 {
        cost.bytes as f64 / self.bytes_per_s
    }

    fn computing_s(&self, cost: Cost) -> f64 {
        cost.flops as f64 / self.flops_per_s
    }
}

/// Counted work against the time that it took and the ceilings.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Efficiency {
    /// Bytes counted.
    pub bytes: u64,
    /// Floating-point operations counted.
    pub flops: u64,
    /// Operations per byte.
    pub arithmetic_intensity: f64,
    /// Bytes counted per second of time taken.
    pub bytes_per_s: f64,
    /// Operations counted per second of time taken.
    pub flops_per_s: f64,
    /// The ceiling that binds.
    pub bound: Bound,
    /// The least time under the ceilings / the time taken.
    pub fraction_of_ceiling: f64,
}

impl Efficiency {
    /// The figures of a point; `None` where there was nothing to do, as in the decode of a single token.
    pub fn of(point: &RooflinePoint, ceilings: &Ceilings) -> Option<Self> {
        if point.bytes == 0 || point.time_ns == 0 {
            return None;
        }
        let cost = Cost {
            bytes: point.bytes,
            flops: point.flops,
        };
        let seconds = point.time_ns as f64 / 1e9;
        Some(Self {
            bytes: point.bytes,
            flops: point.flops,
            arithmetic_intensity: point.flops as f64 / point.bytes as f64,
            bytes_per_s: point.bytes as f64 / seconds,
            flops_per_s: point.flops as f64 / seconds,
            bound: ceilings.bound(cost),
            fraction_of_ceiling: ceilings.time_s(cost) / seconds,
        })
    }
}

/// Bits that a cache spends on one key or value, scales included; `None` for an empty cache.
pub fn bits_per_element(cache: &CacheUse) -> Option<f64> {
    let bits = cache.used.total() as f64 * 8.0;
    (cache.elements > 0 && bits > 0.0).then(|| bits / cache.elements as f64)
}

/// The times of prefill and decode together.
pub fn prefill_and_decode(prefill: &PhaseTimes, decode: &PhaseTimes) -> PhaseTimes {
    PhaseTimes {
        embedding_ns: prefill.embedding_ns + decode.embedding_ns,
        attention_ns: prefill.attention_ns + decode.attention_ns,
        mlp_ns: prefill.mlp_ns + decode.mlp_ns,
        head_ns: prefill.head_ns + decode.head_ns,
        other_ns: prefill.other_ns + decode.other_ns,
        total_ns: prefill.total_ns + decode.total_ns,
    }
}

#[cfg(test)]
mod tests {
    use anechoic_protocol::{CacheBytes, WindowLoss};

    use super::*;

    fn close(found: f64, expected: f64) {
        assert!(
            (found - expected).abs() < 1e-12,
            "{found} is not {expected}"
        );
    }

    fn sample(windows: Vec<WindowLoss>) -> PerplexitySample {
        PerplexitySample {
            iteration: 1,
            windows,
            divergence: Divergence {
                mean: 0.001,
                p99: 0.01,
                max: 0.1,
            },
            same_top_tokens: 9,
            first_divergence: vec![None, Some(7), Some(3)],
            source_entropy: Some(2_f64.ln()),
            cache: CacheUse::default(),
        }
    }

    fn window(tokens: u32, nats_per_token: f64) -> WindowLoss {
        let loss = f64::from(tokens) * nats_per_token;
        WindowLoss {
            tokens,
            loss,
            teacher_forced_loss: loss,
            reference_loss: f64::from(tokens) * 4_f64.ln(),
            source_loss: None,
        }
    }

    #[test]
    fn quality_weighs_windows_by_their_tokens() {
        let quality = Quality::of(&sample(vec![window(9, 4_f64.ln()), window(1, 8_f64.ln())]));
        let quality = quality.unwrap();
        // Nine tokens at log 4 and one at log 8: the mean is log 4 + (log 2) / 10.
        close(quality.perplexity, 4.0 * 2_f64.powf(0.1));
        close(quality.reference_perplexity, 4.0);
        close(quality.degradation, 2_f64.powf(0.1) - 1.0);
        close(quality.same_top, 0.9);
        close(quality.entropy_bound_perplexity.unwrap(), 2.0);
        assert_eq!(quality.source_perplexity, None);
        assert_eq!((quality.continuations, quality.diverged), (3, 2));
        assert_eq!(quality.first_divergence, Some(3));
    }

    #[test]
    fn nothing_scored_has_no_quality() {
        assert_eq!(Quality::of(&sample(vec![])), None);
        assert_eq!(Quality::of(&sample(vec![window(0, 1.0)])), None);
    }

    #[test]
    fn the_ceiling_that_binds() {
        let ceilings = Ceilings {
            bytes_per_s: 1e9,
            flops_per_s: 1e10,
        };
        let point = |bytes, flops| RooflinePoint {
            time_ns: 2_000_000_000,
            bytes,
            flops,
        };
        let memory = Efficiency::of(&point(1_000_000_000, 1_000_000_000), &ceilings).unwrap();
        assert_eq!(memory.bound, Bound::Memory);
        close(memory.fraction_of_ceiling, 0.5);
        close(memory.arithmetic_intensity, 1.0);
        let compute = Efficiency::of(&point(1_000_000_000, 16_000_000_000), &ceilings).unwrap();
        assert_eq!(compute.bound, Bound::Compute);
        close(compute.fraction_of_ceiling, 0.8);
        close(compute.flops_per_s, 8e9);
        assert_eq!(Efficiency::of(&point(0, 0), &ceilings), None);
    }

    #[test]
    fn scales_count_as_bits() {
        let cache = CacheUse {
            used: CacheBytes {
                values: 640,
                scales: 40,
                auxiliary: 0,
            },
            elements: 640,
            ..CacheUse::default()
        };
        close(bits_per_element(&cache).unwrap(), 8.5);
        assert_eq!(bits_per_element(&CacheUse::default()), None);
    }
}
