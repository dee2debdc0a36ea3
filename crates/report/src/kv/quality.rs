//! Quality through the cache, per model, text and version.

use anechoic_protocol::{
    Benchmark, Dtype, PerplexitySample, PerplexityWork, Sample, TextSource, Version,
};
use anechoic_record::{CaseRecord, Quality, RunRecord};
use serde::{Deserialize, Serialize};

use super::points::{self, KvPoint, Setting};

/// Quality of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QualityLine {
    /// The case.
    pub case: String,
    /// What it shares with the lines that it is compared with.
    pub setting: Setting,
    /// The version.
    pub version: Version,
    /// The text: `synthetic`, or the file as the user called it.
    pub text: String,
    /// Tokens of a window.
    pub window: u32,
    /// Tokens fed per forward call.
    pub chunk: u32,
    /// Processes that ended well.
    pub processes: usize,
    /// The figures of the first of them.
    pub quality: Quality,
    /// How far the mean losses of the processes lie apart, in nats; the same text gives 0 where nothing is random.
    pub loss_range: f64,
}

/// What a version does to quality, as far as the run tells: it stands beside every time of the version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum PointQuality {
    /// Nothing: the version rounds nothing and shares nothing, and so computes what v1 does.
    Exact,
    /// It was measured in the same run.
    Measured {
        /// On the very model; where that was not measured, on every model that was.
        on: Vec<Degradation>,
    },
    /// The run does not tell.
    NotMeasured,
}

/// Perplexity of a version against v1's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Degradation {
    /// The model that quality was measured on.
    pub model: String,
    /// That model's type.
    pub dtype: Dtype,
    /// `perplexity / v1's − 1`.
    pub degradation: f64,
}

impl PointQuality {
    pub(super) fn of(point: &KvPoint, quality: &[QualityLine]) -> Self {
        let version = point.version;
        if !version.kv_cache_quant() && !version.cross_layer_sharing() {
            return Self::Exact;
        }
        let lines = relevant(&point.setting, version, quality).into_iter();
        let on: Vec<Degradation> = lines.map(degradation).collect();
        match on.is_empty() {
            true => Self::NotMeasured,
            false => Self::Measured { on },
        }
    }
}

fn degradation(line: &QualityLine) -> Degradation {
    Degradation {
        model: line.setting.model.name().to_owned(),
        dtype: line.setting.dtype,
        degradation: line.quality.degradation,
    }
}

/// The version's quality on the very model; where that was not measured, on every model that has one. Of several lines of
/// one model, the one with the same attention path, else the first.
pub(super) fn relevant<'q>(
    setting: &Setting,
    version: Version,
    quality: &'q [QualityLine],
) -> Vec<&'q QualityLine> {
    let candidates = || quality.iter().filter(|line| line.version == version);
    let is_own = |line: &&QualityLine| line.setting.model == setting.model;
    let own: Vec<&QualityLine> = candidates().filter(is_own).collect();
    let mut ordered = match own.is_empty() {
        true => candidates().collect(),
        false => own,
    };
    ordered.sort_by_key(|line| line.setting.attention != setting.attention);
    let mut chosen: Vec<&QualityLine> = Vec::new();
    for line in ordered {
        let is_new = chosen.iter().all(|c| {
            (&c.setting.model, c.setting.dtype, &c.text)
                != (&line.setting.model, line.setting.dtype, &line.text)
        });
        if is_new {
            chosen.push(line);
        }
    }
    chosen
}

pub(super) fn lines(record: &RunRecord) -> Vec<QualityLine> {
    let cases = record.manifest.cases.iter();
    let mut lines: Vec<QualityLine> = cases.filter_map(|case| line(record, case)).collect();
    let mut workloads: Vec<(Setting, String, u32, u32)> = Vec::new();
    for line in &lines {
        if !workloads.contains(&workload(line)) {
            workloads.push(workload(line));
        }
    }
    lines.sort_by_key(|line| {
        let place = workloads.iter().position(|w| *w == workload(line));
        (place, line.version)
    });
    lines
}

/// What two lines share that are compared with each other.
fn workload(line: &QualityLine) -> (Setting, String, u32, u32) {
    (
        line.setting.clone(),
        line.text.clone(),
        line.window,
        line.chunk,
    )
}

fn line(record: &RunRecord, case: &CaseRecord) -> Option<QualityLine> {
    let work = work(&case.case.work)?;
    let (setting, version) = points::setting(record, case)?;
    let qualities: Vec<Quality> = points::good_attempts(record, case)
        .filter_map(|data| data.samples.iter().find_map(sample))
        .filter_map(Quality::of)
        .collect();
    let losses = qualities.iter().map(|quality| quality.loss);
    let range =
        losses.clone().fold(f64::NEG_INFINITY, f64::max) - losses.fold(f64::INFINITY, f64::min);
    Some(QualityLine {
        case: case.case.id.clone(),
        setting,
        version,
        text: match &work.text {
            TextSource::Synthetic => "synthetic".to_owned(),
            TextSource::File { name, .. } => name.clone(),
        },
        window: work.window,
        chunk: work.chunk,
        processes: qualities.len(),
        quality: *qualities.first()?,
        loss_range: range,
    })
}

fn work(work: &Benchmark) -> Option<&PerplexityWork> {
    let Benchmark::Perplexity(work) = work else {
        return None;
    };
    Some(work)
}

fn sample(sample: &Sample) -> Option<&PerplexitySample> {
    let Sample::Perplexity(sample) = sample else {
        return None;
    };
    Some(sample)
}
