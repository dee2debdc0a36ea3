//! Fewer points than there are, for pictures alone: statistics are of all of them.

/// The points to draw.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Thinned<T> {
    pub(super) values: Vec<T>,
    /// How many are not drawn.
    pub(super) left_out: usize,
}

/// At most `most` of the values in their order, evenly chosen, with the smallest and the largest among them.
pub(super) fn thinned<T>(values: Vec<T>, most: usize, of: impl Fn(&T) -> f64) -> Thinned<T> {
    let count = values.len();
    if count <= most {
        return Thinned {
            values,
            left_out: 0,
        };
    }
    let by_value = |a: &usize, b: &usize| of(&values[*a]).total_cmp(&of(&values[*b]));
    let ends = [(0..count).min_by(by_value), (0..count).max_by(by_value)];
    let even = most.saturating_sub(2).max(1);
    let mut chosen: Vec<usize> = (0..even).map(|i| i * count / even).collect();
    chosen.extend(ends.into_iter().flatten());
    chosen.sort_unstable();
    chosen.dedup();
    let left_out = count - chosen.len();
    let is_chosen = |index: &usize| chosen.binary_search(index).is_ok();
    let kept = values
        .into_iter()
        .enumerate()
        .filter(|(index, _)| is_chosen(index));
    let values = kept.map(|(_, value)| value).collect();
    Thinned { values, left_out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_kept() {
        let mut values: Vec<f64> = (0..1000).map(|i| f64::from(i % 17)).collect();
        values[501] = 99.0;
        values[777] = -5.0;
        let found = thinned(values, 50, |v| *v);
        assert!(found.values.len() <= 50);
        assert!(found.values.contains(&99.0) && found.values.contains(&-5.0));
        assert_eq!(found.values.len() + found.left_out, 1000);
    }

    #[test]
    fn few_are_left_alone() {
        let found = thinned(vec![1.0, 2.0], 2, |v| *v);
        assert_eq!((found.values.len(), found.left_out), (2, 0));
    }
}
