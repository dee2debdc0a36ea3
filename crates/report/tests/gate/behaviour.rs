//! What single nights come to.

use anechoic_record::{CellFinding, Certificate, CertifiedCell, Difference, Metric, NoiseSource};
use anechoic_report::{
    CellDigest, Certified, Gate, GateDecision, GateInput, GateOptions, RunDigest, WorseCell, gate,
};
use anechoic_stats::{Interval, Scale};

use crate::made::{cell, fingerprint, run, sure};

/// Small, and without a pattern; half a per cent.
const NOISE: [f64; 12] = [
    0.3, -0.8, 0.5, 0.1, -0.4, 0.9, -0.2, -0.6, 0.7, -0.1, 0.2, -0.9,
];

fn scattered(at: usize) -> f64 {
    1.0 + 0.005 * NOISE[at % NOISE.len()]
}

/// So many nights of cells that scatter around 1 s, and their levels.
fn nights(levels: &[f64], of: fn(f64) -> CellDigest) -> Vec<RunDigest> {
    let night = |(at, level): (usize, &f64)| run(at as i64, vec![of(level * scattered(at))]);
    levels.iter().enumerate().map(night).collect()
}

fn timed(value: f64) -> CellDigest {
    cell("a", Metric::TotalTime, value)
}

struct Night {
    tonight: Vec<RunDigest>,
    past: Vec<RunDigest>,
    worse: Vec<WorseCell>,
    options: GateOptions,
}

impl Night {
    /// Tonight's runs against all nights before.
    fn of(past: Vec<RunDigest>, tonight: Vec<CellDigest>) -> Self {
        let day = past.len() as i64;
        Self {
            tonight: tonight
                .into_iter()
                .map(|cell| run(day, vec![cell]))
                .collect(),
            past,
            worse: Vec::new(),
            options: GateOptions::default(),
        }
    }

    fn confirmable(mut self) -> Self {
        self.options.confirmable = true;
        self
    }

    fn judge(&self, certified: Certified<'_>) -> Gate {
        self.against(&self.past, certified)
    }

    fn against(&self, baseline: &[RunDigest], certified: Certified<'_>) -> Gate {
        let of = |runs: &[RunDigest]| runs.iter().map(|run| vec![run.clone()]).collect();
        let (nights, baseline): (Vec<_>, Vec<_>) = (of(&self.past), of(baseline));
        let input = GateInput {
            tonight: &self.tonight,
            baseline: &baseline,
            nights: &nights,
            worse: &self.worse,
            certified,
        };
        gate(&input, &self.options)
    }
}

fn check(night: &Night, decision: GateDecision, finding: &CellFinding) -> Gate {
    let found = night.judge(Certified::None);
    assert_eq!(found.decision, decision, "{found:?}");
    assert_eq!(found.cells[0].finding, *finding, "{found:?}");
    found
}

#[test]
fn without_nights_there_is_nothing_to_compare_with() {
    let found = check(
        &Night::of(Vec::new(), vec![timed(1.0)]),
        GateDecision::NoBaseline,
        &CellFinding::New,
    );
    assert_eq!(
        (found.cells[0].value, found.cells[0].reference),
        (1.0, None)
    );
    let nothing = Night::of(Vec::new(), Vec::new()).judge(Certified::None);
    assert!(matches!(
        nothing.decision,
        GateDecision::NotComparable { .. }
    ));
}

