//! The GPU that would be measured, as its driver tells it.

use anechoic_protocol::Device;
use anechoic_record::ThrottleReason;

use super::super::facts::{ChosenGpu, Facts, GpuFacts};
use super::super::finding::{Check, Finding};
use super::{degrees, gigabytes};

/// An idle GPU holds some memory for itself.
const IDLE_BYTES: u64 = 512 << 20;

/// So near to where it slows down a GPU is about to throttle.
const MARGIN: i64 = 10_000;

pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let gpu = &facts.gpu;
    let mut findings: Vec<Finding> = driver(gpu, facts.device.device()).into_iter().collect();
    findings.extend(numbering(gpu));
    if let Some(Ok(chosen)) = &gpu.chosen {
        findings.extend([
            processes(chosen),
            memory(chosen),
            temperature(chosen),
            throttling(chosen),
            persistence(chosen),
            power_limit(chosen),
            ecc(chosen),
        ]);
    }
    findings
}

fn driver(gpu: &GpuFacts, device: Device) -> Option<Finding> {
    let remedy = "install the driver's library (libnvidia-ml), and restart the machine after an update of the driver";
    match (&gpu.driver, &gpu.chosen) {
        (Some(Ok(_)), Some(Err(cause))) => Some(Finding::blocker(
            Check::GpuDriver,
            format!("{device} does not answer: {cause}"),
            "see the kernel's log for Xid; the machine may need a restart",
        )),
        (Some(Ok(version)), _) => {
            let version = version.as_deref().unwrap_or("of an unknown version");
            let evidence = format!("driver {version}, {} GPU(s) visible", gpu.visible);
            Some(Finding::ok(Check::GpuDriver, evidence))
        }
        (Some(Err(cause)), _) if gpu.visible > 0 => Some(Finding::warning(
            Check::GpuDriver,
            format!(
                "a GPU is visible, and its memory, heat and processes cannot be watched: {cause}"
            ),
            remedy,
        )),
        (Some(Err(_)) | None, _) => Some(Finding::ok(Check::GpuDriver, "no NVIDIA GPU is visible")),
    }
}

fn numbering(gpu: &GpuFacts) -> Option<Finding> {
    if gpu.visible == 0 || gpu.numbering_is_certain {
        return None;
    }
    Some(Finding::warning(
        Check::GpuNumbering,
        "GPUs of several models, which only CUDA knows how to count",
        "unset CUDA_DEVICE_ORDER, or choose one by identifier in CUDA_VISIBLE_DEVICES",
    ))
}

fn processes(gpu: &ChosenGpu) -> Finding {
    match gpu.state.compute_processes.as_deref() {
        None => Finding::unknown(Check::GpuProcesses, "the driver does not tell"),
        Some([]) => Finding::ok(Check::GpuProcesses, "nobody computes on it"),
        Some(pids) => {
            let pids: Vec<_> = pids.iter().map(u32::to_string).collect();
            Finding::warning(
                Check::GpuProcesses,
                format!(
                    "process {} as the driver counts them, which in a container is as the host does",
                    pids.join(", ")
                ),
                "end them, or choose another GPU with --device",
            )
        }
    }
}

fn memory(gpu: &ChosenGpu) -> Finding {
    let Some(used) = gpu.state.used_memory_bytes else {
        return Finding::unknown(Check::GpuMemory, "the driver does not tell");
    };
    let total = gpu.card.memory_bytes.map(gigabytes);
    let evidence = format!(
        "{} of {} in use",
        gigabytes(used),
        total.as_deref().unwrap_or("?")
    );
    match used > IDLE_BYTES {
        false => Finding::ok(Check::GpuMemory, evidence),
        true => Finding::warning(
            Check::GpuMemory,
            evidence,
            "find who holds it (nvidia-smi, fuser /dev/nvidia*); a crashed process may still do",
        ),
    }
}

fn temperature(gpu: &ChosenGpu) -> Finding {
    let Some(now) = gpu.state.temperature_millicelsius else {
        return Finding::unknown(Check::GpuTemperature, "the driver does not tell");
    };
    match gpu.card.slowdown_millicelsius {
        Some(slowdown) if now + MARGIN >= slowdown => Finding::warning(
            Check::GpuTemperature,
            format!(
                "{}, and it slows down at {}",
                degrees(now),
                degrees(slowdown)
            ),
            "let it cool down; check fans and the flow of air",
        ),
        Some(slowdown) => Finding::ok(
            Check::GpuTemperature,
            format!("{}, slows down at {}", degrees(now), degrees(slowdown)),
        ),
        None => Finding::ok(Check::GpuTemperature, degrees(now)),
    }
}

fn throttling(gpu: &ChosenGpu) -> Finding {
    let reasons = gpu.state.throttle_reasons.iter().copied();
    let names: Vec<_> = reasons.map(ThrottleReason::as_str).collect();
    match names.as_slice() {
        [] => Finding::ok(Check::GpuThrottling, "no reason that holds its clock down"),
        names => Finding::warning(
            Check::GpuThrottling,
            format!("its clock is held down: {}", names.join(", ")),
            "wait until it is idle and cool; check power supply and limits",
        ),
    }
}

fn persistence(gpu: &ChosenGpu) -> Finding {
    match gpu.card.persistence {
        None => Finding::unknown(Check::GpuPersistence, "the driver does not tell"),
        Some(true) => Finding::ok(Check::GpuPersistence, "on"),
        Some(false) => Finding::warning(
            Check::GpuPersistence,
            "off: the driver lets the GPU go between workers, which each of them pays for",
            "as root: nvidia-smi -pm 1, or run nvidia-persistenced",
        ),
    }
}

fn power_limit(gpu: &ChosenGpu) -> Finding {
    let watts = |milliwatts: u32| format!("{:.0} W", f64::from(milliwatts) / 1e3);
    match (gpu.card.power_limit_mw, gpu.card.default_power_limit_mw) {
        (None, _) => Finding::unknown(Check::GpuPowerLimit, "the driver does not tell"),
        (Some(limit), Some(default)) if limit != default => Finding::note(
            Check::GpuPowerLimit,
            format!(
                "{}, and {} is what it came with",
                watts(limit),
                watts(default)
            ),
            "if nobody has set it on purpose: nvidia-smi --power-limit",
        ),
        (Some(limit), _) => Finding::ok(Check::GpuPowerLimit, watts(limit)),
    }
}

fn ecc(gpu: &ChosenGpu) -> Finding {
    match gpu.card.ecc {
        None => Finding::ok(Check::GpuEcc, "not supported"),
        Some(true) => Finding::ok(Check::GpuEcc, "on"),
        Some(false) => Finding::note(
            Check::GpuEcc,
            "off: errors of its memory go unseen",
            "compare only with figures of GPUs in the same mode; nvidia-smi --ecc-config changes it",
        ),
    }
}
