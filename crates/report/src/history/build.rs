//! Digests and nights become series.

use std::collections::HashMap;

use anechoic_record::{CellFinding, CellId, Night, RunState};

use super::conditions::Conditions;
use super::levels::analysed;
use super::point::{Point, PointVerdict};
use super::series::{Gap, History, HistoryNight, HistoryRun, Series, Stretch};
use crate::{CellDigest, MetricChoice, RunDigest};

/// What makes a series one: suite, case, T, metric, settings.
type Key<'a> = (&'a str, &'a CellId, &'a str);

/// The values of one series: the place of each run, and what it measured.
type Values<'a> = Vec<(usize, &'a CellDigest)>;

impl History {
    /// The history of runs, oldest first, with the nights that they belong to, also oldest first and with the names of their files.
    pub fn of(runs: &[RunDigest], nights: &[(&str, &Night)], metrics: &MetricChoice) -> Self {
        let is_part = |run: &&RunDigest| !run.is_audit && run.state != RunState::Running;
        let runs: Vec<&RunDigest> = runs.iter().filter(is_part).collect();
        let nights = since_first(&runs, nights);
        let judged = Judged::of(&nights);
        let mut conditions = Conditions::of(&runs);
        let mut series: Vec<Series> = gathered(&runs, metrics)
            .into_iter()
            .map(|(key, values)| one(key, &values, &runs, &judged, &mut conditions))
            .collect();
        tell_settings_apart(&mut series, &runs);
        for series in &mut series {
            series.gaps = gaps(series, &runs, &nights);
        }
        Self {
            runs: runs.iter().map(|run| judged.run(run)).collect(),
            nights: nights.iter().map(of_night).collect(),
            series,
        }
    }
}

/// The nights of these runs, and all those behind the first of them.
fn since_first<'a>(
    runs: &[&RunDigest],
    nights: &[(&'a str, &'a Night)],
) -> Vec<(&'a str, &'a Night)> {
    let Some(first) = runs.first() else {
        return nights.to_vec();
    };
    let is_since = |(_, night): &&(&str, &Night)| {
        let is_first = night.run.as_ref() == Some(&first.run);
        is_first || night.ended >= first.started
    };
    nights.iter().filter(is_since).copied().collect()
}

fn of_night((file, night): &(&str, &Night)) -> HistoryNight {
    let worse = night.cells.iter().filter(|cell| match cell.finding {
        CellFinding::Worse | CellFinding::Step { .. } | CellFinding::Creep { .. } => true,
        CellFinding::New | CellFinding::Same | CellFinding::Better => false,
    });
    HistoryNight {
        file: (*file).to_owned(),
        suite: night.suite.clone(),
        started: night.started,
        run: night.run.clone(),
        outcome: night.outcome.clone(),
        worse: u32::try_from(worse.count()).unwrap_or(u32::MAX),
    }
}

/// Which night a run belongs to, and what it said.
struct Judged<'a> {
    nights: &'a [(&'a str, &'a Night)],
    by_run: HashMap<&'a str, usize>,
}

impl<'a> Judged<'a> {
    fn of(nights: &'a [(&'a str, &'a Night)]) -> Self {
        let mut by_run = HashMap::new();
        for (index, (_, night)) in nights.iter().enumerate() {
            for run in night.made() {
                by_run.insert(run, index);
            }
        }
        Self { nights, by_run }
    }

    fn run(&self, run: &RunDigest) -> HistoryRun {
        HistoryRun {
            run: run.run.clone(),
            suite: run.suite.clone(),
            started: run.started,
            state: run.state,
            device: run.fingerprint.device,
            night: self.by_run.get(run.run.as_str()).copied(),
        }
    }

    fn verdict(&self, run: &str, id: &CellId) -> PointVerdict {
        let Some(&night) = self.by_run.get(run) else {
            return PointVerdict::Unjudged;
        };
        let (_, night) = self.nights[night];
        let cell = night.cells.iter().find(|cell| cell.id == *id);
        PointVerdict::of(night, cell.map(|cell| &cell.finding))
    }
}

