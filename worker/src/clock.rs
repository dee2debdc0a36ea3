//! The only reader of a clock while measuring. A timed region starts and ends with an idle device.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::device::Place;
use crate::slow_down::Stretch;

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

/// By how much timed regions are stretched, in millionths; 0 in every honest measurement. Of the whole process, as a clock
/// is.
static STRETCH_PPM: AtomicU64 = AtomicU64::new(0);

/// From now on every timed region takes that much longer than its work.
pub fn stretch(by: Stretch) {
    STRETCH_PPM.store(by.ppm(), Ordering::Relaxed);
}

/// The end of the timed region that began at `start`: an idle mark, put off where regions are to be [stretched](stretch).
/// Otherwise that costs one comparison after the clock was read.
pub fn end_mark(place: Place, start: Mark) -> Mark {
    let end = idle_mark(place);
    match STRETCH_PPM.load(Ordering::Relaxed) {
        0 => end,
        ppm => spin_until(end.0 + part(end.since(start), ppm)),
    }
}

/// `ppm` millionths of a time.
fn part(ns: u64, ppm: u64) -> Duration {
    let ns = u128::from(ns) * u128::from(ppm) / 1_000_000;
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

/// Keeps the processor busy, as slower work would.
fn spin_until(then: Instant) -> Mark {
    loop {
        let now = Instant::now();
        if now >= then {
            return Mark(now);
        }
        std::hint::spin_loop();
    }
}

/// Runs `work` between an idle mark and the end of its region.
pub fn timed<T>(place: Place, work: impl FnOnce() -> T) -> (T, u64) {
    let start = idle_mark(place);
    let value = work();
    let end = end_mark(place, start);
    (value, end.since(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_time() {
        assert_eq!(part(1_000_000, 30_000), Duration::from_nanos(30_000));
        assert_eq!(part(u64::MAX, 10_000_000), Duration::from_nanos(u64::MAX));
        assert_eq!(part(0, 10_000_000), Duration::ZERO);
    }

    #[test]
    fn spinning_ends_when_it_should_or_later() {
        let then = Instant::now() + Duration::from_micros(200);
        assert!(spin_until(then).0 >= then);
    }
}
