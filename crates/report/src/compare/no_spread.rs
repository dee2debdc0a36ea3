//! Processes that do not differ on either side, with sides that do. Such data say nothing about how far a value may be
//! off, as a metric that takes one of two values shows: two processes of each are the same by accident often.

use super::decide::LEVEL;
use super::{Change, judge::Medians};

/// Whether all processes of each side have one value, and the sides differ.
pub(super) fn has_no_spread(change: &Change, (base, new): &Medians) -> bool {
    let is_one = |values: &[f64]| values.windows(2).all(|two| two[0] == two[1]);
    change.effect != 0.0 && is_one(base) && is_one(new)
}

/// The change with the p value of a permutation test, and without what spread would have to tell.
pub(super) fn without_spread(change: Change, (base, new): &Medians) -> Change {
    let least = match change.paired {
        true => 2.0 / 2_f64.powf(base.len() as f64),
        false => 2.0 / arrangements(base.len(), new.len()),
    };
    let p = least.max(change.p.unwrap_or(0.0)).min(1.0);
    Change {
        p: Some(p),
        interval: change.interval.filter(|_| p <= LEVEL),
        minimum_detectable: None,
        ..change
    }
}

/// Ways to choose the processes of the base out of all: C(base + new, base). Of these two lie as far apart as values that
/// do not overlap (Pitman, Supplement to the JRSS 4, 1937); of paired rounds, two of 2ⁿ signs.
fn arrangements(base: usize, new: usize) -> f64 {
    let steps = (1..=base).map(|i| (new + i) as f64 / i as f64);
    steps.product()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binomial_coefficients() {
        assert_eq!(arrangements(2, 2), 6.0);
        assert_eq!(arrangements(4, 4).round(), 70.0);
        assert_eq!(arrangements(3, 7).round(), 120.0);
    }
}
