//! The run in wall time: one lane per case, with waits, the phases of each worker and how its attempt ended.

use anechoic_protocol::Phase;
use anechoic_record::{AttemptData, AttemptRecord, CaseRecord, RunRecord};

use super::Plot;
use super::frame::{
    Area, Entry, MARGIN, Swatch, TOP, WIDTH, X_AXIS, document, fitted, label, legend,
};
use super::mark::{Look, cross, rect, segment};
use super::svg::{Element, number};
use super::wall_time::{TICKS, WallTime, elapsed};
use crate::units::{self, duration};

/// Up to so many attempts the phases of each are drawn.
const WITH_PHASES: usize = 300;
/// Up to so many attempts each is drawn by itself; of more, those of a lane that ended well are one shape.
const ONE_BY_ONE: usize = 3_000;
/// Up to so many cases a lane has its name beside it.
const NAMED: usize = 80;
const NAMES: f64 = 172.0;

/// How much is drawn of an attempt.
#[derive(Clone, Copy, PartialEq)]
enum Detail {
    Phases,
    Block,
    Outline,
}

/// When an attempt happened, in seconds since the run's start.
#[derive(Clone, Copy)]
struct Span {
    /// The wait before it.
    waits_from: f64,
    /// Of it, what came after the fixed pause.
    gate_from: f64,
    from: f64,
    to: f64,
}

pub(super) fn plot(record: &RunRecord) -> Option<Plot> {
    let cases = &record.manifest.cases;
    let spans = record.manifest.attempts().map(|(case, attempt)| {
        let span = span(record, case, attempt);
        (span.waits_from, span.to)
    });
    let time = WallTime::of(spans)?;
    let count = record.manifest.attempts().count();
    let detail = match () {
        () if count <= WITH_PHASES => Detail::Phases,
        () if count <= ONE_BY_ONE => Detail::Block,
        () => Detail::Outline,
    };
    let (is_named, lane) = match cases.len() {
        ..=NAMED => (true, 22.0),
        _ => (false, 8.0),
    };
    let (legend, height) = legend(TOP, &entries(record, detail));
    let left = if is_named {
        MARGIN + NAMES
    } else {
        MARGIN + 6.0
    };
    let area = Area {
        left,
        top: TOP + height + 6.0,
        width: WIDTH - left - MARGIN - 8.0,
        height: cases.len() as f64 * lane,
    };
    let mut body = vec![legend, axis(&area, &time)];
    for (index, case) in cases.iter().enumerate() {
        let canvas = Canvas {
            area: &area,
            time: &time,
            top: area.top + index as f64 * lane,
            lane,
            detail,
        };
        body.push(canvas.lane_of(record, case, is_named));
    }
    let (id, title) = ("timeline".to_owned(), "The run in wall time".to_owned());
    let caption = caption(record, count, &time, is_named);
    let svg = document(&id, &title, &caption, area.bottom() + X_AXIS, body);
    Some(Plot {
        id,
        title,
        caption,
        svg,
    })
}

fn data<'a>(record: &'a RunRecord, case: &str, attempt: &AttemptRecord) -> Option<&'a AttemptData> {
    record.attempts.get(&(case.to_owned(), attempt.attempt))
}

fn span(record: &RunRecord, case: &str, attempt: &AttemptRecord) -> Span {
    let since = attempt.started.duration_since(record.manifest.started);
    let from = since.as_secs_f64();
    let data = data(record, case, attempt);
    let waited = data.map_or(0.0, |data| data.waited_ms as f64 / 1e3);
    let longest = data.and_then(|data| data.waits.iter().map(|w| w.waited_ms).max());
    let gate = longest.map_or(0.0, |ms| ms as f64 / 1e3).min(waited);
    Span {
        waits_from: from - waited,
        gate_from: from - gate,
        from,
        to: from + attempt.wall_ns as f64 / 1e9,
    }
}

