//! Made-up digests of runs.

use anechoic_protocol::Device;
use anechoic_record::{CellId, Clocks, Fingerprint, Machine, Metric, RunState};
use anechoic_report::{CellDigest, RunDigest};
use anechoic_stats::{Average, Interval, Scale};

pub(crate) fn fingerprint() -> Fingerprint {
    Fingerprint {
        machine: Machine {
            hostname: Some("box".to_owned()),
            kernel: Some("Linux 6.12".to_owned()),
            cpu: Some("a processor".to_owned()),
            logical_cpus: 2,
            physical_cores: 2,
            memory_bytes: Some(8 << 30),
            gpu: None,
            gpu_uuid: None,
        },
        device: Device::Cpu,
        threads: 1,
        clocks: Clocks::default(),
        torch: Some("2.9.0".to_owned()),
        programs: Vec::new(),
        anechoic: "0.1.0".to_owned(),
    }
}

/// A run that started so many days after the first of all.
pub(crate) fn run(day: i64, cells: Vec<CellDigest>) -> RunDigest {
    let first: jiff::Timestamp = "2026-01-01T02:30:00Z".parse().unwrap();
    RunDigest {
        run: format!("night_{day}"),
        suite: "night".to_owned(),
        started: first + jiff::SignedDuration::from_hours(24 * day),
        state: RunState::Complete,
        is_audit: false,
        is_mixed: false,
        cases: 1,
        measured_cases: 1,
        fingerprint: fingerprint(),
        cells,
    }
}

/// A primary cell of one process.
pub(crate) fn cell(case: &str, metric: Metric, value: f64) -> CellDigest {
    CellDigest {
        id: CellId {
            case: case.to_owned(),
            tokens: None,
            metric,
        },
        settings: "0123456789abcdef".to_owned(),
        primary: true,
        average: Average {
            value,
            interval: None,
            scale: if value > 0.0 {
                Scale::Ratio
            } else {
                Scale::Difference
            },
            processes: 1,
            iterations: 5,
        },
        disturbed: 0,
    }
}

/// As [`cell`], of six processes with an interval of this half-width, as a share.
pub(crate) fn sure(case: &str, value: f64, half: f64) -> CellDigest {
    let mut cell = cell(case, Metric::TotalTime, value);
    cell.average.processes = 6;
    cell.average.interval = Some(Interval {
        low: value * (-half).exp(),
        high: value * half.exp(),
    });
    cell
}
