//! A chart of series over x: lines with marks and intervals, places that are pointed out, and one panel or several below
//! each other.

use anechoic_stats::Interval;

use super::extent::{Ends, Floor, held};
use super::frame::{
    Area, Entry, MARGIN, Swatch, WIDTH, X_AXIS, label, text_width, x_axis_at, y_axis,
};
use super::mark::{Look, interval_y, segment};
use super::scale::{Scale, Tick};
use super::svg::Element;
use super::unit::Unit;

/// A series of points, in the order of x.
pub(super) struct Line {
    pub(super) look: Look,
    pub(super) name: String,
    pub(super) points: Vec<Point>,
}

/// One point of a series.
#[derive(Debug, Clone)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) interval: Option<Interval>,
    /// Whether the interval is over the runs of one process alone.
    pub(super) is_weak: bool,
    pub(super) case: String,
    pub(super) title: String,
}

/// What x is.
pub(super) enum Across {
    /// T, with ticks where it was measured.
    Tokens(Vec<u32>),
    /// A number of which 0 is one.
    Count(Vec<f64>),
}

/// A dashed line through the panel, and what it says.
pub(super) struct Pointer {
    pub(super) x: f64,
    pub(super) text: String,
}

/// One panel.
pub(super) struct Chart<'a> {
    pub(super) across: &'a Across,
    pub(super) x_title: &'a str,
    pub(super) y_title: &'a str,
    pub(super) unit: Unit,
    pub(super) lines: &'a [Line],
    pub(super) pointers: &'a [Pointer],
    /// A fitted line per series.
    pub(super) fits: &'a [Fit],
}

/// A straight line through the points of a series.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fit {
    pub(super) look: Look,
    pub(super) intercept: f64,
    pub(super) slope: f64,
    /// Whether the slope is told from zero; where it is not, the line is dashed.
    pub(super) is_told: bool,
}

/// Beyond this ratio of the largest to the smallest value, the y axis is logarithmic.
const WIDE: f64 = 30.0;
const HEIGHT: f64 = 230.0;
const LEFT: f64 = 62.0;

/// A panel that was drawn.
pub(super) struct Drawn {
    pub(super) body: Vec<Element>,
    pub(super) bottom: f64,
    /// Whether an interval goes on beyond the edge.
    pub(super) is_cut: bool,
    /// Whether the y axis is logarithmic.
    pub(super) is_log: bool,
    /// Whether points of several series at one x lie beside each other.
    pub(super) is_spread: bool,
}

impl Across {
    fn scale(&self) -> Option<Scale> {
        match self {
            Self::Tokens(tokens) => {
                let tokens = || tokens.iter().map(|t| f64::from(*t));
                let ratio = tokens().fold(0.0, f64::max) / tokens().fold(f64::INFINITY, f64::min);
                match ratio > 4.0 {
                    true => Scale::log_around(tokens()),
                    false => Scale::around(tokens()),
                }
            }
            Self::Count(values) => Scale::around(values.iter().copied()),
        }
    }

    fn axis(&self, area: &Area, scale: &Scale, title: &str) -> Element {
        match self {
            Self::Tokens(tokens) => {
                let tick = |t: &u32| Tick {
                    value: f64::from(*t),
                    label: t.to_string(),
                };
                let ticks: Vec<Tick> = tokens.iter().map(tick).collect();
                x_axis_at(area, scale, &ticks, title)
            }
            Self::Count(_) => {
                let (ticks, _) = scale.ticks(6, Unit::Plain);
                let whole = ticks.into_iter().filter(|tick| tick.value.fract() == 0.0);
                let whole = whole.map(|Tick { value, .. }| Tick {
                    value,
                    label: format!("{value:.0}"),
                });
                x_axis_at(area, scale, &whole.collect::<Vec<_>>(), title)
            }
        }
    }

    /// The smallest distance between two places, as a part of the axis; all of it where there is one place.
    fn smallest_gap(&self, scale: &Scale) -> f64 {
        let values: Vec<f64> = match self {
            Self::Tokens(tokens) => tokens.iter().map(|t| f64::from(*t)).collect(),
            Self::Count(values) => values.clone(),
        };
        let mut places: Vec<f64> = values.iter().filter_map(|v| scale.place(*v)).collect();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let gaps = places.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.fold(1.0, f64::min)
    }
}

/// The part of the smallest distance between two x over which points of one x are spread at most.
const SPREAD: f64 = 0.3;

/// What a caption says of points that were moved.
pub(super) const BESIDE: &str =
    " Points of several series at one place of the horizontal axis are drawn beside each other.";

