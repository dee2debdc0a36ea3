//! Digests and nights become series.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use anechoic_record::{CellId, Difference, Metric, Night, RunState};

use super::conditions::Conditions;
use super::gathered::{Entry, Key, Values, gathered};
use super::levels::{Measured, analysed};
use super::point::{Point, PointVerdict};
use super::series::{Gap, History, HistoryNight, HistoryRun, Series, Stretch};
use crate::{MetricChoice, RunDigest};

impl History {
    /// The history of runs, oldest first, with the nights that they belong to, also oldest first and with the names of their files. Nights
    /// whose runs are gone are points as well. The newest `last` of both, where there is such a limit.
    pub fn of(
        runs: &[RunDigest],
        nights: &[(&str, &Night)],
        metrics: &MetricChoice,
        last: Option<usize>,
    ) -> Self {
        let mut entries = entries(runs, nights);
        entries.drain(..last.map_or(0, |last| entries.len().saturating_sub(last)));
        let nights = since_first(&entries, nights);
        let judged = Judged::of(&nights);
        let runs: Vec<HistoryRun> = entries.iter().map(|entry| judged.run(entry)).collect();
        let fingerprints = entries.iter().map(|entry| match entry {
            Entry::There(run) => Some(&run.fingerprint),
            Entry::Gone(..) => None,
        });
        let mut conditions = Conditions::of(fingerprints.collect());
        let mut series: Vec<Series> = gathered(&entries, metrics)
            .into_iter()
            .map(|(key, values)| one(key, &values, &runs, &judged, &mut conditions))
            .collect();
        tell_settings_apart(&mut series, &runs);
        for series in &mut series {
            series.gaps = gaps(series, &runs, &nights);
        }
        let gone: HashSet<&str> = runs
            .iter()
            .filter(|run| run.is_gone())
            .map(|run| run.run.as_str())
            .collect();
        let nights = nights.iter().map(|night| of_night(night, &gone)).collect();
        Self {
            runs,
            nights,
            series,
        }
    }
}

