//! Waiting that somebody may cut short: whoever ends services, or sits at the terminal.

use std::fmt;
use std::time::Duration;

/// Waits in the way that it is given. Once it is cut short, it is for good.
pub(crate) struct Waiting<'a> {
    pause: &'a mut dyn FnMut(Duration) -> bool,
    is_over: bool,
}

impl<'a> Waiting<'a> {
    /// `pause` lets so much time pass, or less where it is cut short, and says whether it was.
    pub(crate) fn by(pause: &'a mut dyn FnMut(Duration) -> bool) -> Self {
        Self {
            pause,
            is_over: false,
        }
    }

    /// Waits so long; whether nothing is to be waited for any more.
    pub(crate) fn is_over_after(&mut self, pause: Duration) -> bool {
        self.is_over = self.is_over || (self.pause)(pause);
        self.is_over
    }
}

impl fmt::Debug for Waiting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Waiting");
        shown
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cut_short_once_is_waited_for_no_more() {
        let mut pauses = Vec::new();
        let mut second_is_cut = |pause| {
            pauses.push(pause);
            pauses.len() == 2
        };
        let mut waiting = Waiting::by(&mut second_is_cut);
        let found = [1, 2, 3].map(|n| waiting.is_over_after(Duration::from_secs(n)));
        assert_eq!(found, [false, true, true]);
        assert_eq!(pauses, [1, 2].map(Duration::from_secs));
    }
}
