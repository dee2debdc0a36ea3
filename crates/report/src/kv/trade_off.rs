//! Speed, memory and quality side by side. No version's speed stands here without its quality: the numbers exist only
//! inside [`Standing::Judged`].

use anechoic_protocol::{AttentionPath, Dtype, Version};
use anechoic_stats::Ratio;
use serde::{Deserialize, Serialize};

use super::QualityLine;
use super::latency::{Latency, against_v1, decodes};
use super::memory::times_smaller;
use super::points::Setting;
use super::quality::relevant;

/// One version against v1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TradeOffLine {
    /// The setting of the latency cases.
    pub setting: Setting,
    /// The version.
    pub version: Version,
    /// The largest T at which it and v1 were measured, or it alone.
    pub tokens: u32,
    /// What can be said.
    pub standing: Standing,
}

/// What can be said of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Standing {
    /// Speed, memory and quality.
    Judged {
        /// `decode time per step / v1's − 1`; 0 of v1 itself, absent at T = 1, which has no decode.
        per_step: Option<Ratio>,
        /// Cache bytes / v1's; absent without a cache.
        cache: Option<f64>,
        /// The model that quality was measured on.
        model: String,
        /// That model's type.
        dtype: Dtype,
        /// How attention read the cache then.
        attention: AttentionPath,
        /// The text.
        text: String,
        /// `perplexity / v1's − 1`.
        degradation: f64,
        /// Mean Kullback-Leibler divergence from v1, in nats.
        kld_mean: f64,
    },
    /// The run has no quality of this version, and so its speed is not shown here.
    QualityMissing,
    /// v1 was not measured beside it.
    ReferenceMissing,
}

pub(super) fn lines(latency: &[Latency<'_>], quality: &[QualityLine]) -> Vec<TradeOffLine> {
    let mut done: Vec<(&Setting, Version)> = Vec::new();
    let mut lines = Vec::new();
    for point in latency {
        let key = (&point.point.setting, point.point.version);
        if !done.contains(&key) {
            done.push(key);
            lines.extend(of_version(key.0, key.1, latency, quality));
        }
    }
    lines.retain(|line| !is_path_only(line, latency));
    lines
}

/// Whether a setting without v1 is there to be compared with its other attention paths, which has a table of its own.
fn is_path_only(line: &TradeOffLine, latency: &[Latency<'_>]) -> bool {
    let has_v1 =
        |p: &Latency<'_>| p.point.setting == line.setting && p.point.version == Version::V1;
    let is_other_path = |p: &Latency<'_>| {
        p.point.setting != line.setting && p.point.setting.is_alike(&line.setting)
    };
    let is_side_path = line.setting.attention != AttentionPath::Best;
    is_side_path && !latency.iter().any(has_v1) && latency.iter().any(is_other_path)
}

fn of_version(
    setting: &Setting,
    version: Version,
    latency: &[Latency<'_>],
    quality: &[QualityLine],
) -> Vec<TradeOffLine> {
    let own = || {
        let own = latency.iter().rev();
        own.filter(|p| p.point.setting == *setting && p.point.version == version)
    };
    let beside_v1 = own().find(|p| p.counterpart(latency, Version::V1).is_some());
    let Some(point) = beside_v1.or_else(|| own().next()) else {
        return Vec::new();
    };
    let line = |standing| TradeOffLine {
        setting: setting.clone(),
        version,
        tokens: point.point.tokens,
        standing,
    };
    let qualities = relevant(setting, version, quality);
    if qualities.is_empty() {
        return vec![line(Standing::QualityMissing)];
    }
    let standings = qualities.iter().map(|q| standing(point, latency, q));
    match standings.collect::<Option<Vec<_>>>() {
        Some(standings) => standings.into_iter().map(line).collect(),
        None => vec![line(Standing::ReferenceMissing)],
    }
}

fn standing(point: &Latency<'_>, latency: &[Latency<'_>], line: &QualityLine) -> Option<Standing> {
    let v1 = point.counterpart(latency, Version::V1)?;
    let itself = Ratio {
        value: 0.0,
        interval: None,
    };
    let per_step = match point.point.version == Version::V1 {
        true => Some(itself).filter(|_| !decodes(point).is_empty()),
        false => against_v1(point, latency, decodes),
    };
    let (own, reference) = (point.samples().next()?.cache, v1.samples().next()?.cache);
    Some(Standing::Judged {
        per_step,
        cache: times_smaller(&own, &reference).map(f64::recip),
        model: line.setting.model.name().to_owned(),
        dtype: line.setting.dtype,
        attention: line.setting.attention,
        text: line.text.clone(),
        degradation: line.quality.degradation,
        kld_mean: line.quality.divergence.mean,
    })
}
