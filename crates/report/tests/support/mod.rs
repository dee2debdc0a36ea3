//! Made-up records.

use std::collections::BTreeMap;
use std::time::Duration;

use anechoic_protocol::{Benchmark, Device};
use anechoic_record::{
    AttemptData, AttemptRecord, CaseRecord, Executor, Machine, Manifest, Outcome, RunRecord,
    RunSettings, RunState, SCHEMA_VERSION,
};
use anechoic_suite::{Case, Order, Plan};

/// A case of the run's threads and no isolation of its own.
pub(crate) fn case(id: &str, work: Benchmark) -> Case {
    Case {
        id: id.to_owned(),
        seed: 0,
        threads: None,
        timeout: Duration::from_secs(60),
        isolation: Default::default(),
        worker: None,
        work,
    }
}

/// A record of these cases with their attempts.
pub(crate) fn record(cases: Vec<(Case, Vec<(Outcome, AttemptData)>)>) -> RunRecord {
    let mut attempts = BTreeMap::new();
    let mut records = Vec::new();
    for (case, made) in &cases {
        let mut list = Vec::new();
        for (number, (outcome, data)) in (1..).zip(made) {
            attempts.insert((case.id.clone(), number), data.clone());
            list.push(AttemptRecord {
                attempt: number,
                started: "2026-11-22T03:45:00Z".parse().unwrap(),
                wall_ns: 2_000_000_000,
                outcome: outcome.clone(),
                disturbed: Vec::new(),
                left: Vec::new(),
                pipes_left: false,
                worker_identity: None,
                placement: None,
            });
        }
        records.push(CaseRecord {
            case: case.clone(),
            attempts: list,
            granted: None,
        });
    }
    let manifest = Manifest {
        schema_version: SCHEMA_VERSION,
        run: "capture_2026-11-22T03-45-00Z".to_owned(),
        anechoic: "0.1.0".to_owned(),
        started: "2026-11-22T03:45:00Z".parse().unwrap(),
        state: RunState::Complete,
        settings: RunSettings {
            device: Device::Cpu,
            threads: 2,
            worker: "anechoic-worker".to_owned(),
            worker_identity: None,
            torch: Some("2.11.0".to_owned()),
            executor: Executor::Local,
        },
        machine: Machine {
            hostname: Some("box".to_owned()),
            kernel: Some("Linux 6.1".to_owned()),
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 2,
            physical_cores: 2,
            memory_bytes: Some(24 << 30),
            gpu: None,
            gpu_uuid: None,
        },
        plan: Plan {
            name: "capture".to_owned(),
            question: Some("What does it cost?".to_owned()),
            cooldown: Duration::from_secs(1),
            settle: None,
            when_restless: Default::default(),
            retries: Default::default(),
            order: Order::Interleaved,
            attempts: 2,
            until: None,
            cases: cases.iter().map(|(case, _)| case.clone()).collect(),
            slots: vec![],
        },
        cases: records,
        starts: vec![],
        audit: None,
    };
    RunRecord {
        path: "results/x".into(),
        manifest,
        attempts,
    }
}

/// An attempt that ended well.
pub(crate) fn ok(data: AttemptData) -> (Outcome, AttemptData) {
    (Outcome::Ok, data)
}
