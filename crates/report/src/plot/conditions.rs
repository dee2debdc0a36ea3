//! What the machine was like while workers ran: temperature, the share of the CPUs that others used, stolen time. Between
//! attempts nobody looks.

use anechoic_record::{Observation, RunRecord};

use super::Plot;
use super::frame::{Area, MARGIN, TOP, WIDTH, document, y_axis};
use super::mark::{circle, polyline, segment};
use super::scale::Scale;
use super::svg::Element;
use super::unit::Unit;
use super::wall_time::WallTime;
use crate::units::{count, significant};

/// Readings of one quantity: seconds since the run's start, and value. One list per attempt.
type Readings = Vec<Vec<(f64, f64)>>;

/// One panel.
struct Panel {
    title: &'static str,
    unit: Unit,
    readings: Readings,
}

const HEIGHT: f64 = 96.0;
const GAP: f64 = 34.0;
const LEFT: f64 = 56.0;
/// Points of one panel; of more, only each second, third … attempt's reading.
const POINTS: usize = 1_500;

pub(super) fn plot(record: &RunRecord) -> Option<Plot> {
    let panels: Vec<Panel> = panels(record)
        .into_iter()
        .filter(|panel| !panel.readings.is_empty())
        .collect();
    let spans = record.manifest.attempts().map(|(_, attempt)| {
        let from = attempt
            .started
            .duration_since(record.manifest.started)
            .as_secs_f64();
        (from, from + attempt.wall_ns as f64 / 1e9)
    });
    let time = WallTime::of(spans)?;
    let mut body = Vec::new();
    let mut top = TOP + 24.0;
    for panel in &panels {
        let area = Area {
            left: LEFT,
            top,
            width: WIDTH - LEFT - MARGIN - 8.0,
            height: HEIGHT,
        };
        body.extend(panel.draw(&area, &time));
        top = area.bottom() + GAP;
    }
    let bottom = top - GAP;
    let area = Area {
        left: LEFT,
        top: TOP,
        width: WIDTH - LEFT - MARGIN - 8.0,
        height: bottom - TOP,
    };
    body.push(time.labels(&area));
    let (id, title) = (
        "conditions".to_owned(),
        "The machine while workers ran".to_owned(),
    );
    let caption = caption(&panels);
    let svg = document(&id, &title, &caption, bottom + 44.0, body);
    (!panels.is_empty()).then_some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn panels(record: &RunRecord) -> Vec<Panel> {
    let degrees = |o: &Observation| Some(o.state.cpu_temperature_millicelsius? as f64 / 1e3);
    let gpu = |o: &Observation| Some(o.state.gpu.as_ref()?.temperature_millicelsius? as f64 / 1e3);
    let busy = |o: &Observation| Some(o.state.cpu_busy_ms?.saturating_sub(o.worker_cpu_ms?));
    let stolen = |o: &Observation| o.state.cpu_stolen_ms;
    vec![
        Panel {
            title: "processor, °C",
            unit: Unit::Plain,
            readings: levels(record, degrees),
        },
        Panel {
            title: "GPU, °C",
            unit: Unit::Plain,
            readings: levels(record, gpu),
        },
        Panel {
            title: "CPUs that others used",
            unit: Unit::Plain,
            readings: rates(record, busy),
        },
        Panel {
            title: "CPUs that a hypervisor took",
            unit: Unit::Plain,
            readings: rates(record, stolen),
        },
    ]
}

/// Each attempt's observations with the start of its process, in seconds since the run's start.
fn observed(record: &RunRecord) -> impl Iterator<Item = (f64, &[Observation])> {
    record.manifest.attempts().filter_map(|(case, attempt)| {
        let data = record.attempts.get(&(case.to_owned(), attempt.attempt))?;
        let from = attempt.started.duration_since(record.manifest.started);
        Some((from.as_secs_f64(), data.observations.as_slice()))
    })
}

fn at(from: f64, observation: &Observation) -> f64 {
    from + observation.since_spawn_ns as f64 / 1e9
}

fn levels(record: &RunRecord, of: impl Fn(&Observation) -> Option<f64>) -> Readings {
    let lists = observed(record).map(|(from, observations)| {
        let known = observations
            .iter()
            .filter_map(|o| Some((at(from, o), of(o)?)));
        known.collect()
    });
    lists.filter(|list: &Vec<_>| !list.is_empty()).collect()
}

/// Change of a count of milliseconds per millisecond, between neighbouring readings.
fn rates(record: &RunRecord, of: impl Fn(&Observation) -> Option<u64>) -> Readings {
    let lists = observed(record).map(|(from, observations)| {
        let pairs = observations.windows(2);
        let rate = |pair: &[Observation]| {
            let (before, after) = (of(&pair[0])?, of(&pair[1])?);
            let (begin, end) = (at(from, &pair[0]), at(from, &pair[1]));
            let seconds = end - begin;
            // Counters of the kernel are read one after the other: a little below zero is zero.
            let change = after.saturating_sub(before) as f64 / 1e3;
            (seconds > 0.0).then(|| (f64::midpoint(begin, end), change / seconds))
        };
        pairs.filter_map(rate).collect()
    });
    lists.filter(|list: &Vec<_>| !list.is_empty()).collect()
}

impl Panel {
    fn draw(&self, area: &Area, time: &WallTime) -> Vec<Element> {
        let values = || self.readings.iter().flatten().map(|(_, value)| *value);
        let scale = match self.title.ends_with("°C") {
            true => Scale::around(values()),
            false => Scale::from_zero(values().chain([0.1])),
        };
        let Some(scale) = scale else {
            return Vec::new();
        };
        let mut parts = vec![y_axis(area, &scale, self.unit, self.title)];
        parts.push(
            segment(area.left, area.bottom(), area.right(), area.bottom()).with("class", "axis"),
        );
        let stride = values().count().div_ceil(POINTS).max(1);
        for list in &self.readings {
            let placed = list.iter().step_by(stride).filter_map(|(at, value)| {
                let place = scale.place(*value)?;
                Some(((area.x(time.place(*at)), area.y(place)), *value))
            });
            let placed: Vec<((f64, f64), f64)> = placed.collect();
            let path: Vec<(f64, f64)> = placed.iter().map(|(at, _)| *at).collect();
            if path.len() > 1 {
                parts.push(polyline(&path).with("class", "thin s1"));
            }
            parts.extend(placed.into_iter().map(|((x, y), value)| {
                let exact = significant(value, 3);
                let mark = circle(x, y, 1.6).with("class", "pt s1 raw");
                mark.titled(&format!("{}: {exact}", self.title))
            }));
        }
        parts
    }
}

fn caption(panels: &[Panel]) -> String {
    let attempts = panels
        .iter()
        .map(|panel| panel.readings.len())
        .max()
        .unwrap_or(0);
    format!(
        "Readings of the machine, one per second, while the workers of {} ran; between attempts nobody looks. What others \
         used is the busy time of the CPUs that the run may use less the worker's own; 1 is one whole CPU.",
        count(attempts, "attempt")
    )
}