/// The runs that are part of a history, and the nights that have none left; oldest first.
fn entries<'a>(runs: &'a [RunDigest], nights: &[(&str, &'a Night)]) -> Vec<Entry<'a>> {
    let is_part = |run: &&RunDigest| !run.is_audit && run.state != RunState::Running;
    let there: HashSet<&str> = runs.iter().map(|run| run.run.as_str()).collect();
    let gone = nights.iter().filter_map(|(_, night)| {
        let run = night.run.as_deref()?;
        let mut made = night.run.iter().chain(&night.confirmations);
        let is_there = made.any(|run| there.contains(run.as_str()));
        (!is_there && !night.cells.is_empty()).then_some(Entry::Gone(night, run))
    });
    let mut entries: Vec<Entry<'a>> = gone.collect();
    entries.extend(runs.iter().filter(is_part).map(Entry::There));
    entries.sort_by_key(|entry| match entry {
        Entry::There(run) => run.started,
        Entry::Gone(night, _) => night.started,
    });
    entries
}

/// The nights of these runs, and all those behind the first of them.
fn since_first<'a>(
    entries: &[Entry<'_>],
    nights: &[(&'a str, &'a Night)],
) -> Vec<(&'a str, &'a Night)> {
    let is_since = |(_, night): &&(&str, &Night)| match entries.first() {
        None => true,
        Some(Entry::There(first)) => {
            night.run.as_ref() == Some(&first.run) || night.ended >= first.started
        }
        Some(Entry::Gone(first, _)) => night.started >= first.started,
    };
    nights.iter().filter(is_since).copied().collect()
}

fn of_night((file, night): &(&str, &Night), gone: &HashSet<&str>) -> HistoryNight {
    let worse = night.cells.iter().filter(|cell| cell.finding.is_worse());
    HistoryNight {
        file: (*file).to_owned(),
        suite: night.suite.clone(),
        started: night.started,
        run: night.run.clone(),
        is_gone: night
            .run
            .as_ref()
            .is_some_and(|run| gone.contains(run.as_str())),
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

    fn run(&self, entry: &Entry<'_>) -> HistoryRun {
        let night = |run: &str| self.by_run.get(run).copied();
        match entry {
            Entry::There(run) => HistoryRun {
                run: run.run.clone(),
                suite: run.suite.clone(),
                started: run.started,
                state: Some(run.state),
                device: Some(run.fingerprint.device),
                is_mixed: run.is_mixed,
                night: night(&run.run),
            },
            Entry::Gone(of, run) => HistoryRun {
                run: (*run).to_owned(),
                suite: of.suite.clone(),
                started: of.started,
                state: None,
                device: None,
                is_mixed: false,
                night: night(run),
            },
        }
    }

    /// Runs that a night has made.
    fn made(&self, night: Option<usize>) -> usize {
        night.map_or(1, |night| 1 + self.nights[night].1.confirmations.len())
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

fn one(
    (suite, id, settings): Key<'_>,
    values: &Values<'_>,
    runs: &[HistoryRun],
    judged: &Judged<'_>,
    conditions: &mut Conditions<'_>,
) -> Series {
    let mut points: Vec<Point> = Vec::with_capacity(values.len());
    let mut cuts = vec![(0, Vec::new())];
    // The last run that is there, and the point behind it. What is gone belongs to the run that follows.
    let mut before: Option<(usize, usize)> = None;
    for (index, &(run, value)) in values.iter().enumerate() {
        let (mut programs, mut program_words) = (Vec::new(), Vec::new());
        if !runs[run].is_gone() {
            if let Some((then, behind)) = before {
                let changes = conditions.between(then, run);
                programs.clone_from(&changes.programs);
                program_words.clone_from(&changes.program_words);
                if !changes.machine.is_empty() {
                    cuts.push((behind, changes.machine.clone()));
                }
            }
            before = Some((run, index + 1));
        }
        points.push(Point {
            run,
            average: value.average(),
            disturbed: value.disturbed(),
            verdict: judged.verdict(&runs[run].run, id),
            programs,
            program_words,
        });
    }
    Series {
        suite: suite.to_owned(),
        id: id.clone(),
        settings: settings.to_owned(),
        is_one_of_several: false,
        is_current: true,
        stretches: stretches(&points, cuts, runs, judged),
        points,
        gaps: Vec::new(),
    }
}

fn stretches(
    points: &[Point],
    cuts: Vec<(usize, Vec<Difference>)>,
    runs: &[HistoryRun],
    judged: &Judged<'_>,
) -> Vec<Stretch> {
    let mut ends: Vec<usize> = cuts.iter().skip(1).map(|(first, _)| *first).collect();
    ends.push(points.len());
    let each = cuts.into_iter().zip(ends);
    each.map(|((first, changes), end)| {
        let found = analysed(&measured(points, first..end, runs, judged));
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

/// What counts of these points, those of a night as one. The values of a mixed run are those of no machine.
fn measured(
    points: &[Point],
    of: Range<usize>,
    runs: &[HistoryRun],
    judged: &Judged<'_>,
) -> Vec<Measured> {
    let mut found: Vec<Measured> = Vec::new();
    let mut last = None;
    for index in of {
        let point = &points[index];
        let run = &runs[point.run];
        if run.is_mixed {
            continue;
        }
        match found.last_mut() {
            Some(one) if last.is_some() && last == run.night => {
                one.end = index + 1;
                one.values.push(point.average);
                one.runs += 1;
            }
            Some(_) | None => found.push(Measured {
                first: index,
                end: index + 1,
                values: vec![point.average],
                runs: match run.is_gone() {
                    true => judged.made(run.night),
                    false => 1,
                },
            }),
        }
        last = run.night;
    }
    found
}

/// Series of one cell differ in their settings; the one with the newest value is the present one.
fn tell_settings_apart(series: &mut [Series], runs: &[HistoryRun]) {
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

type CellKey = (String, Option<u32>, Metric);

fn cell_key(id: &CellId) -> CellKey {
    (id.case.clone(), id.tokens, id.metric.clone())
}

/// Nights of the suite without a value of the series; behind the last value only where the series is the present one.
fn gaps(series: &Series, runs: &[HistoryRun], nights: &[(&str, &Night)]) -> Vec<Gap> {
    let times: Vec<_> = series
        .points
        .iter()
        .map(|point| runs[point.run].started)
        .collect();
    let has_value: HashSet<&str> = series
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