/// Looks of phases: a colour, and a height as a part of the lane.
fn phase_look(phase: Phase) -> (&'static str, f64) {
    match phase {
        Phase::Start => ("s7", 0.4),
        Phase::Load => ("s6", 0.5),
        Phase::Verify => ("s4", 0.6),
        Phase::WarmUp => ("s5", 0.7),
        Phase::Measure => ("s1", 0.8),
        Phase::Stop => ("s8", 0.4),
    }
}

fn entries(record: &RunRecord, detail: Detail) -> Vec<Entry> {
    let entry = |swatch, text: &str| Entry {
        swatch,
        text: text.to_owned(),
    };
    let attempts = || record.manifest.attempts().map(|(_, attempt)| attempt);
    let mut entries = Vec::new();
    let waited = || record.attempts.values();
    if waited().any(|data| data.waited_ms > 0) {
        entries.push(entry(Swatch::Thin, "cooldown"));
    }
    if waited().any(|data| !data.waits.is_empty()) {
        entries.push(entry(Swatch::Box("gate"), "wait for rest"));
    }
    match detail {
        Detail::Phases => {
            let seen = |phase: &Phase| {
                let results = record
                    .attempts
                    .values()
                    .filter_map(|data| data.result.as_ref());
                results
                    .flat_map(|r| &r.phases)
                    .any(|span| span.phase == *phase)
            };
            let phases = Phase::ALL.into_iter().filter(seen);
            entries.extend(
                phases.map(|phase| entry(Swatch::Block(phase_look(phase).0), phase.as_str())),
            );
            entries.push(entry(Swatch::Box("whole"), "worker"));
        }
        Detail::Block | Detail::Outline => entries.push(entry(Swatch::Box("whole"), "worker")),
    }
    if attempts().any(is_failed) {
        entries.push(entry(Swatch::Cross, "failed"));
    }
    if attempts().any(|a| a.outcome.is_cut_short()) {
        entries.push(entry(Swatch::Mark(Look::of(3).hollow()), "cut short"));
    }
    if attempts().any(|a| a.outcome.is_ok() && !a.disturbed.is_empty()) {
        entries.push(entry(
            Swatch::Mark(Look::of(4).hollow()),
            "disturbed, counts",
        ));
    }
    entries
}

fn is_failed(attempt: &AttemptRecord) -> bool {
    !attempt.outcome.is_ok() && !attempt.outcome.is_cut_short()
}

fn axis(area: &Area, time: &WallTime) -> Element {
    let mut axis = Element::new("g");
    for tick in time.ticks(TICKS) {
        let x = area.x(time.place(tick.value));
        axis.add(segment(x, area.top, x, area.bottom()).with("class", "grid"));
    }
    for cut in time.cuts() {
        let x = area.x(cut.place);
        let gap = rect(x - 3.0, area.top, 6.0, area.height).with("class", "gap");
        axis.add(gap.titled(&format!("nothing for {}", elapsed(cut.length_s.round()))));
    }
    axis.add(segment(area.left, area.bottom(), area.right(), area.bottom()).with("class", "axis"));
    axis.add(time.labels(area));
    axis
}

/// Where a lane is drawn.
struct Canvas<'a> {
    area: &'a Area,
    time: &'a WallTime,
    top: f64,
    lane: f64,
    detail: Detail,
}

