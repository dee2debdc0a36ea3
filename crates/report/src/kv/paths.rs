//! Ways to read the same cache: the paths of decode attention against the best one, by decode time alone.

use anechoic_protocol::AttentionPath;
use anechoic_stats::{Ratio, ratio};
use serde::{Deserialize, Serialize};

use super::latency::{Latency, decodes, steps};
use super::points::{Figure, KvPoint, seconds};
use super::{PointQuality, QualityLine};

/// One path at one point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PathLine {
    /// Which point; its setting names the path that was asked for.
    #[serde(flatten)]
    pub point: KvPoint,
    /// The path that was taken.
    pub attention_path: Option<String>,
    /// Decode time / (T − 1), in seconds; absent at T = 1, which has no decode.
    pub per_step_s: Option<Figure>,
    /// `decode time / decode time on the path "best" − 1`, where that was measured.
    pub against_best: Option<Ratio>,
    /// What the version does to quality.
    pub quality: PointQuality,
}

/// The points that were measured on several paths, those that differ in the path alone together.
pub(super) fn lines(all: &[Latency<'_>], quality: &[QualityLine]) -> Vec<PathLine> {
    let mut lines: Vec<PathLine> = Vec::new();
    for first in all {
        let alike: Vec<&Latency<'_>> = all.iter().filter(|p| is_alike(first, p)).collect();
        let is_listed = lines.iter().any(|line| line.point == first.point);
        let has_others = alike
            .iter()
            .any(|p| p.point.setting.attention != first.point.setting.attention);
        if has_others && !is_listed {
            lines.extend(alike.iter().map(|point| line(point, &alike, quality)));
        }
    }
    lines
}

fn is_alike(a: &Latency<'_>, b: &Latency<'_>) -> bool {
    let (a, b) = (&a.point, &b.point);
    a.version == b.version && a.tokens == b.tokens && a.setting.is_alike(&b.setting)
}

fn line(point: &Latency<'_>, alike: &[&Latency<'_>], quality: &[QualityLine]) -> PathLine {
    let is_best = |p: &&&Latency<'_>| p.point.setting.attention == AttentionPath::Best;
    let best = alike.iter().find(is_best);
    PathLine {
        point: point.point.clone(),
        attention_path: point.attention_path(),
        per_step_s: point
            .figure(|s| seconds(s.decode_ns) / steps(point))
            .filter(|_| steps(point) > 0.0),
        against_best: best
            .filter(|best| best.point.case != point.point.case)
            .and_then(|best| ratio(&decodes(point), &decodes(best))),
        quality: PointQuality::of(&point.point, quality),
    }
}