/// The values by series, in the plan's order of the newest run that has them; each oldest first.
fn gathered<'a>(runs: &[&'a RunDigest], metrics: &MetricChoice) -> Vec<(Key<'a>, Values<'a>)> {
    let takes = |cell: &&CellDigest| match metrics {
        MetricChoice::Primary => cell.primary,
        MetricChoice::Named(named) => named.contains(&cell.id.metric),
        MetricChoice::All => true,
    };
    let mut places: HashMap<(&str, &str, Option<u32>, &anechoic_record::Metric, &str), usize> =
        HashMap::new();
    let mut found: Vec<(Key<'a>, Values<'a>)> = Vec::new();
    for (index, run) in runs.iter().enumerate().rev() {
        for cell in run.cells.iter().filter(takes) {
            let id = &cell.id;
            let key = (
                run.suite.as_str(),
                id.case.as_str(),
                id.tokens,
                &id.metric,
                cell.settings.as_str(),
            );
            let place = *places.entry(key).or_insert_with(|| {
                found.push(((&run.suite, id, &cell.settings), Vec::new()));
                found.len() - 1
            });
            found[place].1.push((index, cell));
        }
    }
    for (_, values) in &mut found {
        values.reverse();
    }
    found
}

fn one(
    (suite, id, settings): Key<'_>,
    values: &Values<'_>,
    runs: &[&RunDigest],
    judged: &Judged<'_>,
    conditions: &mut Conditions<'_>,
) -> Series {
    let mut points: Vec<Point> = Vec::with_capacity(values.len());
    let mut cuts = vec![(0, Vec::new())];
    for (index, &(run, cell)) in values.iter().enumerate() {
        let mut programs = Vec::new();
        if let Some(before) = points.last() {
            let changes = conditions.between(before.run, run);
            programs.clone_from(&changes.programs);
            if !changes.machine.is_empty() {
                cuts.push((index, changes.machine.clone()));
            }
        }
        points.push(Point {
            run,
            average: cell.average,
            disturbed: cell.disturbed,
            verdict: judged.verdict(&runs[run].run, id),
            programs,
        });
    }
    Series {
        suite: suite.to_owned(),
        id: id.clone(),
        settings: settings.to_owned(),
        is_one_of_several: false,
        is_current: true,
        stretches: stretches(&points, cuts),
        points,
        gaps: Vec::new(),
    }
}

fn stretches(
    points: &[Point],
    cuts: Vec<(usize, Vec<anechoic_record::Difference>)>,
) -> Vec<Stretch> {
    let mut ends: Vec<usize> = cuts.iter().skip(1).map(|(first, _)| *first).collect();
    ends.push(points.len());
    let each = cuts.into_iter().zip(ends);
    each.map(|((first, changes), end)| {
        let values: Vec<_> = points[first..end].iter().map(|p| p.average).collect();
        let found = analysed(&values, first);
        Stretch {
            first,
            end,
            changes,
            scale: found.scale,
            levels: found.levels,
            steps: found.steps,
            creep: found.creep,
        }
    })
    .collect()
}

/// Series of one cell differ in their settings; the one with the newest value is the present one.
fn tell_settings_apart(series: &mut [Series], runs: &[&RunDigest]) {
    let newest = |series: &Series| runs[series.newest().run].started;
    let mut of_cell: HashMap<(String, CellKey), Vec<usize>> = HashMap::new();
    for (index, one) in series.iter().enumerate() {
        let key = (one.suite.clone(), cell_key(&one.id));
        of_cell.entry(key).or_default().push(index);
    }
    for indices in of_cell.into_values().filter(|indices| indices.len() > 1) {
        let present = indices
            .iter()
            .copied()
            .max_by_key(|index| newest(&series[*index]));
        for index in indices {
            series[index].is_one_of_several = true;
            series[index].is_current = Some(index) == present;
        }
    }
}

type CellKey = (String, Option<u32>, anechoic_record::Metric);

fn cell_key(id: &CellId) -> CellKey {
    (id.case.clone(), id.tokens, id.metric.clone())
}

/// Nights of the suite without a value of the series; behind the last value only where the series is the present one.
fn gaps(series: &Series, runs: &[&RunDigest], nights: &[(&str, &Night)]) -> Vec<Gap> {
    let times: Vec<_> = series
        .points
        .iter()
        .map(|point| runs[point.run].started)
        .collect();
    let has_value: std::collections::HashSet<&str> = series
        .points
        .iter()
        .map(|point| runs[point.run].run.as_str())
        .collect();
    let is_gap = |night: &Night| {
        night.suite == series.suite && !night.made().any(|run| has_value.contains(run))
    };
    let found = nights
        .iter()
        .enumerate()
        .filter(|(_, (_, night))| is_gap(night));
    found
        .map(|(index, (_, night))| Gap {
            before: times.partition_point(|time| *time <= night.started),
            night: index,
        })
        .filter(|gap| gap.before > 0 && (series.is_current || gap.before < times.len()))
        .collect()
}
