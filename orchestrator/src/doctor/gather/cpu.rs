//! The processor's settings.

use super::super::facts::CpuFacts;
use crate::probe::{Root, boost, critical_millicelsius, policies};

const CPUS: &str = "sys/devices/system/cpu";

pub(super) fn read(root: &Root, usable: u32) -> CpuFacts {
    let online = root.text(&format!("{CPUS}/online"));
    CpuFacts {
        policies: policies(root),
        boost: boost(root),
        smt: flag(root, &format!("{CPUS}/smt/active")),
        hypervisor: root
            .text("proc/cpuinfo")
            .is_some_and(|text| has_hypervisor(&text)),
        online: online.and_then(|list| count(&list)).unwrap_or(usable),
        isolated: root.text(&format!("{CPUS}/isolated")).unwrap_or_default(),
        critical_millicelsius: critical_millicelsius(root),
        on_battery: on_battery(root),
        stolen_permille_since_start: root
            .text("proc/stat")
            .and_then(|stat| stolen_permille(&stat)),
    }
}

fn flag(root: &Root, name: &str) -> Option<bool> {
    root.number::<u32>(name).map(|value| value != 0)
}

fn has_hypervisor(cpuinfo: &str) -> bool {
    let mut flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags.any(|line| line.split_whitespace().any(|flag| flag == "hypervisor"))
}

/// How many a list like `0-3,8` has.
fn count(list: &str) -> Option<u32> {
    let ranges = list.split(',').map(|range| match range.split_once('-') {
        Some((first, last)) => {
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            Some(last.checked_sub(first)? + 1)
        }
        None => range.parse::<u32>().ok().map(|_| 1),
    });
    ranges.sum()
}

fn on_battery(root: &Root) -> Option<bool> {
    let folder = "sys/class/power_supply";
    let supplies = root.names(folder);
    let states = supplies.iter().filter_map(|name| {
        let kind = root.text(&format!("{folder}/{name}/type"))?;
        let status = root.text(&format!("{folder}/{name}/status"));
        (kind == "Battery").then(|| status.as_deref() == Some("Discharging"))
    });
    states.reduce(|one, other| one || other)
}

/// The share of steal in all that the line `cpu` counts: user to steal.
fn stolen_permille(stat: &str) -> Option<u64> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let ticks = line.split_whitespace().skip(1).take(8);
    let ticks: Vec<u64> = ticks.map_while(|text| text.parse().ok()).collect();
    let all: u64 = ticks.iter().sum();
    (ticks.get(7)? * 1000).checked_div(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cpus_are_counted() {
        let check = |list: &str, expected| assert_eq!(count(list), expected, "{list}");
        check("0", Some(1));
        check("0-3,8,10-11", Some(7));
        check("", None);
        check("3-1", None);
    }

    #[test]
    fn a_hypervisor_is_a_flag_of_its_own() {
        assert!(has_hypervisor("flags\t\t: fpu hypervisor lahf\n"));
        assert!(!has_hypervisor(
            "model name : hypervisor\nflags : fpu no_hypervisor\n"
        ));
    }

    #[test]
    fn stolen_time_is_a_share_of_all_time() {
        assert_eq!(stolen_permille("cpu  10 0 10 70 0 0 0 10 5 0\n"), Some(100));
        assert_eq!(stolen_permille("cpu  0 0 0 0 0 0 0 0\n"), None);
        assert_eq!(stolen_permille("cpu  1 2\n"), None);
    }
}
