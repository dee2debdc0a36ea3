//! Marks and lines of series. Colour is never alone: each look has a shape and a dash pattern of its own.

use std::fmt::Write as _;

use super::extent::{End, Ends};
use super::frame::Area;
use super::style::SLOTS;
use super::svg::{Element, number};

/// The look of one series: a colour, a shape and a dash pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    slot: usize,
    fill: Fill,
}

/// Whether a mark is filled; tells apart what shares colour and shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    Solid,
    Hollow,
    Tinted,
}

impl Look {
    /// The look of the series at this place; looks repeat after [`SLOTS`] with other fills.
    pub(super) fn of(index: usize) -> Self {
        let slot = index % SLOTS;
        let fill = Fill::Solid;
        Self { slot, fill }.variant(index / SLOTS)
    }

    pub(super) fn hollow(self) -> Self {
        self.variant(1)
    }

    /// The look of what shares colour and shape with others, by its place among them.
    pub(super) fn variant(self, index: usize) -> Self {
        let fill = match index % 3 {
            0 => Fill::Solid,
            1 => Fill::Hollow,
            _ => Fill::Tinted,
        };
        Self { fill, ..self }
    }

    /// The class that sets the colour.
    pub(super) fn class(self) -> &'static str {
        ["s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"][self.slot]
    }

    fn dash(self) -> Option<&'static str> {
        let solid = [
            None,
            Some("9 4"),
            Some("2 4"),
            Some("9 3 2 3"),
            Some("5 3"),
            Some("12 3 2 3 2 3"),
            Some("1 3"),
            Some("14 4"),
        ];
        match self.fill {
            Fill::Solid => solid[self.slot],
            Fill::Hollow => solid[(self.slot + 1) % SLOTS],
            Fill::Tinted => solid[(self.slot + 2) % SLOTS],
        }
    }

    /// A mark of this look around a point, that tells what it is: the caller gives it a title.
    pub(super) fn mark(self, x: f64, y: f64, radius: f64) -> Element {
        self.shape("pt ", x, y, radius)
    }

    /// The same in a legend.
    pub(super) fn swatch(self, x: f64, y: f64, radius: f64) -> Element {
        self.shape("", x, y, radius)
    }

    fn shape(self, class: &str, x: f64, y: f64, radius: f64) -> Element {
        let fill = match self.fill {
            Fill::Solid => "fill",
            Fill::Hollow => "hollow",
            Fill::Tinted => "tinted",
        };
        let classes = format!("{class}{} {fill}", self.class());
        shape(self.slot, x, y, radius).with("class", &classes)
    }

    /// A thin line of this look through points, that tells what it is: the caller gives it a title.
    pub(super) fn thin_line(self, points: &[(f64, f64)]) -> Element {
        let line = polyline(points).with("class", &format!("pt thin {}", self.class()));
        match self.dash() {
            Some(dash) => line.with("stroke-dasharray", dash),
            None => line,
        }
    }

    /// A line of this look through points.
    pub(super) fn line(self, points: &[(f64, f64)]) -> Element {
        let line = polyline(points).with("class", &format!("line {}", self.class()));
        match self.dash() {
            Some(dash) => line.with("stroke-dasharray", dash),
            None => line,
        }
    }
}

impl Look {
    /// A line through points that may be chance: dashed whatever the look, and thin.
    pub(super) fn weak_line(self, points: &[(f64, f64)]) -> Element {
        polyline(points).with("class", &format!("thin weak {}", self.class()))
    }
}

pub(super) fn polyline(points: &[(f64, f64)]) -> Element {
    let points = points.iter();
    let text: Vec<String> = points
        .map(|(x, y)| format!("{},{}", number(*x), number(*y)))
        .collect();
    Element::new("polyline").with("points", &text.join(" "))
}

pub(super) fn circle(x: f64, y: f64, radius: f64) -> Element {
    Element::new("circle")
        .at("cx", x)
        .at("cy", y)
        .at("r", radius)
}

