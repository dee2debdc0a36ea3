//! From what is seen of the cells to what the night comes to.

use anechoic_record::{CellFinding, Difference, NightCell};
use anechoic_stats::{Scale, holm};

use super::evidence::Evidence;
use super::known::{Known, known};
use super::notes;
use super::series::{Runs, Series, series};
use super::{Gate, GateDecision, GateInput, GateOptions};
use crate::Verdict;

/// Adjusted p values up to here are a change: of tonight against the baseline, of a step in the course, and of a creep. Chosen by simulation
/// so that all of them together raise a false alarm in less than one of 60 nights.
const NIGHT: f64 = 0.01;
const STEP: f64 = 0.005;
const CREEP: f64 = 0.005;

/// On the line of ratios: where no smaller change than tenfold could be told, none is looked for.
const BLIND: f64 = std::f64::consts::LN_10;

/// A change for the worse with a p value up to here, for itself and either way, is worth a further run.
const SUSPICION: f64 = 0.3;

/// And of many cells up to this much divided by their number, as one of them is always somewhat off.
const SUSPICION_OF_ALL: f64 = 0.9;

/// And one of at least this share of the smallest that matters.
const SUSPICIOUS_SHARE: f64 = 0.5;

/// Of so many runs, the median is not moved by one that something disturbed.
const SURE: usize = 3;

/// Judges a night. The rules are those of `docs/decisions/nightly-gate.md`.
pub fn gate(input: &GateInput<'_>, options: &GateOptions) -> Gate {
    let Some(runs) = Runs::of(input) else {
        return Gate::not_comparable(vec!["no run was made tonight".to_owned()]);
    };
    let refused = refused(input, &runs);
    let series = series(&runs, options);
    let judged = judge(&series, input, options);
    let notes = notes::of(&runs, &series, &judged, options);
    let decision = match refused {
        Some(decision) => decision,
        None => decision(&judged, &series, options),
    };
    Gate {
        decision,
        noise: notes::source(&judged),
        cells: judged.into_iter().map(|judged| judged.cell).collect(),
        notes,
    }
}

impl Gate {
    fn not_comparable(reasons: Vec<String>) -> Self {
        Self {
            decision: GateDecision::NotComparable { reasons },
            noise: None,
            cells: Vec::new(),
            notes: Vec::new(),
        }
    }
}

/// Why tonight is not compared at all.
fn refused(input: &GateInput<'_>, runs: &Runs<'_>) -> Option<GateDecision> {
    let Some(newest) = input.baseline.iter().flatten().last() else {
        return Some(GateDecision::NoBaseline);
    };
    let tonight = &runs.tonight.first()?.fingerprint;
    let differences = newest.fingerprint.machine_differences(tonight);
    let reasons = differences.iter().map(Difference::text).collect();
    (runs.baseline.is_empty()).then_some(GateDecision::NotComparable { reasons })
}

/// A cell, and what else is to be known of it.
pub(super) struct Judged {
    pub(super) cell: NightCell,
    pub(super) known: Option<Known>,
    /// Where it is compared: what is said of tonight alone.
    pub(super) verdict: Option<Verdict>,
    suspicious: bool,
}

