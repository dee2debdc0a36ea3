//! How soon nights find a change, and how often they see one where there is none: the whole gate, night by night, with recorded noise and with
//! made-up noise, against both kinds of baseline. Seeded: the same on every machine. With `-- --nocapture` the tables are shown.

use anechoic_record::{Metric, NightCell};
use anechoic_report::{
    Certified, GateDecision, GateInput, GateOptions, RunDigest, WorseCell, gate,
};
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
const CONFIRMATIONS: usize = 9;
/// Nights that are the baseline, at most: of `rolling:14` and of `last-good`.
const BASELINES: [(&str, usize); 2] = [("rolling:14", 14), ("last-good", 1)];
const SIMULATIONS: usize = 200;
/// Where nights have many further runs or cells, which takes time.
const FEWER: usize = 60;

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
type Values = Vec<f64>;

/// Where the noise of nights comes from.
enum Source {
    /// A night begins at a recorded run, and its confirmations are those that followed it, where the recording goes on from its beginning:
    /// they have in common what such runs have, and so have the cells of a run. Every run is so many successive ones together.
    Recorded(Vec<Values>, usize),
    /// Normal, with this deviation of a single run; a share of the variance is that of the night. The cells have nothing in common.
    Normal {
        deviation: f64,
        of_night: f64,
        cells: usize,
    },
    /// A machine that is slower by a fixed share in some runs, in all cells, with a little normal noise besides; where that lasts, in all runs
    /// of some nights.
    TwoModes {
        deviation: f64,
        share: f64,
        lasts: bool,
    },
}

/// How much slower the slow mode is.
const SLOW: f64 = 0.05;

impl Source {
    fn recorded() -> Vec<Values> {
        let mut rows: Vec<Values> = Vec::new();
        let lines = include_str!("noise.csv").lines();
        for line in lines.filter(|line| !line.starts_with(['#', 'r'])) {
            let fields: Vec<&str> = line.split(',').collect();
            let at = CASES.iter().position(|case| *case == fields[2]).unwrap();
            if at == 0 {
                rows.push(vec![0.0; CASES.len()]);
            }
            let value: f64 = fields[4].parse().unwrap();
            rows.last_mut().unwrap()[at] = value.ln();
        }
        assert_eq!(rows.len(), 30);
        rows
    }

