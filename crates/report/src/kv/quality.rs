//! Quality through the cache, per model, text and version.

use anechoic_protocol::{Benchmark, PerplexitySample, PerplexityWork, Sample, TextSource, Version};
use anechoic_record::{CaseRecord, Quality, RunRecord};
use serde::{Deserialize, Serialize};

use super::points::{self, Setting};

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
