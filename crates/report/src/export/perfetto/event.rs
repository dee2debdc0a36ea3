//! One event of a trace, as the format has it.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::{Value, json};

/// A line of the picture: a thread of a process, in the format's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Track {
    pid: usize,
    tid: usize,
}

impl Track {
    /// Waits and attempts, one after the other.
    pub(super) const ORCHESTRATOR: Self = Self { pid: 1, tid: 1 };
    /// Readings of the machine.
    pub(super) const MACHINE: Self = Self { pid: 3, tid: 1 };

    /// The attempts of the case at this place of the plan.
    pub(super) fn case(index: usize) -> Self {
        Self {
            pid: 2,
            tid: index + 1,
        }
    }
}

/// An event; its times are in microseconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Event<'a> {
    name: Cow<'a, str>,
    ph: Kind,
    ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur: Option<u64>,
    pid: usize,
    tid: usize,
    /// How far an instant reaches: `t` is its track alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    s: Option<&'static str>,
    /// A colour of chrome://tracing; Perfetto colours by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    cname: Option<&'static str>,
    args: Value,
}

/// The kinds of event that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Kind {
    /// A slice with its length.
    #[serde(rename = "X")]
    Complete,
    #[serde(rename = "i")]
    Instant,
    #[serde(rename = "C")]
    Counter,
    #[serde(rename = "M")]
    Metadata,
}

impl<'a> Event<'a> {
    /// From `begin_us` to `end_us`.
    pub(super) fn slice(
        track: Track,
        name: impl Into<Cow<'a, str>>,
        (begin_us, end_us): (u64, u64),
        args: Value,
    ) -> Self {
        let dur = Some(end_us.saturating_sub(begin_us));
        Self {
            dur,
            ..Self::new(track, Kind::Complete, name.into(), begin_us, args)
        }
    }

    pub(super) fn instant(
        track: Track,
        name: impl Into<Cow<'a, str>>,
        at_us: u64,
        args: Value,
    ) -> Self {
        Self {
            s: Some("t"),
            ..Self::new(track, Kind::Instant, name.into(), at_us, args)
        }
    }

    pub(super) fn counter(name: &'static str, at_us: u64, value: f64) -> Self {
        let args = json!({ "value": value });
        Self::new(Track::MACHINE, Kind::Counter, name.into(), at_us, args)
    }

    /// Names the process of a track.
    pub(super) fn process(track: Track, name: &str) -> Self {
        Self::metadata(track, "process_name", json!({ "name": name }))
    }

    /// Names a track.
    pub(super) fn thread(track: Track, name: &str) -> Self {
        Self::metadata(track, "thread_name", json!({ "name": name }))
    }

    /// Says where among its process's tracks a track is shown.
    pub(super) fn thread_place(track: Track, place: usize) -> Self {
        Self::metadata(track, "thread_sort_index", json!({ "sort_index": place }))
    }

    /// In the colour of failures.
    pub(super) fn alarming(self) -> Self {
        Self {
            cname: Some("terrible"),
            ..self
        }
    }

    /// Sorts by time, and what holds others before them.
    pub(super) fn place(&self) -> (u64, std::cmp::Reverse<u64>) {
        (self.ts, std::cmp::Reverse(self.dur.unwrap_or(0)))
    }

    fn metadata(track: Track, name: &'static str, args: Value) -> Self {
        Self::new(track, Kind::Metadata, name.into(), 0, args)
    }

    fn new(track: Track, ph: Kind, name: Cow<'a, str>, ts: u64, args: Value) -> Self {
        Self {
            name,
            ph,
            ts,
            dur: None,
            pid: track.pid,
            tid: track.tid,
            s: None,
            cname: None,
            args,
        }
    }
}
