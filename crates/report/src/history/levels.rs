//! The levels that a series was on, where it changed from one to the next, and whether it creeps.

use anechoic_stats::{Average, Interval, Reading, Scale, Step, creep_of, median, steps_of};

use crate::gate::worth;

/// Values in which steps are looked for, the newest ones: years of nights, and few enough to be searched while somebody waits.
const SEARCHED: usize = 1_000;

/// A level between two steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Its first point.
    pub first: usize,
    /// The point behind its last one.
    pub end: usize,
    /// The median of its values, which one wild run does not move.
    pub value: f64,
}

/// A change from one level to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesStep {
    /// The first point on the new level.
    pub at: usize,
    /// The new level against the one before: a fraction, or a difference in the metric's unit.
    pub effect: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// The chance that noise alone shows such a step.
    pub p: f64,
}

/// A slow course, in which no single point stands out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SeriesCreep {
    /// The last point before it.
    pub since: usize,
    /// Where the course begins, in the metric's unit.
    pub from: f64,
    /// Where it has come to.
    pub to: f64,
    /// The change from run to run: a fraction, or a difference in the metric's unit.
    pub per_run: f64,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// The chance that noise alone shows such a course.
    pub p: f64,
}

/// What a stretch shows.
pub(super) struct Analysed {
    pub(super) scale: Scale,
    pub(super) levels: Vec<Level>,
    pub(super) steps: Vec<SeriesStep>,
    pub(super) creep: Option<SeriesCreep>,
}

/// What counts as one value of a course: the runs of one night, which are not independent of each other, or a run outside nights.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// Its first point.
    pub(super) first: usize,
    /// The point behind its last one.
    pub(super) end: usize,
    /// Its values.
    pub(super) values: Vec<Average>,
    /// Runs that they stand for.
    pub(super) runs: usize,
}

impl Measured {
    fn reading(&self, scale: Scale) -> Reading {
        let on_line = |average: &Average| scale.on_line(average.value);
        let values: Vec<f64> = self.values.iter().map(on_line).collect();
        Reading {
            value: median(&values).unwrap_or(f64::NAN),
            weight: worth(self.runs),
        }
    }
}

/// Of what was measured on one stretch, oldest first.
pub(super) fn analysed(measured: &[Measured]) -> Analysed {
    let is_ratio = |average: &Average| average.scale == Scale::Ratio && average.value > 0.0;
    let mut values = measured.iter().flat_map(|one| &one.values);
    let scale = match values.all(is_ratio) {
        true => Scale::Ratio,
        false => Scale::Difference,
    };
    let measured = &measured[measured.len().saturating_sub(SEARCHED)..];
    let line: Vec<Reading> = measured.iter().map(|one| one.reading(scale)).collect();
    let interval = |found: Interval| scale.effects(found);
    let creep = creep_of(&line, None);
    // Steps see a slow course as a staircase; it is told once.
    let level_to = creep.map_or(line.len(), |creep| creep.since + 1);
    let mut found = steps_of(&line, None);
    found.retain(|step| step.at < level_to);
    let levels = levels(&measured[..level_to], &line, &found, scale);
    let creep = creep.map(|creep| {
        let (from, to) = ends(&line[creep.since..], creep.per_step);
        SeriesCreep {
            since: measured[creep.since].first,
            from: scale.value(from),
            to: scale.value(to),
            per_run: scale.effect(creep.per_step),
            interval: creep.interval.map(interval),
            p: creep.p,
        }
    });
    let steps = found.into_iter().map(|step| SeriesStep {
        at: measured[step.at].first,
        effect: scale.effect(step.effect),
        interval: step.interval.map(interval),
        p: step.p,
    });
    Analysed {
        scale,
        levels,
        creep,
        steps: steps.collect(),
    }
}

/// Where a straight line through all values begins and ends.
fn ends(line: &[Reading], per_step: f64) -> (f64, f64) {
    let starts = line
        .iter()
        .enumerate()
        .map(|(index, reading)| reading.value - per_step * index as f64);
    let from = starts.sum::<f64>() / line.len().max(1) as f64;
    (from, from + per_step * line.len().saturating_sub(1) as f64)
}