#[test]
fn nights_like_the_others_are_quiet() {
    let night = Night::of(nights(&[1.0; 20], timed), vec![timed(1.002)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Same);
    let cell = &found.cells[0];
    assert!(cell.interval.unwrap().covers(cell.effect.unwrap()));
    assert!(cell.threshold.unwrap() >= 0.01 && cell.p_adjusted.unwrap() > 0.1);
    assert!(matches!(
        found.noise,
        Some(NoiseSource::Nights { nights: 20, .. })
    ));
}

#[test]
fn a_slow_down_waits_for_further_runs_where_they_can_be_made() {
    let past = || nights(&[1.0; 20], timed);
    let runs = |count: usize| vec![timed(1.05); count];
    for count in [1, 2] {
        let night = Night::of(past(), runs(count)).confirmable();
        check(&night, GateDecision::Suspicious, &CellFinding::Worse);
    }
    let night = Night::of(past(), runs(3)).confirmable();
    check(&night, GateDecision::Regression, &CellFinding::Worse);
    let night = Night::of(past(), runs(1));
    check(&night, GateDecision::Regression, &CellFinding::Worse);
    let night = Night::of(past(), vec![timed(0.95)]);
    check(&night, GateDecision::Quiet, &CellFinding::Better);
}

#[test]
fn a_run_that_something_disturbed_is_outvoted() {
    let past = nights(&[1.0; 20], timed);
    let night = Night::of(past, vec![timed(1.3), timed(1.001), timed(0.999)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Same);
    assert!((found.cells[0].value - 1.001).abs() < 1e-12);
}

#[test]
fn the_baseline_is_what_its_confirmations_came_to() {
    let past = nights(&[1.0; 20], timed);
    let nights: Vec<Vec<RunDigest>> = past.into_iter().map(|run| vec![run]).collect();
    // Its first run was disturbed, and two further ones acquitted it.
    let disturbed = [0.94, 1.0, 1.0].map(|value| run(19, vec![timed(value)]));
    let check = |runs: &[RunDigest], decision: GateDecision, reference: f64| {
        let input = GateInput {
            tonight: &[1.0, 1.0, 1.0].map(|value| run(20, vec![timed(value)])),
            baseline: &[runs.to_vec()],
            nights: &nights,
            worse: &[],
            certified: Certified::None,
        };
        let found = gate(&input, &GateOptions::default());
        assert_eq!(found.decision, decision, "{found:?}");
        assert_eq!(found.cells[0].reference, Some(reference));
        found.cells[0].threshold.unwrap()
    };
    let rash = check(
        &disturbed[..1],
        GateDecision::Regression,
        0.94_f64.ln().exp(),
    );
    let sure = check(&disturbed, GateDecision::Quiet, 1.0);
    assert!(sure < rash, "{sure} of three runs, {rash} of one");
}

#[test]
fn a_machine_that_has_bad_nights_is_not_believed_at_once() {
    let mut levels = [1.0; 20];
    levels[7] = 1.08;
    let past = nights(&levels, timed);
    let night = Night::of(past.clone(), vec![timed(1.06)]);
    // It leaves a doubt, and what would be told is what no night was off by.
    let found = check(&night, GateDecision::Suspicious, &CellFinding::Same);
    let told = found.cells[0].threshold.unwrap();
    assert!(told > 0.065 && told < 0.085, "{told}");
    let night = Night::of(past, vec![timed(1.09)]);
    check(&night, GateDecision::Regression, &CellFinding::Worse);
}

#[test]
fn a_night_that_is_off_alone_is_no_step_however_often_it_is_measured() {
    let mut levels = [1.0; 30];
    levels[12] = 1.06;
    let past = nights(&levels, timed);
    let tonight = (0..10).map(|_| timed(1.055)).collect();
    let night = Night::of(past.clone(), tonight);
    check(&night, GateDecision::Suspicious, &CellFinding::Same);
    // The night after, it is one.
    let tonight = (0..10).map(|_| timed(1.055)).collect();
    let mut night = Night::of(past, tonight);
    night.past.push(run(30, vec![timed(1.05)]));
    let found = night.against(&night.past[..30], Certified::None);
    assert_eq!(found.decision, GateDecision::Regression, "{found:?}");
    let CellFinding::Step { since } = &found.cells[0].finding else {
        panic!("{found:?}");
    };
    assert_eq!(*since, night.past[30].run);
}

#[test]
fn a_regression_is_over_when_it_is_seen_to_be() {
    // By 3 % up and down, so that 6 % are no clear change.
    let levels: Vec<f64> = (0..12).map(|at| 1.0 + 0.03 * f64::from(at % 2)).collect();
    let check = |worse: Option<f64>, tonight: f64, decision: GateDecision, is_doubtful: bool| {
        let mut night = Night::of(nights(&levels, timed), vec![timed(tonight)]).confirmable();
        let id = timed(1.0).id;
        night.worse = worse
            .map(|effect| WorseCell { id, effect })
            .into_iter()
            .collect();
        let found = night.judge(Certified::None);
        let is_worse = decision == GateDecision::Regression;
        assert_eq!(found.decision, decision, "{found:?}");
        assert_eq!(found.is_doubtful, is_doubtful, "{found:?}");
        assert_eq!(found.cells[0].finding.is_worse(), is_worse, "{found:?}");
    };
    check(None, 1.07, GateDecision::Suspicious, true);
    check(Some(0.08), 1.07, GateDecision::Regression, false);
    check(Some(0.2), 1.07, GateDecision::Suspicious, true);
    // What chance explains is a doubt again, or over.
    check(Some(0.08), 1.06, GateDecision::Suspicious, true);
    check(Some(0.03), 1.02, GateDecision::Quiet, false);
    check(Some(0.08), 0.95, GateDecision::Quiet, false);
}

#[test]
fn what_no_run_of_the_night_can_tell_is_not_asked_of_one() {
    // One of three cells by 20 % up and down: 25 % are off, and nothing of that size is told.
    let of = |at: i64, level: f64| {
        let others = ["b", "c"].map(|case| cell(case, Metric::TotalTime, 1.0));
        run(at, [timed(level)].into_iter().chain(others).collect())
    };
    let past: Vec<RunDigest> = (0..9)
        .map(|at| of(at, 1.0 + 0.2 * (at % 2) as f64))
        .collect();
    let judged = |tonight: f64| {
        let mut night = Night::of(past.clone(), Vec::new()).confirmable();
        night.tonight = vec![of(9, tonight)];
        night.against(&past[8..], Certified::None)
    };
    let found = judged(1.25);
    assert_eq!(found.decision, GateDecision::Quiet, "{found:?}");
    assert!(!found.is_doubtful && found.cells[0].threshold.unwrap() > 0.9);
    assert!(judged(2.0).is_doubtful);
}

#[test]
fn of_many_cells_one_that_is_somewhat_off_is_no_doubt() {
    let names: Vec<String> = (0..16).map(|at| format!("cell-{at}")).collect();
    let of = |night: i64, level: f64, count: usize| {
        let cells = names.iter().take(count).enumerate();
        let cells = cells.map(|(at, name)| {
            let value = if at == 0 { level } else { 1.0 };
            cell(name, Metric::TotalTime, value)
        });
        run(night, cells.collect())
    };
    let check = |level: f64, count: usize, expected: GateDecision| {
        // By 1 % up and down, so that p of one alone is not small.
        let levels = (0..20).map(|at| 1.0 + 0.01 * f64::from(at % 2));
        let past = levels.zip(0..).map(|(level, at)| of(at, level, count));
        let night = Night {
            tonight: vec![of(20, level, count)],
            past: past.collect(),
            worse: Vec::new(),
            options: GateOptions::default(),
        };
        let found = night.judge(Certified::None);
        assert_eq!(found.decision, expected, "{level} of {count}: {found:?}");
    };
    check(1.017, 1, GateDecision::Suspicious);
    check(1.017, 16, GateDecision::Quiet);
    check(1.024, 16, GateDecision::Suspicious);
}

#[test]
fn changes_below_the_threshold_do_not_matter() {
    let quiet = |level: f64| timed(1.0 + (level - 1.0) / 50.0);
    let past = nights(&[1.0; 20], quiet);
    let night = Night::of(past.clone(), vec![timed(1.008)]);
    // It may be 1 %; what is known to be less leaves no doubt.
    check(&night, GateDecision::Suspicious, &CellFinding::Same);
    let night = Night::of(past.clone(), vec![timed(1.0055)]);
    check(&night, GateDecision::Quiet, &CellFinding::Same);
    let mut night = Night::of(past, vec![timed(1.008)]);
    night.options.threshold = "0.5%".parse().unwrap();
    check(&night, GateDecision::Regression, &CellFinding::Worse);
}

#[test]
fn a_level_that_slipped_into_the_baseline_is_found_in_the_course() {
    let mut levels = [1.0; 30];
    levels[24..].fill(1.03);
    let night = Night::of(nights(&levels, timed), vec![timed(1.03)]);
    let found = night.against(&night.past[29..], Certified::None);
    let since = "night_24".to_owned();
    assert_eq!(found.cells[0].finding, CellFinding::Step { since });
    assert_eq!(found.decision, GateDecision::Regression);
    // Where it became as good again, that is over.
    levels[27..].fill(1.0);
    let night = Night::of(nights(&levels, timed), vec![timed(1.0)]);
    let found = night.against(&night.past[29..], Certified::None);
    assert_eq!(found.decision, GateDecision::Quiet, "{found:?}");
}

#[test]
fn a_night_back_on_the_old_level_is_no_step() {
    let mut slow = [1.0; 12];
    slow[10..].fill(1.5);
    let check = |tonight: f64, decision: GateDecision| {
        let night = Night::of(nights(&slow, timed), vec![timed(tonight)]);
        let found = night.against(&night.past[9..10], Certified::None);
        assert_eq!(found.decision, decision, "{tonight}: {found:?}");
    };
    check(1.5, GateDecision::Regression);
    check(1.0, GateDecision::Quiet);
}

#[test]
fn a_creep_is_found_though_each_night_is_like_the_one_before() {
    let levels: Vec<f64> = (0..40).map(|at| 1.001_f64.powi(at - 10).max(1.0)).collect();
    let night = Night::of(nights(&levels, timed), vec![timed(1.001_f64.powi(30))]);
    let found = night.against(&night.past[39..], Certified::None);
    assert_eq!(found.decision, GateDecision::Regression, "{found:?}");
    let CellFinding::Creep { per_night, .. } = found.cells[0].finding else {
        panic!("{found:?}");
    };
    assert!((per_night - 0.001).abs() < 0.0004, "{per_night}");
}

#[test]
fn values_that_chance_does_not_reach_need_no_noise() {
    let exact = |value: f64| cell("a", Metric::CacheBytes, value);
    let past = vec![run(0, vec![exact(1e6)])];
    let night = Night::of(past.clone(), vec![exact(1.02e6)]).confirmable();
    let found = check(&night, GateDecision::Regression, &CellFinding::Worse);
    assert_eq!((found.cells[0].p_adjusted, found.noise), (None, None));
    check(
        &Night::of(past.clone(), vec![exact(1e6)]),
        GateDecision::Quiet,
        &CellFinding::Same,
    );
    check(
        &Night::of(past, vec![exact(1.005e6)]),
        GateDecision::Quiet,
        &CellFinding::Same,
    );
    let fits = |value: f64| cell("a", Metric::MaxBatch, value);
    let night = Night::of(vec![run(0, vec![fits(64.0)])], vec![fits(60.0)]);
    check(&night, GateDecision::Regression, &CellFinding::Worse);
}

#[test]
fn of_own_values_no_way_is_worse() {
    let own = |value: f64| cell("a", Metric::Value("score".to_owned()), value);
    let night = Night::of(nights(&[1.0; 20], own), vec![own(2.0)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Same);
    assert!(
        found.notes[0].contains("higher than the baseline"),
        "{:?}",
        found.notes
    );
    let night = Night::of(nights(&[-1.0; 20], own), vec![own(-2.0)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Same);
    assert!((found.cells[0].effect.unwrap() + 1.0).abs() < 0.01);
}

#[test]
fn another_machine_is_not_compared() {
    let mut night = Night::of(nights(&[1.0; 9], timed), vec![timed(2.0)]);
    night.tonight[0].fingerprint.machine.kernel = Some("Linux 6.13".to_owned());
    let found = night.judge(Certified::None);
    let reasons = vec!["kernel was Linux 6.12 and is Linux 6.13".to_owned()];
    assert_eq!(found.decision, GateDecision::NotComparable { reasons });
}

#[test]
fn other_settings_are_another_cell_and_missing_ones_are_told() {
    let mut other = timed(2.0);
    other.settings = "fedcba9876543210".to_owned();
    let found = Night::of(nights(&[1.0; 9], timed), vec![other.clone()]).judge(Certified::None);
    assert!(
        matches!(found.decision, GateDecision::NotComparable { .. }),
        "{found:?}"
    );
    assert_eq!(found.cells[0].finding, CellFinding::New);
    let both = |at: i64| run(at, vec![timed(1.0), cell("b", Metric::TotalTime, 1.0)]);
    let past: Vec<RunDigest> = (0..9).map(both).collect();
    let found = Night::of(past, vec![timed(1.0)]).judge(Certified::None);
    let expected = "`b` total-time: in the baseline, and not measured tonight";
    assert_eq!(found.notes, [expected]);
    let three = |at: i64| {
        let others = ["b", "c"].map(|case| cell(case, Metric::TotalTime, 1.0));
        run(at, [timed(1.0)].into_iter().chain(others).collect())
    };
    let past: Vec<RunDigest> = (0..9).map(three).collect();
    let mut night = Night::of(past, vec![timed(1.0)]);
    night.tonight[0]
        .cells
        .push(cell("b", Metric::TotalTime, 1.0));
    let found = night.judge(Certified::None);
    assert!(found.notes[0].starts_with("`c` "), "{:?}", found.notes);
}

#[test]
fn without_any_idea_of_noise_nothing_is_said() {
    let night = Night::of(nights(&[1.0], timed), vec![timed(1.5)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Unjudged);
    assert!(found.notes[0].contains("not judged"), "{:?}", found.notes);
    // Processes of the runs tell a little.
    let of = |value: f64| sure("a", value, 0.005);
    let night = Night::of(nights(&[1.0], of), vec![of(1.5)]);
    let found = check(&night, GateDecision::Regression, &CellFinding::Worse);
    assert!(matches!(found.noise, Some(NoiseSource::Processes { .. })));
    let night = Night::of(nights(&[1.0], of), vec![of(1.004)]);
    check(&night, GateDecision::Quiet, &CellFinding::Same);
}

fn certificate(deviation: f64) -> Certificate {
    Certificate {
        schema_version: 1,
        suite: "night".to_owned(),
        made: "2026-01-01T00:00:00Z".parse().unwrap(),
        runs: Vec::new(),
        fingerprint: fingerprint(),
        cells: vec![CertifiedCell {
            id: timed(1.0).id,
            settings: timed(1.0).settings,
            primary: true,
            scale: Scale::Ratio,
            value: 1.0,
            runs: 6,
            processes: None,
            deviation,
            promised: None,
            detectable: 0.01,
        }],
        left_out: Vec::new(),
    }
}

#[test]
fn a_certificate_is_used_as_long_as_nights_do_not_contradict_it() {
    let (file, good) = ("night.json", certificate(0.004));
    let valid = |certificate| Certified::Valid { certificate, file };
    let early = Night::of(nights(&[1.0], timed), vec![timed(1.05)]);
    let found = early.judge(valid(&good));
    assert_eq!(found.decision, GateDecision::Regression, "{found:?}");
    assert_eq!(
        found.noise,
        Some(NoiseSource::Certificate {
            file: file.to_owned(),
            expired: false
        })
    );
    let night = Night::of(nights(&[1.0; 20], timed), vec![timed(1.0)]);
    let (found, rash) = (night.judge(valid(&good)), certificate(0.0005));
    assert_eq!(
        found.noise,
        Some(NoiseSource::Certificate {
            file: file.to_owned(),
            expired: false
        })
    );
    let found = night.judge(valid(&rash));
    assert!(
        matches!(found.noise, Some(NoiseSource::Nights { .. })),
        "{found:?}"
    );
    assert!(
        found.notes[0].contains("times as much as certified"),
        "{:?}",
        found.notes
    );
}

#[test]
fn a_certificate_of_more_processes_is_taken_for_noisier() {
    let certified = |processes, promised| {
        let mut certificate = certificate(0.005);
        certificate.cells[0].processes = processes;
        certificate.cells[0].promised = promised;
        certificate
    };
    // Of one process each.
    let night = Night::of(nights(&[1.0], timed), vec![timed(1.0)]);
    let judged = |certificate: &Certificate| {
        let found = night.judge(Certified::Valid {
            certificate,
            file: "night.json",
        });
        let threshold = found.cells[0].threshold.unwrap().ln_1p();
        (threshold, found.notes)
    };
    let (same, notes) = judged(&certified(Some(1), Some(0.003)));
    assert!(notes.is_empty(), "{notes:?}");
    assert_eq!(same, judged(&certified(None, None)).0);
    let check = |promised, factor: f64| {
        let (larger, notes) = judged(&certified(Some(5), promised));
        assert!((larger / same - factor).abs() < 1e-9, "{larger} {same}");
        assert!(
            notes[0].contains("certified were runs of 5 processes, and tonight's have 1"),
            "{notes:?}"
        );
    };
    // 0.005² + 4 · 0.003², and all of it where no part is known.
    check(Some(0.003), (61.0_f64 / 25.0).sqrt());
    check(None, 5.0_f64.sqrt());
}

#[test]
fn a_cell_that_would_not_show_a_tenfold_change_is_not_judged() {
    let of = |value: f64| {
        let mut cell = sure("a", value, 6.0);
        cell.average.processes = 2;
        cell
    };
    let night = Night::of(nights(&[1.0], of), vec![of(1.2)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Unjudged);
    assert_eq!(found.cells[0].threshold, None);
    assert!(found.cells[0].interval.is_some());
    assert!(
        found.notes[0].contains("below a tenfold change"),
        "{:?}",
        found.notes
    );
    let of = |value: f64| {
        let mut cell = of(value);
        cell.average.scale = Scale::Difference;
        let ends = (value - 6.0, value + 6.0);
        cell.average.interval = Some(Interval {
            low: ends.0,
            high: ends.1,
        });
        cell
    };
    let night = Night::of(vec![run(0, vec![of(-0.01)])], vec![of(-0.011)]);
    let found = check(&night, GateDecision::Quiet, &CellFinding::Unjudged);
    assert_eq!(found.cells[0].threshold, None);
}

#[test]
fn a_certificate_without_noise_is_contradicted_in_words() {
    let night = Night::of(nights(&[1.0; 20], timed), vec![timed(1.0)]);
    let found = night.judge(Certified::Valid {
        certificate: &certificate(0.0),
        file: "night.json",
    });
    assert_eq!(
        found.notes,
        ["`a` total-time: nights scatter, and certified is no noise at all"]
    );
}

#[test]
fn of_an_expired_certificate_the_machine_counts() {
    let old = certificate(0.004);
    let why = [Difference::between("libtorch", "2.8.0", "2.9.0").unwrap()];
    let expired = Certified::Expired {
        certificate: &old,
        file: "night.json",
        why: &why,
    };
    let mut night = Night::of(nights(&[1.0], timed), vec![timed(1.0)]);
    let widened = night.judge(expired);
    assert!(matches!(
        widened.noise,
        Some(NoiseSource::Certificate { expired: true, .. })
    ));
    assert!(
        widened.notes[0].contains("libtorch was 2.8.0"),
        "{:?}",
        widened.notes
    );
    let valid = night.judge(Certified::Valid {
        certificate: &old,
        file: "night.json",
    });
    assert!(widened.cells[0].threshold > valid.cells[0].threshold);
    for run in night.tonight.iter_mut().chain(&mut night.past) {
        run.fingerprint.machine.kernel = Some("Linux 6.13".to_owned());
    }
    let found = night.judge(expired);
    assert_eq!(found.noise, None, "{found:?}");
}

#[test]
fn no_number_stops_the_program() {
    let wild = [
        0.0,
        -1.0,
        f64::NAN,
        f64::INFINITY,
        f64::MAX,
        f64::MIN_POSITIVE,
        5e-324,
    ];
    for (at, value) in wild.into_iter().enumerate() {
        let mut past = nights(&[1.0; 12], timed);
        past[at + 1].cells[0].average.value = value;
        for tonight in wild {
            let found =
                Night::of(past.clone(), vec![timed(tonight), timed(1.0)]).judge(Certified::None);
            let numbers = found.cells.iter().filter_map(|cell| cell.p_adjusted);
            assert!(
                numbers.into_iter().all(|p| (0.0..=1.0).contains(&p)),
                "{found:?}"
            );
        }
    }
}
