//! Made-up nights, digests and manifests.

use std::time::Duration;

use anechoic_protocol::{Benchmark, CustomWork, Device};
use anechoic_record::{
    AttemptRecord, CaseRecord, CellFinding, CellId, Disturbance, Fingerprint, Machine, Manifest,
    Metric, Moment, Night, NightCell, NightOutcome, Outcome, Restless, RunSettings, RunState,
    SCHEMA_VERSION,
};
use anechoic_report::{CellDigest, RunDigest};
use anechoic_suite::{Case, Order, Plan};
use jiff::Timestamp;

fn at(n: usize) -> Timestamp {
    Timestamp::from_second(86_400 * i64::try_from(n).unwrap()).unwrap()
}

/// Night N with run `rN` where it has one, and these cases worse, but for those behind `=`.
pub(crate) fn night(n: usize, outcome: &str, worse: &[&str]) -> Night {
    let reasons = vec!["reason".to_owned()];
    let outcome = match outcome {
        "no-baseline" => NightOutcome::NoBaseline,
        "quiet" => NightOutcome::Quiet,
        "regression" => NightOutcome::Regression,
        "accepted" => NightOutcome::Accepted,
        "failed" => NightOutcome::Failed { reasons },
        "not-measured" => NightOutcome::NotMeasured { reasons },
        other => panic!("{other} is no outcome"),
    };
    let cell = |case: &&str| NightCell {
        id: CellId {
            case: case.trim_start_matches('=').to_owned(),
            tokens: None,
            metric: Metric::TotalTime,
        },
        value: 1.1,
        reference: Some(1.0),
        effect: Some(0.1),
        interval: None,
        p_adjusted: None,
        threshold: Some(0.01),
        finding: match case.starts_with('=') {
            true => CellFinding::Same,
            false => CellFinding::Worse,
        },
    };
    Night {
        schema_version: SCHEMA_VERSION,
        suite: "s".to_owned(),
        started: at(n),
        ended: at(n),
        run: Some(format!("r{n}")),
        confirmations: Vec::new(),
        left_out: Vec::new(),
        baseline: "last-good".to_owned(),
        against: Vec::new(),
        noise: None,
        outcome,
        cells: worse.iter().map(cell).collect(),
        news: None,
        notices: Vec::new(),
    }
}

fn machine() -> Machine {
    Machine {
        hostname: None,
        kernel: Some("Linux 6.1".to_owned()),
        cpu: None,
        logical_cpus: 2,
        physical_cores: 2,
        memory_bytes: None,
        gpu: None,
        gpu_uuid: None,
    }
}

/// Of night N, without cells.
pub(crate) fn digest(n: usize, run: &str) -> RunDigest {
    RunDigest {
        run: run.to_owned(),
        suite: "s".to_owned(),
        started: at(n),
        state: RunState::Complete,
        is_audit: false,
        is_mixed: false,
        cases: 0,
        measured_cases: 0,
        fingerprint: Fingerprint {
            machine: machine(),
            device: Device::Cpu,
            threads: 2,
            clocks: Default::default(),
            torch: None,
            programs: Vec::new(),
            anechoic: "0.1.0".to_owned(),
        },
        cells: Vec::new(),
    }
}

/// As a run has a cell of a night.
pub(crate) fn measured(cell: &NightCell) -> CellDigest {
    serde_json::from_value(serde_json::json!({
        "case": cell.id.case,
        "tokens": cell.id.tokens,
        "metric": cell.id.metric,
        "settings": "0123456789abcdef",
        "primary": true,
        "average": {
            "value": cell.value,
            "interval": null,
            "scale": "ratio",
            "processes": 1,
            "iterations": 1,
        },
        "disturbed": 0,
    }))
    .unwrap()
}

/// One case per word, one letter per attempt, of which two good ones are planned: `o` good, `d` good and disturbed, `c` contaminated,
/// `x` failed, `-` none.
pub(crate) fn manifest(cases: &str) -> Manifest {
    let cases: Vec<_> = cases.split(' ').enumerate().map(case).collect();
    Manifest {
        schema_version: SCHEMA_VERSION,
        run: "r".to_owned(),
        anechoic: "0.1.0".to_owned(),
        started: at(0),
        state: RunState::Complete,
        settings: RunSettings {
            device: Device::Cpu,
            threads: 2,
            worker: "w".to_owned(),
            worker_identity: None,
            torch: None,
            executor: anechoic_record::Executor::Local,
        },
        machine: machine(),
        plan: Plan {
            name: "s".to_owned(),
            question: None,
            cooldown: Duration::ZERO,
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Listed,
            attempts: 2,
            until: None,
            cases: cases.iter().map(|case| case.case.clone()).collect(),
            slots: Vec::new(),
        },
        cases,
        starts: Vec::new(),
        audit: None,
    }
}

fn case((n, letters): (usize, &str)) -> CaseRecord {
    let letters = letters.chars().filter(|letter| *letter != '-');
    CaseRecord {
        case: Case {
            id: format!("case-{n}"),
            seed: 0,
            threads: None,
            timeout: Duration::from_secs(60),
            isolation: Default::default(),
            worker: None,
            work: Benchmark::Custom(CustomWork {
                parameters: Default::default(),
                warmup_iterations: 0,
                iterations: 1,
            }),
        },
        attempts: (1..)
            .zip(letters)
            .map(|(n, letter)| attempt(n, letter))
            .collect(),
        granted: None,
    }
}

fn attempt(attempt: u32, letter: char) -> AttemptRecord {
    let hot = Disturbance {
        when: Moment::During,
        what: Restless::CpuThrottled { times: 3 },
    };
    let outcome = match letter {
        'x' => Outcome::ExitCode { code: 1 },
        'c' => Outcome::Contaminated {
            disturbances: vec![hot.clone()],
            started: true,
        },
        _ => Outcome::Ok,
    };
    let is_disturbed = matches!(letter, 'c' | 'd');
    AttemptRecord {
        attempt,
        started: at(0),
        wall_ns: 1,
        outcome,
        disturbed: is_disturbed.then_some(hot).into_iter().collect(),
        left: Vec::new(),
        pipes_left: false,
        worker_identity: None,
        placement: None,
    }
}
