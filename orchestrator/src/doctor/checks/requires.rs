//! What a suite requires in `[requires]`. What is not met is a blocker.

use anechoic_protocol::Device;
use anechoic_suite::RequiredDevice;

use super::super::facts::Facts;
use super::super::finding::{Check, Finding, Severity};
use super::gigabytes;

/// Checks that have to be in order where a suite requires quiet.
const QUIET: [Check; 7] = [
    Check::CpuLoad,
    Check::StolenTime,
    Check::MemoryPressure,
    Check::OtherRuns,
    Check::Leftovers,
    Check::Locks,
    Check::GpuProcesses,
];

pub(super) fn find(facts: &Facts, findings: &[Finding]) -> Vec<Finding> {
    let required = &facts.requirements;
    let group = &facts.group;
    // What the control group has left may be less than what the machine has.
    let left = group
        .memory_limit_bytes
        .map(|limit| limit.saturating_sub(group.memory_used_bytes.unwrap_or(0)));
    let available = match (facts.state.available_memory_bytes, left) {
        (Some(machine), Some(left)) => Some(machine.min(left)),
        (machine, left) => machine.or(left),
    };
    let memory = required
        .memory_bytes
        .map(|wanted| amount(Check::RequiredMemory, "memory", wanted, available));
    let disk = required
        .disk_bytes
        .map(|wanted| amount(Check::RequiredDisk, "disk", wanted, facts.place.free_bytes));
    let device = required
        .device
        .map(|wanted| device(wanted, facts.device.device()));
    let cpus = required
        .cpus
        .map(|wanted| cpus(wanted, facts.machine.logical_cpus));
    let quiet = required.quiet.then(|| quiet(findings));
    [memory, disk, device, cpus, quiet]
        .into_iter()
        .flatten()
        .collect()
}

fn verdict(check: Check, met: bool, evidence: String, remedy: &str) -> Finding {
    match met {
        true => Finding::ok(check, evidence),
        false => Finding::blocker(check, evidence, remedy),
    }
}

fn amount(check: Check, what: &str, wanted: u64, found: Option<u64>) -> Finding {
    let there = found.map_or_else(
        || "an unknown amount is".to_owned(),
        |bytes| format!("{} are", gigabytes(bytes)),
    );
    verdict(
        check,
        found.is_some_and(|found| found >= wanted),
        format!(
            "the suite requires {} of {what}; {there} there",
            gigabytes(wanted)
        ),
        "make room, or run the suite on a larger machine",
    )
}

fn device(wanted: RequiredDevice, found: Device) -> Finding {
    let met = match wanted {
        RequiredDevice::Cpu => found == Device::Cpu,
        RequiredDevice::Cuda => matches!(found, Device::Cuda(_)),
    };
    verdict(
        Check::RequiredDevice,
        met,
        format!(
            "the suite requires {}; {found} would be used",
            wanted.as_str()
        ),
        "choose the device with --device, or run the suite on another machine",
    )
}

fn cpus(wanted: u32, found: u32) -> Finding {
    verdict(
        Check::RequiredCpus,
        found >= wanted,
        format!("the suite requires {wanted} CPUs; {found} may be used"),
        "run the suite on a larger machine, or with a wider CPU set",
    )
}

fn quiet(findings: &[Finding]) -> Finding {
    let loud = findings.iter().filter(|finding| {
        let is_bad = matches!(finding.severity, Severity::Warning | Severity::Blocker);
        is_bad && QUIET.contains(&finding.check)
    });
    let names: Vec<_> = loud.map(|finding| finding.check.as_str()).collect();
    match names.as_slice() {
        [] => Finding::ok(Check::RequiredQuiet, "the suite requires quiet; it is"),
        names => Finding::blocker(
            Check::RequiredQuiet,
            format!("the suite requires quiet; see {}", names.join(", ")),
            "end what is at work, then ask again",
        ),
    }
}
