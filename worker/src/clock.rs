//! The only reader of a clock while measuring. A timed region starts and ends with an idle device.

use std::time::Instant;

use crate::device::Place;

/// A point in monotonic time.
#[derive(Debug, Clone, Copy)]
pub struct Mark(Instant);

impl Mark {
    /// Now, without waiting for the device.
    pub fn now() -> Self {
        Self(Instant::now())
    }

    /// Nanoseconds from `earlier` to this mark.
    pub fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.duration_since(earlier.0).as_nanos()).unwrap_or(u64::MAX)
    }

    /// Nanoseconds from this mark until now.
    pub fn elapsed_ns(self) -> u64 {
        Self::now().since(self)
    }
}

/// Now, once the device has nothing left to do.
pub fn idle_mark(place: Place) -> Mark {
    place.synchronize();
    Mark::now()
}

/// Runs `work` between two idle marks.
pub fn timed<T>(place: Place, work: impl FnOnce() -> T) -> (T, u64) {
    let start = idle_mark(place);
    let value = work();
    let end = idle_mark(place);
    (value, end.since(start))
}
