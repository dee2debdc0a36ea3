//! The verdict on a cell whose effect, interval and p value are known.

use anechoic_record::MetricKind;
use anechoic_stats::Interval;

use super::{Change, Doubt, Sameness, Scale, Verdict};

/// An adjusted p value up to here is a difference.
pub(super) const LEVEL: f64 = 0.05;

/// What a verdict is drawn from.
pub(super) struct Tested {
    pub(super) change: Change,
    /// The value of the base, of which the threshold is a share.
    pub(super) base: f64,
    pub(super) kind: MetricKind,
    pub(super) threshold: f64,
}

/// A difference that is there: it matters, it does not, or its interval leaves that open.
pub(super) fn decided(found: &Tested) -> Verdict {
    let effect = found.change.relative.map(f64::abs);
    // Of a base of 0, every change is more than any share.
    if effect.is_none_or(|effect| effect >= found.threshold) {
        return Verdict::changed(found.kind, found.change.effect);
    }
    match found.is_within() {
        true => Verdict::Same(Sameness::BelowThreshold),
        false => Verdict::Undecided(Doubt::AtThreshold),
    }
}

/// The verdict with this adjusted p value.
pub(super) fn tested(found: &Tested, p: Option<f64>) -> Verdict {
    let is_difference = |p: Option<f64>| p.is_some_and(|p| p <= LEVEL);
    if is_difference(p) {
        return decided(found);
    }
    match (found.is_within(), is_difference(found.change.p)) {
        (true, _) => Verdict::Same(Sameness::WithinThreshold),
        (false, true) => Verdict::Undecided(Doubt::ManyCells),
        (false, false) => Verdict::Undecided(Doubt::Noise),
    }
}

impl Tested {
    /// Whether the whole interval lies within the threshold.
    fn is_within(&self) -> bool {
        let limit = match self.change.scale {
            Scale::Ratio => self.threshold,
            Scale::Difference => self.threshold * self.base.abs(),
        };
        let within = |interval: Interval| -limit <= interval.low && interval.high <= limit;
        self.change.interval.is_some_and(within)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(scale: Scale, effect: f64, (low, high): (f64, f64), p: f64) -> Tested {
        let base: f64 = match scale {
            Scale::Ratio => 1.0,
            Scale::Difference => -100.0,
        };
        let change = Change {
            scale,
            ratio: None,
            effect,
            relative: Some(effect / base.abs()),
            interval: Some(Interval { low, high }),
            p: Some(p),
            minimum_detectable: None,
            paired: false,
        };
        Tested {
            change,
            base,
            kind: MetricKind::Own,
            threshold: 0.05,
        }
    }

    #[test]
    fn more_evidence_of_a_change_never_makes_it_the_same() {
        let check = |found: Tested, p: f64, expected: Verdict| {
            assert_eq!(tested(&found, Some(p)), expected);
        };
        let ratio = |effect, ends, p| found(Scale::Ratio, effect, ends, p);
        let at_threshold = Verdict::Undecided(Doubt::AtThreshold);
        check(ratio(0.04, (0.01, 0.07), 0.013), 0.013, at_threshold);
        let many = Verdict::Undecided(Doubt::ManyCells);
        check(ratio(0.04, (0.01, 0.07), 0.013), 0.102, many);
        let noise = Verdict::Undecided(Doubt::Noise);
        check(ratio(0.04, (-0.01, 0.09), 0.11), 0.11, noise);
        let below = Verdict::Same(Sameness::BelowThreshold);
        check(ratio(0.04, (0.031, 0.049), 0.001), 0.001, below);
        let within = Verdict::Same(Sameness::WithinThreshold);
        check(ratio(0.01, (-0.01, 0.03), 0.3), 0.3, within);
        check(ratio(0.05, (0.01, 0.09), 0.013), 0.013, Verdict::Higher);
    }

    #[test]
    fn a_difference_of_nothing_is_held_against_the_base_too() {
        let within = Verdict::Same(Sameness::WithinThreshold);
        for effect in [0.0, 0.1] {
            let near = found(Scale::Difference, effect, (-2.3, 2.3), 0.9);
            assert_eq!(tested(&near, Some(0.9)), within);
            let far = found(Scale::Difference, effect, (-5.3, 5.3), 0.9);
            assert_eq!(tested(&far, Some(0.9)), Verdict::Undecided(Doubt::Noise));
        }
    }

    #[test]
    fn of_a_base_of_nothing_every_difference_matters() {
        let mut found = found(Scale::Difference, 0.001, (0.0009, 0.0011), 0.001);
        (found.base, found.change.relative) = (0.0, None);
        assert_eq!(tested(&found, Some(0.001)), Verdict::Higher);
    }
}
