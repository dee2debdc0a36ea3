//! Progress on a terminal: one bar for the run, one line for the attempt.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::report::Current;
use super::tally::Tally;
use super::words::duration;

/// The two lines at the bottom of the terminal. Nothing ticks: they change when told.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    run: ProgressBar,
    attempt: ProgressBar,
}

impl Bars {
    pub(super) fn new(tally: &Tally) -> Self {
        let all = MultiProgress::new();
        let run = all.add(ProgressBar::new(u64::from(tally.planned)));
        let attempt = all.add(ProgressBar::new(1));
        run.set_style(style("{bar:30} {pos}/{len}{prefix} attempts{msg}"));
        attempt.set_style(style("{msg}"));
        let bars = Self { all, run, attempt };
        bars.count(tally);
        bars
    }

    pub(super) fn attempt(&self, current: &Current, doing: &str) {
        self.attempt.set_message(format!("{current}: {doing}"));
    }

    pub(super) fn count(&self, tally: &Tally) {
        let failed = match tally.failed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let left = match tally.left() {
            Some(left) if !left.is_zero() => format!(", about {} left", duration(left)),
            _ => String::new(),
        };
        self.run.set_message(format!("{failed}{left}"));
        self.run.set_prefix(if tally.may_grow { "+" } else { "" });
        self.run.set_position(u64::from(tally.ended));
    }

    /// There are more attempts to make than before.
    pub(super) fn lengthen(&self, tally: &Tally) {
        self.run.set_length(u64::from(tally.planned));
        self.count(tally);
    }

    /// A line above the bars, which stays.
    pub(super) fn say(&self, line: &str) {
        let _ = self.all.println(line);
    }

    pub(super) fn clear(&self) {
        self.attempt.finish_and_clear();
        self.run.finish_and_clear();
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the templates are constants and valid")
}
