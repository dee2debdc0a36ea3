//! Labels beside marks that do not lie on each other.

use super::frame::{Area, label, text_width};
use super::svg::Element;

/// A rectangle that is taken: left, top, right, bottom.
type Taken = (f64, f64, f64, f64);

/// Labels so far.
pub(super) struct Labels {
    area: Area,
    taken: Vec<Taken>,
}

impl Labels {
    /// Labels inside an area.
    pub(super) fn inside(area: Area) -> Self {
        Self {
            area,
            taken: Vec::new(),
        }
    }

    /// Keeps room for a mark.
    pub(super) fn keep(&mut self, x: f64, y: f64, radius: f64) {
        self.taken
            .push((x - radius, y - radius, x + radius, y + radius));
    }

    /// Keeps room for a line from left to right.
    pub(super) fn keep_line(&mut self, left: f64, right: f64, y: f64) {
        self.taken.push((left, y - 5.0, right, y + 5.0));
    }

    /// A label beside a mark: at its right, its left, above or below, wherever there is room first.
    pub(super) fn beside(&mut self, x: f64, y: f64, radius: f64, text: &str) -> Element {
        let width = text_width(text);
        let gap = radius + 4.0;
        let candidates = [
            (x + gap, y + 5.0),
            (x - gap - width, y + 5.0),
            (x - width / 2.0, y - gap),
            (x - width / 2.0, y + gap + 12.0),
            (x + gap, y - gap),
            (x + gap, y + gap + 12.0),
            (x - gap - width, y - gap),
            (x - gap - width, y + gap + 12.0),
            (x - width / 2.0, y - gap - 18.0),
            (x - width / 2.0, y + gap + 30.0),
            (x - gap - width, y - gap - 18.0),
            (x - gap - width, y + gap + 30.0),
        ];
        let boxed = |(left, base): (f64, f64)| (left, base - 12.0, left + width, base + 3.0);
        let free = candidates.into_iter().find(|at| self.is_free(boxed(*at)));
        let (left, base) = free.unwrap_or(candidates[0]);
        self.taken.push(boxed((left, base)));
        label(left, base, text, "over")
    }

    fn is_free(&self, (left, top, right, bottom): Taken) -> bool {
        let area = &self.area;
        let is_inside = left >= area.left
            && right <= area.right()
            && top >= area.top
            && bottom <= area.bottom();
        let touches =
            |other: &Taken| left < other.2 && other.0 < right && top < other.3 && other.1 < bottom;
        is_inside && !self.taken.iter().any(touches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_make_way() {
        let area = Area {
            left: 0.0,
            top: 0.0,
            width: 300.0,
            height: 200.0,
        };
        let mut labels = Labels::inside(area);
        let drawn: Vec<String> = (0..4)
            .map(|_| labels.beside(150.0, 100.0, 5.0, "v2").finish())
            .collect();
        for (i, one) in drawn.iter().enumerate() {
            assert!(!drawn[..i].contains(one), "{drawn:?}");
        }
        // At the right edge a label goes to the left.
        assert!(
            labels
                .beside(299.0, 20.0, 5.0, "v3")
                .finish()
                .contains("x=\"274")
        );
    }
}
