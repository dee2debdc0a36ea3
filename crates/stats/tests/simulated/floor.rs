//! How often two single runs show a change of the size that equal runs before them call detectable.

use crate::made::Noise;
use anechoic_stats::{deviation_interval, rate_interval, smallest_detectable};

const SIMULATIONS: usize = 4_000;

/// The sample standard deviation of so many runs that scatter by 1.
fn deviation(runs: usize, noise: &mut Noise) -> f64 {
    let values: Vec<f64> = (0..runs).map(|_| noise.normal()).collect();
    let mean = values.iter().sum::<f64>() / runs as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (squares.sum::<f64>() / (runs - 1) as f64).sqrt()
}

/// Two-sided quantiles of Student's t at 95 %.
const T: [(usize, f64); 3] = [(3, 4.302_653), (6, 2.570_582), (12, 2.200_985)];

#[test]
fn detectable_changes_are_found_in_four_of_five_tries() {
    println!("runs  found  false alarms  deviation covered");
    let mut noise = Noise::seeded(11);
    for (runs, t) in T {
        let freedom = (runs - 1) as f64;
        let (mut found, mut alarms, mut covered) = (0, 0, 0);
        for _ in 0..SIMULATIONS {
            let deviation = deviation(runs, &mut noise);
            let limit = t * deviation * 2_f64.sqrt();
            let difference = noise.normal() - noise.normal();
            let change = smallest_detectable(deviation, freedom);
            found += usize::from((difference + change) > limit);
            alarms += usize::from(difference.abs() > limit);
            covered += usize::from(deviation_interval(deviation, freedom).covers(1.0));
        }
        let rate = |count: usize| count as f64 / SIMULATIONS as f64;
        println!(
            "{runs:>4}  {:.3}  {:.3}  {:.3}",
            rate(found),
            rate(alarms),
            rate(covered)
        );
        let holds = |count, expected| {
            let interval = rate_interval(count, SIMULATIONS);
            assert!(
                (expected - 0.01..=expected + 0.01).contains(&rate(count))
                    || interval.covers(expected),
                "{runs} runs: {} for {expected}",
                rate(count)
            );
        };
        holds(found, 0.8);
        holds(alarms, 0.05);
        holds(covered, 0.95);
    }
}
