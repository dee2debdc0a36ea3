//! How often a whole comparison errs, on made-up runs of which both sides are the same: all cells of the default metrics
//! together, through every rule there is.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::*;

const SIMULATIONS: u32 = 500;

struct Noise(ChaCha8Rng);

impl Noise {
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

/// What a process measures, times in µs and a peak in bytes.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Processes and their iterations scatter, by these shares.
    Normal(f64, f64),
    /// Every value is one of two.
    OneOfTwo,
    /// As the first, and each iteration takes a tenth longer than the one before it.
    Drifting,
}

impl Kind {
    fn process(self, level: f64, noise: &mut Noise) -> (Outcome, AttemptData) {
        let of_process = noise.normal();
        let coin = |noise: &mut Noise| if noise.uniform() < 0.5 { 1.0 } else { 1.1 };
        let (time, peak) = (coin(noise), coin(noise));
        let mut iteration = |i: u32| match self {
            Self::Normal(between, within) => (between * of_process + within * noise.normal()).exp(),
            Self::OneOfTwo => time,
            Self::Drifting => {
                (0.01 * of_process + 0.005 * noise.normal()).exp() + 0.1 * f64::from(i)
            }
        };
        let times = [0, 1, 2, 3, 4].map(|i| (level * 1e6 * iteration(i)) as u64);
        let peak = match self {
            Self::Normal(..) | Self::Drifting => (0.02 * noise.normal()).exp(),
            Self::OneOfTwo => peak,
        };
        valued(&times, None, (peak * 1e9) as u64)
    }

    /// Two cases that differ in `size` alone.
    fn run(self, processes: usize, level: f64, noise: &mut Noise) -> RunRecord {
        let cases = [("custom.a", 1), ("custom.b", 2)].map(|(id, size)| {
            let made = (0..processes).map(|_| self.process(level, noise)).collect();
            (case(id, &[("size", size)]), made)
        });
        record(cases.to_vec())
    }
}

fn is_alarm(comparison: &Comparison) -> bool {
    comparison.cells.iter().any(|cell| match cell.verdict {
        Verdict::Better | Verdict::Worse | Verdict::Higher | Verdict::Lower => true,
        Verdict::Same(_) | Verdict::Undecided(_) => false,
    })
}

/// The chance of at least so many false alarms if 5 % of comparisons raise one. It is below 2.5 % just where the exact
/// interval of their rate lies above 5 % (Clopper & Pearson, Biometrika 26, 1934).
fn chance_of_at_least(alarms: u32) -> f64 {
    let (mut term, mut below) = (0.95_f64.powi(SIMULATIONS as i32), 0.0);
    for k in 0..alarms {
        below += term;
        term *= f64::from(SIMULATIONS - k) / f64::from(k + 1) * (0.05 / 0.95);
    }
    1.0 - below
}

#[test]
fn the_same_against_the_same_raises_no_more_false_alarms_than_stated() {
    let kinds = [
        Kind::Normal(0.02, 0.005),
        Kind::Normal(0.005, 0.02),
        Kind::OneOfTwo,
        Kind::Drifting,
    ];
    // Whatever is taken for a difference counts, and not what is large alone.
    let options = CompareOptions {
        threshold: "0%".parse().unwrap(),
        ..CompareOptions::default()
    };
    let size = Within {
        key: "size".to_owned(),
        base: None,
    };
    let mut noise = Noise(ChaCha8Rng::from_seed([8; 32]));
    for kind in kinds {
        for processes in [2, 3, 5, 8] {
            let (mut of_runs, mut of_rounds) = (0, 0);
            for _ in 0..SIMULATIONS {
                let base = kind.run(processes, 1.0, &mut noise);
                let new = kind.run(processes, 1.0, &mut noise);
                let runs = Comparison::of_runs(&base, &new, &options);
                assert_eq!(runs.cells.len(), 4);
                of_runs += u32::from(is_alarm(&runs));
                let rounds = Comparison::within(&base, &size, &options).unwrap();
                of_rounds += u32::from(is_alarm(&rounds));
            }
            println!("{kind:?} × {processes}: {of_runs} of runs, {of_rounds} of rounds");
            for alarms in [of_runs, of_rounds] {
                let chance = chance_of_at_least(alarms);
                assert!(chance >= 0.025, "{kind:?} × {processes}: {alarms} alarms");
            }
        }
    }
}

#[test]
fn a_slow_down_is_still_found() {
    let mut noise = Noise(ChaCha8Rng::from_seed([9; 32]));
    for (kind, level) in [(Kind::Normal(0.01, 0.005), 1.05), (Kind::Drifting, 1.1)] {
        let is_found = |_: &u32| {
            let base = kind.run(8, 1.0, &mut noise);
            let found = compare(&base, &kind.run(8, level, &mut noise));
            let times = found.cells.iter().filter(|c| c.metric == Metric::TotalTime);
            let verdicts: Vec<_> = times.map(|cell| cell.verdict).collect();
            verdicts == [Verdict::Worse; 2]
        };
        let found = (0..SIMULATIONS).filter(is_found).count();
        println!("{kind:?}: {found} of {SIMULATIONS} found");
        assert!(found >= 475, "{kind:?}: {found}");
    }
}

#[test]
fn the_chance_is_that_of_the_binomial_distribution() {
    // scipy.stats.binom.sf(k - 1, 500, 0.05)
    assert_eq!(chance_of_at_least(0), 1.0);
    assert!(chance_of_at_least(25) > 0.5 && chance_of_at_least(25) < 0.58);
    assert!(chance_of_at_least(35) > 0.025 && chance_of_at_least(37) < 0.025);
}