    /// The runs that a night may have.
    fn night(&self, numbers: &mut Numbers) -> Vec<Values> {
        match self {
            Self::Recorded(rows, times) => {
                let from = (numbers.uniform() * rows.len() as f64) as usize;
                let run = |run: usize| {
                    let part = |part: usize| &rows[(from + run * times + part) % rows.len()];
                    let cell = |cell: usize| (0..*times).map(|at| part(at)[cell]).sum::<f64>();
                    let cells = 0..CASES.len();
                    cells.map(|at| cell(at) / *times as f64).collect()
                };
                (0..=CONFIRMATIONS).map(run).collect()
            }
            Self::Normal {
                deviation,
                of_night,
                cells,
            } => {
                let common: Values = (0..*cells)
                    .map(|_| deviation * of_night.sqrt() * numbers.normal())
                    .collect();
                let own = deviation * (1.0 - of_night).sqrt();
                let mut value = |common: &f64| common + own * numbers.normal();
                let run = |_| common.iter().map(&mut value).collect();
                (0..=CONFIRMATIONS).map(run).collect()
            }
            Self::TwoModes {
                deviation,
                share,
                lasts,
            } => {
                let mut is_slow = numbers.uniform() < *share;
                let mut run = |at| {
                    if at > 0 && !lasts {
                        is_slow = numbers.uniform() < *share;
                    }
                    let level = if is_slow { SLOW.ln_1p() } else { 0.0 };
                    let cells = CASES.iter();
                    cells
                        .map(|_| level + deviation * numbers.normal())
                        .collect()
                };
                (0..=CONFIRMATIONS).map(&mut run).collect()
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

/// The nights from the first to the end of what is planted, as `nightly` makes them, against so many of the last good ones.
fn nights(source: &Source, planted: &Planted, against: usize, numbers: &mut Numbers) -> Course {
    let mut past: Vec<Vec<RunDigest>> = Vec::new();
    let mut good: Vec<Vec<RunDigest>> = Vec::new();
    let mut worse: Vec<WorseCell> = Vec::new();
    let mut course = Course {
        alarms: Vec::new(),
        further_runs: 0,
    };
    for night in 0..planted.from + planted.within {
        let runs = source.night(numbers).into_iter().map(|values| {
            let cells = values.iter().enumerate().map(|(at, value)| {
                let value = (value + (planted.change)(night, at)).exp();
                let other = || format!("another-{at}");
                let case = CASES.get(at).map_or_else(other, |case| (*case).to_owned());
                cell(&case, Metric::TotalTime, value)
            });
            run(night as i64, cells.collect())
        });
        let runs: Vec<RunDigest> = runs.collect();
        let baseline = &good[good.len().saturating_sub(against)..];
        let judge = |made: usize| {
            let input = GateInput {
                tonight: &runs[..made],
                baseline,
                nights: &past,
                worse: &worse,
                certified: Certified::None,
            };
            let options = GateOptions {
                confirmable: made <= CONFIRMATIONS,
                ..GateOptions::default()
            };
            gate(&input, &options)
        };
        let mut made = 1;
        let mut found = judge(made);
        while found.is_doubtful && made <= CONFIRMATIONS {
            made += 1;
            found = judge(made);
        }
        let is_alarm = found.decision == GateDecision::Regression;
        let is_worse = |cell: &&NightCell| cell.finding.is_worse();
        worse = found
            .cells
            .iter()
            .filter(is_worse)
            .filter_map(|cell| {
                let id = cell.id.clone();
                cell.effect.map(|effect| WorseCell { id, effect })
            })
            .collect();
        course.alarms.push(is_alarm);
        course.further_runs += made - 1;
        past.push(runs[..made].to_vec());
        if !is_alarm {
            good.push(runs[..made].to_vec());
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

/// What simulations came to.
struct Row {
    /// Of all of them.
    found: usize,
    /// False alarms in 60 nights.
    alarms: f64,
    /// Further runs a night.
    further: f64,
}

/// A row per baseline.
fn simulate(
    noise: &str,
    source: &Source,
    planted: &Planted,
    seed: u8,
    simulations: usize,
) -> [Row; 2] {
    BASELINES.map(|(baseline, against)| {
        let mut numbers = Numbers(ChaCha8Rng::from_seed([seed; 32]));
        let (mut found, mut alarms, mut further) = (0, 0, 0);
        for _ in 0..simulations {
            let course = nights(source, planted, against, &mut numbers);
            let (quiet, changed) = course.alarms.split_at(planted.from);
            found += usize::from(changed.contains(&true));
            alarms += quiet.iter().filter(|alarm| **alarm).count();
            further += course.further_runs;
        }
        let alarms = (alarms * NIGHTS) as f64 / (simulations * planted.from) as f64;
        let until = planted.from + planted.within;
        let further = further as f64 / (simulations * until) as f64;
        let interval = rate_interval(found, simulations);
        println!(
            "{noise:22}  {:24}  {baseline:10}  {found:>3} of {simulations} [{:.3}, {:.3}]  {alarms:>12.2}  {further:>12.2}",
            planted.name, interval.low, interval.high
        );
        Row {
            found,
            alarms,
            further,
        }
    })
}

/// That of a night's table, `least` for either baseline.
fn check(noise: &str, source: &Source, planted: &Planted, seed: u8, least: [usize; 2]) {
    let rows = simulate(noise, source, planted, seed, SIMULATIONS);
    for (row, least) in rows.iter().zip(least) {
        let (found, alarms) = (row.found, row.alarms);
        assert!(found >= least, "{noise}, {}: {found}", planted.name);
        assert!(alarms <= 1.0, "{noise}, {}: {alarms}", planted.name);
        // Nine may be made.
        assert!(row.further <= 3.5, "{noise}: {}", row.further);
    }
}

/// 95 of 100.
const WANTED: usize = SIMULATIONS * 95 / 100;

const IN_TINY: Planted = stepped("3 % in kv.tiny", |night, at| {
    step(night) * f64::from(at == 0)
});
const IN_CAPTURE: Planted = stepped("3 % in capture.capture", |night, at| {
    step(night) * f64::from(at == 2)
});
const IN_SMALL: Planted = stepped("3 % in kv.small", |night, at| {
    step(night) * f64::from(at == 1)
});
const CREEP_OF_ALL: Planted = crept("0.1 % a night in all", |night, _| creep(night));
const CREEP_IN_TINY: Planted = crept("0.1 % a night in kv.tiny", |night, at| {
    creep(night) * f64::from(at == 0)
});

#[test]
fn recorded_noise_raises_few_alarms_and_hides_little() {
    let source = Source::Recorded(Source::recorded(), 1);
    let check = |planted, seed, least| check("recorded", &source, &planted, seed, least);
    check(NOTHING, 141, [0, 0]);
    // Of cells that scatter by 1.8 and 3.5 %, a step of 3 % within two nights is not to be had in more.
    check(IN_TINY, 142, [WANTED, 150]);
    check(IN_CAPTURE, 143, [95, 30]);
    check(IN_SMALL, 144, [15, 2]);
    check(CREEP_OF_ALL, 145, [WANTED; 2]);
    check(CREEP_IN_TINY, 146, [WANTED; 2]);
}

#[test]
fn longer_runs_of_recorded_noise() {
    let source = Source::Recorded(Source::recorded(), 4);
    let check = |planted, seed, least| check("recorded, 4 times", &source, &planted, seed, least);
    check(NOTHING, 161, [0, 0]);
    check(IN_TINY, 162, [WANTED; 2]);
    check(IN_CAPTURE, 163, [WANTED, 150]);
    check(IN_SMALL, 164, [4, 0]);
}

#[test]
fn quiet_machines_find_three_percent_in_two_nights() {
    for (noise, deviation, seed, found) in [
        ("normal, 0.5 %", 0.005, 151, WANTED),
        ("normal, 0.8 %", 0.008, 152, WANTED),
        ("normal, 1.2 %", 0.012, 153, 110),
    ] {
        let source = Source::Normal {
            deviation,
            of_night: 0.35,
            cells: 3,
        };
        check(noise, &source, &IN_TINY, seed, [found; 2]);
        check(noise, &source, &CREEP_IN_TINY, seed, [WANTED; 2]);
    }
}

#[test]
fn many_cells_raise_no_more_alarms() {
    for (noise, deviation, seed, found) in [
        ("16 cells, 0.3 %", 0.003, 181, FEWER * 95 / 100),
        ("16 cells, 1.2 %", 0.012, 182, FEWER / 5),
    ] {
        let source = Source::Normal {
            deviation,
            of_night: 0.35,
            cells: 16,
        };
        for (planted, least) in [(NOTHING, 0), (IN_TINY, found)] {
            for row in simulate(noise, &source, &planted, seed, FEWER) {
                assert!(row.found >= least, "{noise}: {}", row.found);
                assert!(row.alarms <= 1.0, "{noise}: {}", row.alarms);
            }
        }
    }
}

#[test]
fn machines_with_two_modes() {
    // A mode that lasts for a night and is seldom is not told from a change.
    for (lasts, what, most) in [(false, "runs", 1.5), (true, "nights", 4.0)] {
        for (share, seed) in [(0.1, 171), (0.2, 172), (0.3, 173), (0.5, 174)] {
            let source = Source::TwoModes {
                deviation: 0.003,
                share,
                lasts,
            };
            let noise = format!("slow in {:.0} % of {what}", share * 100.0);
            for row in simulate(&noise, &source, &NOTHING, seed, FEWER) {
                assert!(row.alarms <= most, "{noise}: {}", row.alarms);
            }
        }
    }
}
