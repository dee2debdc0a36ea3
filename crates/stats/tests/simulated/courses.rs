//! How often steps and creeps are seen in noise, and how often where there is one.

use crate::made::Noise as Numbers;
use anechoic_stats::{Noise, creep, noise, rate_interval, steps};

const SIMULATIONS: usize = 500;

fn normal(n: usize, numbers: &mut Numbers) -> Vec<f64> {
    (0..n).map(|_| numbers.normal()).collect()
}

#[test]
fn noise_has_no_course() {
    println!("values  noise known  with a step  with a creep");
    let mut numbers = Numbers::seeded(11);
    for n in [8, 15, 30, 60, 120, 300] {
        for known in [true, false] {
            let given = known.then_some(Noise {
                deviation: 1.0,
                freedom: 1e5,
            });
            let (mut stepped, mut crept) = (0, 0);
            for _ in 0..SIMULATIONS {
                let series = normal(n, &mut numbers);
                stepped += usize::from(!steps(&series, given).is_empty());
                crept += usize::from(creep(&series, given).is_some());
            }
            let share = |count: usize| count as f64 / SIMULATIONS as f64;
            println!(
                "{n:>6}  {known:>11}  {:>11.3}  {:>12.3}",
                share(stepped),
                share(crept)
            );
            for count in [stepped, crept] {
                assert!(
                    rate_interval(count, SIMULATIONS).low <= 0.05,
                    "{n}: {count}"
                );
            }
        }
    }
}

#[test]
fn steps_and_creeps_of_a_few_deviations_are_found() {
    println!("size  step seen with 2 values on it  with 4  creep of so much in all over 30 values");
    let mut numbers = Numbers::seeded(12);
    let is_stepped = |series: &[f64]| {
        steps(series, None)
            .iter()
            .any(|s| (38..=42).contains(&s.at))
    };
    for size in [2.0, 3.0, 4.0] {
        let (mut two, mut four, mut crept) = (0, 0, 0);
        for _ in 0..SIMULATIONS {
            let mut series = normal(44, &mut numbers);
            series[40..].iter_mut().for_each(|v| *v += size);
            two += usize::from(is_stepped(&series[..42]));
            four += usize::from(is_stepped(&series));
            let mut series = normal(60, &mut numbers);
            let slope = size / 30.0;
            (30..60).for_each(|i| series[i] += slope * (i - 29) as f64);
            crept += usize::from(creep(&series, None).is_some_and(|c| c.per_step > 0.0));
        }
        println!("{size:>4}  {two:>28}  {four:>6}  {crept:>39} of {SIMULATIONS}");
        let least = |count: usize, share: f64| {
            assert!(
                size < 4.0 || count as f64 >= share * SIMULATIONS as f64,
                "{size}: {count}"
            );
        };
        least(two, 0.8);
        least(four, 0.95);
        least(crept, 0.85);
    }
}

#[test]
fn noise_is_known_with_the_freedom_it_states() {
    println!("values  deviation  freedom stated  freedom seen");
    let mut numbers = Numbers::seeded(13);
    for n in [4, 8, 15, 30, 60] {
        let found: Vec<Noise> = (0..4 * SIMULATIONS)
            .filter_map(|_| noise(&normal(n, &mut numbers)))
            .collect();
        let mean =
            |of: &dyn Fn(&Noise) -> f64| found.iter().map(of).sum::<f64>() / found.len() as f64;
        let squared = mean(&|noise| noise.deviation.powi(2));
        let spread = mean(&|noise| (noise.deviation.powi(2) - squared).powi(2));
        let (stated, seen) = (found[0].freedom, 2.0 * squared.powi(2) / spread);
        println!(
            "{n:>6}  {:>9.3}  {stated:>14.1}  {seen:>12.1}",
            squared.sqrt()
        );
        assert!((0.97..1.16).contains(&squared.sqrt()), "{n}: {squared}");
        assert!(seen > 0.85 * stated, "{n}: {seen} of {stated}");
    }
}
