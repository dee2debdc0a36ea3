//! How often noise is taken for something else, on made-up series.

use std::collections::BTreeMap;

use crate::made::Noise;
use anechoic_stats::{Steadiness, rate_interval, steadiness};

const SIMULATIONS: usize = 1_000;

/// A kind of noise: the value of an iteration of a series with so many.
type Kind = (&'static str, fn(&mut Noise, usize, usize) -> f64);

const KINDS: [Kind; 6] = [
    ("normal", |noise, _, _| 100.0 + noise.normal()),
    ("uniform", |noise, _, _| 100.0 + noise.uniform()),
    ("log-normal 0.3", |noise, _, _| (0.3 * noise.normal()).exp()),
    ("log-normal 0.8", |noise, _, _| (0.8 * noise.normal()).exp()),
    ("outlier first", |noise, i, _| {
        100.0 + noise.normal() + if i == 0 { 50.0 } else { 0.0 }
    }),
    ("outlier inside", |noise, i, n| {
        100.0 + noise.normal() + if i == n / 2 { 50.0 } else { 0.0 }
    }),
];

#[test]
fn noise_is_called_flat() {
    println!("noise             values  flat");
    let mut noise = Noise::seeded(6);
    for (name, value) in KINDS {
        for n in [6, 8, 10, 15, 20, 30, 100] {
            let mut labels: BTreeMap<Steadiness, usize> = BTreeMap::new();
            for _ in 0..SIMULATIONS {
                let series: Vec<f64> = (0..n).map(|i| value(&mut noise, i, n)).collect();
                *labels.entry(steadiness(&series)).or_default() += 1;
            }
            let flat = labels.get(&Steadiness::Flat).copied().unwrap_or(0);
            let rate = flat as f64 / SIMULATIONS as f64;
            let interval = rate_interval(flat, SIMULATIONS);
            println!(
                "{name:16}  {n:>6}  {rate:.3} [{:.3}, {:.3}] {labels:?}",
                interval.low, interval.high
            );
            assert!(rate >= 0.95, "{name}, {n} values: {labels:?}");
        }
    }
}
