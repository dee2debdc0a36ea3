//! From what is seen of the cells to what the night comes to.

use anechoic_record::{CellFinding, Difference, NightCell};
use anechoic_stats::{Interval, Scale, holm};

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

/// Where no smaller change than tenfold could be told, that nothing is told says nothing.
const BLIND: f64 = 10.0;

/// A change for the worse with a p value up to here, for itself and either way, is worth a further run.
const SUSPICION: f64 = 0.3;

/// What was worse before is still so with a p value up to here.
const GOES_ON: f64 = 0.05;

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
    let (decision, is_doubtful) = match refused {
        Some(decision) => (decision, false),
        None => decision(&judged, &series, options),
    };
    Gate {
        decision,
        is_doubtful,
        noise: notes::source(&judged),
        cells: judged.into_iter().map(|judged| judged.cell).collect(),
        notes,
    }
}

impl Gate {
    fn not_comparable(reasons: Vec<String>) -> Self {
        Self {
            decision: GateDecision::NotComparable { reasons },
            is_doubtful: false,
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
    /// Whether it was worse before, and is no better tonight.
    goes_on: bool,
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
    /// By how much it was worse when it was measured the last time, as effects are told.
    worse: Option<f64>,
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
            worse: input
                .worse
                .iter()
                .find(|worse| worse.id == *series.id)
                .map(|worse| worse.effect),
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
            goes_on: self.goes_on(),
            suspicious: evidence
                .is_some_and(|evidence| self.is_suspicious(evidence, chances.suspicion, level)),
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

    /// The smallest measured change on the line that is told at this level; `None` where none of a size that anybody cares about is.
    fn least(&self, level: f64) -> Option<f64> {
        let least = self.evidence.as_ref()?.least(level)?.max(self.threshold);
        let tenfold = match self.series.scale {
            Scale::Ratio => BLIND.ln(),
            Scale::Difference => (BLIND - 1.0) * self.series.level()?.abs(),
        };
        // Of a baseline of exactly 0 nothing is a multiple.
        (least <= tenfold || tenfold == 0.0).then_some(least)
    }

    /// `is_seen`: changes of a size that anybody cares about are told.
    fn finding(&self, verdict: Option<Verdict>, chances: &Chances, is_seen: bool) -> CellFinding {
        match verdict {
            None => CellFinding::New,
            Some(Verdict::Worse) => CellFinding::Worse,
            Some(Verdict::Better) => CellFinding::Better,
            Some(Verdict::Higher | Verdict::Lower | Verdict::Same(_) | Verdict::Undecided(_)) => {
                let is_judged = is_seen && (self.series.is_exact() || chances.night.is_some());
                self.course(chances).unwrap_or(match is_judged {
                    _ if self.goes_on() => CellFinding::Worse,
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

    /// Whether it was worse before, and is still so by at least half as much, which chance does not explain well: that something is over has to be
    /// seen, and is not concluded from noise that hides it.
    fn goes_on(&self) -> bool {
        let Some((evidence, worse)) = self.evidence.as_ref().zip(self.worse) else {
            return false;
        };
        let worse = self.series.scale.of_effect(worse);
        let is_as_large = evidence.effect.abs() >= worse.abs() / 2.0;
        is_as_large && self.is_worse(evidence.effect) && evidence.p.is_none_or(|p| p <= GOES_ON)
    }

    /// Whether a further run may make a regression of it: it is worse, chance does not explain that well, and it may be so by as much as matters; of
    /// tonight alone, also by as much as ever so many runs of one night would show at this level.
    fn is_suspicious(&self, evidence: &Evidence, p: f64, level: f64) -> bool {
        let least = evidence.least_ever(level).unwrap_or(0.0);
        let may_be = |interval: Option<Interval>, least: f64| {
            let reaches = |end: f64| self.is_worse(end) && end.abs() >= least;
            interval.is_some_and(|interval| reaches(interval.low) || reaches(interval.high))
        };
        let share = SUSPICIOUS_SHARE * self.threshold;
        let is_off = |effect: f64| effect.abs() >= share && self.changed(effect) == Verdict::Worse;
        let tonight = is_off(evidence.effect) && evidence.p.is_some_and(|found| found <= p);
        let step = evidence.step.as_ref().map(|step| &step.found);
        let step = step.filter(|step| is_off(step.effect) && step.p <= p);
        tonight && may_be(evidence.interval, least)
            || step.is_some_and(|step| may_be(step.interval, 0.0))
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

/// What a cell says of the night.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It became worse tonight, for sure.
    Fresh,
    /// It is worse, and several nights agree.
    Standing,
    /// It looks worse, which chance reaches in a single run.
    Unsure,
    /// It may be worse.
    Suspicious,
    Quiet,
}

impl State {
    fn of(one: &Judged, series: &Series<'_>, options: &GateOptions) -> Self {
        // What chance reaches is decided by three runs where so many can be made.
        let is_sure = !options.confirmable || series.tonight.len() >= SURE || series.is_exact();
        match one.cell.finding {
            CellFinding::Step { .. } | CellFinding::Creep { .. } => Self::Standing,
            CellFinding::Worse if one.goes_on => Self::Standing,
            CellFinding::Worse if is_sure => Self::Fresh,
            CellFinding::Worse => Self::Unsure,
            CellFinding::New | CellFinding::Unjudged | CellFinding::Same | CellFinding::Better => {
                match one.suspicious {
                    true => Self::Suspicious,
                    false => Self::Quiet,
                }
            }
        }
    }
}

/// What the night comes to, and whether a further run would tell more.
fn decision(
    judged: &[Judged],
    series: &[Series<'_>],
    options: &GateOptions,
) -> (GateDecision, bool) {
    if judged
        .iter()
        .all(|one| one.cell.finding == CellFinding::New)
    {
        let reason = "no cell of the baseline was measured tonight with the same settings";
        let reasons = vec![reason.to_owned()];
        return (GateDecision::NotComparable { reasons }, false);
    }
    let cells = judged.iter().zip(series);
    let states: Vec<State> = cells
        .map(|(one, series)| State::of(one, series, options))
        .collect();
    let has = |state| states.contains(&state);
    // People hear tonight of what is new, and of more on the nights to come.
    let is_doubtful = has(State::Unsure) || has(State::Suspicious) && !has(State::Fresh);
    let decision = match has(State::Fresh) || has(State::Standing) {
        true => GateDecision::Regression,
        false if is_doubtful => GateDecision::Suspicious,
        false => GateDecision::Quiet,
    };
    (decision, is_doubtful)
}
