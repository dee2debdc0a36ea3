//! Wall time as an axis. A run that was resumed days later has a long gap in which nothing happened: such gaps are cut.

use super::frame::{Area, WIDTH, label, text_width};
use super::scale::Tick;
use super::svg::Element;

/// About so many round times are named.
pub(super) const TICKS: usize = 6;

/// From seconds since the run's start to places from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WallTime {
    /// Stretches in which something happened, in order.
    stretches: Vec<Stretch>,
    /// Seconds that the axis shows, with cut gaps at their drawn length.
    shown_s: f64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Stretch {
    from_s: f64,
    to_s: f64,
    /// Where it begins on the axis, in shown seconds.
    at_s: f64,
}

/// A gap that was cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    /// The middle of what is left of it, from 0 to 1.
    pub(super) place: f64,
    /// How long it was.
    pub(super) length_s: f64,
}

/// A gap is cut from this length on, if it is also this part of all that happened.
const LEAST_GAP_S: f64 = 60.0;
const LEAST_SHARE: f64 = 0.25;
/// What is left of a gap, as a part of all that happened.
const LEFT: f64 = 0.03;

impl WallTime {
    /// The axis of spans (from, to) in seconds; `None` without any.
    pub(super) fn of(spans: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let is_span = |(from, to): &(f64, f64)| from.is_finite() && to.is_finite() && from <= to;
        let mut spans: Vec<(f64, f64)> = spans.into_iter().filter(is_span).collect();
        spans.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut active: Vec<(f64, f64)> = Vec::new();
        for (from, to) in spans {
            match active.last_mut() {
                Some(last) if from - last.1 < LEAST_GAP_S => last.1 = last.1.max(to),
                Some(_) | None => active.push((from, to)),
            }
        }
        let busy: f64 = active.iter().map(|(from, to)| to - from).sum();
        let mut joined: Vec<(f64, f64)> = Vec::new();
        for (from, to) in active {
            match joined.last_mut() {
                Some(last) if from - last.1 < busy * LEAST_SHARE => last.1 = last.1.max(to),
                Some(_) | None => joined.push((from, to)),
            }
        }
        let mut shown_s = 0.0;
        let mut stretches = Vec::new();
        for (from_s, to_s) in joined {
            if !stretches.is_empty() {
                shown_s += (busy * LEFT).max(1e-9);
            }
            stretches.push(Stretch {
                from_s,
                to_s,
                at_s: shown_s,
            });
            shown_s += to_s - from_s;
        }
        // Something that took no time has an axis all the same.
        let shown_s = if shown_s > 0.0 { shown_s } else { 1.0 };
        (!stretches.is_empty()).then_some(Self { stretches, shown_s })
    }

    /// Where a time lies, from 0 to 1.
    pub(super) fn place(&self, time_s: f64) -> f64 {
        let begun = self.stretches.iter().rev().find(|s| s.from_s <= time_s);
        let at = begun.map_or(0.0, |s| s.at_s + (time_s - s.from_s).min(s.to_s - s.from_s));
        at / self.shown_s
    }

    /// Gaps that were cut.
    pub(super) fn cuts(&self) -> Vec<Cut> {
        let pairs = self.stretches.windows(2);
        pairs
            .map(|pair| {
                let end = pair[0].at_s + pair[0].to_s - pair[0].from_s;
                Cut {
                    place: f64::midpoint(end, pair[1].at_s) / self.shown_s,
                    length_s: pair[1].from_s - pair[0].to_s,
                }
            })
            .collect()
    }

    /// Labels of round times below an area, and what they are.
    pub(super) fn labels(&self, area: &Area) -> Element {
        let mut group = Element::new("g");
        let mut free = f64::NEG_INFINITY;
        for tick in self.ticks(TICKS) {
            let x = area.x(self.place(tick.value));
            let half = text_width(&tick.label) / 2.0;
            if x - half > free && x + half < WIDTH {
                group.add(label(x, area.bottom() + 17.0, &tick.label, "soft num mid"));
                free = x + half + 6.0;
            }
        }
        let title = "since the start of the run";
        group.add(label(area.right(), area.bottom() + 36.0, title, "soft end"));
        group
    }

