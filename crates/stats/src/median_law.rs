//! What the median of a bootstrap resample can be, exactly: no resampling is needed inside a process.

use statrs::function::beta::beta_reg;
use statrs::function::gamma::ln_gamma;

/// The distribution of the median of `m` draws with replacement from `m` values, by the places of these values in
/// ascending order. It depends on `m` alone.
///
/// Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7 (1979), §3, after Maritz & Jarrett
/// (JASA 73, 1978): the h-th smallest draw is at most the i-th value when at least h of m draws are, a binomial
/// probability. For an even `m` the two middle draws have the joint law P(i, j) = C(m, h) (iʰ − (i−1)ʰ)
/// ((m−j+1)ʰ − (m−j)ʰ) / mᵐ for i < j and h = m/2: h draws with the largest at i, and h with the smallest at j.
pub(crate) struct MedianLaw {
    /// P(the lower middle draw is at most here), by place.
    cumulative: Vec<f64>,
    /// For an even number of values.
    middle: Option<Middle>,
}

/// Where the upper middle draw is, given the lower one.
struct Middle {
    /// P(lower middle draw here, and the upper middle one further up), but for the factor of [`Self::beyond`].
    here: Vec<f64>,
    /// The probability that half of the draws lie at a place or further up; 0 past the last one.
    beyond: Vec<f64>,
}

impl Middle {
    fn of(m: usize) -> Self {
        let (whole, half) = (m as f64, m as f64 / 2.0);
        let ways = ln_gamma(whole + 1.0) - 2.0 * ln_gamma(half + 1.0);
        let here = (1..=m).map(|i| {
            let place = i as f64;
            let with_largest_here = 1.0 - ((place - 1.0) / place).powf(half);
            (ways + half * (place / whole).ln()).exp() * with_largest_here
        });
        let beyond = (0..=m).map(|place| ((m - place) as f64 / whole).powf(half));
        Self {
            here: here.collect(),
            beyond: beyond.collect(),
        }
    }

    /// The upper place where `rest` of the probability of the lower place is used up.
    fn upper(&self, lower: usize, rest: f64) -> usize {
        let further = &self.beyond[lower + 1..self.here.len()];
        let here = self.here[lower];
        lower + leading(further, |beyond| rest < here * beyond)
    }
}

/// How many values at the beginning have a property that no later one has.
fn leading(values: &[f64], property: impl Fn(f64) -> bool) -> usize {
    match values.len() {
        // Counting a few without a branch is several times faster than searching them.
        0..=32 => values.iter().filter(|value| property(**value)).count(),
        33.. => values.partition_point(|&value| property(value)),
    }
}

/// Mean and variance of a bootstrap median.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: f64,
    pub(crate) variance: f64,
}

impl MedianLaw {
    /// The law for `m` values, at least one.
    pub(crate) fn of(m: usize) -> Self {
        let h = m.div_ceil(2) as f64;
        let whole = m as f64;
        let up_to = |i: usize| match i == m {
            true => 1.0,
            false => beta_reg(h, whole - h + 1.0, i as f64 / whole),
        };
        Self {
            cumulative: (1..=m).map(up_to).collect(),
            middle: m.is_multiple_of(2).then(|| Middle::of(m)),
        }
    }

    /// The median of one resample of `sorted`, picked by a uniform number from 0 to 1.
    pub(crate) fn pick(&self, sorted: &[f64], uniform: f64) -> f64 {
        let last = sorted.len() - 1;
        let lower = leading(&self.cumulative, |p| p <= uniform).min(last);
        let Some(middle) = &self.middle else {
            return sorted[lower];
        };
        let upper = middle.upper(lower, uniform - self.before(lower));
        f64::midpoint(sorted[lower], sorted[upper])
    }

    /// Of how many values this is the law.
    pub(crate) fn values(&self) -> usize {
        self.cumulative.len()
    }

    fn before(&self, place: usize) -> f64 {
        place.checked_sub(1).map_or(0.0, |i| self.cumulative[i])
    }

