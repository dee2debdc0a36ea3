//! Time and memory against T, one line per version.

use anechoic_stats::Crossover;

use super::chart::{Across, BESIDE, Chart, Line, Point, Pointer};
use super::extent::CUT;
use super::frame::{TOP, document, legend};
use super::mark::Look;
use super::series::{look, quality_words};
use super::unit::Unit;
use super::{Plot, numbered};
use crate::render::{crossover, is_crossover_told, setting_words};
use crate::{Figure, KvPoint, KvSummary, LatencyLine, MemoryLine, PointQuality, Setting, Spread};

/// Which time.
#[derive(Clone, Copy, PartialEq)]
enum Time {
    Total,
    PerToken,
}

/// What makes a series: one version on one attention path, each T alone or all in the same processes.
#[derive(PartialEq)]
struct Key<'a> {
    point: &'a KvPoint,
}

impl Key<'_> {
    fn is_same(&self, other: &KvPoint) -> bool {
        let own = self.point;
        own.version == other.version && own.setting == other.setting && own.grouped == other.grouped
    }
}

/// Settings that differ in more than the attention path, each once.
fn settings<'a>(points: impl Iterator<Item = &'a KvPoint>) -> Vec<&'a Setting> {
    let mut found: Vec<&Setting> = Vec::new();
    for point in points {
        if !found.iter().any(|setting| setting.is_alike(&point.setting)) {
            found.push(&point.setting);
        }
    }
    found
}

pub(super) fn latency(kv: &KvSummary) -> Vec<Plot> {
    let settings = settings(kv.latency.iter().map(|line| &line.point));
    let place = |number| Place {
        number,
        of: settings.len(),
    };
    let of = |time| {
        let each = (1..).zip(&settings);
        each.filter_map(move |(number, setting)| latency_of(kv, setting, place(number), time))
    };
    of(Time::Total).chain(of(Time::PerToken)).collect()
}

/// The plot of this setting, from 1, among those of so many.
#[derive(Clone, Copy)]
struct Place {
    number: usize,
    of: usize,
}

impl Place {
    /// With the setting where it tells plots apart.
    fn title(self, title: &str, setting: &Setting) -> String {
        match self.of {
            1 => title.to_owned(),
            _ => format!("{title}: {}", setting_words(setting)),
        }
    }
}

fn latency_of(kv: &KvSummary, setting: &Setting, place: Place, time: Time) -> Option<Plot> {
    let of_setting = |line: &&LatencyLine| line.point.setting.is_alike(setting);
    let measured: Vec<&LatencyLine> = kv.latency.iter().filter(of_setting).collect();
    let figure = |line: &LatencyLine| match time {
        Time::Total => line.total_s,
        Time::PerToken => line.per_token_s,
    };
    let lines = series(
        &measured,
        |line| &line.point,
        |line| Some(&line.quality),
        |line| Some(timed(&line.point, &figure(line)?)),
    );
    let pointers = pointers(kv, setting, time);
    let across = Across::Tokens(tokens(measured.iter().map(|line| &line.point)));
    let (id, title, y_title) = match time {
        Time::Total => ("latency-t", "Time to generate T tokens", "total time"),
        Time::PerToken => ("per-token-t", "Time per token against T", "total / T"),
    };
    let chart = Chart {
        across: &across,
        x_title: "T, tokens generated per request",
        y_title,
        unit: Unit::Seconds,
        lines: &lines,
        pointers: &pointers,
        fits: &[],
    };
    let mut sentences = format!(
        "{title}, {}; means over processes, of each process's mean, with their 95 % interval{}, where \
         the plot of all values has the mean of processes' medians.",
        setting_words(setting),
        counts(measured.iter().map(|line| &line.point))
    );
    sentences += weak_words(&lines);
    sentences += &crossover_words(kv, setting);
    if chart.is_one_point() {
        return None;
    }
    let title = place.title(title, setting);
    finish(numbered(id, place.number), &title, sentences, &[chart])
}

