//! What speaks for a change of one cell: tonight against the baseline, and the course of all nights.

use anechoic_stats::{
    Creep, Interval, Noise, Reading, Shift, Step, creep_of, median, recent, steps_of,
};

use super::series::{MOST, Series, worth};

/// What is seen of a cell, on the line.
pub(super) struct Evidence {
    /// Tonight's level less that of the baseline.
    pub(super) effect: f64,
    pub(super) interval: Option<Interval>,
    /// Of tonight against the baseline, either way; absent where nothing is to be tested.
    pub(super) p: Option<f64>,
    /// The clearest of the changes of level that the course ends on, the last one found in all of it and the latest few nights; with the run it began with.
    pub(super) step: Option<Since<Step>>,
    /// A slow trend to the end of the course.
    pub(super) creep: Option<Since<Creep>>,
    /// The effect whose p is at most a level.
    shift: Option<Shift>,
    /// The same if the night had ever so many runs.
    ever: Option<Shift>,
    /// Absent where nothing is to be tested.
    lone: Option<Lone>,
}

/// Something that the course shows, with the first run of it.
pub(super) struct Since<T> {
    pub(super) run: String,
    /// Nights from it to tonight.
    pub(super) steps: usize,
    pub(super) found: T,
}

impl Evidence {
    /// `None` without a baseline.
    pub(super) fn of(series: &Series<'_>, noise: Option<Noise>) -> Option<Self> {
        let effect = series.tonight_level() - series.level()?;
        let noise = match series.is_exact() {
            true => Some(Noise::NONE),
            false => noise,
        };
        let shift_of =
            |new: f64| noise.map(|noise| Shift::of(effect, new, series.baseline_worth(), noise));
        let shift = shift_of(worth(series.tonight.len()));
        let lone = (!series.is_exact()).then(|| Lone::of(series));
        let course = Course {
            series,
            noise: noise.filter(|_| !series.is_exact()),
        };
        Some(Self {
            effect,
            interval: shift.map(|shift| shift.interval),
            p: lone
                .as_ref()
                .zip(shift)
                .map(|(lone, shift)| shift.p.max(lone.share(effect))),
            step: course.step(),
            creep: course.creep(),
            shift,
            ever: shift_of(MOST),
            lone,
        })
    }

    /// The smallest rise on the line whose p is at most `level`.
    pub(super) fn least(&self, level: f64) -> Option<f64> {
        let of_nights = self.lone.as_ref().and_then(|lone| lone.least(level));
        let least = self.shift?.least(level);
        Some(least.max(of_nights.unwrap_or(0.0)))
    }

    /// As [`Self::least`], if the night had ever so many runs.
    pub(super) fn least_ever(&self, level: f64) -> Option<f64> {
        self.ever.map(|shift| shift.least(level))
    }
}

/// Standard errors that noise does not reach.
const FAR: f64 = 3.0;

/// Earlier nights that are looked at, at most.
const LATE: usize = 30;

/// How far earlier nights were off, alone with it: they differed so from the median of themselves and the two nights on either side. A machine
/// that has such nights has them again, and Student's t does not know it.
struct Lone {
    /// The highest first.
    off: Vec<f64>,
}

impl Lone {
    fn of(series: &Series<'_>) -> Self {
        let nights: Vec<f64> = series.past().collect();
        let nights = &nights[nights.len().saturating_sub(LATE)..];
        let off = |at: usize| {
            let near = &nights[at.saturating_sub(2)..(at + 3).min(nights.len())];
            nights[at] - median(near).unwrap_or(nights[at])
        };
        let mut off: Vec<f64> = (0..nights.len()).map(off).collect();
        off.sort_by(|a, b| b.total_cmp(a));
        Self { off }
    }

    /// The share of nights that were as far off, on the same side.
    fn share(&self, effect: f64) -> f64 {
        let is_as_far = |off: &&f64| **off * effect.signum() >= effect.abs();
        let count = self.off.iter().filter(is_as_far).count();
        count as f64 / self.off.len().max(1) as f64
    }

    /// The rise of the night that all higher ones have a share of at most `level` with.
    fn least(&self, level: f64) -> Option<f64> {
        let allowed = (level * self.off.len() as f64) as usize;
        self.off.get(allowed).copied()
    }
}

/// The nights of a new level before tonight are off by at least so much of the whole step: else they are some of those before, and tonight is alone.
const SHARED: f64 = 0.25;

/// Whether tonight does not make the step by itself.
fn is_shared(step: &Step, course: &[Reading]) -> bool {
    let (before, level) = course.split_at(step.at);
    let earlier = level.split_last().map_or(level, |(_, earlier)| earlier);
    let off = mean_of(earlier).zip(mean_of(before));
    let off = off.map(|(level, before)| level - before);
    off.is_some_and(|off| off * step.effect.signum() >= SHARED * step.effect.abs())
}

/// Each counting for what it is worth; `None` of none.
fn mean_of(nights: &[Reading]) -> Option<f64> {
    let weight: f64 = nights.iter().map(|night| night.weight).sum();
    let sum: f64 = nights.iter().map(|night| night.weight * night.value).sum();
    (!nights.is_empty()).then(|| sum / weight)
}

/// All nights and tonight.
struct Course<'s, 'a> {
    series: &'s Series<'a>,
    /// Absent where the course tells nothing that tonight alone does not.
    noise: Option<Noise>,
}

impl Course<'_, '_> {
    fn step(&self) -> Option<Since<Step>> {
        let noise = self.noise?;
        let course = self.series.course();
        let mut steps = steps_of(&course, Some(noise));
        let last = steps.pop();
        let from = steps.last().map_or(0, |step| step.at);
        let last = last.filter(|step| {
            let inside = Step {
                at: step.at - from,
                ..*step
            };
            is_shared(&inside, &course[from..])
        });
        // What was before the last level says nothing of a change from it.
        let from = last.map_or(from, |step| step.at);
        let late = recent(&course[from..], Some(noise));
        let late = late.filter(|step| is_shared(step, &course[from..]));
        let late = late.map(|step| Step {
            at: from + step.at,
            ..step
        });
        let clearest = match (last, late) {
            (Some(last), Some(late)) if late.p < last.p => late,
            (Some(last), _) => last,
            (None, late) => late?,
        };
        self.is_on(clearest, &course, noise)
            .then(|| self.since(clearest.at, clearest))
    }

    /// Whether tonight is still on the level that the step came to. Noise does not lead back so far, and a step back is found only when some
    /// nights show it.
    fn is_on(&self, step: Step, course: &[Reading], noise: Noise) -> bool {
        let Some((tonight, earlier)) = course.split_last() else {
            return false;
        };
        let level = earlier.get(step.at..).unwrap_or_default();
        let Some(mean) = mean_of(level) else {
            return true;
        };
        let weight: f64 = level.iter().map(|night| night.weight).sum();
        let back = (mean - tonight.value) * step.effect.signum();
        back <= FAR * noise.deviation * (1.0 / weight + 1.0 / tonight.weight).sqrt()
    }

    fn creep(&self) -> Option<Since<Creep>> {
        let found = creep_of(&self.series.course(), Some(self.noise?))?;
        Some(self.since(found.since, found))
    }

    fn since<T>(&self, at: usize, found: T) -> Since<T> {
        let nights = self.series.nights.get(at).unwrap_or(&self.series.tonight);
        let run = nights.first().map(|value| value.run.run.clone());
        let run = run.unwrap_or_default();
        let steps = self.series.nights.len() - at.min(self.series.nights.len());
        Since { run, steps, found }
    }
}