pub(super) fn rect(x: f64, y: f64, width: f64, height: f64) -> Element {
    let rect = Element::new("rect").at("x", x).at("y", y);
    rect.at("width", width.max(0.0))
        .at("height", height.max(0.0))
}

pub(super) fn segment(x1: f64, y1: f64, x2: f64, y2: f64) -> Element {
    Element::new("line")
        .at("x1", x1)
        .at("y1", y1)
        .at("x2", x2)
        .at("y2", y2)
}

/// A cross, for what went wrong.
pub(super) fn cross(x: f64, y: f64, radius: f64) -> Element {
    let (n, r) = (number, radius);
    let arms = [(x - r, y - r, x + r, y + r), (x - r, y + r, x + r, y - r)];
    let arms = arms.map(|(a, b, c, d)| format!("M{} {}L{} {}", n(a), n(b), n(c), n(d)));
    Element::new("path").with("d", &arms.concat())
}

/// An interval along x; an end that is seen has a cap.
pub(super) fn interval_x(area: &Area, ends: Ends, y: f64, cap: f64) -> Element {
    let n = number;
    let (low, high) = (area.x(ends.low.place()), area.x(ends.high.place()));
    let mut text = format!("M{} {}H{}", n(low), n(y), n(high));
    for (end, x) in [(ends.low, low), (ends.high, high)] {
        if matches!(end, End::At(_)) {
            let _ = write!(text, "M{} {}V{}", n(x), n(y - cap), n(y + cap));
        }
    }
    Element::new("path").with("d", &text)
}

/// An interval along y; an end that is seen has a cap.
pub(super) fn interval_y(area: &Area, x: f64, ends: Ends, cap: f64) -> Element {
    let n = number;
    let (low, high) = (area.y(ends.low.place()), area.y(ends.high.place()));
    let mut text = format!("M{} {}V{}", n(x), n(low), n(high));
    for (end, y) in [(ends.low, low), (ends.high, high)] {
        if matches!(end, End::At(_)) {
            let _ = write!(text, "M{} {}H{}", n(x - cap), n(y), n(x + cap));
        }
    }
    Element::new("path").with("d", &text)
}

/// Shapes of about equal weight.
fn shape(slot: usize, x: f64, y: f64, r: f64) -> Element {
    let corners: &[(f64, f64)] = match slot {
        0 => return circle(x, y, r),
        1 => return rect(x - r * 0.9, y - r * 0.9, r * 1.8, r * 1.8),
        2 => &[(0.0, -1.2), (1.15, 0.9), (-1.15, 0.9)],
        3 => &[(0.0, -1.35), (1.35, 0.0), (0.0, 1.35), (-1.35, 0.0)],
        4 => &[(0.0, 1.2), (1.15, -0.9), (-1.15, -0.9)],
        5 => &[(-1.2, 0.0), (0.9, -1.15), (0.9, 1.15)],
        6 => return rect(x - r * 0.45, y - r * 1.3, r * 0.9, r * 2.6),
        _ => return rect(x - r * 1.3, y - r * 0.45, r * 2.6, r * 0.9),
    };
    let points: Vec<(f64, f64)> = corners
        .iter()
        .map(|(a, b)| (x + a * r, y + b * r))
        .collect();
    let text: Vec<String> = points
        .iter()
        .map(|(x, y)| format!("{},{}", number(*x), number(*y)))
        .collect();
    Element::new("polygon").with("points", &text.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_differ_in_more_than_colour() {
        let drawn = |i: usize| Look::of(i).mark(0.0, 0.0, 5.0).finish();
        let without_colour = |i: usize| drawn(i).replace(Look::of(i).class(), "");
        for i in 0..3 * SLOTS {
            for j in 0..i {
                assert_ne!(without_colour(i), without_colour(j), "{i} and {j}");
            }
        }
    }
}
