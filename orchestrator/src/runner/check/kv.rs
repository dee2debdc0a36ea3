//! What must hold in the samples of the KV-cache benchmarks, as far as the job alone tells. Bytes of caches depend on
//! the model and are checked with the result.

use anechoic_protocol::{
    CapacityProbe, CapacitySample, CapacityWork, Divergence, GenerationWork, LatencySample,
    PerplexitySample, PerplexityWork, PhaseSample, PhaseTimes, RooflineSample, VramSample,
    WindowLoss,
};

use super::{Findings, differing};

/// Runs of one benchmark: all of the first T, then all of the next.
struct Order<'a> {
    tokens: &'a [u32],
    runs: u32,
}

/// Where a sample says that it belongs.
struct Place {
    iteration: u32,
    tokens: u32,
    run: u32,
}

impl Order<'_> {
    fn counts(&self, place: &Place) -> Vec<(&'static str, u64, u64)> {
        let before = place.iteration - 1;
        let tokens = self.tokens[(before / self.runs) as usize];
        vec![
            ("tokens", tokens.into(), place.tokens.into()),
            ("run", (before % self.runs + 1).into(), place.run.into()),
        ]
    }
}

/// What all samples of a generation share.
fn generation(work: &GenerationWork, place: &Place, generated: u64) -> Vec<String> {
    let order = Order {
        tokens: &work.tokens,
        runs: work.measured_runs,
    };
    let mut counts = order.counts(place);
    let expected = u64::from(work.batch_size) * u64::from(place.tokens);
    counts.push(("generated_tokens", expected, generated));
    differing(&counts)
}

pub(super) fn latency(work: &GenerationWork, sample: &LatencySample) -> Findings {
    let place = Place {
        iteration: sample.iteration,
        tokens: sample.tokens,
        run: sample.run,
    };
    let parts = [sample.prefill_ns, sample.decode_ns];
    Findings {
        differing: generation(work, &place, sample.generated_tokens),
        impossible: longer_than_whole("prefill and decode", &parts, sample.total_ns),
    }
}

pub(super) fn vram(work: &GenerationWork, sample: &VramSample) -> Findings {
    let place = Place {
        iteration: sample.iteration,
        tokens: sample.tokens,
        run: sample.run,
    };
    let empty = sample.peak_bytes == 0;
    Findings {
        differing: generation(work, &place, sample.generated_tokens),
        impossible: empty
            .then(|| "its peak is 0 bytes".to_owned())
            .into_iter()
            .collect(),
    }
}

pub(super) fn phase(work: &GenerationWork, sample: &PhaseSample) -> Findings {
    let place = Place {
        iteration: sample.iteration,
        tokens: sample.tokens,
        run: sample.run,
    };
    let mut impossible = parts_of("the parts of prefill", &sample.prefill);
    impossible.extend(parts_of("the parts of decode", &sample.decode));
    Findings {
        differing: generation(work, &place, sample.generated_tokens),
        impossible,
    }
}

fn parts_of(what: &str, times: &PhaseTimes) -> Vec<String> {
    let parts = [
        times.embedding_ns,
        times.attention_ns,
        times.mlp_ns,
        times.head_ns,
        times.other_ns,
    ];
    longer_than_whole(what, &parts, times.total_ns)
}

fn longer_than_whole(what: &str, parts: &[u64], whole: u64) -> Vec<String> {
    let sum = parts
        .iter()
        .fold(0, |sum: u64, part| sum.saturating_add(*part));
    let is_longer = sum > whole;
    let text = || format!("{what} take {sum} ns, which is longer than the whole, {whole} ns");
    is_longer.then(text).into_iter().collect()
}

pub(super) fn roofline(work: &GenerationWork, sample: &RooflineSample) -> Findings {
    let place = Place {
        iteration: sample.iteration,
        tokens: sample.tokens,
        run: sample.run,
    };
    let ceilings = [
        ("read_bytes_per_s", sample.read_bytes_per_s),
        ("matrix_flops_per_s", sample.matrix_flops_per_s),
    ];
    let nothing = ceilings.iter().filter(|(_, rate)| *rate == 0);
    Findings {
        differing: generation(work, &place, sample.generated_tokens),
        impossible: nothing.map(|(name, _)| format!("`{name}` is 0")).collect(),
    }
}

