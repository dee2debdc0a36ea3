//! Which of three simple shapes a series has, given that it is not flat.

use crate::mean;

/// A shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Two plateaus.
    Step,
    /// Down, along a line or towards a plateau.
    Falling,
    /// Up, in either way.
    Rising,
}

/// The shape with the lowest Bayesian information criterion n ln(RSS/n) + k ln n (Schwarz 1978): a step between plateaus of at least three
/// values, a line, or an exponential approach to a plateau, each by least squares.
pub(crate) fn best_shape(series: &[f64]) -> Shape {
    let line = Fit::of(series, |i| i);
    let approaches = DECAYS.map(|decay| Fit::of(series, |i| -decay.powf(i)));
    let approach = (approaches.into_iter())
        .min_by(|a, b| a.residual.total_cmp(&b.residual))
        .expect("there are decays");
    // A perfect fit has no logarithm; below this there is rounding alone.
    let least = sum_of_squares(series) * 1e-13 + f64::MIN_POSITIVE;
    let n = series.len() as f64;
    let criterion =
        |residual: f64, parameters: f64| n * (residual.max(least) / n).ln() + parameters * n.ln();
    let smooth = criterion(line.residual, 2.0).min(criterion(approach.residual, 3.0));
    if criterion(step_residual(series), 3.0) < smooth {
        return Shape::Step;
    }
    let slope = match criterion(line.residual, 2.0) <= criterion(approach.residual, 3.0) {
        true => line.slope,
        false => approach.slope,
    };
    match slope < 0.0 {
        true => Shape::Falling,
        false => Shape::Rising,
    }
}

/// What is left of the distance to the plateau after each iteration.
const DECAYS: [f64; 9] = [0.1, 0.2, 0.35, 0.5, 0.65, 0.75, 0.85, 0.92, 0.96];

/// A straight line over some function of the iteration that rises.
struct Fit {
    slope: f64,
    residual: f64,
}

impl Fit {
    fn of(series: &[f64], of: impl Fn(f64) -> f64) -> Self {
        let x: Vec<f64> = (0..series.len()).map(|i| of(i as f64)).collect();
        let (x_mean, y_mean) = (mean(&x), mean(series));
        let products = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            let pairs = x.iter().zip(series);
            pairs.map(|(x, y)| f(x - x_mean, y - y_mean)).sum()
        };
        let slope = products(&|x, y| x * y) / products(&|x, _| x * x);
        let residual = products(&|x, y| (y - slope * x).powi(2));
        Self { slope, residual }
    }
}

/// Of the best step between two plateaus of at least three values: what it leaves of the sum of squares.
fn step_residual(series: &[f64]) -> f64 {
    let (n, center) = (series.len(), mean(series));
    let mut before = 0.0;
    let explained = series.iter().enumerate().map(|(i, value)| {
        before += value - center;
        let (left, right) = ((i + 1) as f64, (n - i - 1) as f64);
        match (3..=n.saturating_sub(3)).contains(&(i + 1)) {
            true => before * before * (1.0 / left + 1.0 / right),
            false => 0.0,
        }
    });
    (sum_of_squares(series) - explained.fold(0.0, f64::max)).max(0.0)
}

fn sum_of_squares(values: &[f64]) -> f64 {
    let center = mean(values);
    values.iter().map(|v| (v - center).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes() {
        let check = |of: &dyn Fn(f64) -> f64, expected| {
            let series: Vec<f64> = (0..12).map(|i| of(f64::from(i))).collect();
            assert_eq!(best_shape(&series), expected, "{series:?}");
        };
        check(&|i| 5.0 + i, Shape::Rising);
        check(&|i| 5.0 - i, Shape::Falling);
        check(&|i| 5.0 + 0.5_f64.powf(i), Shape::Falling);
        check(&|i| 5.0 - 0.3_f64.powf(i), Shape::Rising);
        check(&|i| if i < 3.0 { 1.0 } else { 2.0 }, Shape::Step);
        check(&|i| if i < 9.0 { 2.0 } else { 1.0 }, Shape::Step);
    }
}