    /// About `count` round times at which something happened.
    pub(super) fn ticks(&self, count: usize) -> Vec<Tick> {
        let step = step(self.shown_s / count.max(1) as f64);
        let of_stretch = |stretch: &Stretch| {
            let first = (stretch.from_s / step).ceil();
            let number = ((stretch.to_s / step).floor() - first).clamp(-1.0, 50.0) as i32;
            (0..=number).map(move |i| (first + f64::from(i)) * step)
        };
        let values = self.stretches.iter().flat_map(of_stretch);
        values
            .map(|value| Tick {
                value,
                label: elapsed(value),
            })
            .collect()
    }
}

/// A round step of time that is not below `rough` seconds.
fn step(rough: f64) -> f64 {
    const STEPS: [f64; 21] = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1_800.0,
        3_600.0, 7_200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0,
    ];
    let fits = STEPS.into_iter().find(|step| *step >= rough);
    fits.unwrap_or_else(|| (rough / 86_400.0).ceil() * 86_400.0)
}

/// A time in at most two units: `40 s`, `2 min 30 s`, `3 h`, `2 d 4 h`.
pub(super) fn elapsed(seconds: f64) -> String {
    if seconds < 60.0 {
        return match seconds.fract() == 0.0 {
            true => format!("{seconds:.0} s"),
            false => format!("{seconds:.1} s"),
        };
    }
    let all = seconds.round() as u64;
    let (large, small) = match all {
        ..3_600 => ((all / 60, "min"), (all % 60, "s")),
        3_600..86_400 => ((all / 3_600, "h"), (all % 3_600 / 60, "min")),
        _ => ((all / 86_400, "d"), (all % 86_400 / 3_600, "h")),
    };
    match small.0 {
        0 => format!("{} {}", large.0, large.1),
        _ => format!("{} {} {} {}", large.0, large.1, small.0, small.1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_gaps_are_cut() {
        let time =
            WallTime::of([(0.0, 100.0), (86_400.0, 86_500.0), (86_520.0, 86_600.0)]).unwrap();
        assert_eq!(time.stretches.len(), 2);
        let [cut] = time.cuts()[..] else {
            panic!("{:?}", time.cuts());
        };
        assert_eq!(cut.length_s, 86_300.0);
        assert!(time.place(100.0) < cut.place && cut.place < time.place(86_400.0));
        assert_eq!((time.place(0.0), time.place(86_600.0)), (0.0, 1.0));
        // Inside a gap and beyond the ends is at an edge.
        assert_eq!(time.place(5_000.0), time.place(100.0));
        assert_eq!((time.place(-5.0), time.place(1e9)), (0.0, 1.0));
    }

    #[test]
    fn short_gaps_stay() {
        let time = WallTime::of([(0.0, 1_000.0), (1_100.0, 2_000.0)]).unwrap();
        assert_eq!(time.cuts(), []);
        assert!((time.place(1_000.0) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn no_time_and_no_numbers() {
        assert_eq!(WallTime::of([]), None);
        assert_eq!(WallTime::of([(f64::NAN, 1.0), (2.0, 1.0)]), None);
        assert_eq!(WallTime::of([(5.0, 5.0)]).unwrap().place(5.0), 0.0);
    }

    #[test]
    fn ticks_are_round() {
        let labels = |to: f64| -> Vec<String> {
            let time = WallTime::of([(0.0, to)]).unwrap();
            time.ticks(5).into_iter().map(|t| t.label).collect()
        };
        assert_eq!(labels(45.0), ["0 s", "10 s", "20 s", "30 s", "40 s"]);
        assert_eq!(labels(320.0), ["0 s", "2 min", "4 min"]);
        assert_eq!(labels(30_000.0), ["0 s", "2 h", "4 h", "6 h", "8 h"]);
        assert_eq!(elapsed(150.0), "2 min 30 s");
        assert_eq!(elapsed(187_200.0), "2 d 4 h");
        assert_eq!(elapsed(0.5), "0.5 s");
    }
}
