//! A history as JSON, described in `docs/history.md`.

use anechoic_protocol::Device;
use anechoic_record::{CellId, Difference, MetricKind, NightOutcome, RunState};
use anechoic_stats::{Interval, Scale};
use jiff::Timestamp;
use serde::Serialize;

use super::{Gap, History, HistoryNight, Point, Series, Stretch};
use crate::compare::unit;

/// Version of the JSON of a history.
pub const HISTORY_VERSION: u32 = 1;

/// The history as one JSON object, all digits kept.
pub fn history_json(history: &History) -> String {
    let file = File {
        schema_version: HISTORY_VERSION,
        nights: history.nights.iter().map(NightLine::of).collect(),
        series: history
            .series
            .iter()
            .map(|s| SeriesLine::of(history, s))
            .collect(),
    };
    serde_json::to_string_pretty(&file).expect("histories always serialise") + "\n"
}

#[derive(Serialize)]
struct File<'a> {
    schema_version: u32,
    nights: Vec<NightLine<'a>>,
    series: Vec<SeriesLine<'a>>,
}

#[derive(Serialize)]
struct NightLine<'a> {
    file: &'a str,
    suite: &'a str,
    started: Timestamp,
    run: Option<&'a str>,
    #[serde(flatten)]
    outcome: &'a NightOutcome,
    worse_cells: u32,
}

impl<'a> NightLine<'a> {
    fn of(night: &'a HistoryNight) -> Self {
        Self {
            file: &night.file,
            suite: &night.suite,
            started: night.started,
            run: night.run.as_deref(),
            outcome: &night.outcome,
            worse_cells: night.worse,
        }
    }
}

#[derive(Serialize)]
struct SeriesLine<'a> {
    suite: &'a str,
    #[serde(flatten)]
    id: &'a CellId,
    kind: MetricKind,
    unit: Option<&'static str>,
    settings: &'a str,
    is_current: bool,
    change: Option<f64>,
    points: Vec<PointLine<'a>>,
    stretches: Vec<StretchLine<'a>>,
    nights_without_value: Vec<&'a str>,
}

impl<'a> SeriesLine<'a> {
    fn of(history: &'a History, series: &'a Series) -> Self {
        let kind = series.id.metric.kind();
        let file = |gap: &Gap| history.nights[gap.night].file.as_str();
        Self {
            suite: &series.suite,
            id: &series.id,
            kind,
            unit: unit(kind),
            settings: &series.settings,
            is_current: series.is_current,
            change: series.change(),
            points: series
                .points
                .iter()
                .map(|p| PointLine::of(history, p))
                .collect(),
            stretches: series
                .stretches
                .iter()
                .map(|stretch| StretchLine::of(history, series, stretch))
                .collect(),
            nights_without_value: series.gaps.iter().map(file).collect(),
        }
    }
}

#[derive(Serialize)]
struct PointLine<'a> {
    run: &'a str,
    started: Timestamp,
    state: Option<RunState>,
    device: Option<Device>,
    mixed: bool,
    value: f64,
    interval: Option<Interval>,
    processes: usize,
    iterations: usize,
    disturbed_attempts: u32,
    night: Option<&'a str>,
    outcome: Option<&'static str>,
    verdict: &'static str,
    program_changes: &'a [Difference],
}

impl<'a> PointLine<'a> {
    fn of(history: &'a History, point: &'a Point) -> Self {
        let run = history.run(point);
        let night = history.night(point);
        Self {
            run: &run.run,
            started: run.started,
            state: run.state,
            device: run.device,
            mixed: run.is_mixed,
            value: point.average.value,
            interval: point.average.interval,
            processes: point.average.processes,
            iterations: point.average.iterations,
            disturbed_attempts: point.disturbed,
            night: night.map(|night| night.file.as_str()),
            outcome: night.map(|night| night.outcome.name()),
            verdict: point.verdict.name(),
            program_changes: &point.programs,
        }
    }
}

#[derive(Serialize)]
struct StretchLine<'a> {
    first_run: &'a str,
    last_run: &'a str,
    machine_changes: &'a [Difference],
    scale: Scale,
    levels: Vec<LevelLine<'a>>,
    steps: Vec<StepLine<'a>>,
    creep: Option<CreepLine<'a>>,
}

#[derive(Serialize)]
struct LevelLine<'a> {
    first_run: &'a str,
    runs: usize,
    value: f64,
}

#[derive(Serialize)]
struct StepLine<'a> {
    run: &'a str,
    started: Timestamp,
    effect: f64,
    interval: Option<Interval>,
    p: f64,
}

#[derive(Serialize)]
struct CreepLine<'a> {
    since_run: &'a str,
    since: Timestamp,
    from: f64,
    to: f64,
    per_run: f64,
    interval: Option<Interval>,
    p: f64,
}

impl<'a> StretchLine<'a> {
    fn of(history: &'a History, series: &'a Series, stretch: &'a Stretch) -> Self {
        let run = |point: usize| history.run(&series.points[point]);
        Self {
            first_run: &run(stretch.first).run,
            last_run: &run(stretch.end - 1).run,
            machine_changes: &stretch.changes,
            scale: stretch.scale,
            levels: (stretch.levels.iter())
                .map(|level| LevelLine {
                    first_run: &run(level.first).run,
                    runs: level.end - level.first,
                    value: level.value,
                })
                .collect(),
            steps: (stretch.steps.iter())
                .map(|step| StepLine {
                    run: &run(step.at).run,
                    started: run(step.at).started,
                    effect: step.effect,
                    interval: step.interval,
                    p: step.p,
                })
                .collect(),
            creep: stretch.creep.as_ref().map(|creep| CreepLine {
                since_run: &run(creep.since).run,
                since: run(creep.since).started,
                from: creep.from,
                to: creep.to,
                per_run: creep.per_run,
                interval: creep.interval,
                p: creep.p,
            }),
        }
    }
}
