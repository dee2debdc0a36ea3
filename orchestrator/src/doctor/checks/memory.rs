//! Memory, swap, pressure, and the control groups that limit what may be used.

use super::super::facts::{Facts, GroupFacts, Interval, MemoryFacts};
use super::super::finding::{Check, Finding};
use super::{cpus, gigabytes, percent};
use crate::runner::STALLED_PERMILLE;

pub(super) fn find(facts: &Facts) -> Vec<Finding> {
    vec![
        available(facts),
        swap(&facts.memory),
        pressure(&facts.interval),
        quota(facts),
        limit(facts),
        scopes(&facts.group),
    ]
}

fn available(facts: &Facts) -> Finding {
    let (Some(available), Some(total)) = (
        facts.state.available_memory_bytes,
        facts.machine.memory_bytes,
    ) else {
        return Finding::unknown(Check::AvailableMemory, "/proc/meminfo does not tell");
    };
    let evidence = format!("{} of {}", gigabytes(available), gigabytes(total));
    match available < total / 10 {
        false => Finding::ok(Check::AvailableMemory, evidence),
        true => Finding::warning(
            Check::AvailableMemory,
            evidence,
            "end what holds memory; a worker may be killed for it",
        ),
    }
}

fn swap(memory: &MemoryFacts) -> Finding {
    let total = memory.swap_bytes.unwrap_or(0);
    let used = total.saturating_sub(memory.swap_free_bytes.unwrap_or(total));
    let swappiness = memory
        .swappiness
        .map_or_else(String::new, |value| format!(", swappiness {value}"));
    match (total, used) {
        (0, _) => Finding::ok(Check::Swap, "no swap"),
        (_, 0) => Finding::note(
            Check::Swap,
            format!("{} of swap, none in use{swappiness}", gigabytes(total)),
            "a worker that needs much memory may be swapped out: as root, swapoff -a",
        ),
        _ => Finding::warning(
            Check::Swap,
            format!(
                "{} of {} of swap are in use{swappiness}",
                gigabytes(used),
                gigabytes(total)
            ),
            "free memory, then as root: swapoff -a",
        ),
    }
}

fn pressure(interval: &Interval) -> Finding {
    match interval.stalled_permille {
        None => Finding::unknown(
            Check::MemoryPressure,
            "this kernel does not tell (/proc/pressure/memory)",
        ),
        Some(stalled) => {
            let evidence = format!(
                "some task waited for memory {} of the time",
                percent(stalled)
            );
            match stalled > STALLED_PERMILLE {
                false => Finding::ok(Check::MemoryPressure, evidence),
                true => Finding::warning(Check::MemoryPressure, evidence, "free memory"),
            }
        }
    }
}

fn quota(facts: &Facts) -> Finding {
    let group = &facts.group;
    let times = group.quota_throttles.unwrap_or(0);
    let now = facts.interval.quota_throttles.unwrap_or(0);
    let Some(quota) = group.quota_milli else {
        return Finding::ok(Check::CpuQuota, "none");
    };
    let evidence = format!(
        "the control group may use {} CPUs; it was held back {times} time(s), {now} of them just now",
        cpus(quota)
    );
    let remedy =
        "raise or remove the container's CPU limit; pin CPUs instead of sharing their time";
    let has_room = quota >= u64::from(facts.cpu.online) * 1000;
    match (has_room, now) {
        (true, 0) => Finding::ok(Check::CpuQuota, evidence),
        _ => Finding::warning(Check::CpuQuota, evidence, remedy),
    }
}

fn limit(facts: &Facts) -> Finding {
    let group = &facts.group;
    let total = facts.machine.memory_bytes.unwrap_or(u64::MAX);
    let Some(limit) = group.memory_limit_bytes.filter(|limit| *limit < total) else {
        return Finding::ok(Check::MemoryLimit, "none below the machine's memory");
    };
    let used = group.memory_used_bytes.unwrap_or(0);
    let evidence = format!(
        "the control group may hold {}, and holds {}",
        gigabytes(limit),
        gigabytes(used)
    );
    let remedy = "raise the container's memory limit, or use smaller cases";
    match used > limit / 10 * 9 {
        true => Finding::warning(Check::MemoryLimit, evidence, remedy),
        false => Finding::note(Check::MemoryLimit, evidence, remedy),
    }
}

fn scopes(group: &GroupFacts) -> Finding {
    let remedy = "run anechoic with systemd-run --user --scope -p Delegate=yes, or as root";
    match &group.unified {
        None => Finding::note(
            Check::ControlGroups,
            "no control groups of version 2: descendants of workers are found by adoption and by mark",
            remedy,
        ),
        Some(unified) if !unified.writable => Finding::note(
            Check::ControlGroups,
            format!(
                "groups cannot be made in `{}`: descendants of workers are found by adoption and by mark",
                unified.path.display()
            ),
            remedy,
        ),
        Some(unified) => {
            let has_memory = unified.controllers.iter().any(|name| name == "memory");
            let limits = match has_memory {
                true => "memory limits hold for all that a worker starts",
                false => "without the memory controller, memory limits hold for each process alone",
            };
            Finding::ok(
                Check::ControlGroups,
                format!(
                    "each worker can have a group in `{}`; {limits}",
                    unified.path.display()
                ),
            )
        }
    }
}
