//! From the values of two cells to a verdict. The rules are those of `docs/compare.md`.

use anechoic_record::Metric;
use anechoic_stats::{
    Contrast, Interval, contrast, difference_contrast, holm, paired_contrast, process_value,
};

use super::decide::{LEVEL, Tested, decided, tested};
use super::drifts::Course;
use super::pair::{Pair, Refusal, Values};
use super::two_values::{exactly, is_one_of_two};
use super::verdict::in_words;
use super::{
    Change, CompareOptions, ComparedCell, Doubt, Mismatch, Sameness, Scale, SideValues, Verdict,
};

/// A verdict for every pair, in their order.
pub(crate) fn judge(pairs: Vec<Pair>, options: &CompareOptions) -> Vec<ComparedCell> {
    let examined: Vec<_> = pairs
        .into_iter()
        .map(|pair| examine(pair, options))
        .collect();
    let adjusted = adjusted(&examined);
    let family = adjusted.iter().flatten().count();
    let cells = examined.into_iter().zip(adjusted);
    cells
        .map(|(examined, p)| examined.cell(p, family, options.threshold.fraction()))
        .collect()
}

/// A pair whose numbers are known.
struct Examined {
    pair: Pair,
    base: SideValues,
    new: SideValues,
    change: Option<Change>,
    finding: Finding,
}

/// What the numbers of one pair tell without the others.
enum Finding {
    /// The verdict is certain.
    Settled(Verdict),
    /// Every iteration of a side has the same value, of a metric that chance does not reach; there is nothing to test.
    Exact,
    /// There is a p value, to be adjusted.
    Tested,
    /// There is one, of an exact test: the values of processes are all one of two.
    TwoValues,
    /// There is one, and a side drifts by as much as the sides differ.
    Drifting,
}

fn examine(mut pair: Pair, options: &CompareOptions) -> Examined {
    let (base, new) = (pair.base.take(), pair.new.take());
    let refusal = pair.refusal.as_ref().filter(|_| !options.force);
    let medians = (base.medians(), new.medians());
    let scale = match medians.0.iter().chain(&medians.1).all(|value| *value > 0.0) {
        true => Scale::Ratio,
        false => Scale::Difference,
    };
    let (change, finding) = match refusal {
        Some(Refusal { doubt, .. }) => (None, Finding::Settled(Verdict::Undecided(*doubt))),
        None => look(&pair, (&base, &new), &medians, scale, options),
    };
    Examined {
        base: base.summary(&medians.0, scale),
        new: new.summary(&medians.1, scale),
        pair,
        change,
        finding,
    }
}

/// The values of processes, of base and new.
pub(super) type Medians = (Vec<f64>, Vec<f64>);

fn look(
    pair: &Pair,
    (base, new): (&Values, &Values),
    medians: &Medians,
    scale: Scale,
    options: &CompareOptions,
) -> (Option<Change>, Finding) {
    let few = medians.0.len().min(medians.1.len()) < 2;
    let constants = base.constant().zip(new.constant()).filter(|_| !few);
    let certain = constants.filter(|(base, new)| base == new || is_determined(&pair.metric));
    if let Some((base, new)) = certain {
        let change = exact(base, new, scale);
        let finding = match change.effect == 0.0 {
            true => Finding::Settled(Verdict::Same(Sameness::Identical)),
            false => Finding::Exact,
        };
        return (Some(change), finding);
    }
    let change = measured(pair, base, new, medians, scale);
    let Some(change) = change.filter(|_| !few) else {
        let doubt = if few {
            Doubt::TooFewProcesses
        } else {
            Doubt::Noise
        };
        return (change, Finding::Settled(Verdict::Undecided(doubt)));
    };
    match Course::of(base, new, &change, options) {
        Course::Drifting => (Some(change), Finding::Drifting),
        Course::Level | Course::InCommon if is_one_of_two(&change, medians) => {
            let change = exactly(change, medians);
            (Some(change), Finding::TwoValues)
        }
        Course::Level => (Some(change), Finding::Tested),
        Course::InCommon => {
            // What iterations of a process differ by is the drift, and tells nothing of how far its value may be off.
            let alone = (Values::alone(&medians.0), Values::alone(&medians.1));
            let change = measured(pair, &alone.0, &alone.1, medians, scale);
            (change, Finding::Tested)
        }
    }
}

