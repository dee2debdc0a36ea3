//! The processor: how its frequency is governed, heat, threads, which CPUs may be used, what feeds it, what is below it.

use std::collections::BTreeSet;

use super::super::facts::{CpuFacts, Facts, Interval};
use super::super::finding::{Check, Finding};
use super::{cpus, degrees, megahertz, percent};

/// So near to its critical temperature a processor is about to throttle.
const MARGIN: i64 = 10_000;

/// Time that a hypervisor may take: noise of the accounting.
pub(super) const STOLEN_PERMILLE: u64 = 10;

pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    let cpu = &facts.cpu;
    vec![
        governor(cpu),
        boost(cpu),
        frequency_limit(cpu),
        temperature(cpu, facts.state.cpu_temperature_millicelsius),
        throttling(facts.state.cpu_throttles, &facts.interval),
        smt(cpu),
        affinity(cpu, facts.machine.logical_cpus),
        power_supply(cpu),
        virtualisation(cpu),
        stolen_time(facts),
    ]
}

fn governor(cpu: &CpuFacts) -> Finding {
    let governors = cpu
        .policies
        .iter()
        .filter_map(|policy| policy.governor.as_deref());
    let names: BTreeSet<_> = governors.collect();
    let all: Vec<_> = names.iter().copied().collect();
    match all.as_slice() {
        [] => Finding::unknown(
            Check::CpuGovernor,
            "the frequency's governor cannot be seen here",
        ),
        ["performance"] => Finding::ok(Check::CpuGovernor, "performance on all CPUs"),
        others => Finding::warning(
            Check::CpuGovernor,
            format!("scaling_governor is {}", others.join(", ")),
            "as root: cpupower frequency-set --governor performance",
        ),
    }
}

fn boost(cpu: &CpuFacts) -> Finding {
    match cpu.boost {
        None => Finding::unknown(
            Check::CpuBoost,
            "whether clocks are boosted cannot be seen here",
        ),
        Some(false) => Finding::ok(Check::CpuBoost, "off"),
        Some(true) => Finding::warning(
            Check::CpuBoost,
            "on: the clock depends on heat and on what other cores do",
            "as root: echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost",
        ),
    }
}

fn frequency_limit(cpu: &CpuFacts) -> Finding {
    let limits = cpu.policies.iter().filter_map(|policy| policy.limit_khz);
    let highest = cpu.policies.iter().filter_map(|policy| policy.highest_khz);
    match (limits.min(), highest.max()) {
        (Some(limit), Some(highest)) if limit < highest => Finding::note(
            Check::CpuFrequencyLimit,
            format!(
                "some CPU is limited to {}, the fastest can do {}",
                megahertz(limit),
                megahertz(highest)
            ),
            "if nobody has set it on purpose: cpupower frequency-set --max",
        ),
        (Some(limit), _) => Finding::ok(Check::CpuFrequencyLimit, megahertz(limit)),
        (None, _) => Finding::unknown(
            Check::CpuFrequencyLimit,
            "limits of the frequency cannot be seen here",
        ),
    }
}

fn temperature(cpu: &CpuFacts, now: Option<i64>) -> Finding {
    let Some(now) = now else {
        return Finding::unknown(
            Check::CpuTemperature,
            "no sensor of the processor can be read here",
        );
    };
    match cpu.critical_millicelsius {
        Some(critical) if now + MARGIN >= critical => Finding::warning(
            Check::CpuTemperature,
            format!("{}, and {} is critical", degrees(now), degrees(critical)),
            "let it cool down; check fans, dust and the room",
        ),
        Some(critical) => Finding::ok(
            Check::CpuTemperature,
            format!("{}, critical at {}", degrees(now), degrees(critical)),
        ),
        None => Finding::ok(Check::CpuTemperature, degrees(now)),
    }
}

fn throttling(since_start: Option<u64>, interval: &Interval) -> Finding {
    let remedy = "let it cool down, limit its clock, or run fewer threads";
    match (since_start, interval.throttles) {
        (_, Some(times @ 1..)) => Finding::warning(
            Check::CpuThrottling,
            format!(
                "the processor throttled {times} time(s) in {} ms",
                interval.length_ms
            ),
            remedy,
        ),
        (Some(0), _) => Finding::ok(Check::CpuThrottling, "never since the machine was started"),
        (Some(times), _) => Finding::note(
            Check::CpuThrottling,
            format!("{times} time(s) since the machine was started, none now"),
            remedy,
        ),
        (None, _) => Finding::unknown(Check::CpuThrottling, "its counters cannot be read here"),
    }
}

fn smt(cpu: &CpuFacts) -> Finding {
    match cpu.smt {
        None => Finding::unknown(
            Check::Smt,
            "whether cores run two threads cannot be seen here",
        ),
        Some(false) => Finding::ok(Check::Smt, "one thread per core"),
        Some(true) => Finding::note(
            Check::Smt,
            "cores run several threads, which share caches and units",
            "keep the default of one worker thread per core, or as root: echo off > /sys/devices/system/cpu/smt/control",
        ),
    }
}

fn affinity(cpu: &CpuFacts, usable: u32) -> Finding {
    let isolated = match cpu.isolated.as_str() {
        "" => String::new(),
        list => format!("; CPUs {list} are isolated from the scheduler"),
    };
    let evidence = format!("{usable} of {} CPUs may be used{isolated}", cpu.online);
    match usable < cpu.online || !cpu.isolated.is_empty() {
        false => Finding::ok(Check::CpuAffinity, evidence),
        true => Finding::note(
            Check::CpuAffinity,
            evidence,
            "if that is not meant: taskset, the container's CPU set, or `cpus` in the suite",
        ),
    }
}

fn power_supply(cpu: &CpuFacts) -> Finding {
    match cpu.on_battery {
        Some(true) => Finding::warning(
            Check::PowerSupply,
            "a battery feeds the machine, which lowers clocks",
            "connect the mains",
        ),
        Some(false) => Finding::ok(Check::PowerSupply, "mains"),
        None => Finding::ok(Check::PowerSupply, "no battery"),
    }
}

fn virtualisation(cpu: &CpuFacts) -> Finding {
    match cpu.hypervisor {
        false => Finding::ok(Check::Virtualisation, "no hypervisor"),
        true => Finding::note(
            Check::Virtualisation,
            "/proc/cpuinfo has the flag `hypervisor`: neighbours and clocks cannot be seen",
            "take more attempts in random order, or measure on a machine of your own",
        ),
    }
}

fn stolen_time(facts: &Facts) -> Finding {
    let (now, allowed) = (
        facts.interval.stolen_milli,
        u64::from(facts.interval.cpus) * STOLEN_PERMILLE,
    );
    let since_start = facts.cpu.stolen_permille_since_start;
    let history = since_start.map(|permille| format!("; {} since the start", percent(permille)));
    let history = history.unwrap_or_default();
    let remedy = "the host runs more than it has CPUs for: move the machine, or take more attempts";
    match now {
        None => Finding::unknown(Check::StolenTime, "/proc/stat does not tell"),
        Some(milli) => {
            let evidence = format!("a hypervisor took {} CPUs just now{history}", cpus(milli));
            let often = since_start.is_some_and(|permille| permille > STOLEN_PERMILLE);
            match (milli > allowed, often) {
                (true, _) => Finding::warning(Check::StolenTime, evidence, remedy),
                (false, true) => Finding::note(Check::StolenTime, evidence, remedy),
                (false, false) => Finding::ok(Check::StolenTime, evidence),
            }
        }
    }
}
