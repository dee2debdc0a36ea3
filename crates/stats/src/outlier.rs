//! Labels for values far from the rest. A label is never a reason to leave a value out.

use serde::{Deserialize, Serialize};

use crate::{mad, median, quantile};

/// How far outside the quartiles a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutlierLabel {
    /// More than 1.5 times the distance between the quartiles.
    Mild,
    /// More than 3 times.
    Extreme,
}

/// A value that at least one rule labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// Its place in the values.
    pub index: usize,
    /// Outside Tukey's inner or outer fences.
    pub tukey: Option<OutlierLabel>,
    /// The modified z score, signed, where its size is above 3.5.
    pub modified_z: Option<f64>,
}

/// Above this size a modified z score is an outlier's.
const MODIFIED_Z_LIMIT: f64 = 3.5;

/// The values that lie far from the rest, in their order.
///
/// Fences: Tukey, Exploratory Data Analysis (1977), §2D: 1.5 and 3 times the distance between the quartiles, which are
/// those of [`quantile`]. Modified z: Iglewicz & Hoaglin, How to Detect and Handle Outliers (1993): 0.6745 (x − median) /
/// MAD, limit 3.5. Where more than half of the values are equal the MAD is 0, and 1.253314 times the mean absolute deviation
/// takes the place of MAD / 0.6745, after the same authors. Fewer than four values label nothing.
pub fn outliers(values: &[f64]) -> Vec<Outlier> {
    let Some(rules) = Rules::of(values) else {
        return Vec::new();
    };
    let labelled = values.iter().enumerate().map(|(index, &value)| Outlier {
        index,
        tukey: rules.tukey(value),
        modified_z: rules.modified_z(value),
    });
    labelled
        .filter(|outlier| outlier.tukey.is_some() || outlier.modified_z.is_some())
        .collect()
}

struct Rules {
    lower: f64,
    upper: f64,
    median: f64,
    /// What a deviation is divided by; 0 where all values are equal.
    scale: f64,
}

impl Rules {
    fn of(values: &[f64]) -> Option<Self> {
        if values.len() < 4 {
            return None;
        }
        let median = median(values)?;
        Some(Self {
            lower: quantile(values, 0.25)?,
            upper: quantile(values, 0.75)?,
            median,
            scale: scale(values, median, mad(values)?),
        })
    }

    fn tukey(&self, value: f64) -> Option<OutlierLabel> {
        let outside = (self.lower - value).max(value - self.upper);
        let width = self.upper - self.lower;
        match () {
            () if outside > 3.0 * width => Some(OutlierLabel::Extreme),
            () if outside > 1.5 * width => Some(OutlierLabel::Mild),
            () => None,
        }
    }

    fn modified_z(&self, value: f64) -> Option<f64> {
        let z = (value - self.median) / self.scale;
        (self.scale > 0.0 && z.abs() > MODIFIED_Z_LIMIT).then_some(z)
    }
}

/// What of normal values would be their standard deviation, from the median absolute deviation; where that is 0, from the
/// mean one.
pub(crate) fn scale(values: &[f64], median: f64, mad: f64) -> f64 {
    if mad > 0.0 {
        return mad / 0.6745;
    }
    let deviations: f64 = values.iter().map(|v| (v - median).abs()).sum();
    1.253_314 * deviations / values.len() as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_rules() {
        // Quartiles 2.25 and 4.75, fences −1.5 and 8.5, −5.25 and 12.25; median 3.5, MAD 1.5.
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 3.5, 2.5, 4.5, 13.0, 1.5, 3.2];
        let found = outliers(&values);
        let labels: Vec<_> = found.iter().map(|o| (o.index, o.tukey)).collect();
        assert_eq!(
            labels,
            [
                (5, Some(OutlierLabel::Mild)),
                (9, Some(OutlierLabel::Extreme))
            ]
        );
        assert_eq!(found[0].modified_z, None);
        assert!(found[1].modified_z.unwrap() > 3.5);
    }

    #[test]
    fn the_formula_of_iglewicz_and_hoaglin() {
        // Median 4.7, MAD 0.4: the z of 9.0 is 0.6745 × 4.3 / 0.4.
        let values = [4.1, 4.5, 4.7, 4.9, 5.2, 4.3, 9.0];
        let found = outliers(&values);
        assert_eq!(found.len(), 1);
        assert!((found[0].modified_z.unwrap() - 0.6745 * 4.3 / 0.4).abs() < 1e-9);
    }

    #[test]
    fn mostly_equal_values() {
        // MAD 0: the mean absolute deviation is 0.1, and 1 / 0.1253 is far.
        let mut values = vec![5.0; 10];
        assert_eq!(outliers(&values), []);
        values[3] = 6.0;
        let [found] = outliers(&values)[..] else {
            panic!("one outlier");
        };
        assert_eq!((found.index, found.tukey), (3, Some(OutlierLabel::Extreme)));
        assert!((found.modified_z.unwrap() - 1.0 / 0.125_331_4).abs() < 1e-9);
    }

    #[test]
    fn few_values_label_nothing() {
        assert_eq!(outliers(&[]), []);
        assert_eq!(outliers(&[1.0, 1.0, 100.0]), []);
    }

    proptest! {
        #[test]
        fn labels_do_not_depend_on_unit_or_place(
            values in prop::collection::vec(0.0..100.0_f64, 4..30),
            shift in -8_i32..8,
        ) {
            // Powers of two change no digit.
            let scaled: Vec<f64> = values.iter().map(|v| v * 2_f64.powi(shift)).collect();
            let labels = |values: &[f64]| -> Vec<_> {
                outliers(values).iter().map(|o| (o.index, o.tukey)).collect()
            };
            prop_assert_eq!(labels(&values), labels(&scaled));
        }

        #[test]
        fn fewer_than_half_are_outside_the_fences(values in prop::collection::vec(0.0..100.0_f64, 4..30)) {
            let fenced = outliers(&values).iter().filter(|o| o.tukey.is_some()).count();
            prop_assert!(2 * fenced <= values.len());
        }
    }
}
