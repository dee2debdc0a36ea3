//! Measured points: the samples of one T of one case, process by process, and what is common to all tables of them.

use anechoic_protocol::{
    AttentionPath, Benchmark, Dtype, JobResult, ModelConfig, ModelSource, Sample, Version,
};
use anechoic_record::{AttemptData, CaseRecord, RunRecord};
use anechoic_stats::Estimate;
use serde::{Deserialize, Serialize};

/// What must be equal for two versions to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The model.
    pub model: ModelSource,
    /// Type of weights and unquantised caches.
    pub dtype: Dtype,
    /// Requests per batch; absent where the benchmark looks for it.
    pub batch_size: Option<u32>,
    /// Prompt tokens per request; absent where a text is scored.
    pub prompt_length: Option<u32>,
    /// How decode attention was asked to read the cache.
    pub attention: AttentionPath,
    /// Seed of weights and prompts.
    pub seed: u64,
    /// Compute threads.
    pub threads: u32,
}

impl Setting {
    /// Whether both differ in the attention path at most.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let attention = self.attention;
        let other = Self {
            attention,
            ..other.clone()
        };
        *self == other
    }
}

/// One T of one case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KvPoint {
    /// The case.
    pub case: String,
    /// What it shares with the points that it is compared with.
    pub setting: Setting,
    /// The version.
    pub version: Version,
    /// T: tokens generated per request.
    pub tokens: u32,
    /// Whether other T were measured in the same processes.
    pub grouped: bool,
    /// Processes that ended well.
    pub processes: usize,
    /// Runs over all of them.
    pub runs: usize,
}

/// What the values of an estimate are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Spread {
    /// Means of processes: the spread says what another process would give.
    BetweenProcesses,
    /// Runs of a single process: the spread says nothing about another process.
    BetweenRuns,
}

/// An estimate that says what its spread is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Mean, standard deviation and interval.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Between what.
    pub spread: Spread,
}

impl Figure {
    /// The figure of the runs of each process; `None` without a run.
    pub(crate) fn of(processes: &[Vec<f64>]) -> Option<Self> {
        let (values, spread) = match processes {
            [alone] => (alone.clone(), Spread::BetweenRuns),
            several => (means(several), Spread::BetweenProcesses),
        };
        let estimate = Estimate::of(&values)?;
        Some(Self { estimate, spread })
    }
}

fn means(processes: &[Vec<f64>]) -> Vec<f64> {
    let processes = processes.iter();
    processes
        .filter_map(|runs| Some(Estimate::of(runs)?.mean))
        .collect()
}

/// The samples of a point: one list per process that ended well, none of them empty.
pub(crate) struct Measured<'a, S> {
    pub(crate) point: KvPoint,
    pub(crate) work: &'a Benchmark,
    pub(crate) processes: Vec<Vec<&'a S>>,
    results: Vec<&'a JobResult>,
}

impl<'a, S> Measured<'a, S> {
    /// One value per run, by process.
    pub(crate) fn values(&self, of: impl Fn(&S) -> f64) -> Vec<Vec<f64>> {
        let processes = self.processes.iter();
        processes
            .map(|runs| runs.iter().map(|run| of(run)).collect())
            .collect()
    }

    /// One value per process: the mean over its runs.
    pub(crate) fn means(&self, of: impl Fn(&S) -> f64) -> Vec<f64> {
        means(&self.values(of))
    }

    pub(crate) fn figure(&self, of: impl Fn(&S) -> f64) -> Option<Figure> {
        Figure::of(&self.values(of))
    }

    pub(crate) fn samples(&self) -> impl Iterator<Item = &'a S> {
        self.processes.iter().flatten().copied()
    }

    /// The model's configuration, from what a worker loaded or from the list of known shapes.
    pub(crate) fn config(&self) -> Option<ModelConfig> {
        let facts = self.results.iter().filter_map(|r| r.model.as_ref());
        let loaded = facts.filter_map(|facts| facts.config.clone()).next();
        let known = match &self.point.setting.model {
            ModelSource::Preset { name } => Some(name.config()),
            ModelSource::Folder { .. } => None,
        };
        loaded.or(known)
    }

    pub(crate) fn projection_bytes_saved(&self) -> u64 {
        let facts = self.results.iter().filter_map(|r| r.model.as_ref());
        facts
            .map(|facts| facts.projection_bytes_saved)
            .max()
            .unwrap_or(0)
    }

    /// The path that decode attention took, as the worker names it.
    pub(crate) fn attention_path(&self) -> Option<String> {
        let mut paths = self.results.iter().map(|r| &r.environment.attention_path);
        paths.find_map(Clone::clone)
    }

    /// The point of `version` that this one is compared with.
    pub(crate) fn counterpart<'b>(&self, all: &'b [Self], version: Version) -> Option<&'b Self> {
        let (setting, tokens) = (&self.point.setting, self.point.tokens);
        all.iter().find(|other| {
            let point = &other.point;
            point.version == version && point.tokens == tokens && point.setting == *setting
        })
    }
}

