//! How often a contrast errs, on made-up data with two levels: differences where there are none, and a slow-down of 3 %.

use crate::made::{Noise, Setting, Shape};
use anechoic_stats::{
    Contrast, contrast, difference_contrast, holm, paired_contrast, rate_interval,
};

const SIMULATIONS: usize = 500;

type Series = Vec<Vec<f64>>;

/// A way to compare two groups.
type Method = (&'static str, fn(&Series, &Series) -> Option<Contrast>);

const METHODS: [Method; 3] = [
    ("ratio", |base, new| contrast(base, new)),
    ("difference", |base, new| difference_contrast(base, new)),
    ("paired", |base, new| {
        let pairs: Vec<_> = base.iter().cloned().zip(new.iter().cloned()).collect();
        paired_contrast(&pairs)
    }),
];

fn setting(processes: usize, iterations: usize, between: f64, within: f64) -> Setting {
    Setting {
        shape: Shape::LogNormal,
        processes,
        iterations,
        between,
        within,
    }
}

fn is_found(contrast: &Contrast) -> bool {
    contrast.p.unwrap() < 0.05
}

#[test]
fn the_same_against_the_same_gives_no_more_false_alarms_than_stated() {
    println!("method      processes × iterations  between  within  false alarms of {SIMULATIONS}");
    let mut noise = Noise::seeded(2);
    for (method, compare) in METHODS {
        let (mut alarms_of_all, mut all) = (0, 0);
        for (processes, iterations) in [(2, 5), (3, 1), (3, 5), (5, 20), (10, 5), (30, 3)] {
            for (between, within) in [(0.02, 0.005), (0.005, 0.02), (0.1, 0.1)] {
                let setting = setting(processes, iterations, between, within);
                let is_alarm = |_: &usize| {
                    let base = setting.measure(1.0, &mut noise);
                    let new = setting.measure(1.0, &mut noise);
                    is_found(&compare(&base, &new).unwrap())
                };
                let alarms = (0..SIMULATIONS).filter(is_alarm).count();
                let rate = alarms as f64 / SIMULATIONS as f64;
                let interval = rate_interval(alarms, SIMULATIONS);
                println!(
                    "{method:10}  {processes:>9} × {iterations:<10}  {between:>7.3}  {within:>6.3}  {rate:.3} [{:.3}, {:.3}]",
                    interval.low, interval.high
                );
                assert!(interval.low <= 0.05, "{setting:?}: {rate}");
                alarms_of_all += alarms;
                all += SIMULATIONS;
            }
        }
        // So many together leave little room above what is stated.
        let interval = rate_interval(alarms_of_all, all);
        println!("{method:10}  {alarms_of_all} of {all}, {interval:?}");
        assert!(interval.low <= 0.05, "{method}: {alarms_of_all} of {all}");
    }
}

#[test]
fn a_suite_of_many_cells_without_a_difference_rarely_alarms_at_all() {
    let mut noise = Noise::seeded(3);
    let setting = setting(10, 5, 0.02, 0.01);
    let mut p = |_: usize| {
        let base = setting.measure(1.0, &mut noise);
        let new = setting.measure(1.0, &mut noise);
        contrast(&base, &new).unwrap().p.unwrap()
    };
    let mut alarms = |_: &usize| {
        let cells: Vec<f64> = (0..20).map(&mut p).collect();
        holm(&cells).into_iter().any(|p| p < 0.05)
    };
    let alarms = (0..SIMULATIONS).filter(&mut alarms).count();
    let interval = rate_interval(alarms, SIMULATIONS);
    println!("runs of 20 cells with any false alarm: {alarms} of {SIMULATIONS}, {interval:?}");
    assert!(interval.low <= 0.05);
}

#[test]
fn a_slow_down_of_three_percent_is_found_and_its_interval_holds_it() {
    println!("iterations  within  found  interval holds 3 %");
    let mut noise = Noise::seeded(4);
    for (iterations, within) in [(1, 0.0), (5, 0.005), (5, 0.01), (20, 0.02)] {
        let setting = setting(10, iterations, 0.01, within);
        let found: Vec<Contrast> = (0..SIMULATIONS)
            .map(|_| {
                let base = setting.measure(1.0, &mut noise);
                contrast(&base, &setting.measure(1.03, &mut noise)).unwrap()
            })
            .collect();
        let share = |count: usize| count as f64 / SIMULATIONS as f64;
        let slower = share(
            found
                .iter()
                .filter(|c| c.effect > 0.0 && is_found(c))
                .count(),
        );
        let holds = |c: &&Contrast| c.interval.unwrap().covers(0.03);
        let held = share(found.iter().filter(holds).count());
        println!("{iterations:>10}  {within:>6.3}  {slower:.3}  {held:.3}");
        assert!(slower >= 0.95 && held >= 0.93, "{setting:?}");
    }
}

#[test]
fn the_minimum_detectable_change_is_found_four_times_in_five() {
    let mut noise = Noise::seeded(5);
    let setting = setting(10, 1, 0.01, 0.0);
    // What such data can show, from one base and new that are the same.
    let stated: Vec<f64> = (0..SIMULATIONS)
        .map(|_| {
            let base = setting.measure(1.0, &mut noise);
            let same = contrast(&base, &setting.measure(1.0, &mut noise)).unwrap();
            same.minimum_detectable.unwrap()
        })
        .collect();
    let change = stated.iter().sum::<f64>() / stated.len() as f64;
    let is_found = |_: &usize| {
        let base = setting.measure(1.0, &mut noise);
        is_found(&contrast(&base, &setting.measure(1.0 + change, &mut noise)).unwrap())
    };
    let found = (0..SIMULATIONS).filter(is_found).count();
    println!("changes of {change:.4}: {found} of {SIMULATIONS} found");
    assert!((370..=430).contains(&found), "{found}");
}

#[test]
fn wild_iterations_do_not_hide_a_slow_down() {
    let mut noise = Noise::seeded(7);
    let setting = setting(10, 5, 0.01, 0.005);
    // One iteration in thirty takes twice as long.
    let mut measured = |level| {
        let mut series = setting.measure(level, &mut noise);
        for value in series.iter_mut().flatten() {
            *value *= if noise.uniform() < 1.0 / 30.0 {
                2.0
            } else {
                1.0
            };
        }
        series
    };
    let is_found = |_: &usize| is_found(&contrast(&measured(1.0), &measured(1.03)).unwrap());
    let found = (0..SIMULATIONS).filter(is_found).count();
    println!("with wild iterations: {found} of {SIMULATIONS} found");
    assert!(found * 100 >= SIMULATIONS * 95, "{found}");
}
