//! What speaks for a change of one cell: tonight against the baseline, and the course of all nights.

use anechoic_stats::{
    Creep, Interval, Noise, Reading, Shift, Step, creep_of, median, recent, steps_of,
};

use super::series::{Series, worth};

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
        let shift = noise.map(|noise| {
            let (new, base) = (worth(series.tonight.len()), series.baseline_worth());
            Shift::of(effect, new, base, noise)
        });
        let course = Course {
            series,
            noise: noise.filter(|_| !series.is_exact()),
        };
        Some(Self {
            effect,
            interval: shift.map(|shift| shift.interval),
            p: shift
                .map(|shift| shift.p.max(lone_nights(series, effect)))
                .filter(|_| !series.is_exact()),
            step: course.step(),
            creep: course.creep(),
            shift,
        })
    }

    /// The smallest effect on the line whose p is at most `level`.
    pub(super) fn least(&self, level: f64) -> Option<f64> {
        self.shift.map(|shift| shift.least(level))
    }
}

/// Standard errors that noise does not reach.
const FAR: f64 = 3.0;

/// Earlier nights that are looked at, at most.
const LATE: usize = 30;

/// The share of earlier nights that were as far off as tonight, on the same side, and alone with it: they differed so from the median of themselves
/// and the two nights on either side. A machine that has such nights has them again, and Student's t does not know it.
fn lone_nights(series: &Series<'_>, effect: f64) -> f64 {
    let nights: Vec<f64> = series.past().collect();
    let nights = &nights[nights.len().saturating_sub(LATE)..];
    let is_as_far = |at: &usize| {
        let near = &nights[at.saturating_sub(2)..(at + 3).min(nights.len())];
        let off = nights[*at] - median(near).unwrap_or(nights[*at]);
        off * effect.signum() >= effect.abs()
    };
    let count = (0..nights.len()).filter(is_as_far).count();
    count as f64 / nights.len().max(1) as f64
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
        let last = steps_of(&course, Some(noise)).pop();
        // What was before the last level says nothing of a change from it.
        let from = last.map_or(0, |step| step.at);
        let late = recent(&course[from..], Some(noise)).map(|step| Step {
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
        let weight: f64 = level.iter().map(|night| night.weight).sum();
        if level.is_empty() {
            return true;
        }
        let sum: f64 = level.iter().map(|night| night.weight * night.value).sum();
        let back = (sum / weight - tonight.value) * step.effect.signum();
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