impl Canvas<'_> {
    fn x(&self, seconds: f64) -> f64 {
        self.area.x(self.time.place(seconds))
    }

    fn middle(&self) -> f64 {
        self.top + self.lane / 2.0
    }

    fn lane_of(&self, record: &RunRecord, case: &CaseRecord, is_named: bool) -> Element {
        let id = &case.case.id;
        let mut lane = Element::new("g").with("data-case", id);
        if is_named {
            lane.add(fitted(MARGIN, self.middle() + 5.0, id, NAMES - 8.0, "soft"));
        }
        let bottom = self.top + self.lane;
        lane.add(segment(self.area.left, bottom, self.area.right(), bottom).with("class", "grid"));
        let spans: Vec<(&AttemptRecord, Span)> = case
            .attempts
            .iter()
            .map(|attempt| (attempt, span(record, id, attempt)))
            .collect();
        for part in self.waits(&spans) {
            lane.add(part);
        }
        match self.detail {
            Detail::Outline => lane.add_some(self.outline(id, &spans)),
            Detail::Phases | Detail::Block => {
                for (attempt, span) in &spans {
                    let data = data(record, id, attempt);
                    lane.add(self.attempt(id, attempt, span, data));
                }
            }
        }
        for (attempt, span) in &spans {
            lane.add_some(self.ending(id, attempt, span));
        }
        if spans.is_empty() {
            let text = "not made";
            lane.add(label(
                self.area.left + 6.0,
                self.middle() + 5.0,
                text,
                "soft absent",
            ));
        }
        lane
    }

    /// Waits of a lane: pauses as a thin line, the gate as a box, each kind one shape.
    fn waits(&self, spans: &[(&AttemptRecord, Span)]) -> Vec<Element> {
        let middle = number(self.middle());
        let mut pauses = String::new();
        let mut gates = String::new();
        for (_, span) in spans {
            if span.gate_from > span.waits_from {
                let (from, to) = (self.x(span.waits_from), self.x(span.gate_from));
                pauses += &format!("M{} {middle}H{}", number(from), number(to));
            }
            if span.from > span.gate_from {
                let (from, to) = (self.x(span.gate_from), self.x(span.from));
                let (top, height) = (self.middle() - self.lane * 0.2, self.lane * 0.4);
                gates += &block(from, top, (to - from).max(1.0), height);
            }
        }
        let total = |of: fn(&Span) -> f64| spans.iter().map(|(_, span)| of(span)).sum::<f64>();
        let shapes = [
            (
                pauses,
                "thin quiet",
                "cooldown",
                total(|s| s.gate_from - s.waits_from),
            ),
            (
                gates,
                "gate",
                "wait for rest",
                total(|s| s.from - s.gate_from),
            ),
        ];
        let seen = shapes.into_iter().filter(|(path, ..)| !path.is_empty());
        seen.map(|(path, class, name, seconds)| {
            let shape = Element::new("path").with("d", &path).with("class", class);
            shape.titled(&format!("{name}: {} in all", duration(seconds)))
        })
        .collect()
    }

    /// All attempts of a lane that ended well, as one shape.
    fn outline(&self, case: &str, spans: &[(&AttemptRecord, Span)]) -> Option<Element> {
        let good = spans.iter().filter(|(attempt, _)| attempt.outcome.is_ok());
        let mut path = String::new();
        let mut count = 0;
        for (_, span) in good {
            count += 1;
            let (from, to) = (self.x(span.from), self.x(span.to));
            path += &block(
                from,
                self.middle() - self.lane * 0.3,
                (to - from).max(0.5),
                self.lane * 0.6,
            );
        }
        let shape = Element::new("path").with("d", &path).with("class", "whole");
        let title = format!("{case}: {count} attempts that ended well");
        (count > 0).then(|| shape.titled(&title))
    }

    fn attempt(
        &self,
        case: &str,
        attempt: &AttemptRecord,
        span: &Span,
        data: Option<&AttemptData>,
    ) -> Element {
        let (from, to) = (self.x(span.from), self.x(span.to));
        let title = words(case, attempt, span);
        let (top, height) = (self.middle() - self.lane * 0.3, self.lane * 0.6);
        let whole = rect(from, top, (to - from).max(1.0), height);
        let whole = whole
            .with("class", "pt whole")
            .with("data-case", case)
            .with("data-value", &title);
        let whole = whole.titled(&title);
        let phases = data
            .and_then(|data| data.result.as_ref())
            .map(|r| r.phases.as_slice());
        let phases = phases.filter(|phases| self.detail == Detail::Phases && !phases.is_empty());
        let Some(phases) = phases else {
            return whole;
        };
        let mut group = Element::new("g").child(whole);
        let mut at = span.from;
        for part in phases {
            let seconds = part.duration_ns as f64 / 1e9;
            let (left, right) = (self.x(at), self.x((at + seconds).min(span.to)));
            at += seconds;
            let (class, share) = phase_look(part.phase);
            let height = self.lane * share;
            let shape = rect(left, self.middle() - height / 2.0, right - left, height);
            let shape = shape.with("class", &format!("phase {class}"));
            group.add(shape.titled(&format!(
                "{title}; {} {}",
                part.phase.as_str(),
                duration(seconds)
            )));
        }
        group
    }

    /// The mark at the end of an attempt that did not end well, or was disturbed.
    fn ending(&self, case: &str, attempt: &AttemptRecord, span: &Span) -> Option<Element> {
        let (x, y) = (self.x(span.to), self.middle());
        let radius = (self.lane * 0.22).clamp(2.5, 5.0);
        let mark = match attempt.outcome.is_ok() {
            true if attempt.disturbed.is_empty() => return None,
            true => Look::of(4)
                .hollow()
                .mark(self.x(span.from), self.top + 4.0, 3.0),
            false if attempt.outcome.is_cut_short() => Look::of(3).hollow().mark(x, y, radius),
            false => cross(x, y, radius).with("class", "pt failed"),
        };
        let title = words(case, attempt, span);
        let mark = mark.with("data-case", case).with("data-value", &title);
        Some(mark.titled(&title))
    }
}

