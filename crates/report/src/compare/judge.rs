//! From the values of two cells to a verdict. The rules are those of `docs/compare.md`.

use std::collections::BTreeMap;

use anechoic_record::MetricKind;
use anechoic_stats::{
    Contrast, Interval, contrast, difference_contrast, drift_at, holm, paired_contrast,
    process_value,
};

use super::pair::{Pair, Refusal, Values};
use super::verdict::in_words;
use super::{
    Change, CompareOptions, ComparedCell, Doubt, Mismatch, Sameness, Scale, SideValues, Verdict,
};

/// An adjusted p value up to here is a difference.
const LEVEL: f64 = 0.05;

/// Confidence at which a series drifts. Each cell has two sides that may be taken for drifting by chance, so that this
/// is stricter than other intervals.
const DRIFT_CONFIDENCE: f64 = 0.99;

/// A verdict for every pair, in their order.
pub(crate) fn judge(pairs: Vec<Pair>, options: &CompareOptions) -> Vec<ComparedCell> {
    let examined: Vec<_> = pairs
        .into_iter()
        .map(|pair| examine(pair, options))
        .collect();
    let adjusted = adjusted(&examined);
    let cells = examined.into_iter().zip(adjusted);
    cells
        .map(|(examined, p)| examined.cell(p, options.threshold.fraction()))
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
    /// Every iteration of a side has the same value; there is nothing to test.
    Exact,
    /// There is a p value, to be adjusted.
    Tested,
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

type Medians = (Vec<f64>, Vec<f64>);

fn look(
    pair: &Pair,
    (base, new): (&Values, &Values),
    medians: &Medians,
    scale: Scale,
    options: &CompareOptions,
) -> (Option<Change>, Finding) {
    let few = medians.0.len().min(medians.1.len()) < 2;
    let constants = base.constant().zip(new.constant()).filter(|_| !few);
    let change = match constants {
        Some((base, new)) => Some(exact(base, new, scale)),
        None => measured(pair, base, new, medians, scale),
    };
    let finding = match &change {
        _ if few => Finding::Settled(Verdict::Undecided(Doubt::TooFewProcesses)),
        Some(change) if constants.is_some() => match change.effect == 0.0 {
            true => Finding::Settled(Verdict::Same(Sameness::Identical)),
            false => Finding::Exact,
        },
        Some(change) if drifts(base, new, change, options) => Finding::Drifting,
        Some(_) | None => Finding::Tested,
    };
    (change, finding)
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

/// Whether a side changes over its iterations by as much as the sides differ, and by as much as matters.
fn drifts(base: &Values, new: &Values, change: &Change, options: &CompareOptions) -> bool {
    let effect = change.relative.map_or(f64::INFINITY, f64::abs);
    let least = effect.max(options.threshold.fraction());
    [base, new].into_iter().any(|side| {
        let steps = side.series.iter().map(Vec::len).max().unwrap_or(0);
        let steps = steps.saturating_sub(1) as f64;
        drift_at(&side.series, DRIFT_CONFIDENCE)
            .filter(|found| found.is_drifting())
            .is_some_and(|found| found.slope.abs() * steps >= least)
    })
}

/// Holm's adjustment over the tested cells of each kind of metric; cells that were not tested have none.
fn adjusted(examined: &[Examined]) -> Vec<Option<f64>> {
    let mut families: BTreeMap<MetricKind, Vec<(usize, f64)>> = BTreeMap::new();
    for (at, one) in examined.iter().enumerate() {
        if let Some(p) = one.tested() {
            let family = families.entry(one.pair.metric.kind()).or_default();
            family.push((at, p));
        }
    }
    let mut adjusted = vec![None; examined.len()];
    for family in families.values() {
        let p: Vec<f64> = family.iter().map(|(_, p)| *p).collect();
        for ((at, _), p) in family.iter().zip(holm(&p)) {
            adjusted[*at] = Some(p);
        }
    }
    adjusted
}

impl Examined {
    /// The p value, where there is one and it decides.
    fn tested(&self) -> Option<f64> {
        match self.finding {
            Finding::Tested | Finding::Drifting => self.change.and_then(|change| change.p),
            Finding::Settled(_) | Finding::Exact => None,
        }
    }

    fn cell(self, p_adjusted: Option<f64>, threshold: f64) -> ComparedCell {
        let kind = self.pair.metric.kind();
        let verdict = match (&self.finding, &self.change) {
            (Finding::Settled(verdict), _) => *verdict,
            (Finding::Drifting, _) => Verdict::Undecided(Doubt::Drifting),
            (Finding::Exact, Some(change)) => decided(change, kind, threshold),
            (Finding::Tested, Some(change)) => tested(change, p_adjusted, kind, threshold),
            (Finding::Exact | Finding::Tested, None) => Verdict::Undecided(Doubt::Noise),
        };
        let notes = self.notes(verdict);
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

    fn notes(&self, verdict: Verdict) -> Vec<String> {
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

/// A difference that is there: it matters, or it does not.
fn decided(change: &Change, kind: MetricKind, threshold: f64) -> Verdict {
    match change
        .relative
        .is_none_or(|effect| effect.abs() >= threshold)
    {
        true => Verdict::changed(kind, change.effect),
        false => Verdict::Same(Sameness::BelowThreshold),
    }
}

fn tested(change: &Change, p: Option<f64>, kind: MetricKind, threshold: f64) -> Verdict {
    if p.is_some_and(|p| p <= LEVEL) {
        return decided(change, kind, threshold);
    }
    match is_within(change, threshold) {
        true => Verdict::Same(Sameness::WithinThreshold),
        false => Verdict::Undecided(Doubt::Noise),
    }
}

/// Whether the whole interval lies within the threshold.
fn is_within(change: &Change, threshold: f64) -> bool {
    let limit = match (change.scale, change.relative) {
        (Scale::Ratio, _) => threshold,
        // The base, of which the threshold is a share: effect / relative.
        (Scale::Difference, Some(relative)) if relative != 0.0 => {
            threshold * (change.effect / relative).abs()
        }
        (Scale::Difference, _) => 0.0,
    };
    let within = |interval: Interval| -limit <= interval.low && interval.high <= limit;
    change.interval.is_some_and(within)
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
