//! Which values a scale has to hold. Few processes have intervals so wide that the values would shrink to a dot beside them:
//! such an interval is cut at the edge of the plot, and an end that lies beyond has no cap.

use anechoic_stats::Interval;

use super::scale::Scale;

/// How far down an interval may take a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Floor {
    /// The quantity is positive by its nature.
    Positive,
    /// Zero means nothing special.
    None,
}

/// The values, and the ends of their intervals as far as they lie within once the range of the values at either side.
pub(super) fn held(values: &[f64], intervals: &[Interval], floor: Floor) -> Vec<f64> {
    let mut held: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
    let low = held.iter().copied().fold(f64::INFINITY, f64::min);
    let high = held.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if held.is_empty() {
        return held;
    }
    let span = match high > low {
        true => high - low,
        false => high.abs() * 0.5,
    };
    // What is positive stays so: half of the smallest is room enough.
    let least = match floor {
        Floor::Positive if low > 0.0 => (low - span).max(low * 0.5),
        Floor::Positive | Floor::None => low - span,
    };
    for interval in intervals {
        let ends = [interval.low.max(least), interval.high.min(high + span)];
        held.extend(ends.into_iter().filter(|end| end.is_finite()));
    }
    held
}

/// Where an interval begins and ends on a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ends {
    pub(super) low: End,
    pub(super) high: End,
}

/// One end of an interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum End {
    /// It lies here.
    At(f64),
    /// It lies beyond the edge, which is here.
    Beyond(f64),
}

impl End {
    pub(super) fn place(self) -> f64 {
        match self {
            Self::At(place) | Self::Beyond(place) => place,
        }
    }
}

impl Ends {
    /// `None` where the ends are no numbers.
    pub(super) fn of(interval: &Interval, scale: &Scale) -> Option<Self> {
        let end = |value: f64| {
            let place = scale.clamped(value)?;
            Some(match scale.place(value) {
                Some(exact) if (-1e-9..=1.0 + 1e-9).contains(&exact) => End::At(place),
                Some(_) | None => End::Beyond(place),
            })
        };
        Some(Self {
            low: end(interval.low)?,
            high: end(interval.high)?,
        })
    }

    /// Whether both ends are seen.
    pub(super) fn is_whole(self) -> bool {
        matches!((self.low, self.high), (End::At(_), End::At(_)))
    }
}

/// What a caption says of intervals that are cut.
pub(super) const CUT: &str = " An interval without a cap goes on beyond the edge.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_intervals_do_not_set_the_scale() {
        let wide = Interval {
            low: -50.0,
            high: 70.0,
        };
        let scale = Scale::around(held(&[9.0, 11.0], &[wide], Floor::Positive)).unwrap();
        assert!(scale.low() > 4.0 && scale.high() < 14.0, "{scale:?}");
        let ends = Ends::of(&wide, &scale).unwrap();
        assert_eq!((ends.low, ends.high), (End::Beyond(0.0), End::Beyond(1.0)));
        assert!(!ends.is_whole());
    }

    #[test]
    fn narrow_intervals_are_whole() {
        let narrow = Interval {
            low: 9.5,
            high: 10.5,
        };
        let scale = Scale::around(held(&[9.8, 10.2], &[narrow], Floor::None)).unwrap();
        assert!(Ends::of(&narrow, &scale).unwrap().is_whole());
        assert_eq!(held(&[f64::NAN], &[narrow], Floor::None), Vec::<f64>::new());
        let none = Interval {
            low: f64::NAN,
            high: 1.0,
        };
        assert_eq!(Ends::of(&none, &scale), None);
    }
}
