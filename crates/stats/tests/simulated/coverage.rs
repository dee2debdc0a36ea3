//! How often the interval of a centre holds the truth, on made-up data with two levels.

use crate::made::{Noise, Setting, Shape};
use anechoic_stats::{centre, rate_interval};

/// Standard deviations between processes, and of iterations within them.
const NORMAL: [(f64, f64); 4] = [(0.02, 0.005), (0.02, 0.02), (0.005, 0.02), (0.0, 0.02)];
const LOG_NORMAL: [(f64, f64); 3] = [(0.1, 0.02), (0.05, 0.1), (0.02, 0.2)];

const SIMULATIONS: usize = 500;

fn settings() -> Vec<Setting> {
    let spreads = (NORMAL.map(|spread| (Shape::Normal, spread)).into_iter())
        .chain(LOG_NORMAL.map(|spread| (Shape::LogNormal, spread)));
    let mut settings = Vec::new();
    for (shape, (between, within)) in spreads {
        for processes in [3, 5, 10] {
            for iterations in [5, 20] {
                settings.push(Setting {
                    shape,
                    processes,
                    iterations,
                    between,
                    within,
                });
            }
        }
    }
    settings
}

fn covered(setting: &Setting, noise: &mut Noise) -> usize {
    let truth = setting.truth();
    let covers = |_: &usize| {
        let found = centre(&setting.measure(1.0, noise)).unwrap();
        found.interval.unwrap().covers(truth)
    };
    (0..SIMULATIONS).filter(covers).count()
}

#[test]
fn intervals_of_centres_hold_the_truth() {
    println!("shape      processes × iterations  between  within  covered");
    let mut noise = Noise::seeded(1);
    let mut worst: f64 = 1.0;
    for setting in settings() {
        let hits = covered(&setting, &mut noise);
        let (rate, interval) = (
            hits as f64 / SIMULATIONS as f64,
            rate_interval(hits, SIMULATIONS),
        );
        println!(
            "{:10} {:>9} × {:<10}  {:>7.3}  {:>6.3}  {:.3} [{:.3}, {:.3}]",
            format!("{:?}", setting.shape),
            setting.processes,
            setting.iterations,
            setting.between,
            setting.within,
            rate,
            interval.low,
            interval.high
        );
        worst = worst.min(rate);
    }
    assert!(worst >= 0.93, "{worst}");
}
