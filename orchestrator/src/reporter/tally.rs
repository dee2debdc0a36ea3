//! How far a run is, and how long it will still take.

use std::time::Duration;

/// Counts of attempts of this start of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Attempts to be made.
    pub(crate) planned: u32,
    /// Attempts that have ended.
    pub(crate) ended: u32,
    /// Those of them that did not end well.
    pub(crate) failed: u32,
    /// Whether a stop rule may add some.
    pub(crate) may_grow: bool,
    wall: Duration,
    cooldown: Duration,
}

impl Tally {
    pub(crate) fn new(planned: u32, cooldown: Duration) -> Self {
        Self {
            planned,
            cooldown,
            ..Self::default()
        }
    }

    pub(crate) fn count(&mut self, ok: bool, wall: Duration) {
        self.ended += 1;
        self.failed += u32::from(!ok);
        self.wall += wall;
    }

    /// Attempts to be made, with a `+` where there may be more.
    pub(crate) fn planned_text(&self) -> String {
        let more = if self.may_grow { "+" } else { "" };
        format!("{}{more}", self.planned)
    }

    /// What the attempts so far let expect for the rest; unknown before the first has ended.
    pub(crate) fn left(&self) -> Option<Duration> {
        let mean = self.wall.checked_div(self.ended)?;
        let remaining = self.planned.saturating_sub(self.ended);
        Some((mean + self.cooldown).saturating_mul(remaining))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_follows_from_the_attempts_so_far() {
        let seconds = Duration::from_secs;
        let mut tally = Tally::new(4, seconds(5));
        assert_eq!(tally.left(), None);
        tally.count(true, seconds(10));
        tally.count(false, seconds(20));
        assert_eq!(tally.left(), Some(seconds(40)));
        assert_eq!((tally.ended, tally.failed), (2, 1));
        assert_eq!(tally.planned_text(), "4");
        tally.may_grow = true;
        assert_eq!(tally.planned_text(), "4+");
    }
}
