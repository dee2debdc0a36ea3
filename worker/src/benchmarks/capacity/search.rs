//! Which batch to try next. Memory grows almost in a straight line with the batch, so that a line through what was tried
//! finds the end of the budget in a few steps. Pure.

use anechoic_protocol::CapacityProbe;

/// A batch no larger than this is looked for: beyond it the search would not end.
const MOST: u32 = 1 << 20;
/// At first the batch grows by this factor at most: a line through small batches is uncertain.
const GROWTH: u64 = 8;
/// Memory is not known more finely than this part of a batch.
const RESOLUTION: u32 = 100;

/// A batch that was tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tried {
    pub(super) batch: u32,
    /// The most memory held; absent where the device refused.
    pub(super) peak_bytes: Option<u64>,
}

/// A search under way.
#[derive(Debug)]
pub(super) struct Search {
    budget: u64,
    tried: Vec<Tried>,
    /// The largest that fits so far; 0 for none.
    fits: u32,
    /// The smallest that does not.
    exceeds: u32,
    /// Whether a batch that exceeds the budget was tried.
    is_bounded: bool,
    /// Whether the last step left more than half of what was unknown.
    is_slow: bool,
}

impl Search {
    /// A batch whose caches alone exceed the budget is not tried.
    pub(super) fn new(budget: u64, cache_bytes_per_request: u64) -> Self {
        let caches = budget.checked_div(cache_bytes_per_request);
        let most = caches.map_or(MOST, |most| u32::try_from(most).unwrap_or(MOST).min(MOST));
        Self {
            budget,
            tried: Vec::new(),
            fits: 0,
            exceeds: most + 1,
            is_bounded: false,
            is_slow: false,
        }
    }

    /// The batch to try next; `None` when the largest is known to one in a hundred, or exactly below a hundred.
    pub(super) fn next(&self) -> Option<u32> {
        if self.exceeds - self.fits <= 1.max(self.fits / RESOLUTION) {
            return None;
        }
        let (least, most) = (self.fits + 1, self.exceeds - 1);
        let guess = match self.line() {
            _ if self.is_slow => u64::from(self.fits + (self.exceeds - self.fits) / 2),
            None => u64::from(least),
            Some(guess) => guess,
        };
        let furthest = u64::from(self.fits.max(1)) * GROWTH;
        Some((guess.min(furthest) as u32).clamp(least, most))
    }

    /// Where a line meets the budget: through the smallest and the largest batch that fitted, a little beyond, until one
    /// has exceeded it; then between the largest that fitted and the smallest that did not.
    fn line(&self) -> Option<u64> {
        let peak = |batch: u32| {
            let tried = self.tried.iter().find(|tried| tried.batch == batch);
            tried.and_then(|tried| tried.peak_bytes)
        };
        let smallest = self.tried.iter().map(|tried| tried.batch).min()?;
        let (a, b, beyond) = match self.is_bounded {
            true => (self.fits, self.exceeds, 0),
            false => (smallest, self.fits, u64::from(self.fits / RESOLUTION)),
        };
        let (low, high) = (peak(a)?, peak(b)?);
        let slope = high.saturating_sub(low) / u64::from(b.checked_sub(a).filter(|&n| n > 0)?);
        let left = self.budget.saturating_sub(low);
        let more = left.checked_div(slope).unwrap_or(u64::from(MOST));
        Some(u64::from(a) + more + beyond)
    }

    /// Takes the answer to [`Search::next`]. Where the line does not halve what is unknown, the next step does.
    pub(super) fn note(&mut self, tried: Tried) {
        let unknown = self.exceeds - self.fits;
        if self.is_within(&tried) {
            self.fits = tried.batch;
        } else {
            self.exceeds = tried.batch;
            self.is_bounded = true;
        }
        self.is_slow = self.is_bounded && self.exceeds - self.fits > unknown / 2;
        self.tried.push(tried);
    }

    fn is_within(&self, tried: &Tried) -> bool {
        tried.peak_bytes.is_some_and(|peak| peak <= self.budget)
    }

    /// The largest batch that fits; 0 where none does.
    pub(super) fn largest(&self) -> u32 {
        self.fits
    }

    /// Everything that was tried, in order.
    pub(super) fn probes(&self) -> Vec<CapacityProbe> {
        let probe = |tried: &Tried| CapacityProbe {
            batch: tried.batch,
            peak_bytes: tried.peak_bytes,
            fits: self.is_within(tried),
        };
        self.tried.iter().map(probe).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches where a batch takes `peak` bytes; the largest, and how many were tried.
    fn search(budget: u64, per_request: u64, peak: impl Fn(u64) -> Option<u64>) -> (u32, usize) {
        let mut search = Search::new(budget, per_request);
        while let Some(batch) = search.next() {
            search.note(Tried {
                batch,
                peak_bytes: peak(batch.into()),
            });
            assert!(search.tried.len() < 60, "it does not end");
        }
        (search.largest(), search.probes().len())
    }

    #[test]
    fn a_straight_line_is_found_in_a_few_steps() {
        let (largest, tried) = search(1000, 7, |batch| Some(100 + 9 * batch));
        assert_eq!(largest, 100);
        assert!(tried <= 6, "{tried}");
    }

    #[test]
    fn noise_and_steps_do_not_lead_astray() {
        for budget in [150, 999, 5_000, 70_000] {
            let peak = |batch: u64| 100 + 9 * batch + (batch * 7) % 5 + 40 * (batch / 64);
            let (largest, tried) = search(budget, 7, |batch| Some(peak(batch)));
            let beyond = u64::from(largest + 1.max(largest / RESOLUTION));
            assert!(peak(largest.into()) <= budget && peak(beyond) > budget);
            assert!(tried <= 16, "{tried} for {budget}");
        }
    }

    /// What was seen of a process whose freed memory comes back in lumps.
    #[test]
    fn memory_that_does_not_grow_between_two_sizes_does_not_lead_astray() {
        let peak = |batch: u64| match batch {
            252..=258 => 503_000,
            _ => 130_000 + 1_450 * batch,
        };
        let (largest, tried) = search(512_000, 0, |batch| Some(peak(batch)));
        assert!((258..=263).contains(&largest), "{largest}");
        assert!(tried <= 12, "{tried}");
    }

    #[test]
    fn nothing_fits() {
        assert_eq!(search(1000, 7, |_| Some(1001)).0, 0);
        assert_eq!(search(1000, 1001, |_| Some(1)), (0, 0));
    }

    #[test]
    fn a_refusal_is_beyond_the_budget() {
        let (largest, _) = search(1 << 40, 1, |batch| (batch <= 37).then_some(batch * 10));
        assert_eq!(largest, 37);
    }

    #[test]
    fn without_a_cache_it_ends_as_well() {
        assert_eq!(search(1000, 0, |batch| Some(20 * batch)).0, 50);
        let endless = search(1000, 0, |_| Some(20)).0;
        assert!(endless >= MOST - MOST / RESOLUTION, "{endless}");
    }
}
