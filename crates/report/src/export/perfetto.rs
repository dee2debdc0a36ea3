//! The course of a run as a trace in the Trace Event Format (JSON), which ui.perfetto.dev and chrome://tracing open:
//! when what ran, waited, failed and was read of the machine. Nothing is measured by it.
//!
//! Format: docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU. Slices are complete events (`X`) that
//! nest, times are whole microseconds since the start of the run.

mod attempt;
mod counters;
mod event;

use std::io::Write;

use anechoic_record::{AttemptRecord, RunRecord, Start, StartedBy};
use jiff::Timestamp;
use serde_json::json;

use attempt::Placed;
use event::{Event, Track};

/// Writes the trace, attempt by attempt: it is never in memory as a whole.
///
/// # Errors
/// Those of the writer.
pub fn perfetto(record: &RunRecord, out: impl Write) -> std::io::Result<()> {
    let mut trace = Trace { out, events: 0 };
    trace.out.write_all(b"{\"traceEvents\":[")?;
    trace.write(&names(record))?;
    let clock = Clock(record.manifest.started);
    let mut starts = record.manifest.starts.iter().peekable();
    let mut free = 0;
    for (case, attempt) in in_order(record) {
        let placed = Placed::of(record, case, attempt, clock, free);
        while let Some(start) = starts.next_if(|start| clock.us(start.at) <= placed.begin_us()) {
            trace.write(&[started(start, clock.us(start.at).max(free))])?;
        }
        trace.write(&placed.events())?;
        free = placed.end_us();
    }
    for start in starts {
        trace.write(&[started(start, clock.us(start.at).max(free))])?;
    }
    trace.close(record)
}

/// Microseconds since the run's start.
#[derive(Clone, Copy)]
struct Clock(Timestamp);

impl Clock {
    /// 0 for what was stamped before the start: a clock may be set back.
    fn us(self, at: Timestamp) -> u64 {
        u64::try_from(at.duration_since(self.0).as_micros()).unwrap_or(0)
    }
}

/// Every attempt with the place of its case, as they were made.
fn in_order(record: &RunRecord) -> Vec<(usize, &AttemptRecord)> {
    let cases = record.manifest.cases.iter().enumerate();
    let mut attempts: Vec<_> = cases
        .flat_map(|(index, case)| case.attempts.iter().map(move |attempt| (index, attempt)))
        .collect();
    attempts.sort_by_key(|(_, attempt)| attempt.started);
    attempts
}

/// What the tracks are called.
fn names(record: &RunRecord) -> Vec<Event<'_>> {
    let mut events = vec![
        Event::process(Track::ORCHESTRATOR, "anechoic"),
        Event::thread(Track::ORCHESTRATOR, "waits and attempts"),
        Event::process(Track::case(0), "cases"),
        Event::process(Track::MACHINE, "machine while workers ran"),
    ];
    for (index, case) in record.manifest.cases.iter().enumerate() {
        events.push(Event::thread(Track::case(index), &case.case.id));
        events.push(Event::thread_place(Track::case(index), index));
    }
    events
}

fn started(start: &Start, at_us: u64) -> Event<'_> {
    let by = match start.by {
        StartedBy::Run => "run",
        StartedBy::Rerun => "rerun",
        StartedBy::Resume => "resume",
    };
    let differences: Vec<String> = start.differences.iter().map(|d| d.text()).collect();
    let args = json!({ "anechoic": start.anechoic, "differences": differences });
    Event::instant(Track::ORCHESTRATOR, format!("started by {by}"), at_us, args)
}

/// A trace that is being written.
struct Trace<W> {
    out: W,
    events: u64,
}

impl<W: Write> Trace<W> {
    fn write(&mut self, events: &[Event<'_>]) -> std::io::Result<()> {
        for event in events {
            let before: &[u8] = if self.events == 0 { b"\n" } else { b",\n" };
            self.out.write_all(before)?;
            serde_json::to_writer(&mut self.out, event)?;
            self.events += 1;
        }
        Ok(())
    }

    fn close(&mut self, record: &RunRecord) -> std::io::Result<()> {
        let manifest = &record.manifest;
        let about = json!({
            "run": manifest.run,
            "suite": manifest.plan.name,
            "started": manifest.started,
            "anechoic": manifest.anechoic,
        });
        write!(
            self.out,
            "\n],\"displayTimeUnit\":\"ms\",\"otherData\":{about}}}\n"
        )?;
        self.out.flush()
    }
}
