//! A course in a few characters.

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// One block per value, the lowest and the highest of them at the ends; a middle one where all are equal.
pub(super) fn sparkline(values: impl Iterator<Item = f64> + Clone) -> String {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.clone().fold(f64::NEG_INFINITY, f64::max);
    let block = |value: f64| {
        let place = (value - low) / (high - low);
        match place.is_finite() {
            true => BLOCKS[((place * 8.0) as usize).min(7)],
            false => BLOCKS[3],
        }
    };
    values.map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn courses() {
        let check = |values: &[f64], expected: &str| {
            assert_eq!(sparkline(values.iter().copied()), expected);
        };
        check(&[0.0, 1.0, 2.0, 7.0, 8.0], "▁▂▃██");
        check(&[5.0, 5.0], "▄▄");
        check(&[], "");
        check(&[1.0, f64::NAN], "▄▄");
    }
}
