//! What waits have cost, attempts that were disturbed, and processes that were left behind.

use anechoic_record::{Disturbance, Fate, Leftover};

use super::cell;
use super::section::Section;
use crate::{DisturbedAttempt, LeftBehind, Summary, WaitReason, units};

/// The sections that have something to say. They stand right under the tables whose numbers they qualify.
pub(super) fn sections(summary: &Summary) -> Vec<Section> {
    let sections = [disturbed(summary), left(summary), waits(summary)];
    sections.into_iter().flatten().collect()
}

fn disturbed(summary: &Summary) -> Option<Section> {
    let counting = summary.disturbed.iter().filter(|d| d.counts).count();
    let note = match counting {
        0 => "The machine was not at rest for these; none of them counts.",
        _ => "The machine was not at rest for these. Those that count are in the tables above.",
    };
    let lines = summary.disturbed.iter().map(disturbed_line);
    Section::list("Disturbed attempts", note, lines)
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

fn left(summary: &Summary) -> Option<Section> {
    Section::list("Left behind", "", summary.left.iter().map(left_line))
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
fn waits(summary: &Summary) -> Option<Section> {
    let waiting = &summary.waiting;
    let row = |reason: &WaitReason| {
        vec![
            reason.restless.as_str().into(),
            cell::count(reason.attempts),
            cell::duration(reason.waited_ms as f64 / 1e3),
        ]
    };
    let rows = waiting.reasons.iter().map(row).collect();
    let note = format!(
        "Waits before attempts took {} in all, {} of the time of the run; fixed pauses and the proof that the machine\n\
        is at rest are part of it. Several reasons may hold at the same time.",
        units::duration(waiting.total_ms as f64 / 1e3),
        units::share(waiting.share)
    );
    let header = ["waited for", "attempts", "time"];
    Section::table("Waiting for the machine", &note, &header, rows)
}
