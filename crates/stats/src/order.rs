//! Figures that depend on order alone: medians, and where one curve comes to lie below another.

use serde::{Deserialize, Serialize};

/// The middle value, or the mean of the two middle ones; `None` without values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (!sorted.is_empty()).then(|| median_of_sorted(&sorted))
}

/// The median of sorted values, of which there is at least one.
pub(crate) fn median_of_sorted(sorted: &[f64]) -> f64 {
    let n = sorted.len();
    f64::midpoint(sorted[(n - 1) / 2], sorted[n / 2])
}

/// From where on a curve stays below another one, as far as both were measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Crossover {
    /// It is below at every place measured.
    Everywhere,
    /// It is not below at the last place measured.
    Never,
    /// From about here on: the straight lines between two neighbouring places cross.
    From {
        /// The place.
        at: f64,
        /// The last place measured at which it was not below.
        after: f64,
        /// The first place measured from which on it is below.
        until: f64,
    },
}

/// Two curves at one place.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Where.
    pub x: f64,
    /// The first curve.
    pub base: f64,
    /// The second curve, whose coming below the first is looked for.
    pub other: f64,
}

impl Place {
    fn is_below(&self) -> bool {
        self.other < self.base
    }
}

/// From where on `other` stays below `base`; `None` without places. The places need no order.
pub fn crossover(places: &[Place]) -> Option<Crossover> {
    let mut places = places.to_vec();
    places.sort_by(|a, b| a.x.total_cmp(&b.x));
    let last_not_below = places.iter().rposition(|place| !place.is_below());
    match (places.last(), last_not_below) {
        (None, _) => None,
        (Some(_), None) => Some(Crossover::Everywhere),
        (Some(_), Some(before)) => Some(match places.get(before + 1) {
            Some(after) => crossing(places[before], *after),
            None => Crossover::Never,
        }),
    }
}

fn crossing(before: Place, after: Place) -> Crossover {
    let (left, right) = (before.other - before.base, after.base - after.other);
    Crossover::From {
        at: before.x + (after.x - before.x) * left / (left + right),
        after: before.x,
        until: after.x,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]), Some(3.0));
    }

    fn check(places: &[(f64, f64, f64)], expected: Option<Crossover>) {
        let places: Vec<Place> = places
            .iter()
            .map(|&(x, base, other)| Place { x, base, other })
            .collect();
        assert_eq!(crossover(&places), expected);
    }

    #[test]
    fn curves_that_cross() {
        // 2 above at 32, 6 below at 64: a quarter of the way.
        let from = |at, after, until| Some(Crossover::From { at, after, until });
        check(
            &[(32.0, 10.0, 12.0), (64.0, 20.0, 14.0)],
            from(40.0, 32.0, 64.0),
        );
        check(
            &[(64.0, 20.0, 14.0), (32.0, 10.0, 12.0)],
            from(40.0, 32.0, 64.0),
        );
        check(
            &[(1.0, 5.0, 4.0), (2.0, 4.0, 5.0), (3.0, 5.0, 4.0)],
            from(2.5, 2.0, 3.0),
        );
        check(&[(1.0, 5.0, 5.0), (2.0, 6.0, 5.0)], from(1.0, 1.0, 2.0));
    }

    #[test]
    fn curves_that_do_not_cross() {
        check(&[], None);
        check(
            &[(1.0, 2.0, 1.0), (2.0, 2.0, 1.0)],
            Some(Crossover::Everywhere),
        );
        check(&[(1.0, 1.0, 2.0)], Some(Crossover::Never));
        check(&[(1.0, 2.0, 1.0), (2.0, 1.0, 1.0)], Some(Crossover::Never));
    }
}
