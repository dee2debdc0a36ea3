//! Where the time of generating T tokens goes.

use anechoic_protocol::{PhaseSample, PhaseTimes, Sample};
use anechoic_record::{RunRecord, prefill_and_decode};
use serde::{Deserialize, Serialize};

use super::points::{self, Figure, KvPoint, Measured, seconds};
use super::{PointQuality, QualityLine};

/// Phases of one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseLine {
    /// Which point.
    #[serde(flatten)]
    pub point: KvPoint,
    /// The prompt.
    pub prefill: PhaseMeans,
    /// All tokens after the first.
    pub decode: PhaseMeans,
    /// Both.
    pub both: PhaseMeans,
    /// What the version does to quality.
    pub quality: PointQuality,
}

/// Means over processes, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseMeans {
    /// Token and position embedding.
    pub embedding_s: Option<Figure>,
    /// Attention with norm, projections, cache and residual.
    pub attention_s: Option<Figure>,
    /// MLPs with norm and residual.
    pub mlp_s: Option<Figure>,
    /// The final norm and the output projection.
    pub head_s: Option<Figure>,
    /// The rest.
    pub other_s: Option<Figure>,
    /// All of it.
    pub total_s: Option<Figure>,
}

pub(super) fn lines(record: &RunRecord, quality: &[QualityLine]) -> Vec<PhaseLine> {
    let all = points::measured(record, |sample| {
        let Sample::Phase(sample) = sample else {
            return None;
        };
        Some((sample.tokens, sample))
    });
    all.iter().map(|point| line(point, quality)).collect()
}

fn line(point: &Measured<'_, PhaseSample>, quality: &[QualityLine]) -> PhaseLine {
    PhaseLine {
        point: point.point.clone(),
        prefill: means(point, |sample| sample.prefill),
        decode: means(point, |sample| sample.decode),
        both: means(point, |sample| {
            prefill_and_decode(&sample.prefill, &sample.decode)
        }),
        quality: PointQuality::of(&point.point, quality),
    }
}

fn means(point: &Measured<'_, PhaseSample>, part: fn(&PhaseSample) -> PhaseTimes) -> PhaseMeans {
    let figure = |of: fn(&PhaseTimes) -> u64| point.figure(|sample| seconds(of(&part(sample))));
    PhaseMeans {
        embedding_s: figure(|times| times.embedding_ns),
        attention_s: figure(|times| times.attention_ns),
        mlp_s: figure(|times| times.mlp_ns),
        head_s: figure(|times| times.head_ns),
        other_s: figure(|times| times.other_ns),
        total_s: figure(|times| times.total_ns),
    }
}