fn timed(point: &KvPoint, figure: &Figure) -> Point {
    let estimate = figure.estimate;
    let value = Unit::Seconds.exact(estimate.mean);
    let interval = estimate.interval.map(|interval| {
        let (low, high) = (
            Unit::Seconds.exact(interval.low),
            Unit::Seconds.exact(interval.high),
        );
        format!(", 95 % interval {low} to {high}")
    });
    Point {
        x: f64::from(point.tokens),
        y: estimate.mean,
        interval: estimate.interval,
        is_weak: figure.spread == Spread::BetweenRuns,
        case: point.case.clone(),
        title: format!(
            "T = {}, {value}{}",
            point.tokens,
            interval.unwrap_or_default()
        ),
    }
}

/// Lines of one version and path, in the order of T.
fn series<'a, L>(
    measured: &[&'a L],
    point: impl Fn(&'a L) -> &'a KvPoint,
    quality: impl Fn(&'a L) -> Option<&'a PointQuality>,
    value: impl Fn(&'a L) -> Option<Point>,
) -> Vec<Line> {
    let mut lines: Vec<(Key<'_>, Line)> = Vec::new();
    let points: Vec<&KvPoint> = measured.iter().map(|line| point(line)).collect();
    for line in measured {
        let (own, Some(value)) = (point(line), value(line)) else {
            continue;
        };
        if let Some((_, known)) = lines.iter_mut().find(|(key, _)| key.is_same(own)) {
            known.points.push(value);
            continue;
        }
        let line = Line {
            look: look_of(own, &points),
            name: name(own, &points, quality(line)),
            points: vec![value],
        };
        lines.push((Key { point: own }, line));
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    for line in &mut lines {
        line.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    lines
}

/// Further paths, and T in common processes, have the version's look with another fill.
fn look_of(point: &KvPoint, all: &[&KvPoint]) -> Look {
    let mut variants: Vec<Key<'_>> = Vec::new();
    for other in all.iter().filter(|other| other.version == point.version) {
        if !variants.iter().any(|known| known.is_same(other)) {
            variants.push(Key { point: other });
        }
    }
    let place = variants.iter().position(|known| known.is_same(point));
    look(point.version).variant(place.unwrap_or(0))
}

fn name(point: &KvPoint, all: &[&KvPoint], quality: Option<&PointQuality>) -> String {
    let mut name = point.version.as_str().to_owned();
    if all
        .iter()
        .any(|other| other.setting.attention != point.setting.attention)
    {
        name += &format!(", {}", point.setting.attention.as_str());
    }
    if point.grouped && all.iter().any(|other| !other.grouped) {
        name += ", grouped";
    }
    match quality {
        Some(quality) => format!("{name} · {}", quality_words(quality, point)),
        None => name,
    }
}

fn tokens<'a>(points: impl Iterator<Item = &'a KvPoint>) -> Vec<u32> {
    let mut tokens: Vec<u32> = points.map(|point| point.tokens).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// How many processes and runs stand behind points.
fn counts<'a>(points: impl Iterator<Item = &'a KvPoint> + Clone) -> String {
    let processes = || points.clone().map(|point| point.processes);
    let (Some(least), Some(most)) = (processes().min(), processes().max()) else {
        return String::new();
    };
    match (least, most) {
        (1, 1) => " (n = 1 process each)".to_owned(),
        (a, b) if a == b => format!(" (n = {a} processes each)"),
        (a, b) => format!(" (n = {a} to {b} processes)"),
    }
}

fn weak_words(lines: &[Line]) -> &'static str {
    let mut points = lines.iter().flat_map(|line| &line.points);
    match points.any(|point| point.is_weak && point.interval.is_some()) {
        true => {
            " A dashed interval is over the runs of one process and says nothing about another process."
        }
        false => "",
    }
}

fn pointers(kv: &KvSummary, setting: &Setting, time: Time) -> Vec<Pointer> {
    let own = kv
        .crossovers
        .iter()
        .filter(|line| line.setting.is_alike(setting));
    own.filter_map(|line| match line.crossover {
        Crossover::From { at, .. } => Some(Pointer {
            x: at,
            text: match (time, is_crossover_told(line, kv)) {
                (Time::Total, true) => format!("v1 faster from T ≈ {}", at.round()),
                (Time::PerToken, true) => format!("T ≈ {}", at.round()),
                (Time::Total | Time::PerToken, false) => {
                    format!("about T = {}, not told from chance", at.round())
                }
            },
        }),
        Crossover::Everywhere | Crossover::Never => None,
    })
    .collect()
}

fn crossover_words(kv: &KvSummary, setting: &Setting) -> String {
    let own = kv
        .crossovers
        .iter()
        .filter(|line| line.setting.is_alike(setting));
    own.map(|line| format!(" {}.", crossover(line, kv)))
        .collect()
}

pub(super) fn memory(kv: &KvSummary) -> Vec<Plot> {
    let settings = settings(kv.memory.iter().map(|line| &line.point));
    let of = settings.len();
    let each = (1..).zip(settings);
    each.filter_map(|(number, setting)| memory_of(kv, setting, Place { number, of }))
        .collect()
}

fn memory_of(kv: &KvSummary, setting: &Setting, place: Place) -> Option<Plot> {
    let of_setting = |line: &&MemoryLine| line.point.setting.is_alike(setting);
    let measured: Vec<&MemoryLine> = kv.memory.iter().filter(of_setting).collect();
    let of = |bytes: fn(&MemoryLine) -> u64| {
        series(
            &measured,
            |line| &line.point,
            |_| None,
            |line| {
                let value = bytes(line);
                (value > 0).then(|| held_bytes(&line.point, value))
            },
        )
    };
    let peak = of(|line| line.activation_bytes);
    let cache = of(|line| line.cache.reserved.total());
    let across = Across::Tokens(tokens(measured.iter().map(|line| &line.point)));
    let chart = |y_title, lines| Chart {
        across: &across,
        x_title: "T, tokens generated per request",
        y_title,
        unit: Unit::Bytes,
        lines,
        pointers: &[],
        fits: &[],
    };
    let title = place.title("Memory against T", setting);
    let caption = format!(
        "Above, the most memory held while generating, less what was held before the cache was made: the run with the \
         highest peak. Below, the exact bytes reserved for the cache; v0 has none. {}{}.",
        setting_words(setting),
        counts(measured.iter().map(|line| &line.point))
    );
    let charts = [
        chart("peak above baseline", &peak),
        chart("cache reserved", &cache),
    ];
    if charts.iter().all(Chart::is_one_point) {
        return None;
    }
    finish(numbered("memory-t", place.number), &title, caption, &charts)
}

fn held_bytes(point: &KvPoint, bytes: u64) -> Point {
    Point {
        x: f64::from(point.tokens),
        y: bytes as f64,
        interval: None,
        is_weak: false,
        case: point.case.clone(),
        title: format!(
            "T = {}, {} ({bytes} B)",
            point.tokens,
            Unit::Bytes.exact(bytes as f64)
        ),
    }
}

/// Panels below each other under one legend; `None` where none has a point.
fn finish(id: String, title: &str, mut caption: String, charts: &[Chart<'_>]) -> Option<Plot> {
    let longest = charts.iter().max_by_key(|chart| chart.lines.len())?;
    let entries: Vec<_> = longest.lines.iter().map(Line::entry).collect();
    let (legend, height) = legend(TOP, &entries);
    let mut body = vec![legend];
    let mut top = TOP + height;
    let drawn: Vec<_> = charts
        .iter()
        .filter_map(|chart| {
            let drawn = chart.draw(top)?;
            top = drawn.bottom + 6.0;
            Some(drawn)
        })
        .collect();
    let bottom = drawn.last()?.bottom;
    if drawn.iter().any(|panel| panel.is_cut) {
        caption += CUT;
    }
    if drawn.iter().any(|panel| panel.is_spread) {
        caption += BESIDE;
    }
    if drawn.iter().any(|panel| panel.is_log) {
        caption += " The vertical axis is logarithmic.";
    }
    body.extend(drawn.into_iter().flat_map(|panel| panel.body));
    let svg = document(&id, title, &caption, bottom, body);
    let title = title.to_owned();
    Some(Plot {
        id,
        title,
        caption,
        svg,
    })
}