/// Of what was measured up to where the value creeps.
fn levels(measured: &[Measured], line: &[Reading], steps: &[Step], scale: Scale) -> Vec<Level> {
    let begins = std::iter::once(0).chain(steps.iter().map(|step| step.at));
    let ends = steps.iter().map(|step| step.at).chain([measured.len()]);
    let level = |(begin, end): (usize, usize)| {
        let values: Vec<f64> = line[begin..end].iter().map(|one| one.value).collect();
        Some(Level {
            first: measured.get(begin)?.first,
            end: measured[..end].last()?.end,
            value: scale.value(median(&values)?),
        })
    };
    begins.zip(ends).filter_map(level).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn average(value: f64) -> Average {
        Average {
            value,
            interval: None,
            scale: if value > 0.0 {
                Scale::Ratio
            } else {
                Scale::Difference
            },
            processes: 1,
            iterations: 1,
        }
    }

    /// Each of a run of its own, from this point on.
    fn single(values: &[Average], first: usize) -> Vec<Measured> {
        let each = values.iter().zip(first..);
        each.map(|(value, at)| Measured {
            first: at,
            end: at + 1,
            values: vec![*value],
            runs: 1,
        })
        .collect()
    }

    /// With a scatter of 0.3 % that follows from the number.
    fn noisy(number: usize) -> f64 {
        let uniform = |salt: u64| {
            let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
            let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 40) as f64 / (1u64 << 24) as f64 - 0.5
        };
        1.0 + 0.005 * (uniform(1) + uniform(2) + uniform(3) + uniform(4))
    }

    #[test]
    fn a_step_divides_levels() {
        let values: Vec<Average> = (0..40)
            .map(|i| average(noisy(i) * if i < 25 { 2.0 } else { 2.2 }))
            .collect();
        let found = analysed(&single(&values, 10));
        let [step] = found.steps[..] else {
            panic!("{:?}", found.steps);
        };
        assert_eq!((found.scale, step.at), (Scale::Ratio, 35));
        assert!((step.effect - 0.1).abs() < 0.003, "{step:?}");
        let [low, high] = found.levels[..] else {
            panic!("{:?}", found.levels);
        };
        assert_eq!((low.first, low.end, high.first, high.end), (10, 35, 35, 50));
        assert!((low.value - 2.0).abs() < 0.01 && (high.value - 2.2).abs() < 0.01);
    }

    #[test]
    fn a_creep_is_no_staircase() {
        let values: Vec<Average> = (0..60)
            .map(|i| average(noisy(i) * 1.002_f64.powi((i as i32 - 20).max(0))))
            .collect();
        let found = analysed(&single(&values, 5));
        let creep = found.creep.unwrap();
        assert!((creep.per_run - 0.002).abs() < 3e-4, "{creep:?}");
        assert!((20..35).contains(&creep.since), "{creep:?}");
        assert_eq!(found.steps, []);
        let last = found.levels.last().unwrap();
        assert_eq!(last.end, creep.since + 1);
        assert!(
            (creep.from - 1.0).abs() < 0.01 && (creep.to - 1.081).abs() < 0.01,
            "{creep:?}"
        );
    }

    #[test]
    fn values_that_may_be_negative_are_told_in_their_unit() {
        let values: Vec<Average> = (0..40)
            .map(|i| average(noisy(i) - if i < 20 { 1.0 } else { 3.0 }))
            .collect();
        let found = analysed(&single(&values, 0));
        assert_eq!((found.scale, found.steps.len()), (Scale::Difference, 1));
        assert!((found.steps[0].effect + 2.0).abs() < 0.01);
    }

    #[test]
    fn of_thousands_the_newest_are_searched() {
        let values: Vec<Average> = (0..SEARCHED + 500)
            .map(|i| average(noisy(i) * if i < 100 { 2.0 } else { 1.0 }))
            .collect();
        let found = analysed(&single(&values, 0));
        assert_eq!(found.steps, []);
        assert_eq!(found.levels[0].first, 500);
        assert!(analysed(&single(&[average(1.0)], 0)).steps.is_empty());
        assert!(analysed(&[]).levels.is_empty());
    }
}
