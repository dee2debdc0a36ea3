//! How wide an interval is for the value that it is about.

use crate::Centre;

impl Centre {
    /// Half the width of the interval relative to the value: 0.02 for an interval that reaches 2 % to both sides on average.
    /// Zero where the processes do not differ at all. `None` without an interval, and where the value is zero and they differ.
    pub fn relative_half_width(&self) -> Option<f64> {
        let interval = self.interval?;
        let half = (interval.high - interval.low) / 2.0;
        match half == 0.0 {
            true => Some(0.0),
            false => Some(half / self.value.abs()).filter(|found| found.is_finite()),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::centre;

    fn half_width(values: &[f64]) -> Option<f64> {
        let series: Vec<_> = values.iter().map(|value| vec![*value]).collect();
        centre(&series)?.relative_half_width()
    }

    #[test]
    fn half_widths_are_relative_and_never_infinite() {
        // Two processes: Student's t(0.975, 1) = 12.7062 times half their distance.
        let found = half_width(&[1.0, 1.1]).unwrap();
        assert!((found - 12.7062 * 0.05 / 1.05).abs() < 1e-4, "{found}");
        assert!((half_width(&[-1.0, -1.1]).unwrap() - found).abs() < 1e-12);
        assert_eq!(half_width(&[3.0, 3.0, 3.0]), Some(0.0));
        assert_eq!(half_width(&[0.0, 0.0]), Some(0.0));
        assert_eq!(half_width(&[-1.0, 1.0]), None);
        assert_eq!(half_width(&[1.0]), None);
        assert_eq!(half_width(&[]), None);
    }
}
