//! What waits have cost, attempts that were disturbed, and processes that were left behind.

use anechoic_record::{Disturbance, Fate, Leftover};

use super::dressing::Dressing;
use crate::{DisturbedAttempt, LeftBehind, Summary, WaitReason, units};

/// The sections that have something to say. They stand right under the tables whose numbers they qualify.
pub(super) fn sections(summary: &Summary, dressing: Dressing) -> String {
    disturbed(summary, dressing) + &left(summary, dressing) + &waits(summary, dressing)
}

fn disturbed(summary: &Summary, dressing: Dressing) -> String {
    if summary.disturbed.is_empty() {
        return String::new();
    }
    let counting = summary.disturbed.iter().filter(|d| d.counts).count();
    let note = match counting {
        0 => "The machine was not at rest for these; none of them counts.\n",
        _ => "The machine was not at rest for these. Those that count are in the tables above.\n",
    };
    let mut text = dressing.heading(2, "Disturbed attempts") + note;
    text += dressing.before_list();
    for attempt in &summary.disturbed {
        text += &dressing.item(&disturbed_line(attempt));
    }
    text
}

fn disturbed_line(disturbed: &DisturbedAttempt) -> String {
    let causes: Vec<_> = disturbed
        .disturbances
        .iter()
        .map(Disturbance::cause)
        .collect();
    let counts = match disturbed.counts {
        true => "counts",
        false => "does not count",
    };
    format!(
        "{} attempt {} ({counts}): {}",
        disturbed.case,
        disturbed.attempt,
        causes.join("; ")
    )
}

fn left(summary: &Summary, dressing: Dressing) -> String {
    if summary.left.is_empty() {
        return String::new();
    }
    let items = summary
        .left
        .iter()
        .map(|left| dressing.item(&left_line(left)));
    dressing.heading(2, "Left behind") + &items.collect::<String>()
}

fn left_line(left: &LeftBehind) -> String {
    let pipes = match (left.pipes_left, left.processes.is_empty()) {
        (true, true) => Some("its output was held open by a process that is not its own"),
        (true, false) => Some("its output was held open"),
        (false, _) => None,
    };
    let processes = left.processes.iter().map(process);
    let all: Vec<_> = processes.chain(pipes.map(str::to_owned)).collect();
    format!("{} attempt {}: {}", left.case, left.attempt, all.join(", "))
}

fn process(leftover: &Leftover) -> String {
    let name = leftover.name.as_deref().unwrap_or("unknown program");
    let group = match leftover.left_group {
        true => ", outside the worker's group",
        false => "",
    };
    let fate = match leftover.fate {
        Fate::Ended => "ended",
        Fate::Stuck => "cannot be ended",
    };
    format!("{name} (process {}{group}; {fate})", leftover.pid)
}

/// Only where something was waited for: a fixed pause is in the circumstances.
fn waits(summary: &Summary, dressing: Dressing) -> String {
    let waiting = &summary.waiting;
    if waiting.reasons.is_empty() {
        return String::new();
    }
    let row = |reason: &WaitReason| {
        vec![
            reason.restless.clone(),
            reason.attempts.to_string(),
            units::duration(reason.waited_ms as f64 / 1e3),
        ]
    };
    let rows = waiting.reasons.iter().map(row).collect();
    let note = format!(
        "Waits before attempts took {} in all, {} of the time of the run; fixed pauses and the proof that the machine\n\
        is at rest are part of it. Several reasons may hold at the same time.\n",
        units::duration(waiting.total_ms as f64 / 1e3),
        units::share(waiting.share)
    );
    let table = dressing.table(&["waited for", "attempts", "time"], rows);
    dressing.heading(2, "Waiting for the machine") + &note + dressing.before_list() + &table
}
