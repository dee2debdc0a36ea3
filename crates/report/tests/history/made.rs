//! Made-up runs and nights.

use anechoic_protocol::Device;
use anechoic_record::{
    CellFinding, CellId, Clocks, Fingerprint, Machine, Metric, Night, NightCell, NightOutcome,
    ProgramFile, RunState, SCHEMA_VERSION,
};
use anechoic_report::{CellDigest, RunDigest};
use anechoic_stats::{Average, Interval, Scale};
use jiff::{SignedDuration, Timestamp};

pub(crate) const SETTINGS: &str = "0123456789abcdef";

pub(crate) fn started(day: usize) -> Timestamp {
    let first: Timestamp = "2026-01-01T02:30:00Z".parse().unwrap();
    first + SignedDuration::from_hours(24 * day as i64)
}

pub(crate) fn id(case: &str) -> CellId {
    CellId {
        case: case.to_owned(),
        tokens: None,
        metric: Metric::TotalTime,
    }
}

pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint {
        machine: Machine {
            hostname: None,
            kernel: Some("Linux 6.1".to_owned()),
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 4,
            physical_cores: 2,
            memory_bytes: None,
            gpu: None,
            gpu_uuid: None,
        },
        device: Device::Cpu,
        threads: 2,
        clocks: Clocks::default(),
        torch: Some("2.11.0".to_owned()),
        programs: Vec::new(),
        anechoic: "0.1.0".to_owned(),
    }
}

pub(crate) fn program(path: &str, size_bytes: u64) -> ProgramFile {
    ProgramFile {
        path: path.to_owned(),
        size_bytes,
        modified: Timestamp::UNIX_EPOCH,
    }
}

/// A scatter of 0.3 % that follows from the number.
pub(crate) fn noisy(number: usize, value: f64) -> f64 {
    let uniform = |salt: u64| {
        let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt;
        let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    let normal = uniform(1) + uniform(2) + uniform(3) + uniform(4);
    value * (1.0 + 0.005 * normal)
}

pub(crate) fn cell(case: &str, value: f64) -> CellDigest {
    CellDigest {
        id: id(case),
        settings: SETTINGS.to_owned(),
        primary: true,
        average: Average {
            value,
            interval: Some(Interval {
                low: value * 0.99,
                high: value * 1.01,
            }),
            scale: Scale::Ratio,
            processes: 5,
            iterations: 25,
        },
        disturbed: 0,
    }
}

pub(crate) fn run_id(day: usize) -> String {
    format!("quick_{}", started(day).strftime("%Y-%m-%dT%H-%M-%SZ"))
}

pub(crate) fn run(day: usize, cells: Vec<CellDigest>) -> RunDigest {
    RunDigest {
        run: run_id(day),
        suite: "quick".to_owned(),
        started: started(day),
        state: RunState::Complete,
        is_audit: false,
        is_mixed: false,
        cases: 1,
        measured_cases: 1,
        fingerprint: fingerprint(),
        cells,
    }
}

pub(crate) fn night(day: usize, outcome: NightOutcome, finding: Option<CellFinding>) -> Night {
    let cell = |finding| NightCell {
        id: id("a"),
        value: 1.0,
        reference: None,
        effect: None,
        interval: None,
        p_adjusted: None,
        threshold: None,
        finding,
    };
    let is_measured = !matches!(outcome, NightOutcome::NotMeasured { .. });
    Night {
        schema_version: SCHEMA_VERSION,
        suite: "quick".to_owned(),
        started: started(day) - SignedDuration::from_secs(20),
        ended: started(day) + SignedDuration::from_secs(600),
        run: is_measured.then(|| run_id(day)),
        confirmations: Vec::new(),
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: Vec::new(),
        noise: None,
        outcome,
        cells: finding.map(cell).into_iter().collect(),
        news: None,
        notices: Vec::new(),
    }
}

/// Forty nights; a step of 5 % on the 25th, another kernel on the 10th, another anechoic on the 30th, and no value on the 15th.
pub(crate) fn forty() -> (Vec<RunDigest>, Vec<Night>) {
    let (mut runs, mut nights) = (Vec::new(), Vec::new());
    for day in 0..40 {
        if day == 15 {
            let reasons = vec!["the machine was <busy>".to_owned()];
            nights.push(night(day, NightOutcome::NotMeasured { reasons }, None));
            continue;
        }
        let level = if day < 25 { 0.1 } else { 0.105 };
        let mut run = run(
            day,
            vec![cell("a", noisy(day, level)), cell("b", noisy(day + 3, 2.0))],
        );
        if day >= 10 {
            run.fingerprint.machine.kernel = Some("Linux 6.2".to_owned());
        }
        if day >= 30 {
            run.fingerprint.anechoic = "0.2.0".to_owned();
        }
        let (outcome, finding) = match day {
            0 => (NightOutcome::NoBaseline, CellFinding::New),
            25..30 => (NightOutcome::Regression, CellFinding::Worse),
            30 => (NightOutcome::Accepted, CellFinding::Worse),
            _ => (NightOutcome::Quiet, CellFinding::Same),
        };
        nights.push(night(day, outcome, Some(finding)));
        runs.push(run);
    }
    (runs, nights)
}
