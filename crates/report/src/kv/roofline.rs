//! Generation against the ceilings that were measured beside it.

use anechoic_protocol::{RooflinePoint, RooflineSample, Sample};
use anechoic_record::{Bound, Ceilings, Efficiency, RunRecord};
use anechoic_stats::median;
use serde::{Deserialize, Serialize};

use super::points::{self, Figure, KvPoint, Measured};

/// One point against the ceilings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RooflineLine {
    /// Which point.
    #[serde(flatten)]
    pub point: KvPoint,
    /// Medians over all runs.
    pub ceilings: Ceilings,
    /// The prompt.
    pub prefill: Option<EfficiencyLine>,
    /// All tokens after the first; absent where there are none.
    pub decode: Option<EfficiencyLine>,
}

/// Counted work and what was achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EfficiencyLine {
    /// Bytes counted.
    pub bytes: u64,
    /// Operations counted.
    pub flops: u64,
    /// Operations per byte.
    pub arithmetic_intensity: f64,
    /// Bytes counted per second.
    pub bytes_per_s: Option<Figure>,
    /// Operations counted per second.
    pub flops_per_s: Option<Figure>,
    /// The ceiling that binds, in the first run.
    pub bound: Bound,
    /// The least time under the ceilings / the time taken.
    pub fraction_of_ceiling: Option<Figure>,
}

pub(super) fn measured(record: &RunRecord) -> Vec<Measured<'_, RooflineSample>> {
    points::measured(record, |sample| {
        let Sample::Roofline(sample) = sample else {
            return None;
        };
        Some((sample.tokens, sample))
    })
}

pub(super) fn lines(all: &[Measured<'_, RooflineSample>]) -> Vec<RooflineLine> {
    all.iter().filter_map(line).collect()
}

fn line(point: &Measured<'_, RooflineSample>) -> Option<RooflineLine> {
    let middle = |of: fn(&RooflineSample) -> u64| {
        let values: Vec<f64> = point.samples().map(|sample| of(sample) as f64).collect();
        median(&values)
    };
    Some(RooflineLine {
        point: point.point.clone(),
        ceilings: Ceilings {
            bytes_per_s: middle(|sample| sample.read_bytes_per_s)?,
            flops_per_s: middle(|sample| sample.matrix_flops_per_s)?,
        },
        prefill: efficiency(point, |sample| &sample.prefill),
        decode: efficiency(point, |sample| &sample.decode),
    })
}

fn efficiency(
    point: &Measured<'_, RooflineSample>,
    part: fn(&RooflineSample) -> &RooflinePoint,
) -> Option<EfficiencyLine> {
    let of_sample = |sample: &RooflineSample| Efficiency::of(part(sample), &Ceilings::of(sample));
    let first = of_sample(point.samples().next()?)?;
    let figure = |of: fn(&Efficiency) -> f64| {
        point.figure(|sample| of_sample(sample).map_or(f64::NAN, |e| of(&e)))
    };
    Some(EfficiencyLine {
        bytes: first.bytes,
        flops: first.flops,
        arithmetic_intensity: first.arithmetic_intensity,
        bytes_per_s: figure(|e| e.bytes_per_s),
        flops_per_s: figure(|e| e.flops_per_s),
        bound: first.bound,
        fraction_of_ceiling: figure(|e| e.fraction_of_ceiling),
    })
}
