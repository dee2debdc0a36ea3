//! The levels that a series was on, where it changed from one to the next, and whether it creeps.

use anechoic_stats::{Average, Interval, Scale, creep, median, steps};

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

/// Of the values of one stretch, the first of which is the point `first` of its series.
pub(super) fn analysed(values: &[Average], first: usize) -> Analysed {
    let is_ratio = |average: &Average| average.scale == Scale::Ratio && average.value > 0.0;
    let scale = match values.iter().all(is_ratio) {
        true => Scale::Ratio,
        false => Scale::Difference,
    };
    let left_out = values.len().saturating_sub(SEARCHED);
    let first = first + left_out;
    let line = |average: &Average| scale.on_line(average.value);
    let line: Vec<f64> = values[left_out..].iter().map(line).collect();
    let interval = |found: Interval| scale.effects(found);
    let creep = creep(&line, None).map(|creep| {
        let (from, to) = ends(&line[creep.since..], creep.per_step);
        SeriesCreep {
            since: first + creep.since,
            from: scale.value(from),
            to: scale.value(to),
            per_run: scale.effect(creep.per_step),
            interval: creep.interval.map(interval),
            p: creep.p,
        }
    });
    // Steps see a slow course as a staircase; it is told once.
    let level_to = creep.map_or(first + line.len(), |creep| creep.since + 1);
    let found = steps(&line, None).into_iter().map(|step| SeriesStep {
        at: first + step.at,
        effect: scale.effect(step.effect),
        interval: step.interval.map(interval),
        p: step.p,
    });
    let steps: Vec<SeriesStep> = found.filter(|step| step.at < level_to).collect();
    let levelled = &line[..level_to - first];
    Analysed {
        scale,
        levels: levels(levelled, first, &steps, scale),
        creep,
        steps,
    }
}

/// Where a straight line through all values begins and ends.
fn ends(line: &[f64], per_step: f64) -> (f64, f64) {
    let starts = line
        .iter()
        .enumerate()
        .map(|(index, value)| value - per_step * index as f64);
    let from = starts.sum::<f64>() / line.len().max(1) as f64;
    (from, from + per_step * line.len().saturating_sub(1) as f64)
}

fn levels(line: &[f64], first: usize, steps: &[SeriesStep], scale: Scale) -> Vec<Level> {
    let begins = std::iter::once(first).chain(steps.iter().map(|step| step.at));
    let ends = steps.iter().map(|step| step.at).chain([first + line.len()]);
    begins
        .zip(ends)
        .map(|(begin, end)| {
            let values = &line[begin - first..end - first];
            Level {
                first: begin,
                end,
                value: scale.value(median(values).unwrap_or(f64::NAN)),
            }
        })
        .collect()
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
        let found = analysed(&values, 10);
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
        let found = analysed(&values, 5);
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
        let found = analysed(&values, 0);
        assert_eq!((found.scale, found.steps.len()), (Scale::Difference, 1));
        assert!((found.steps[0].effect + 2.0).abs() < 0.01);
    }

    #[test]
    fn of_thousands_the_newest_are_searched() {
        let values: Vec<Average> = (0..SEARCHED + 500)
            .map(|i| average(noisy(i) * if i < 100 { 2.0 } else { 1.0 }))
            .collect();
        let found = analysed(&values, 0);
        assert_eq!(found.steps, []);
        assert_eq!(found.levels[0].first, 500);
        assert!(analysed(&[average(1.0)], 0).steps.is_empty());
    }
}
