//! One attempt in a trace: the waits before it, its slice with its phases, and what happened at single moments.

use anechoic_protocol::Phase;
use anechoic_record::{AttemptData, AttemptRecord, Moment, RunRecord, Stop, Wait};
use serde_json::{Value, json};

use super::Clock;
use super::counters::counters;
use super::event::{Event, Track};

/// An attempt with its place in time. Wall clocks jump and stamps are a little late; so each attempt begins no earlier
/// than the one before it has ended, and all that is inside stays inside.
pub(super) struct Placed<'a> {
    case: &'a str,
    attempt: &'a AttemptRecord,
    data: &'a AttemptData,
    track: Track,
    clock: Clock,
    /// Waits, one after the other.
    waits: Vec<(u64, u64)>,
    begin: u64,
    end: u64,
}

impl<'a> Placed<'a> {
    /// The attempt of the case at this place, no earlier than `free_us`.
    pub(super) fn of(
        record: &'a RunRecord,
        case: usize,
        attempt: &'a AttemptRecord,
        clock: Clock,
        free_us: u64,
    ) -> Self {
        let id = record.manifest.cases[case].case.id.as_str();
        let data = record.attempt_data(id, attempt.attempt);
        let mut free = free_us;
        let mut waits = Vec::new();
        for (until, waited_ms) in &data.timeline.waited {
            let until = clock.us(*until).max(free);
            waits.push((until.saturating_sub(waited_ms * 1_000).max(free), until));
            free = until;
        }
        let spawned = data.timeline.spawned.unwrap_or(attempt.started);
        let begin = clock.us(spawned).max(free);
        Self {
            case: id,
            attempt,
            data,
            track: Track::case(case),
            clock,
            waits,
            begin,
            end: begin + attempt.wall_ns / 1_000,
        }
    }

    /// When it, or the first wait before it, begins.
    pub(super) fn begin_us(&self) -> u64 {
        self.waits.first().map_or(self.begin, |(begin, _)| *begin)
    }

    pub(super) fn end_us(&self) -> u64 {
        self.end
    }

    /// All of it, by time.
    pub(super) fn events(&self) -> Vec<Event<'a>> {
        let mut events = self.waits();
        events.push(self.slice(Track::ORCHESTRATOR, format!("{} ", self.case)));
        events.push(self.slice(self.track, String::new()));
        events.extend(self.phases());
        events.extend(self.moments());
        events.extend(counters(
            &self.data.observations,
            |ns| self.at(ns),
            self.end,
        ));
        events.sort_by_key(Event::place);
        events
    }

    /// A moment of the attempt by its time since spawn.
    fn at(&self, since_spawn_ns: u64) -> u64 {
        (self.begin + since_spawn_ns / 1_000).min(self.end)
    }

    /// The reasons are those of all waits together; they stand at each.
    fn waits(&self) -> Vec<Event<'a>> {
        let reasons = &self.data.waits;
        let name = match reasons.is_empty() {
            true => "cooldown".to_owned(),
            false => {
                let names: Vec<&str> = reasons.iter().map(|wait| wait.what.name()).collect();
                format!("wait: {}", names.join(", "))
            }
        };
        let reasons: Vec<Value> = reasons.iter().map(reason).collect();
        let args =
            json!({ "before": self.case, "attempt": self.attempt.attempt, "reasons": reasons });
        let slice = |span: &(u64, u64)| {
            Event::slice(Track::ORCHESTRATOR, name.clone(), *span, args.clone())
        };
        self.waits.iter().map(slice).collect()
    }

    /// One that did not end well has another name and so another colour.
    fn slice(&self, track: Track, before: String) -> Event<'a> {
        let AttemptRecord {
            attempt, outcome, ..
        } = self.attempt;
        let ending = match outcome.is_ok() {
            true => String::new(),
            false => format!(": {}", outcome.name()),
        };
        let disturbed: Vec<String> = self.attempt.disturbed.iter().map(|d| d.cause()).collect();
        let args = json!({
            "case": self.case,
            "attempt": attempt,
            "outcome": outcome.name(),
            "cause": outcome.cause(),
            "samples": self.data.samples.len(),
            "disturbed": disturbed,
        });
        let name = format!("{before}attempt {attempt}{ending}");
        let slice = Event::slice(track, name, (self.begin, self.end), args);
        match outcome.is_ok() {
            true => slice,
            false => slice.alarming(),
        }
    }

    /// Each phase until the next, the last until the process has ended.
    fn phases(&self) -> Vec<Event<'a>> {
        if self.data.timeline.spawned.is_none() {
            return Vec::new();
        }
        let marks = self.marks();
        let ends = marks.iter().skip(1).map(|(_, at)| *at).chain([self.end]);
        let spans = marks.iter().zip(ends);
        spans
            .map(|((phase, begin), end)| {
                Event::slice(self.track, phase.as_str(), (*begin, end), json!({}))
            })
            .collect()
    }

    /// Phases with their beginnings, which never go backwards. A worker that says its last word is leaving.
    fn marks(&self) -> Vec<(Phase, u64)> {
        let timeline = &self.data.timeline;
        let announced = timeline.phases.iter().copied();
        let mut marks = vec![(Phase::Start, self.begin)];
        let says_stop = timeline
            .phases
            .iter()
            .any(|(phase, _)| *phase == Phase::Stop);
        let last_word = timeline.last_word_ns.filter(|_| !says_stop);
        let leaving = last_word.map(|at| (Phase::Stop, at));
        let mut latest = self.begin;
        for (phase, at) in announced.chain(leaving) {
            latest = self.at(at).max(latest);
            marks.push((phase, latest));
        }
        marks
    }

    fn moments(&self) -> Vec<Event<'a>> {
        let timeline = &self.data.timeline;
        let instant = |name: &'static str, at, args| Event::instant(self.track, name, at, args);
        let samples = self.data.samples.iter().zip(&timeline.samples_ns);
        let samples = samples.map(|(sample, at)| {
            let args = json!({ "iteration": sample.iteration() });
            instant("sample", self.at(*at), args)
        });
        let warnings = self.data.warnings.iter().zip(&timeline.warnings_ns);
        let warnings =
            warnings.map(|(text, at)| instant("warning", self.at(*at), json!({ "message": text })));
        let stops = timeline.stops.iter().map(|(at, how)| {
            let at = self.clock.us(*at).clamp(self.begin, self.end);
            instant(stop(*how), at, json!({}))
        });
        let disturbances = self.attempt.disturbed.iter().map(|disturbance| {
            let at = match disturbance.when {
                Moment::Before => self.begin,
                Moment::During => self.end,
            };
            let args = json!({ "what": disturbance.what.name(), "cause": disturbance.cause() });
            instant("disturbed", at, args)
        });
        let all = samples.chain(warnings).chain(stops);
        all.chain(disturbances).collect()
    }
}

fn reason(wait: &Wait) -> Value {
    json!({ "what": wait.what.name(), "waited_ms": wait.waited_ms, "cause": wait.what.cause() })
}

fn stop(how: Stop) -> &'static str {
    match how {
        Stop::CloseStdin => "asked to stop",
        Stop::Terminate => "SIGTERM",
        Stop::Kill => "SIGKILL",
    }
}
