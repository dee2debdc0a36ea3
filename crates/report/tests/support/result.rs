//! What made-up workers say at their end.

use anechoic_protocol::{Device, Echo, Environment, Job, JobResult, PROTOCOL_VERSION, PeakMemory};
use anechoic_suite::Case;

/// The result of a first attempt of this case on the CPU, with so much resident memory at most.
pub(crate) fn job_result(case: &Case, peak_resident_bytes: u64) -> JobResult {
    JobResult {
        used: Echo(Job {
            protocol: PROTOCOL_VERSION,
            case: case.id.clone(),
            attempt: 1,
            device: Device::Cpu,
            threads: 2,
            seed: case.seed,
            work: case.work.clone(),
            more: false,
        }),
        model: None,
        environment: Environment {
            torch: None,
            device: Device::Cpu,
            linear_path: None,
            attention_path: None,
            cpu_capability: None,
        },
        verification: None,
        memory: PeakMemory {
            peak_resident_bytes,
            peak_device_bytes: None,
            capture_bytes: 0,
            resident_at_start_bytes: None,
            resident_at_end_bytes: None,
        },
        phases: Vec::new(),
    }
}
