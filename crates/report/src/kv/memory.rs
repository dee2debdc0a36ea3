//! Memory while generating T tokens: what was held, and the exact bytes of the cache.

use anechoic_protocol::{CacheUse, MemorySource, Sample, Version, VramSample};
use anechoic_record::{RunRecord, bits_per_element};
use serde::{Deserialize, Serialize};

use super::points::{self, KvPoint, Measured};

/// Memory of one point: the run with the highest peak.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemoryLine {
    /// Which point.
    #[serde(flatten)]
    pub point: KvPoint,
    /// Whose memory the first three tell.
    pub source: MemorySource,
    /// Held before the cache was made.
    pub baseline_bytes: u64,
    /// The most that was held.
    pub peak_bytes: u64,
    /// The peak above the baseline.
    pub activation_bytes: u64,
    /// The most that the device's allocator had reserved; on a GPU.
    pub allocator_reserved_bytes: Option<u64>,
    /// The cache, exact.
    pub cache: CacheUse,
    /// Bits per key or value, scales included; absent without a cache.
    pub bits_per_element: Option<f64>,
    /// v1's reserved cache bytes / this version's, at the same T.
    pub times_below_v1: Option<f64>,
    /// Bytes of key and value projections that this version does not hold.
    pub projection_bytes_saved: u64,
}

type Vram<'a> = Measured<'a, VramSample>;

pub(super) fn lines(record: &RunRecord) -> Vec<MemoryLine> {
    let all = points::measured(record, |sample| {
        let Sample::Vram(sample) = sample else {
            return None;
        };
        Some((sample.tokens, sample))
    });
    all.iter().filter_map(|point| line(point, &all)).collect()
}

fn line(point: &Vram<'_>, all: &[Vram<'_>]) -> Option<MemoryLine> {
    let highest = point.samples().max_by_key(|sample| sample.peak_bytes)?;
    let v1 = point.counterpart(all, Version::V1);
    let v1_cache = v1.and_then(|v1| v1.samples().next()).map(|s| s.cache);
    Some(MemoryLine {
        point: point.point.clone(),
        source: highest.source,
        baseline_bytes: highest.baseline_bytes,
        peak_bytes: highest.peak_bytes,
        activation_bytes: highest.peak_bytes.saturating_sub(highest.baseline_bytes),
        allocator_reserved_bytes: highest.reserved_bytes,
        cache: highest.cache,
        bits_per_element: bits_per_element(&highest.cache),
        times_below_v1: v1_cache.and_then(|v1| times_smaller(&highest.cache, &v1)),
        projection_bytes_saved: point.projection_bytes_saved(),
    })
}

/// How many times smaller `cache` is than `other`; `None` where there is no cache.
pub(super) fn times_smaller(cache: &CacheUse, other: &CacheUse) -> Option<f64> {
    let (own, other) = (cache.reserved.total(), other.reserved.total());
    (own > 0 && other > 0).then(|| other as f64 / own as f64)
}