impl Chart<'_> {
    /// Whether there is nothing to compare: one series at one place.
    pub(super) fn is_one_point(&self) -> bool {
        let points: usize = self.lines.iter().map(|line| line.points.len()).sum();
        points <= 1
    }

    /// Draws the panel below `top`; `None` where no point has a place.
    pub(super) fn draw(&self, top: f64) -> Option<Drawn> {
        let (x, (y, is_log)) = (self.across.scale()?, self.y_scale()?);
        let area = Area {
            left: LEFT,
            top: top + 26.0,
            width: WIDTH - LEFT - MARGIN - 6.0,
            height: HEIGHT,
        };
        let mut body = vec![
            y_axis(&area, &y, self.unit, self.y_title),
            self.across.axis(&area, &x, self.x_title),
        ];
        body.extend(
            self.fits
                .iter()
                .filter_map(|fit| fitted_line(&area, &x, &y, fit)),
        );
        body.extend(self.pointers.iter().filter_map(|p| pointer(&area, &x, p)));
        let wanted: f64 = match self.across {
            Across::Tokens(tokens) if tokens.len() == 1 => 14.0,
            Across::Tokens(_) | Across::Count(_) => 3.0,
        };
        let steps = self.lines.len().saturating_sub(1) as f64;
        let room = SPREAD * self.across.smallest_gap(&x) * area.width;
        let apart = wanted.min(room / steps.max(1.0));
        let mut is_cut = false;
        for (index, line) in self.lines.iter().enumerate() {
            // Points of several series at one x lie beside each other, so that their intervals can be told apart.
            let aside = (index as f64 - (self.lines.len() as f64 - 1.0) / 2.0) * apart;
            let plane = Plane {
                area: &area,
                x: &x,
                y: &y,
                aside,
            };
            is_cut |= line.draw(&plane, self.fits.is_empty(), &mut body);
        }
        Some(Drawn {
            body,
            bottom: area.bottom() + X_AXIS,
            is_cut,
            is_log,
            is_spread: steps > 0.0,
        })
    }

    fn y_scale(&self) -> Option<(Scale, bool)> {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let values: Vec<f64> = points().map(|p| p.y).filter(|y| y.is_finite()).collect();
        let intervals: Vec<Interval> = points().filter_map(|p| p.interval).collect();
        let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        // A fitted line is straight.
        let is_log = self.fits.is_empty() && lowest > 0.0 && highest / lowest > WIDE;
        let floor = match self.fits.is_empty() {
            true => Floor::Positive,
            false => Floor::None,
        };
        let held = held(&values, &intervals, floor);
        let scale = match is_log {
            true => Scale::log_around(held),
            false => Scale::from_zero(held),
        };
        Some((scale?, is_log))
    }
}

/// Where a series is drawn.
struct Plane<'a> {
    area: &'a Area,
    x: &'a Scale,
    y: &'a Scale,
    aside: f64,
}

impl Plane<'_> {
    fn at(&self, point: &Point) -> Option<(f64, f64)> {
        let (x, y) = (self.x.place(point.x)?, self.y.place(point.y)?);
        Some((self.area.x(x) + self.aside, self.area.y(y)))
    }
}

impl Line {
    /// Adds the series to `body`; whether one of its intervals is cut.
    fn draw(&self, plane: &Plane<'_>, connected: bool, body: &mut Vec<Element>) -> bool {
        let placed: Vec<_> = self
            .points
            .iter()
            .filter_map(|p| Some((p, plane.at(p)?)))
            .collect();
        let path: Vec<(f64, f64)> = placed.iter().map(|(_, at)| *at).collect();
        if connected && path.len() > 1 {
            body.push(self.look.line(&path));
        }
        let mut is_cut = false;
        for (point, (x, y)) in placed {
            let ends = point.interval.and_then(|i| Ends::of(&i, plane.y));
            if let Some(ends) = ends {
                is_cut |= !ends.is_whole();
                let weak = if point.is_weak { " weak" } else { "" };
                let classes = format!("bar {}{weak}", self.look.class());
                body.push(interval_y(plane.area, x, ends, 4.0).with("class", &classes));
            }
            let mark = self.look.mark(x, y, 4.5).with("data-case", &point.case);
            let mark = mark.with("data-value", &point.title);
            body.push(mark.titled(&format!("{}: {}", self.name, point.title)));
        }
        is_cut
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            swatch: Swatch::Series(self.look),
            text: self.name.clone(),
        }
    }
}

fn pointer(area: &Area, scale: &Scale, pointer: &Pointer) -> Option<Element> {
    let x = area.x(scale.place(pointer.x)?);
    let line = segment(x, area.top, x, area.bottom()).with("class", "thin strong");
    let width = text_width(&pointer.text);
    let (at, class) = match x + width + 6.0 > area.right() {
        true => (x - 6.0, "soft end"),
        false => (x + 6.0, "soft"),
    };
    let text = label(at, area.top + 14.0, &pointer.text, class);
    let line = line.with("stroke-dasharray", "4 3");
    Some(Element::new("g").child(line).child(text))
}

/// The part of a fitted line that the panel holds.
fn fitted_line(area: &Area, x: &Scale, y: &Scale, fit: &Fit) -> Option<Element> {
    let Fit {
        look,
        intercept,
        slope,
        is_told,
    } = *fit;
    let steps =
        (0..=40).map(|i| x.low().max(0.0) + (x.high() - x.low().max(0.0)) * f64::from(i) / 40.0);
    let inside = steps.filter_map(|at| {
        let place = y.place(intercept + slope * at)?;
        (0.0..=1.0)
            .contains(&place)
            .then_some((area.x(x.place(at)?), area.y(place)))
    });
    let points: Vec<(f64, f64)> = inside.collect();
    let line = || match is_told {
        true => look.line(&points),
        false => look.weak_line(&points),
    };
    (points.len() > 1).then(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_beside_a_place_is_that_of_the_nearest_other() {
        let gap = |tokens: &[u32]| {
            let across = Across::Tokens(tokens.to_vec());
            let scale = across.scale().unwrap();
            across.smallest_gap(&scale)
        };
        assert_eq!(gap(&[64]), 1.0);
        let even = gap(&[100, 200, 300]);
        let close = gap(&[100, 110, 300]);
        assert!(close < 0.06 && (0.4..0.5).contains(&even), "{close} {even}");
    }
}
