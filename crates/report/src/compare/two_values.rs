//! Values of processes that are all one of two, as counted ones often are. Their spread says little about how far a mean may
//! be off, and nothing where the processes of a side do not differ: two of each are the same by accident often.

use super::decide::LEVEL;
use super::{Change, judge::Medians};

/// Whether the sides differ, and the processes of both have at most two values.
pub(super) fn is_one_of_two(change: &Change, medians: &Medians) -> bool {
    let all = || medians.0.iter().chain(&medians.1);
    let Some(first) = all().next() else {
        return false;
    };
    let mut others = all().filter(|value| *value != first);
    let second = others.next();
    change.effect != 0.0 && others.all(|value| Some(value) == second)
}

/// The change with at least the p value of an exact test, and without an interval that is surer than that.
pub(super) fn exactly(change: Change, (base, new): &Medians) -> Change {
    let exact = match change.paired {
        true => sign_test(base, new),
        false => fisher(base, new),
    };
    let p = exact.max(change.p.unwrap_or(0.0)).min(1.0);
    Change {
        p: Some(p),
        interval: change
            .interval
            .filter(|interval| p <= LEVEL || interval.covers(0.0)),
        minimum_detectable: change.minimum_detectable.filter(|least| *least > 0.0),
        ..change
    }
}

/// Fisher's exact test, two-sided: the chance of all divisions of the values that are no likelier than this one (Fisher,
/// Journal of the Royal Statistical Society 98, 1935).
fn fisher(base: &[f64], new: &[f64]) -> f64 {
    let Some(first) = base.first() else {
        return 1.0;
    };
    let count = |side: &[f64]| side.iter().filter(|value| *value == first).count();
    let (found, all) = (count(base), count(base) + count(new));
    let ways = |k: usize| choose(base.len(), k) * choose(new.len(), all - k);
    let possible = all.saturating_sub(new.len())..=all.min(base.len());
    // Products of the same factors are rounded apart.
    let limit = ways(found) * (1.0 + 1e-9);
    let as_far = possible.map(ways).filter(|ways| *ways <= limit);
    as_far.sum::<f64>() / choose(base.len() + new.len(), all)
}

/// The sign test of rounds, two-sided: of those that differ, so few or fewer go one way.
fn sign_test(base: &[f64], new: &[f64]) -> f64 {
    let rounds = || base.iter().zip(new);
    let up = rounds().filter(|(base, new)| new > base).count();
    let down = rounds().filter(|(base, new)| new < base).count();
    let tail: f64 = (0..=up.min(down)).map(|k| choose(up + down, k)).sum();
    (2.0 * tail / 2_f64.powf((up + down) as f64)).min(1.0)
}

/// Ways to choose `k` of `n`.
fn choose(n: usize, k: usize) -> f64 {
    (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
    }

    #[test]
    fn reference_values() {
        // scipy.stats.fisher_exact and binomtest.
        close(fisher(&[1.0; 2], &[2.0; 2]), 1.0 / 3.0);
        close(fisher(&[1.0; 4], &[2.0; 4]), 2.0 / 70.0);
        close(
            fisher(&[1.0; 8], &[1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0]),
            0.025_641,
        );
        close(fisher(&[1.0, 2.0, 2.0], &[1.0, 2.0, 2.0]), 1.0);
        close(sign_test(&[1.0; 6], &[2.0; 6]), 2.0 / 64.0);
        close(sign_test(&[1.0, 1.0, 2.0, 1.0], &[2.0, 2.0, 1.0, 1.0]), 1.0);
    }
}