    /// Mean and variance of the median of a resample of `sorted`.
    pub(crate) fn moments(&self, sorted: &[f64]) -> Moments {
        // Far from zero the difference of large squares would lose the digits.
        let origin = crate::order::median_of_sorted(sorted);
        let offsets: Vec<f64> = sorted.iter().map(|v| v - origin).collect();
        let (mean, square) = match &self.middle {
            None => self.single(&offsets),
            Some(middle) => self.pairs(middle, &offsets),
        };
        Moments {
            mean: origin + mean,
            variance: (square - mean * mean).max(0.0),
        }
    }

    fn single(&self, offsets: &[f64]) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for (i, x) in offsets.iter().enumerate() {
            let p = self.cumulative[i] - self.before(i);
            mean += p * x;
            square += p * x * x;
        }
        (mean, square)
    }

    fn pairs(&self, middle: &Middle, offsets: &[f64]) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        // Sums over the upper places so far, weighted by the law of the upper middle draw.
        let (mut above, mut above_squared) = (0.0, 0.0);
        for (i, &x) in offsets.iter().enumerate().rev() {
            let (here, beyond) = (middle.here[i], middle.beyond[i + 1]);
            let same = (self.cumulative[i] - self.before(i) - here * beyond).max(0.0);
            mean += same * x + here * (beyond * x + above) / 2.0;
            let pairs = beyond * x * x + 2.0 * x * above + above_squared;
            square += same * x * x + here * pairs / 4.0;
            let smallest_here = middle.beyond[i] - beyond;
            above += smallest_here * x;
            above_squared += smallest_here * x * x;
        }
        (mean, square)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All mᵐ resamples.
    fn enumerated(sorted: &[f64]) -> Vec<f64> {
        let m = sorted.len();
        let medians = (0..m.pow(m as u32)).map(|mut code| {
            let draws = (0..m).map(|_| {
                let place = code % m;
                code /= m;
                sorted[place]
            });
            crate::median(&draws.collect::<Vec<_>>()).unwrap()
        });
        medians.collect()
    }

    fn check(sorted: &[f64]) {
        let all = enumerated(sorted);
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let variance = all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
        let found = MedianLaw::of(sorted.len()).moments(sorted);
        assert!((found.mean - mean).abs() < 1e-9, "{found:?}, {mean}");
        assert!(
            (found.variance - variance).abs() < 1e-9,
            "{found:?}, {variance}"
        );
    }

    #[test]
    fn moments_are_those_of_every_resample() {
        check(&[3.0]);
        check(&[1.0, 4.0]);
        check(&[1.0, 2.0, 7.0]);
        check(&[1.0, 2.0, 7.0, 7.5]);
        check(&[1.0, 1.0, 2.0, 6.0, 9.0]);
        check(&[0.0, 1.0, 2.0, 6.0, 9.0, 30.0]);
    }

    #[test]
    fn picks_are_as_frequent_as_resamples() {
        for sorted in [
            vec![1.0, 2.0, 7.0],
            vec![1.0, 2.0, 7.0, 15.0],
            vec![0.0, 1.0, 3.0, 7.0, 15.0, 31.0],
        ] {
            let law = MedianLaw::of(sorted.len());
            let mut all = enumerated(&sorted);
            all.sort_by(f64::total_cmp);
            let n = all.len();
            let mut picks: Vec<f64> = (0..n)
                .map(|k| law.pick(&sorted, (k as f64 + 0.5) / n as f64))
                .collect();
            picks.sort_by(f64::total_cmp);
            let wrong = all.iter().zip(&picks).filter(|(a, b)| a != b).count();
            assert!(wrong * 200 <= n, "{wrong} of {n}");
        }
    }

    proptest! {
        #[test]
        fn large_resamples_have_sane_moments(mut values in prop::collection::vec(1.0..2.0_f64, 1..400)) {
            values.sort_by(f64::total_cmp);
            let law = MedianLaw::of(values.len());
            let found = law.moments(&values);
            prop_assert!(values[0] <= found.mean + 1e-9 && found.mean <= values[values.len() - 1] + 1e-9);
            prop_assert!(found.variance.is_finite() && found.variance <= 0.25 + 1e-9);
            for uniform in [0.0, 0.3, 0.999_999_999] {
                let pick = law.pick(&values, uniform);
                prop_assert!(values[0] <= pick && pick <= values[values.len() - 1]);
            }
        }
    }
}
