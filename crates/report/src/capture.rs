//! The capture benchmark's part of a summary. One value per process (the mean over its iterations) is the
//! unit of every interval.

use anechoic_protocol::{
    Attribution, Benchmark, CaptureIteration, CaptureMode, CaptureWork, Sample, Workload,
};
use anechoic_record::RunRecord;
use anechoic_stats::{Drift, Estimate, Ratio, difference, drift, paired_effect, ratio};
use serde::{Deserialize, Serialize};

/// All capture cases of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureSummary {
    /// The cases, in the plan's order.
    pub cases: Vec<CaptureCase>,
    /// What capture costs against the baseline of the same workload.
    pub overheads: Vec<Overhead>,
}

/// One case's estimates, over processes. Times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptureCase {
    /// The case.
    pub id: String,
    /// Its settings.
    pub work: CaptureWork,
    /// Compute threads.
    pub threads: u32,
    /// Good attempts.
    pub processes: usize,
    /// Measured iterations over all of them.
    pub iterations: usize,
    /// Prefill.
    pub prefill_s: Option<Estimate>,
    /// Decode.
    pub decode_s: Option<Estimate>,
    /// Prefill and decode.
    pub generation_s: Option<Estimate>,
    /// Fetch.
    pub fetch_s: Option<Estimate>,
    /// Generation and fetch.
    pub total_s: Option<Estimate>,
    /// Tokens per second of decode alone, whole batch.
    pub decode_tokens_per_s: Option<Estimate>,
    /// Bytes captured per iteration.
    pub captured_bytes: u64,
    /// Largest resident set of a worker.
    pub peak_resident_bytes: u64,
    /// Change of generation time from iteration to iteration.
    pub generation_drift: Option<Drift>,
    /// Change of fetch time from iteration to iteration, where rows are fetched.
    pub fetch_drift: Option<Drift>,
    /// Time inside the machinery as a share of decode, with `attribution = "inside"`.
    pub inside_decode_share: Option<Estimate>,
    /// Decode steps with against without capture, with `attribution = "paired"`.
    pub paired: Option<PairedEffect>,
}

/// The effect found in decode steps that ran twice at the same position.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedEffect {
    /// Pairs over all processes and iterations.
    pub pairs: usize,
    /// Processes that they come from.
    pub processes: usize,
    /// `on / off − 1`: the mean over processes of each one's median.
    pub effect: Ratio,
}

/// What a case costs against the baseline of the same workload. Fractions of baseline generation time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Overhead {
    /// The case.
    pub id: String,
    /// The baseline case that it is compared with.
    pub baseline: String,
    /// `(generation − baseline) / baseline`.
    pub generation: Ratio,
    /// `fetch / baseline generation`.
    pub fetch: Option<Ratio>,
    /// `(generation + fetch − baseline) / baseline`.
    pub total: Ratio,
    /// `(generation − zero-layer generation) / layers`, in seconds, where the run has a zero-layer case.
    pub per_layer_s: Option<Ratio>,
}

/// Per process means of one case, the input of every comparison.
struct Processes<'a> {
    id: &'a str,
    seed: u64,
    threads: u32,
    work: &'a CaptureWork,
    attempts: Vec<Vec<&'a CaptureIteration>>,
    peak_resident_bytes: u64,
}

impl CaptureSummary {
    /// Summarises the capture cases of a record; `None` where there are none.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        let groups: Vec<Processes<'_>> = collect(record);
        if groups.is_empty() {
            return None;
        }
        Some(Self {
            cases: groups.iter().map(Processes::summary).collect(),
            overheads: groups.iter().filter_map(|g| overhead(g, &groups)).collect(),
        })
    }
}

fn collect(record: &RunRecord) -> Vec<Processes<'_>> {
    let cases = record.manifest.cases.iter();
    cases.filter_map(|case| processes(record, case)).collect()
}

fn processes<'a>(
    record: &'a RunRecord,
    case: &'a anechoic_record::CaseRecord,
) -> Option<Processes<'a>> {
    let Benchmark::Capture(work) = &case.case.work else {
        return None;
    };
    let data: Vec<_> = case
        .ok_attempts()
        .filter_map(|a| record.attempts.get(&(case.case.id.clone(), a.attempt)))
        .collect();
    let peaks = data.iter().filter_map(|d| d.result.as_ref());
    Some(Processes {
        id: &case.case.id,
        seed: case.case.seed,
        threads: case
            .case
            .threads
            .unwrap_or(record.manifest.settings.threads),
        work,
        attempts: data
            .iter()
            .map(|d| d.samples.iter().filter_map(iteration).collect())
            .collect(),
        peak_resident_bytes: peaks
            .map(|r| r.memory.peak_resident_bytes)
            .max()
            .unwrap_or(0),
    })
}

