//! What series of KV-cache versions have in common: their looks, and the quality that stands beside every speed.

use anechoic_protocol::Version;

use super::mark::Look;
use crate::render::quality;
use crate::{KvPoint, PointQuality, Summary};

/// The look of a version, the same in every plot. v0, the baseline, is grey.
pub(super) fn look(version: Version) -> Look {
    Look::of(match version {
        Version::V0 => 6,
        Version::V1 => 0,
        Version::V2 => 1,
        Version::V3 => 2,
        Version::V4 => 3,
    })
}

/// What the version of a KV-cache case does to quality; `None` for other cases.
pub(super) fn quality_of_case(summary: &Summary, case: &str) -> Option<String> {
    let kv = summary.kv.as_ref()?;
    let latency = kv.latency.iter().map(|line| (&line.point, &line.quality));
    let phases = kv.phases.iter().map(|line| (&line.point, &line.quality));
    let mut known = latency.chain(phases);
    let (point, quality) = known.find(|(point, _)| point.case == case)?;
    Some(quality_words(quality, point))
}

/// What a version does to quality, short enough for a legend.
pub(super) fn quality_words(found: &PointQuality, point: &KvPoint) -> String {
    match found {
        PointQuality::Exact => "exact".to_owned(),
        PointQuality::NotMeasured => "quality not measured".to_owned(),
        PointQuality::Measured { .. } => {
            format!("perplexity {}", quality(found, &point.setting))
        }
    }
}
