//! Times to generate T tokens, version against version, and from which T on a cache pays.

use anechoic_protocol::{CacheUse, LatencySample, Sample, Version};
use anechoic_record::RunRecord;
use anechoic_stats::{Crossover, Estimate, Place, Ratio, crossover, ratio};
use serde::{Deserialize, Serialize};

use super::points::{self, Figure, KvPoint, Measured, Setting, seconds};
use super::{PointQuality, QualityLine};

/// Times of one point. Times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LatencyLine {
    /// Which point.
    #[serde(flatten)]
    pub point: KvPoint,
    /// The path that decode attention took.
    pub attention_path: Option<String>,
    /// Total / T.
    pub per_token_s: Option<Figure>,
    /// Prefill and decode.
    pub total_s: Option<Figure>,
    /// Until the first token is known.
    pub prefill_s: Option<Figure>,
    /// All tokens after it.
    pub decode_s: Option<Figure>,
    /// Tokens per second of decode alone, whole batch; absent where there is no token after the first.
    pub decode_tokens_per_s: Option<Figure>,
    /// The cache.
    pub cache: CacheUse,
    /// `total / v1's total − 1` at the same T, where v1 was measured.
    pub against_v1: Option<Ratio>,
    /// The same of decode alone, in which versions differ; absent at T = 1, which has none.
    pub decode_against_v1: Option<Ratio>,
    /// What the version does to quality.
    pub quality: PointQuality,
}

/// From which T on generating with a cache is faster than without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CrossoverLine {
    /// Of which setting.
    pub setting: Setting,
    /// Every T at which both were measured.
    pub tokens: Vec<u32>,
    /// From where on v1's total is below v0's.
    pub crossover: Crossover,
}

pub(super) type Latency<'a> = Measured<'a, LatencySample>;

pub(super) fn measured(record: &RunRecord) -> Vec<Latency<'_>> {
    points::measured(record, |sample| {
        let Sample::Latency(sample) = sample else {
            return None;
        };
        Some((sample.tokens, sample))
    })
}

pub(super) fn lines(all: &[Latency<'_>], quality: &[QualityLine]) -> Vec<LatencyLine> {
    let line = |point| line(point, all, quality);
    all.iter().filter_map(line).collect()
}

fn line(point: &Latency<'_>, all: &[Latency<'_>], quality: &[QualityLine]) -> Option<LatencyLine> {
    let first = point.samples().next()?;
    let decoded = steps(point) * f64::from(point.point.setting.batch_size.unwrap_or(1));
    Some(LatencyLine {
        point: point.point.clone(),
        attention_path: point.attention_path(),
        per_token_s: point.figure(|s| seconds(s.total_ns) / f64::from(s.tokens)),
        total_s: point.figure(|s| seconds(s.total_ns)),
        prefill_s: point.figure(|s| seconds(s.prefill_ns)),
        decode_s: point
            .figure(|s| seconds(s.decode_ns))
            .filter(|_| decoded > 0.0),
        decode_tokens_per_s: point
            .figure(|s| decoded / seconds(s.decode_ns))
            .filter(|_| decoded > 0.0),
        cache: first.cache,
        against_v1: against_v1(point, all, totals),
        decode_against_v1: against_v1(point, all, decodes),
        quality: PointQuality::of(&point.point, quality),
    })
}

/// `time / v1's time − 1` at the same T, of times per process; `None` of v1 itself and where it was not measured.
pub(super) fn against_v1(
    point: &Latency<'_>,
    all: &[Latency<'_>],
    times: fn(&Latency<'_>) -> Vec<f64>,
) -> Option<Ratio> {
    let v1 = point.counterpart(all, Version::V1)?;
    let is_itself = point.point.version == Version::V1;
    ratio(&times(point), &times(v1)).filter(|_| !is_itself)
}

/// Decode steps of one generation: all tokens but the one that prefill yields.
pub(super) fn steps(point: &Latency<'_>) -> f64 {
    f64::from(point.point.tokens.saturating_sub(1))
}

/// Total time of each process.
pub(super) fn totals(point: &Latency<'_>) -> Vec<f64> {
    point.means(|sample| seconds(sample.total_ns))
}

/// Decode time of each process; none where there is no token after the first.
pub(super) fn decodes(point: &Latency<'_>) -> Vec<f64> {
    match steps(point) > 0.0 {
        true => point.means(|sample| seconds(sample.decode_ns)),
        false => Vec::new(),
    }
}

pub(super) fn crossovers(all: &[Latency<'_>]) -> Vec<CrossoverLine> {
    let mut lines: Vec<CrossoverLine> = Vec::new();
    for point in all {
        let setting = &point.point.setting;
        if lines.iter().all(|line| line.setting != *setting) {
            lines.extend(crossover_of(setting, all));
        }
    }
    lines
}

fn crossover_of(setting: &Setting, all: &[Latency<'_>]) -> Option<CrossoverLine> {
    let without = all
        .iter()
        .filter(|point| point.point.setting == *setting && point.point.version == Version::V0);
    let places: Vec<(u32, Place)> = without
        .filter_map(|v0| {
            let v1 = v0.counterpart(all, Version::V1)?;
            let place = Place {
                x: f64::from(v0.point.tokens),
                base: Estimate::of(&totals(v0))?.mean,
                other: Estimate::of(&totals(v1))?.mean,
            };
            Some((v0.point.tokens, place))
        })
        .collect();
    let (tokens, places): (Vec<u32>, Vec<Place>) = places.into_iter().unzip();
    Some(CrossoverLine {
        setting: setting.clone(),
        tokens,
        crossover: crossover(&places)?,
    })
}
