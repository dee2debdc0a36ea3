//! Values on two separate levels.

/// The best split of a series into two levels, where they are far enough apart to be believed.
pub(crate) struct Levels {
    /// Changes from one level to the other over the series.
    pub(crate) switches: usize,
}

/// Distance of the levels, relative to the spread within them, from which on they are separate. Found by simulation: of normal,
/// uniform and log-normal (σ = 0.8) noise of 6 to 100 values mostly fewer than one series in a hundred has a split so clear, and at
/// worst three.
fn least_distance(values: usize) -> f64 {
    5.0 + 30.0 / values as f64
}

/// Levels nearer than this share of the higher one matter to nobody.
const LEAST_SHARE: f64 = 1e-3;

impl Levels {
    /// Splits where the sum of squares within both sides is least (2-means, exact in one dimension, after Fisher, "On grouping for
    /// maximum homogeneity", JASA 53, 1958). Each level needs three values and an eighth of all: fewer are outliers.
    pub(crate) fn of(series: &[f64]) -> Option<Self> {
        let mut sorted = series.to_vec();
        sorted.sort_by(f64::total_cmp);
        let split = best_split(&sorted)?;
        let (low, high) = sorted.split_at(split);
        let least = (series.len() / 8).max(3);
        if low.len() < least || high.len() < least || !are_separate(low, high) {
            return None;
        }
        let is_high = |value: &f64| *value >= high[0];
        let switches = (series.windows(2))
            .filter(|pair| is_high(&pair[0]) != is_high(&pair[1]))
            .count();
        Some(Self { switches })
    }
}

fn are_separate(low: &[f64], high: &[f64]) -> bool {
    let n = low.len() + high.len();
    let distance = crate::mean(high) - crate::mean(low);
    let within = sum_of_squares(low) + sum_of_squares(high);
    let spread = (within / (n - 2) as f64).sqrt();
    let share = (high[0] - low[low.len() - 1]) / high[0].abs().max(low[0].abs());
    distance > least_distance(n) * spread && share > LEAST_SHARE
}

fn sum_of_squares(values: &[f64]) -> f64 {
    let center = crate::mean(values);
    values.iter().map(|v| (v - center).powi(2)).sum()
}

/// How many of the sorted values the lower side has; `None` for fewer than two.
fn best_split(sorted: &[f64]) -> Option<usize> {
    // The sum of squares within is least where that between is most; sums around the middle lose no digits.
    let origin = sorted.get(sorted.len() / 2)?;
    let total: f64 = sorted.iter().map(|v| v - origin).sum();
    let (n, mut below) = (sorted.len() as f64, 0.0);
    let between = (1..sorted.len()).map(|k| {
        below += sorted[k - 1] - origin;
        let (low, high) = (k as f64, n - k as f64);
        let gap = below / low - (total - below) / high;
        (k, low * high * gap * gap)
    });
    between
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map(|(split, _)| split)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(series: &[f64], switches: Option<usize>) {
        assert_eq!(Levels::of(series).map(|levels| levels.switches), switches);
    }

    #[test]
    fn separate_levels() {
        check(&[1.0, 1.01, 0.99, 2.0, 2.01, 1.99], Some(1));
        check(&[1.0, 2.0, 1.0, 2.0, 1.0, 2.0], Some(5));
        check(&[1.0, 2.0, 1.0, 1.01, 0.99, 1.0, 1.0, 1.01], None);
        check(&[1.0, 1.2, 1.4, 1.6, 1.8, 2.0, 2.2], None);
        check(&[1.0, 1.0001, 1.0, 1.0001, 1.0, 1.0001], None);
        check(&[1.0; 8], None);
        check(&[1.0], None);
        check(&[], None);
    }
}