/// A filled rectangle as a part of a path.
fn block(x: f64, y: f64, width: f64, height: f64) -> String {
    let (x, y, width, height) = (number(x), number(y), number(width), number(height));
    format!("M{x} {y}h{width}v{height}h-{width}z")
}

fn words(case: &str, attempt: &AttemptRecord, span: &Span) -> String {
    let disturbed: Vec<String> = attempt
        .disturbed
        .iter()
        .map(anechoic_record::Disturbance::cause)
        .collect();
    let mut text = format!(
        "{case}, attempt {}: {}, {}",
        attempt.attempt,
        attempt.outcome.cause(),
        duration(span.to - span.from)
    );
    if !disturbed.is_empty() && attempt.outcome.is_ok() {
        text += &format!("; disturbed: {}", disturbed.join("; "));
    }
    text
}

fn caption(record: &RunRecord, count: usize, time: &WallTime, is_named: bool) -> String {
    let attempts = || record.manifest.attempts().map(|(_, attempt)| attempt);
    let ok = attempts().filter(|a| a.outcome.is_ok()).count();
    let cut_short = attempts().filter(|a| a.outcome.is_cut_short()).count();
    let failed = count - ok - cut_short;
    let mut text = format!(
        "Every attempt when it happened, one lane per case in the plan's order: {}, {ok} ended well, {failed} failed, \
         {cut_short} cut short.",
        units::count(count, "attempt")
    );
    if record.attempts.values().any(|data| data.waited_ms > 0) {
        text += " Before an attempt, a thin line is the fixed pause and a dashed box the wait until the machine was at rest.";
    }
    let is_disturbed = |a: &AttemptRecord| a.outcome.is_ok() && !a.disturbed.is_empty();
    if attempts().any(is_disturbed) {
        text += " A triangle above an attempt: the machine was not at rest for it, and it counts all the same.";
    }
    let cuts = time.cuts().len();
    if cuts > 0 {
        text += &match cuts {
            1 => " One long gap in which nothing happened is cut.".to_owned(),
            several => format!(" {several} long gaps in which nothing happened are cut."),
        };
    }
    if !is_named {
        text += " There are too many lanes for names; a pointer that rests on an attempt shows its own.";
    }
    text
}