fn judge(series: &[Series<'_>], input: &GateInput<'_>, options: &GateOptions) -> Vec<Judged> {
    let examined: Vec<Examined<'_, '_>> = series
        .iter()
        .map(|series| Examined::of(series, input, options))
        .collect();
    let night = adjusted(&examined, |evidence| evidence.p);
    let step = adjusted(&examined, |e| e.step.as_ref().map(|step| step.found.p));
    let creep = adjusted(&examined, |e| e.creep.as_ref().map(|creep| creep.found.p));
    let family = night.iter().flatten().count().max(1) as f64;
    let suspicion = SUSPICION.min(SUSPICION_OF_ALL / family);
    let chances = night.into_iter().zip(step.into_iter().zip(creep));
    let cells = examined.into_iter().zip(chances);
    cells
        .map(|(examined, (night, (step, creep)))| {
            let chances = Chances {
                night,
                step,
                creep,
                suspicion,
            };
            examined.judged(&chances, NIGHT / family)
        })
        .collect()
}

/// Adjusted p values of a cell.
struct Chances {
    night: Option<f64>,
    step: Option<f64>,
    creep: Option<f64>,
    /// Up to which p value, for itself, it is worth a further run.
    suspicion: f64,
}

/// Holm's adjustment over all cells that have such a p value.
fn adjusted(examined: &[Examined<'_, '_>], p: fn(&Evidence) -> Option<f64>) -> Vec<Option<f64>> {
    let of = |one: &Examined<'_, '_>| one.evidence.as_ref().and_then(p);
    let found: Vec<f64> = examined.iter().filter_map(of).collect();
    let mut adjusted = holm(&found).into_iter();
    let of_cell = |one| of(one).and_then(|_| adjusted.next());
    examined.iter().map(of_cell).collect()
}

/// A cell whose numbers are known.
struct Examined<'s, 'a> {
    series: &'s Series<'a>,
    known: Option<Known>,
    evidence: Option<Evidence>,
    /// The smallest change that matters, on the line.
    threshold: f64,
}

impl<'s, 'a> Examined<'s, 'a> {
    fn of(series: &'s Series<'a>, input: &GateInput<'_>, options: &GateOptions) -> Self {
        let level = series.level().unwrap_or_else(|| series.tonight_level());
        let threshold = series.threshold(level, options.threshold.fraction());
        let known = match series.is_exact() {
            true => None,
            false => known(series, input.certified, threshold),
        };
        Self {
            evidence: Evidence::of(series, known.as_ref().map(|known| known.noise)),
            series,
            known,
            threshold,
        }
    }

    fn judged(self, chances: &Chances, level: f64) -> Judged {
        let series = self.series;
        let verdict = self.verdict(chances);
        let evidence = self.evidence.as_ref();
        let least = self.least(level);
        let cell = NightCell {
            id: series.id.clone(),
            value: series.scale.value(series.tonight_level()),
            reference: series.level().map(|level| series.scale.value(level)),
            effect: evidence.map(|evidence| series.scale.effect(evidence.effect)),
            interval: evidence
                .and_then(|evidence| evidence.interval)
                .map(|interval| series.scale.effects(interval)),
            p_adjusted: chances.night,
            threshold: least.map(|least| series.scale.effect(least)),
            finding: self.finding(verdict, chances, least.is_some()),
        };
        Judged {
            cell,
            verdict,
            suspicious: evidence
                .is_some_and(|evidence| self.is_suspicious(evidence, chances.suspicion)),
            known: self.known,
        }
    }

    /// What is said of tonight against the baseline; `None` of what is new.
    fn verdict(&self, chances: &Chances) -> Option<Verdict> {
        let evidence = self.evidence.as_ref()?;
        let is_real = self.series.is_exact() || chances.night.is_some_and(|p| p <= NIGHT);
        let verdict = match is_real && self.matters(evidence.effect) {
            true => self.changed(evidence.effect),
            false => Verdict::Same(crate::Sameness::WithinThreshold),
        };
        Some(verdict)
    }

    /// The smallest change on the line that would be told at this level; `None` where none of a size that anybody cares about would.
    fn least(&self, level: f64) -> Option<f64> {
        let least = self.evidence.as_ref()?.least(level)?.max(self.threshold);
        let is_blind = self.series.scale == Scale::Ratio && least > BLIND;
        (!is_blind).then_some(least)
    }

    /// `is_seen`: a change would be told.
    fn finding(&self, verdict: Option<Verdict>, chances: &Chances, is_seen: bool) -> CellFinding {
        match verdict {
            None => CellFinding::New,
            Some(Verdict::Worse) => CellFinding::Worse,
            Some(Verdict::Better) => CellFinding::Better,
            Some(Verdict::Higher | Verdict::Lower | Verdict::Same(_) | Verdict::Undecided(_)) => {
                let is_judged = is_seen && (self.series.is_exact() || chances.night.is_some());
                self.course(chances).unwrap_or(match is_judged {
                    true => CellFinding::Same,
                    false => CellFinding::Unjudged,
                })
            }
        }
    }

    /// What the course shows that tonight alone does not.
    fn course(&self, chances: &Chances) -> Option<CellFinding> {
        let evidence = self.evidence.as_ref()?;
        let creep = evidence.creep.as_ref().filter(|creep| {
            let whole = creep.found.per_step * creep.steps as f64;
            chances.creep.is_some_and(|p| p <= CREEP) && self.is_worse(whole)
        });
        let step = evidence.step.as_ref().filter(|step| {
            chances.step.is_some_and(|p| p <= STEP) && self.is_worse(step.found.effect)
        });
        let crept = creep.map(|creep| CellFinding::Creep {
            since: creep.run.clone(),
            per_night: self.series.scale.effect(creep.found.per_step),
        });
        crept.or_else(|| {
            step.map(|step| CellFinding::Step {
                since: step.run.clone(),
            })
        })
    }

    /// Whether a further run may make a regression of it.
    fn is_suspicious(&self, evidence: &Evidence, p: f64) -> bool {
        let level = SUSPICIOUS_SHARE * self.threshold;
        let is_worse =
            |effect: f64| effect.abs() >= level && self.changed(effect) == Verdict::Worse;
        let tonight = is_worse(evidence.effect) && evidence.p.is_some_and(|found| found <= p);
        let step = evidence.step.as_ref();
        tonight || step.is_some_and(|step| is_worse(step.found.effect) && step.found.p <= p)
    }

    fn is_worse(&self, effect: f64) -> bool {
        self.matters(effect) && self.changed(effect) == Verdict::Worse
    }

    fn matters(&self, effect: f64) -> bool {
        effect != 0.0 && effect.abs() >= self.threshold
    }

    fn changed(&self, effect: f64) -> Verdict {
        Verdict::changed(self.series.id.metric.kind(), effect)
    }
}

fn decision(judged: &[Judged], series: &[Series<'_>], options: &GateOptions) -> GateDecision {
    if judged
        .iter()
        .all(|one| one.cell.finding == CellFinding::New)
    {
        let reason = "no cell of the baseline was measured tonight with the same settings";
        let reasons = vec![reason.to_owned()];
        return GateDecision::NotComparable { reasons };
    }
    // What chance reaches is decided by three runs where so many can be made.
    let is_regression = |(one, series): (&Judged, &Series<'_>)| match one.cell.finding {
        CellFinding::Worse => {
            !options.confirmable || series.tonight.len() >= SURE || series.is_exact()
        }
        CellFinding::Step { .. } | CellFinding::Creep { .. } => true,
        CellFinding::New | CellFinding::Unjudged | CellFinding::Same | CellFinding::Better => false,
    };
    let is_suspicious = judged.iter().any(|one| one.suspicious);
    match judged.iter().zip(series).any(is_regression) {
        true => GateDecision::Regression,
        false if options.confirmable && is_suspicious => GateDecision::Suspicious,
        false => GateDecision::Quiet,
    }
}
