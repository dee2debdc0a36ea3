//! The largest batches within a memory budget.

use anechoic_protocol::{Benchmark, CapacitySample, MemorySource, Sample, Version};
use anechoic_record::RunRecord;
use serde::{Deserialize, Serialize};

use super::points::{self, KvPoint, Measured};

/// The largest batch of one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CapacityLine {
    /// Which point.
    #[serde(flatten)]
    pub point: KvPoint,
    /// The budget.
    pub budget_bytes: u64,
    /// Whose memory was looked at.
    pub source: MemorySource,
    /// The smallest of the batches that the searches found; 0 where not even one request fitted.
    pub batch: u32,
    /// The largest of them.
    pub largest: u32,
    /// Bytes of cache per request.
    pub cache_bytes_per_request: u64,
    /// The batch / v1's within the same budget.
    pub times_v1: Option<f64>,
}

type Capacity<'a> = Measured<'a, CapacitySample>;

pub(super) fn lines(record: &RunRecord) -> Vec<CapacityLine> {
    let all = points::measured(record, |sample| {
        let Sample::Capacity(sample) = sample else {
            return None;
        };
        Some((sample.tokens, sample))
    });
    all.iter().filter_map(|point| line(point, &all)).collect()
}

fn line(point: &Capacity<'_>, all: &[Capacity<'_>]) -> Option<CapacityLine> {
    let smallest = smallest(point)?;
    let budget_bytes = budget(point)?;
    let v1 = all.iter().find(|other| {
        let (a, b) = (&point.point, &other.point);
        b.version == Version::V1
            && a.tokens == b.tokens
            && a.setting == b.setting
            && budget(other) == Some(budget_bytes)
    });
    let v1_batch = v1.and_then(smallest_batch).filter(|batch| *batch > 0);
    Some(CapacityLine {
        point: point.point.clone(),
        budget_bytes,
        source: smallest.source,
        batch: smallest.batch,
        largest: point.samples().map(|s| s.batch).max()?,
        cache_bytes_per_request: smallest.cache_bytes_per_request,
        times_v1: v1_batch.map(|v1| f64::from(smallest.batch) / f64::from(v1)),
    })
}

fn smallest<'a>(point: &Capacity<'a>) -> Option<&'a CapacitySample> {
    point.samples().min_by_key(|sample| sample.batch)
}

fn smallest_batch(point: &Capacity<'_>) -> Option<u32> {
    smallest(point).map(|sample| sample.batch)
}

fn budget(point: &Capacity<'_>) -> Option<u64> {
    let Benchmark::Capacity(work) = point.work else {
        return None;
    };
    Some(work.budget_bytes)
}