/// Whether the program and its settings alone decide the metric, so that a repetition cannot come out otherwise.
fn is_determined(metric: &Metric) -> bool {
    match metric {
        Metric::CacheBytes | Metric::Perplexity => true,
        Metric::TotalTime
        | Metric::PrefillTime
        | Metric::DecodeTime
        | Metric::GenerationTime
        | Metric::FetchTime
        | Metric::EmbeddingTime
        | Metric::AttentionTime
        | Metric::MlpTime
        | Metric::HeadTime
        | Metric::PeakMemory
        | Metric::PeakResident
        | Metric::MaxBatch
        | Metric::Value(_) => false,
    }
}

/// A change that needs no test: nothing scatters.
fn exact(base: f64, new: f64, scale: Scale) -> Change {
    let effect = match scale {
        Scale::Ratio => new / base - 1.0,
        Scale::Difference => new - base,
    };
    let found = Contrast {
        effect,
        interval: Some(Interval {
            low: effect,
            high: effect,
        }),
        p: None,
        base_processes: 0,
        new_processes: 0,
        minimum_detectable: None,
    };
    change(&found, base, scale, false)
}

fn measured(
    pair: &Pair,
    base: &Values,
    new: &Values,
    medians: &Medians,
    scale: Scale,
) -> Option<Change> {
    let base_value = mean(&medians.0, scale)?;
    let paired = pair.side_by_side && scale == Scale::Ratio && medians.0.len() > 1;
    let found = match (scale, paired) {
        (Scale::Ratio, true) => paired_contrast(&rounds(base, new)),
        (Scale::Ratio, false) => contrast(&base.series, &new.series),
        (Scale::Difference, _) => difference_contrast(&base.series, &new.series),
    };
    found.map(|found| change(&found, base_value, scale, paired))
}

fn rounds(base: &Values, new: &Values) -> Vec<(Vec<f64>, Vec<f64>)> {
    let rounds = base.series.iter().zip(&new.series);
    rounds
        .map(|(base, new)| (base.clone(), new.clone()))
        .collect()
}

fn change(found: &Contrast, base: f64, scale: Scale, paired: bool) -> Change {
    let effect = found.effect;
    let (ratio, relative) = match scale {
        Scale::Ratio => (Some(effect + 1.0), Some(effect)),
        Scale::Difference => (None, (base != 0.0).then(|| effect / base.abs())),
    };
    Change {
        scale,
        ratio,
        effect,
        relative,
        interval: found.interval,
        p: found.p,
        minimum_detectable: found.minimum_detectable,
        paired,
    }
}

/// Holm's adjustment over all tested cells, whatever their metrics; cells that were not tested have none.
fn adjusted(examined: &[Examined]) -> Vec<Option<f64>> {
    let tested = examined.iter().enumerate();
    let tested = tested.filter_map(|(at, one)| Some((at, one.tested()?)));
    let (places, p): (Vec<usize>, Vec<f64>) = tested.unzip();
    let mut adjusted = vec![None; examined.len()];
    for (at, p) in places.into_iter().zip(holm(&p)) {
        adjusted[at] = Some(p);
    }
    adjusted
}

impl Examined {
    /// The p value, where there is one and it decides.
    fn tested(&self) -> Option<f64> {
        match self.finding {
            Finding::Tested | Finding::TwoValues | Finding::Drifting => {
                self.change.and_then(|change| change.p)
            }
            Finding::Settled(_) | Finding::Exact => None,
        }
    }

