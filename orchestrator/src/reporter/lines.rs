//! Progress as plain lines: for pipes, files and CI.

use std::time::Duration;

use super::report::Current;
use super::tally::Tally;
use super::words::{duration, say};

pub(super) fn started(current: &Current, tally: &Tally, pid: u32) {
    say(&format!(
        "{} {current}: started, process {pid}",
        position(tally)
    ));
}

pub(super) fn phase(current: &Current, tally: &Tally, phase: &str) {
    say(&format!("{} {current}: {phase}", position(tally)));
}

pub(super) fn cooling(current: &Current, tally: &Tally, left: Duration) {
    say(&format!(
        "{} {current}: cooling down for {}",
        position(tally),
        duration(left)
    ));
}

pub(super) fn waiting(current: &Current, tally: &Tally, causes: &str, left: Duration) {
    say(&format!(
        "{} {current}: waits at most {} for the machine to come to rest: {causes}",
        position(tally),
        duration(left)
    ));
}

/// Which attempt of how many, while it runs.
fn position(tally: &Tally) -> String {
    format!("[{}/{}]", tally.ended + 1, tally.planned_text())
}
