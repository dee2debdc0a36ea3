//! How soon nights find a change, and how often they see one where there is none: the whole gate, night by night, with recorded noise and with
//! made-up noise. Seeded: the same on every machine. With `-- --nocapture` the tables are shown.

use anechoic_record::Metric;
use anechoic_report::{Certified, GateDecision, GateInput, GateOptions, RunDigest, gate};
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
static SIMS: std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| std::env::var("SIMS").map_or(200, |s| s.parse().unwrap()));

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

/// What 60 nights came to.
struct Course {
    alarms: [bool; NIGHTS],
    further_runs: usize,
}

/// Nights as `nightly` makes them, against the last 14 good ones.
fn nights(source: &Source, change: Change, numbers: &mut Numbers) -> Course {
    let mut past: Vec<Vec<RunDigest>> = Vec::new();
    let mut good: Vec<RunDigest> = Vec::new();
    let mut course = Course {
        alarms: [false; NIGHTS],
        further_runs: 0,
    };
    for night in 0..NIGHTS {
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
            let g = gate(&input, &options);
            if std::env::var("DIAG").is_ok() && g.decision == GateDecision::Regression { for c in &g.cells { use anechoic_record::CellFinding as F; let f = match &c.finding { F::Worse=>"worse", F::Step{..}=>"step", F::Creep{..}=>"creep", _=>continue}; println!("D {} {} {}", c.id.case, f, if night<14 {"early"} else {"late"}); } }
            g.decision
        };
        let mut made = 1;
        let mut decision = judge(made);
        while decision == GateDecision::Suspicious {
            made += 1;
            decision = judge(made);
        }
        course.alarms[night] = decision == GateDecision::Regression;
        course.further_runs += made - 1;
        past.push(runs[..made].to_vec());
        if !course.alarms[night] {
            good.push(runs[0].clone());
        }
    }
    course
}

/// Shares over all simulations.
struct Rates {
    found: f64,
    /// Alarms of a night before there is a change.
    alarms: f64,
    further_runs: f64,
}

/// `change` is there from `from` on, and should be found within `within` nights.
fn rates(source: &Source, change: Change, (from, within): (usize, usize), seed: u8) -> Rates {
    let mut numbers = Numbers(ChaCha8Rng::from_seed([seed; 32]));
    let courses: Vec<Course> = (0..(*SIMS))
        .map(|_| nights(source, change, &mut numbers))
        .collect();
    let sum = |of: &dyn Fn(&Course) -> usize| courses.iter().map(of).sum::<usize>() as f64;
    let all = (*SIMS) as f64;
    let until = (from + within).min(NIGHTS);
    let found = |course: &Course| usize::from(course.alarms[from..until].contains(&true));
    let alarms = |course: &Course| course.alarms[..from].iter().filter(|alarm| **alarm).count();
    Rates {
        found: sum(&found) / all,
        alarms: sum(&alarms) / all / from as f64,
        further_runs: sum(&|course| course.further_runs) / all / NIGHTS as f64,
    }
}

const ONE: f64 = 0.029_558_802;
#[test]
fn calibrate() {
    let seed: u8 = std::env::var("SEED").unwrap().parse().unwrap();
    let rec = Source::recorded();
    let changes: [(&str, Change, (usize, usize)); 6] = [
        ("none", |_, _| 0.0, (NIGHTS, 0)),
        ("tiny", |n, c| if n >= STEP && c == 0 { ONE } else { 0.0 }, (STEP, 2)),
        ("small", |n, c| if n >= STEP && c == 1 { ONE } else { 0.0 }, (STEP, 2)),
        ("capture", |n, c| if n >= STEP && c == 2 { ONE } else { 0.0 }, (STEP, 2)),
        ("all", |n, _| if n >= STEP { ONE } else { 0.0 }, (STEP, 2)),
        ("creep all", |n, _| 0.001 * (n.saturating_sub(CREEP) as f64), (CREEP, 30)),
    ];
    let show = |what: &str, source: &Source| {
        for (name, change, when) in changes { if std::env::var("ONLY").is_ok_and(|o| !o.split(',').any(|o| o==name)) {continue}
            let r = rates(source, change, when, seed);
            println!("{what:10} {name:10} found {:.3} alarms/60 {:.2} further {:.2}", r.found, r.alarms * 60.0, r.further_runs);
        }
    };
    if std::env::var("NOREC").is_err() { show("recorded", &rec); }
    for deviation in std::env::var("DEV").map_or(vec![], |d| d.split(',').map(|d| d.parse().unwrap()).collect::<Vec<f64>>()) {
        show(&format!("normal {deviation}"), &Source::Normal { deviation, of_night: 0.35 });
    }
}
