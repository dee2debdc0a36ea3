//! How soon nights find a change, and how often they see one where there is none: the whole gate, night by night, with recorded noise and with
//! made-up noise. Seeded: the same on every machine. With `-- --nocapture` the tables are shown.

use anechoic_record::Metric;
use anechoic_report::{Certified, GateDecision, GateInput, GateOptions, RunDigest, gate};
use anechoic_stats::rate_interval;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::made::{cell, run};

const CASES: [&str; 3] = ["kv.tiny", "kv.small", "capture.capture"];
const NIGHTS: usize = 60;
/// Night 40, counted from 0.
const STEP: usize = 39;
/// The night from which on a creep goes, counted from 0.
const CREEP: usize = 20;
/// Further runs of a night, at most.
const CONFIRMATIONS: usize = 2;
/// Nights that are the baseline, at most.
const ROLLING: usize = 14;
const SIMULATIONS: usize = 200;

struct Numbers(ChaCha8Rng);

impl Numbers {
    /// Between 0 and 1, both excluded.
    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 2_f64.powi(32)
    }

    /// Standard normal (Box & Muller 1958).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }
}

/// Logarithms of the values of the cells of one run.
type Values = [f64; 3];

/// Where the noise of nights comes from.
enum Source {
    /// A night begins at a recorded run, and its confirmations are those that followed it: they have in common what such runs have, and so
    /// have the cells of a run.
    Recorded(Vec<Values>),
    /// Normal, with this deviation of a single run; a share of the variance is that of the night.
    Normal { deviation: f64, of_night: f64 },
}

impl Source {
    fn recorded() -> Self {
        let mut rows: Vec<Values> = Vec::new();
        let lines = include_str!("noise.csv").lines();
        for line in lines.filter(|line| !line.starts_with(['#', 'r'])) {
            let fields: Vec<&str> = line.split(',').collect();
            let at = CASES.iter().position(|case| *case == fields[2]).unwrap();
            if at == 0 {
                rows.push([0.0; 3]);
            }
            let value: f64 = fields[4].parse().unwrap();
            rows.last_mut().unwrap()[at] = value.ln();
        }
        assert_eq!(rows.len(), 30);
        Self::Recorded(rows)
    }

    /// The runs that a night may have.
    fn night(&self, numbers: &mut Numbers) -> Vec<Values> {
        match self {
            Self::Recorded(rows) => {
                let starts = rows.len() - CONFIRMATIONS;
                let from = (numbers.uniform() * starts as f64) as usize;
                rows[from..=from + CONFIRMATIONS].to_vec()
            }
            Self::Normal {
                deviation,
                of_night,
            } => {
                let common = [(); 3].map(|()| deviation * of_night.sqrt() * numbers.normal());
                let own = deviation * (1.0 - of_night).sqrt();
                let run = |_| common.map(|common| common + own * numbers.normal());
                (0..=CONFIRMATIONS).map(run).collect()
            }
        }
    }
}

/// What is planted: the change of a cell's logarithm in a night.
type Change = fn(usize, usize) -> f64;

/// What nights came to.
struct Course {
    alarms: Vec<bool>,
    further_runs: usize,
}

/// So many nights as `nightly` makes them, against the last 14 good ones.
fn nights(source: &Source, change: Change, count: usize, numbers: &mut Numbers) -> Course {
    let mut past: Vec<Vec<RunDigest>> = Vec::new();
    let mut good: Vec<RunDigest> = Vec::new();
    let mut course = Course {
        alarms: Vec::new(),
        further_runs: 0,
    };
    for night in 0..count {
        let runs = source.night(numbers).into_iter().map(|values| {
            let cells = (0..3).map(|at| {
                let value = (values[at] + change(night, at)).exp();
                cell(CASES[at], Metric::TotalTime, value)
            });
            run(night as i64, cells.collect())
        });
        let runs: Vec<RunDigest> = runs.collect();
        let baseline = &good[good.len().saturating_sub(ROLLING)..];
        let judge = |made: usize| {
            let input = GateInput {
                tonight: &runs[..made],
                baseline,
                nights: &past,
                certified: Certified::None,
            };
            let options = GateOptions {
                confirmable: made <= CONFIRMATIONS,
                ..GateOptions::default()
            };
            gate(&input, &options).decision
        };
        let mut made = 1;
        let mut decision = judge(made);
        while decision == GateDecision::Suspicious {
            made += 1;
            decision = judge(made);
        }
        let is_alarm = decision == GateDecision::Regression;
        course.alarms.push(is_alarm);
        course.further_runs += made - 1;
        past.push(runs[..made].to_vec());
        if !is_alarm {
            good.push(runs[0].clone());
        }
    }
    course
}

