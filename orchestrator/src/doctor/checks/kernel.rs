//! Settings of the kernel that make times vary.

use super::super::facts::KernelFacts;
use super::super::finding::{Check, Finding};

/// Clocks that a program reads without entering the kernel.
const FAST_CLOCKS: [&str; 5] = [
    "tsc",
    "kvm-clock",
    "hyperv_clocksource_tsc_page",
    "arch_sys_counter",
    "riscv_clocksource",
];

pub(super) fn find(kernel: &KernelFacts) -> Vec<Finding> {
    vec![
        randomisation(kernel),
        huge_pages(kernel),
        numa_balancing(kernel),
        clock_source(kernel),
    ]
}

fn randomisation(kernel: &KernelFacts) -> Finding {
    match kernel.randomisation {
        None => Finding::unknown(
            Check::AddressRandomisation,
            "kernel.randomize_va_space cannot be read here",
        ),
        Some(0) => Finding::ok(Check::AddressRandomisation, "off"),
        Some(value) => Finding::note(
            Check::AddressRandomisation,
            format!("kernel.randomize_va_space is {value}: each process has its memory elsewhere"),
            "fixed-addresses = true in the suite makes attempts alike; with it on, more attempts show its effect",
        ),
    }
}

fn huge_pages(kernel: &KernelFacts) -> Finding {
    match kernel.huge_pages.as_deref() {
        None => Finding::unknown(Check::TransparentHugePages, "cannot be read here"),
        Some("always") => Finding::note(
            Check::TransparentHugePages,
            "always: which memory gets large pages depends on how it is fragmented",
            "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        Some(mode) => Finding::ok(Check::TransparentHugePages, mode),
    }
}

fn numa_balancing(kernel: &KernelFacts) -> Finding {
    let nodes = kernel.numa_nodes;
    match kernel.numa_balancing {
        Some(true) if nodes > 1 => Finding::warning(
            Check::NumaBalancing,
            format!("the kernel moves memory between {nodes} nodes while a worker measures"),
            "as root: sysctl kernel.numa_balancing=0, and pin the CPUs of one node with `cpus`",
        ),
        Some(true) | None => Finding::ok(Check::NumaBalancing, format!("{} node(s)", nodes.max(1))),
        Some(false) => Finding::ok(Check::NumaBalancing, "off"),
    }
}

fn clock_source(kernel: &KernelFacts) -> Finding {
    match kernel.clock_source.as_deref() {
        None => Finding::unknown(Check::ClockSource, "cannot be read here"),
        Some(name) if FAST_CLOCKS.contains(&name) => Finding::ok(Check::ClockSource, name),
        Some(name) => Finding::warning(
            Check::ClockSource,
            format!("{name}: every reading of the clock enters the kernel"),
            "see why the kernel rejected the TSC (dmesg), or as root: echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource",
        ),
    }
}