/// A case's setting and version; `None` outside the KV-cache benchmarks.
pub(crate) fn setting(record: &RunRecord, case: &CaseRecord) -> Option<(Setting, Version)> {
    let versioned = case.case.work.versioned()?;
    let (batch_size, prompt_length) = shape(&case.case.work);
    let setting = Setting {
        model: versioned.model.clone(),
        dtype: versioned.dtype,
        batch_size,
        prompt_length,
        attention: versioned.attention,
        seed: case.case.seed,
        threads: case
            .case
            .threads
            .unwrap_or(record.manifest.settings.threads),
    };
    Some((setting, versioned.version))
}

fn shape(work: &Benchmark) -> (Option<u32>, Option<u32>) {
    match work {
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => (Some(work.batch_size), Some(work.prompt_length)),
        Benchmark::Perplexity(work) => (Some(work.batch_size), None),
        Benchmark::Capacity(work) => (None, Some(work.prompt_length)),
        Benchmark::Capture(_) | Benchmark::Custom(_) => (None, None),
    }
}

/// Every T that a case measures.
pub(crate) fn tokens_of(work: &Benchmark) -> &[u32] {
    match work {
        Benchmark::Latency(work)
        | Benchmark::Vram(work)
        | Benchmark::Phase(work)
        | Benchmark::Roofline(work) => &work.tokens,
        Benchmark::Capacity(work) => &work.tokens,
        Benchmark::Perplexity(_) | Benchmark::Capture(_) | Benchmark::Custom(_) => &[],
    }
}

/// What each attempt that ended well has left.
pub(crate) fn good_attempts<'a>(
    record: &'a RunRecord,
    case: &'a CaseRecord,
) -> impl Iterator<Item = &'a AttemptData> {
    let key = |attempt: u32| (case.case.id.clone(), attempt);
    case.ok_attempts()
        .filter_map(move |attempt| record.attempts.get(&key(attempt.attempt)))
}

/// All points with samples of one kind, those of a setting together, then by version and T.
pub(crate) fn measured<'a, S>(
    record: &'a RunRecord,
    of_kind: fn(&'a Sample) -> Option<(u32, &'a S)>,
) -> Vec<Measured<'a, S>> {
    let mut points = Vec::new();
    for case in &record.manifest.cases {
        for &tokens in tokens_of(&case.case.work) {
            points.extend(point(record, case, tokens, of_kind));
        }
    }
    let mut settings: Vec<Setting> = Vec::new();
    for measured in &points {
        if !settings.contains(&measured.point.setting) {
            settings.push(measured.point.setting.clone());
        }
    }
    points.sort_by_key(|measured| {
        let point = &measured.point;
        let place = settings.iter().position(|s| *s == point.setting);
        (place, point.version, point.tokens)
    });
    points
}

fn point<'a, S>(
    record: &'a RunRecord,
    case: &'a CaseRecord,
    tokens: u32,
    of_kind: fn(&'a Sample) -> Option<(u32, &'a S)>,
) -> Option<Measured<'a, S>> {
    let (setting, version) = setting(record, case)?;
    let at_tokens = |sample| of_kind(sample).filter(|(t, _)| *t == tokens);
    let processes: Vec<Vec<&S>> = good_attempts(record, case)
        .map(|data| {
            let samples = data.samples.iter().filter_map(at_tokens);
            samples.map(|(_, sample)| sample).collect()
        })
        .filter(|runs: &Vec<&S>| !runs.is_empty())
        .collect();
    if processes.is_empty() {
        return None;
    }
    let point = KvPoint {
        case: case.case.id.clone(),
        setting,
        version,
        tokens,
        grouped: tokens_of(&case.case.work).len() > 1,
        processes: processes.len(),
        runs: processes.iter().map(Vec::len).sum(),
    };
    Some(Measured {
        point,
        work: &case.case.work,
        processes,
        results: good_attempts(record, case)
            .filter_map(|data| data.result.as_ref())
            .collect(),
    })
}

pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_has_the_spread_of_its_runs_and_says_so() {
        let figure = Figure::of(&[vec![1.0, 2.0, 3.0]]).unwrap();
        assert_eq!(figure.spread, Spread::BetweenRuns);
        assert_eq!((figure.estimate.n, figure.estimate.stdev), (3, Some(1.0)));
    }

    #[test]
    fn several_processes_have_the_spread_of_their_means() {
        let figure = Figure::of(&[vec![1.0, 3.0], vec![4.0, 4.0]]).unwrap();
        assert_eq!(figure.spread, Spread::BetweenProcesses);
        assert_eq!((figure.estimate.n, figure.estimate.mean), (2, 3.0));
    }

    #[test]
    fn no_run_has_no_figure_and_one_run_no_spread() {
        assert_eq!(Figure::of(&[]), None);
        assert_eq!(Figure::of(&[vec![]]), None);
        assert_eq!(Figure::of(&[vec![2.0]]).unwrap().estimate.stdev, None);
    }
}