pub(super) fn capacity(work: &CapacityWork, sample: &CapacitySample) -> Findings {
    let order = Order {
        tokens: &work.tokens,
        runs: work.measured_runs,
    };
    let place = Place {
        iteration: sample.iteration,
        tokens: sample.tokens,
        run: sample.run,
    };
    let fitting = sample.probes.iter().filter(|probe| probe.fits);
    let largest = fitting.map(|probe| probe.batch).max().unwrap_or(0);
    let mut counts = order.counts(&place);
    counts.push((
        "batch, the largest that fits",
        largest.into(),
        sample.batch.into(),
    ));
    Findings {
        differing: differing(&counts),
        impossible: misjudged(work, sample),
    }
}

/// Probes whose verdict does not follow from their peak, and a search that tried nothing although one request's cache is
/// within the budget.
fn misjudged(work: &CapacityWork, sample: &CapacitySample) -> Vec<String> {
    let within = |peak: Option<u64>| peak.is_some_and(|peak| peak <= work.budget_bytes);
    let wrong = sample
        .probes
        .iter()
        .filter(|probe| probe.fits != within(probe.peak_bytes));
    let nothing = sample.probes.is_empty() && sample.cache_bytes_per_request <= work.budget_bytes;
    let nothing = nothing.then(|| "it tried no batch".to_owned());
    nothing
        .into_iter()
        .chain(wrong.map(|probe| verdict(probe, work.budget_bytes)))
        .collect()
}

fn verdict(probe: &CapacityProbe, budget: u64) -> String {
    let verdict = if probe.fits { "fits" } else { "does not fit" };
    let peak = match probe.peak_bytes {
        Some(peak) => format!("{peak} bytes"),
        None => "unknown".to_owned(),
    };
    format!(
        "it says that a batch of {} {verdict}, with a peak of {peak} and a budget of {budget} bytes",
        probe.batch
    )
}

pub(super) fn perplexity(work: &PerplexityWork, sample: &PerplexitySample) -> Findings {
    let mut impossible = bad_counts(work, sample);
    impossible.extend(bad_values(work, sample));
    Findings {
        differing: window_counts(work, sample),
        impossible,
    }
}

/// A window's first token is not scored.
fn window_counts(work: &PerplexityWork, sample: &PerplexitySample) -> Vec<String> {
    let scored = u64::from(work.window.saturating_sub(1));
    let windows = sample.windows.iter().enumerate();
    let names: Vec<_> = windows
        .map(|(index, window)| (format!("windows[{index}].tokens"), window.tokens))
        .collect();
    let counts: Vec<_> = names
        .iter()
        .map(|(name, tokens)| (name.as_str(), scored, u64::from(*tokens)))
        .collect();
    differing(&counts)
}

fn bad_counts(work: &PerplexityWork, sample: &PerplexitySample) -> Vec<String> {
    let (windows, asked) = (sample.windows.len(), work.windows as usize);
    let tokens = sample.windows.iter().map(|window| u64::from(window.tokens));
    let (scored, same) = (tokens.sum::<u64>(), sample.same_top_tokens);
    those_that_hold([
        (windows == 0, "it scored no window".to_owned()),
        (
            windows > asked,
            format!("it scored {windows} windows of {asked}"),
        ),
        (
            same > scored,
            format!("{same} tokens are v1's, of {scored} scored"),
        ),
        (
            sample.first_divergence.len() > windows,
            "it has more continuations than windows".to_owned(),
        ),
    ])
}

fn bad_values(work: &PerplexityWork, sample: &PerplexitySample) -> Vec<String> {
    let Divergence { mean, p99, max } = sample.divergence;
    let greedy = work.greedy_tokens;
    let outside = |first: &Option<u32>| first.is_some_and(|token| !(1..=greedy).contains(&token));
    those_that_hold([
        (
            sample.windows.iter().any(has_bad_loss),
            "a window's loss is negative or not finite".to_owned(),
        ),
        (
            ![mean, p99, max].iter().all(|value| value.is_finite()),
            "its divergence is not finite".to_owned(),
        ),
        (
            sample.first_divergence.iter().any(outside),
            format!("a continuation differs outside its {greedy} tokens"),
        ),
    ])
}

fn those_that_hold<const N: usize>(findings: [(bool, String); N]) -> Vec<String> {
    let held = findings.into_iter().filter(|(holds, _)| *holds);
    held.map(|(_, what)| what).collect()
}

fn has_bad_loss(window: &WindowLoss) -> bool {
    let losses = [
        window.loss,
        window.teacher_forced_loss,
        window.reference_loss,
    ];
    let all = losses.into_iter().chain(window.source_loss);
    // NaN is in no range.
    !all.into_iter()
        .all(|loss| (0.0..f64::INFINITY).contains(&loss))
}