/// What is planted, from which night on, and within how many it should be found.
struct Planted {
    name: &'static str,
    change: Change,
    from: usize,
    within: usize,
}

/// ln 1.03, from a night on.
fn step(night: usize) -> f64 {
    if night < STEP { 0.0 } else { 1.03_f64.ln() }
}

/// 0.1 % more with each night.
fn creep(night: usize) -> f64 {
    night.saturating_sub(CREEP - 1) as f64 * 1.001_f64.ln()
}

const NOTHING: Planted = Planted {
    name: "nothing",
    change: |_, _| 0.0,
    from: NIGHTS,
    within: 0,
};

const fn stepped(name: &'static str, change: Change) -> Planted {
    Planted {
        name,
        change,
        from: STEP,
        within: 2,
    }
}

const fn crept(name: &'static str, change: Change) -> Planted {
    Planted {
        name,
        change,
        from: CREEP,
        within: 30,
    }
}

/// How many simulations found it, and false alarms in 60 nights.
fn simulate(noise: &str, source: &Source, planted: &Planted, seed: u8) -> (usize, f64) {
    let mut numbers = Numbers(ChaCha8Rng::from_seed([seed; 32]));
    let (mut found, mut alarms, mut further) = (0, 0, 0);
    let until = planted.from + planted.within;
    for _ in 0..SIMULATIONS {
        let course = nights(source, planted.change, until, &mut numbers);
        let (quiet, changed) = course.alarms.split_at(planted.from);
        found += usize::from(changed.contains(&true));
        alarms += quiet.iter().filter(|alarm| **alarm).count();
        further += course.further_runs;
    }
    let alarms = (alarms * NIGHTS) as f64 / (SIMULATIONS * planted.from) as f64;
    let further = further as f64 / (SIMULATIONS * until) as f64;
    let interval = rate_interval(found, SIMULATIONS);
    println!(
        "{noise:14}  {:24}  {found:>3} of {SIMULATIONS} [{:.3}, {:.3}]  {alarms:>12.2}  {further:>12.2}",
        planted.name, interval.low, interval.high
    );
    (found, alarms)
}

const HEAD: &str = "noise           planted                   found                      alarms in 60  further runs a night";

/// 95 of 100.
const WANTED: usize = SIMULATIONS * 95 / 100;

#[test]
fn recorded_noise_raises_few_alarms_and_hides_little() {
    println!("{HEAD}");
    let source = Source::recorded();
    let check = |planted: Planted, least: usize, seed: u8| {
        let (found, alarms) = simulate("recorded", &source, &planted, seed);
        assert!(found >= least, "{}: {found}", planted.name);
        assert!(alarms <= 1.0, "{}: {alarms}", planted.name);
    };
    check(NOTHING, 0, 41);
    // Of cells that scatter by 1.2, 1.8 and 3.5 %, a step of 3 % within two nights is not to be had in more.
    check(
        stepped("3 % in kv.tiny", |night, at| {
            step(night) * f64::from(at == 0)
        }),
        120,
        42,
    );
    check(
        stepped("3 % in capture.capture", |night, at| {
            step(night) * f64::from(at == 2)
        }),
        65,
        43,
    );
    check(
        stepped("3 % in kv.small", |night, at| {
            step(night) * f64::from(at == 1)
        }),
        12,
        44,
    );
    check(
        crept("0.1 % a night in all", |night, _| creep(night)),
        WANTED,
        45,
    );
    check(
        crept("0.1 % a night in kv.tiny", |night, at| {
            creep(night) * f64::from(at == 0)
        }),
        WANTED,
        46,
    );
}

#[test]
fn quiet_machines_find_three_percent_in_two_nights() {
    println!("{HEAD}");
    for (noise, deviation, seed) in [("normal, 0.5 %", 0.005, 51), ("normal, 0.8 %", 0.008, 52)] {
        let source = Source::Normal {
            deviation,
            of_night: 0.35,
        };
        for planted in [
            stepped("3 % in one of three", |night, at| {
                step(night) * f64::from(at == 0)
            }),
            crept("0.1 % a night in one", |night, at| {
                creep(night) * f64::from(at == 0)
            }),
        ] {
            let (found, alarms) = simulate(noise, &source, &planted, seed);
            assert!(found >= WANTED, "{noise}, {}: {found}", planted.name);
            assert!(alarms <= 1.0, "{noise}, {}: {alarms}", planted.name);
        }
    }
}
