//! How often the interval holds the truth of which a stop rule was the reason to stop: looking after every round makes it
//! more likely to stop where the processes happen to agree.

use crate::made::{Noise, Setting, Shape};
use anechoic_stats::{Centre, centre, rate_interval};

const MIN: usize = 3;
const MAX: usize = 10;
/// `ci 2%`.
const WANTED: f64 = 0.02;
const SIMULATIONS: usize = 500;
/// Standard deviations between processes: from cases that stop at once to cases that never do.
const BETWEEN: [f64; 6] = [0.003, 0.005, 0.01, 0.02, 0.03, 0.06];

/// The centre at which the rule stops.
fn stopped(series: &[Vec<f64>]) -> Centre {
    let looks = (MIN..=MAX).map(|n| centre(&series[..n]).unwrap());
    let mut last = None;
    for found in looks {
        last = Some(found);
        if found.relative_half_width().unwrap() <= WANTED {
            break;
        }
    }
    last.unwrap()
}

#[test]
fn looking_after_every_round_costs_a_little_coverage() {
    println!("between  processes on average  covered under the rule  covered with {MAX} processes");
    let mut noise = Noise::seeded(3);
    let mut all = (0, 0);
    for between in BETWEEN {
        let setting = Setting {
            shape: Shape::Normal,
            processes: MAX,
            iterations: 5,
            between,
            within: 0.005,
        };
        let truth = setting.truth();
        let (mut hits, mut fixed, mut processes) = (0, 0, 0);
        for _ in 0..SIMULATIONS {
            let series = setting.measure(1.0, &mut noise);
            let (under_rule, whole) = (stopped(&series), centre(&series).unwrap());
            hits += usize::from(under_rule.interval.unwrap().covers(truth));
            fixed += usize::from(whole.interval.unwrap().covers(truth));
            processes += under_rule.processes;
        }
        let rate = hits as f64 / SIMULATIONS as f64;
        let (mean, fixed) = (
            processes as f64 / SIMULATIONS as f64,
            fixed as f64 / SIMULATIONS as f64,
        );
        println!("{between:>7.3}  {mean:>20.1}  {rate:>22.3}  {fixed:.3}");
        all = (all.0 + hits, all.1 + SIMULATIONS);
        assert!(rate >= 0.88, "{between}: {rate}");
    }
    let (rate, interval) = (all.0 as f64 / all.1 as f64, rate_interval(all.0, all.1));
    println!("all: {rate:.3} [{:.3}, {:.3}]", interval.low, interval.high);
    assert!((0.90..=0.98).contains(&rate), "{rate}");
}