    /// What is said, of a cell that is one of `family` tested ones.
    fn cell(self, p_adjusted: Option<f64>, family: usize, threshold: f64) -> ComparedCell {
        let verdict = self.verdict(p_adjusted, threshold);
        let notes = self.notes(verdict, family);
        let refusal = self.pair.refusal;
        ComparedCell {
            base_case: self.pair.base_case,
            new_case: self.pair.new_case,
            by: self.pair.by,
            tokens: self.pair.tokens,
            metric: self.pair.metric,
            base: self.base,
            new: self.new,
            change: self.change,
            p_adjusted,
            verdict,
            differences: refusal
                .map(|refusal| refusal.differences)
                .unwrap_or_default(),
            notes,
        }
    }

    fn verdict(&self, p_adjusted: Option<f64>, threshold: f64) -> Verdict {
        let measured = self.change.map(|change| Tested {
            change,
            base: self.base.value.unwrap_or(0.0),
            kind: self.pair.metric.kind(),
            threshold,
        });
        match (&self.finding, measured) {
            (Finding::Settled(verdict), _) => *verdict,
            (Finding::Drifting, _) => Verdict::Undecided(Doubt::Drifting),
            (Finding::Exact, Some(measured)) => decided(&measured),
            (Finding::Tested | Finding::TwoValues, Some(measured)) => tested(&measured, p_adjusted),
            (Finding::Exact | Finding::Tested | Finding::TwoValues, None) => {
                Verdict::Undecided(Doubt::Noise)
            }
        }
    }

    fn notes(&self, verdict: Verdict, family: usize) -> Vec<String> {
        let mut notes = Vec::new();
        let refusal = self.pair.refusal.as_ref();
        if let Some(refusal) = refusal.filter(|r| verdict != Verdict::Undecided(r.doubt)) {
            let differences: Vec<_> = refusal.differences.iter().map(Mismatch::text).collect();
            let doubt = in_words(refusal.doubt.as_str());
            notes.push(format!("forced: {doubt}: {}", differences.join(", ")));
        }
        if matches!(self.finding, Finding::Exact) {
            notes.push("exact: every iteration of a side has the same value".to_owned());
        }
        if matches!(self.finding, Finding::TwoValues) {
            notes.push(
                "the processes have two values in all, so that p is that of an exact test"
                    .to_owned(),
            );
        }
        if verdict == Verdict::Undecided(Doubt::ManyCells) {
            notes.push(format!(
                "p is at most {LEVEL} for this cell alone, and above it as one of {family}"
            ));
        }
        for (side, values) in [("base", &self.base), ("new", &self.new)] {
            if values.left_out > 0 {
                let n = values.left_out;
                notes.push(format!(
                    "{n} value(s) of {side} are no finite numbers and left out"
                ));
            }
        }
        notes
    }
}

/// The mean of process values that the contrast is about.
fn mean(medians: &[f64], scale: Scale) -> Option<f64> {
    let n = medians.len() as f64;
    let mean = match scale {
        Scale::Ratio => (medians.iter().map(|value| value.ln()).sum::<f64>() / n).exp(),
        Scale::Difference => medians.iter().sum::<f64>() / n,
    };
    (!medians.is_empty()).then_some(mean)
}

impl Values {
    /// Values for one use; none are left.
    fn take(&mut self) -> Self {
        Self {
            series: std::mem::take(&mut self.series),
            left_out: self.left_out,
        }
    }

    /// Processes of one iteration each.
    fn alone(values: &[f64]) -> Self {
        Self {
            series: values.iter().map(|value| vec![*value]).collect(),
            left_out: 0,
        }
    }

    /// The value that every iteration of every process has.
    fn constant(&self) -> Option<f64> {
        let mut values = self.series.iter().flatten();
        let first = *values.next()?;
        values.all(|value| *value == first).then_some(first)
    }

    /// The value of each process.
    fn medians(&self) -> Vec<f64> {
        self.series
            .iter()
            .filter_map(|one| process_value(one))
            .collect()
    }

    fn summary(&self, medians: &[f64], scale: Scale) -> SideValues {
        SideValues {
            value: self.constant().or_else(|| mean(medians, scale)),
            processes: medians.len(),
            iterations: self.series.iter().map(Vec::len).sum(),
            left_out: self.left_out,
        }
    }
}