fn iteration(sample: &Sample) -> Option<&CaptureIteration> {
    let Sample::Capture(iteration) = sample else {
        return None;
    };
    Some(iteration)
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

impl Processes<'_> {
    /// One value per process: the mean over its iterations.
    fn means(&self, of: impl Fn(&CaptureIteration) -> f64) -> Vec<f64> {
        let processes = self.attempts.iter().filter(|a| !a.is_empty());
        processes
            .map(|a| a.iter().map(|i| of(i)).sum::<f64>() / a.len() as f64)
            .collect()
    }

    fn generation(&self) -> Vec<f64> {
        self.means(|i| seconds(i.generation_ns))
    }

    fn series(&self, of: impl Fn(&CaptureIteration) -> u64) -> Vec<Vec<f64>> {
        let series = self.attempts.iter();
        series
            .map(|a| a.iter().map(|i| seconds(of(i))).collect())
            .collect()
    }

    fn stores_rows(&self) -> bool {
        self.work.expected_rows() > 0
    }

    fn summary(&self) -> CaptureCase {
        let estimate =
            |of: fn(&CaptureIteration) -> u64| Estimate::of(&self.means(|i| seconds(of(i))));
        let first = self.attempts.iter().flatten().next();
        let fetched = self.stores_rows();
        CaptureCase {
            id: self.id.to_owned(),
            work: self.work.clone(),
            threads: self.threads,
            processes: self.attempts.len(),
            iterations: self.attempts.iter().map(Vec::len).sum(),
            prefill_s: estimate(|i| i.prefill_ns),
            decode_s: estimate(|i| i.decode_ns),
            generation_s: estimate(|i| i.generation_ns),
            fetch_s: estimate(|i| i.fetch_ns).filter(|_| fetched),
            total_s: estimate(CaptureIteration::total_ns),
            decode_tokens_per_s: self.decode_rate(),
            captured_bytes: first.map_or(0, |i| i.captured_bytes),
            peak_resident_bytes: self.peak_resident_bytes,
            generation_drift: drift(&self.series(|i| i.generation_ns)),
            fetch_drift: drift(&self.series(|i| i.fetch_ns)).filter(|_| fetched),
            inside_decode_share: self.inside_share(),
            paired: self.paired(),
        }
    }

    fn decode_rate(&self) -> Option<Estimate> {
        let Workload {
            batch_size,
            decode_tokens,
            ..
        } = self.work.workload;
        let tokens = f64::from(batch_size) * f64::from(decode_tokens - 1);
        let rates = self.means(|i| tokens / seconds(i.decode_ns));
        // Paired attribution makes every step twice: its decode time is no rate.
        let is_rate = decode_tokens > 1 && self.work.attribution != Attribution::Paired;
        Estimate::of(&rates).filter(|_| is_rate)
    }

    fn inside_share(&self) -> Option<Estimate> {
        let share = |i: &&CaptureIteration| {
            let inside = i.inside_ns.as_ref()?;
            Some(inside.decode_ns as f64 / i.decode_ns as f64)
        };
        let shares = self.attempts.iter().filter_map(|iterations| {
            let shares: Vec<f64> = iterations.iter().filter_map(share).collect();
            Estimate::of(&shares).map(|process| process.mean)
        });
        Estimate::of(&shares.collect::<Vec<_>>())
    }

    fn paired(&self) -> Option<PairedEffect> {
        let processes: Vec<Vec<(f64, f64)>> = self.attempts.iter().map(|a| pairs(a)).collect();
        Some(PairedEffect {
            pairs: processes.iter().map(Vec::len).sum(),
            processes: processes.iter().filter(|p| !p.is_empty()).count(),
            effect: paired_effect(&processes)?,
        })
    }
}

/// All pairs of one process, in order.
fn pairs(iterations: &[&CaptureIteration]) -> Vec<(f64, f64)> {
    let steps = iterations.iter().filter_map(|i| i.paired.as_ref());
    let pairs = steps.flat_map(|steps| steps.on_ns.iter().zip(&steps.off_ns));
    pairs
        .map(|(&on, &off)| (seconds(on), seconds(off)))
        .collect()
}

/// Whether two cases did the same work but for capture itself.
fn same_workload(a: &Processes<'_>, b: &Processes<'_>) -> bool {
    a.seed == b.seed
        && a.threads == b.threads
        && a.work.model == b.work.model
        && a.work.dtype == b.work.dtype
        && a.work.workload == b.work.workload
}

/// The overhead of a case; `None` for baselines, without a baseline, and where extra clock readings or
/// doubled steps make its generation time another thing.
fn overhead(case: &Processes<'_>, all: &[Processes<'_>]) -> Option<Overhead> {
    if case.work.mode == CaptureMode::Baseline || case.work.attribution != Attribution::Off {
        return None;
    }
    let reference = |mode| {
        move |other: &&Processes<'_>| {
            other.work.mode == mode
                && other.work.attribution == Attribution::Off
                && same_workload(case, other)
                && !other.attempts.is_empty()
        }
    };
    let baseline = all.iter().find(reference(CaptureMode::Baseline))?;
    let base = baseline.generation();
    let zeros = || all.iter().filter(reference(CaptureMode::ZeroLayer));
    let alike = zeros().find(|zero| {
        zero.work.strategy == case.work.strategy && zero.work.probe == case.work.probe
    });
    let zero = alike.or_else(|| zeros().next());
    let layers = case.work.layers.len() as f64;
    let per_layer = zero.filter(|_| layers > 0.0).and_then(|zero| {
        let per_layer = |values: Vec<f64>| values.iter().map(|v| v / layers).collect::<Vec<_>>();
        difference(&per_layer(case.generation()), &per_layer(zero.generation()))
    });
    let fetch = case.means(|i| seconds(i.fetch_ns));
    Some(Overhead {
        id: case.id.to_owned(),
        baseline: baseline.id.to_owned(),
        generation: ratio(&case.generation(), &base)?,
        fetch: ratio(&fetch, &base)
            .filter(|_| case.stores_rows())
            .map(share),
        total: ratio(&case.means(|i| seconds(i.total_ns())), &base)?,
        per_layer_s: per_layer,
    })
}

/// `a / b − 1` as `a / b`.
fn share(ratio: Ratio) -> Ratio {
    let interval = ratio.interval.map(|mut interval| {
        interval.low += 1.0;
        interval.high += 1.0;
        interval
    });
    Ratio {
        value: ratio.value + 1.0,
        interval,
    }
}
