//! Several tests at once: p values that keep the chance of any false alarm at the nominal rate.

/// Adjusted p values, in the order given. Rejecting those below α errs in any of them with a chance of at most α,
/// however they depend on each other.
///
/// Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6 (1979): the k-th
/// smallest of n, from 1, times n + 1 − k; never below a smaller one's, and at most 1.
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut adjusted = vec![0.0; p.len()];
    let mut least: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        least = least.max((p.len() - rank) as f64 * p[index]).min(1.0);
        adjusted[index] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reference_values() {
        // R: p.adjust(c(.01, .04, .03, .005), "holm")
        let found = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in found.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
        }
        assert_eq!(holm(&[]), []);
        assert_eq!(holm(&[0.04]), [0.04]);
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn between_plain_and_bonferroni(p in prop::collection::vec(0.0..=1.0_f64, 1..20)) {
            for (plain, adjusted) in p.iter().zip(holm(&p)) {
                prop_assert!(*plain <= adjusted && adjusted <= (plain * p.len() as f64).min(1.0));
            }
        }
    }
}
