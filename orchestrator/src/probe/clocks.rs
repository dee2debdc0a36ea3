//! How clocks are held: what somebody has configured, and not what they happen to be now.

use std::collections::BTreeSet;

use anechoic_protocol::Device;
use anechoic_record::Clocks;

use super::Gpus;
use super::nvml::{Card, Nvml};
use super::processor::cpu_folders;
use super::root::Root;

/// Where the kernel describes the CPUs.
const CPUS: &str = "sys/devices/system/cpu";

/// How the frequency of some CPUs is governed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Policy {
    pub(crate) governor: Option<String>,
    /// The limit now.
    pub(crate) limit_khz: Option<u64>,
    /// What the hardware can do.
    pub(crate) highest_khz: Option<u64>,
}

/// Reads them for a device.
pub(crate) fn clocks(device: Device) -> Clocks {
    let cpu = of_cpu(&Root::here());
    match device {
        Device::Cpu => cpu,
        Device::Cuda(index) => with_gpu(cpu, index),
    }
}

fn of_cpu(root: &Root) -> Clocks {
    let policies = policies(root);
    let governors: BTreeSet<&str> = policies
        .iter()
        .filter_map(|policy| policy.governor.as_deref())
        .collect();
    let governors: Vec<&str> = governors.into_iter().collect();
    Clocks {
        cpu_governor: (!governors.is_empty()).then(|| governors.join(",")),
        cpu_frequency_limit_khz: policies.iter().filter_map(|policy| policy.limit_khz).min(),
        cpu_boost: boost(root),
        ..Clocks::default()
    }
}

fn with_gpu(cpu: Clocks, index: u32) -> Clocks {
    let Ok(nvml) = Nvml::get() else {
        return cpu;
    };
    let place = Gpus::find().in_library(index, nvml);
    let card = place.and_then(|place| nvml.card(place).ok());
    let card = card.unwrap_or_default();
    Clocks {
        gpu_driver: nvml.driver_version(),
        gpu_clock_limit_khz: card.highest_clock_khz,
        gpu_power_limit_milliwatts: power_limit(&card),
        ..cpu
    }
}

/// The one that is enforced may be lower than the one that was set.
fn power_limit(card: &Card) -> Option<u64> {
    let limit = card.enforced_power_limit_mw.or(card.power_limit_mw);
    limit.map(u64::from)
}

/// Those of the CPUs that may be used and whose frequency is governed.
pub(crate) fn policies(root: &Root) -> Vec<Policy> {
    let cpus = cpu_folders(root);
    cpus.iter().filter_map(|cpu| policy(root, cpu)).collect()
}

fn policy(root: &Root, cpu: &str) -> Option<Policy> {
    let name = |file: &str| format!("{cpu}/cpufreq/{file}");
    let policy = Policy {
        governor: root.text(&name("scaling_governor")),
        limit_khz: root.number(&name("scaling_max_freq")),
        highest_khz: root.number(&name("cpuinfo_max_freq")),
    };
    (policy != Policy::default()).then_some(policy)
}

/// Whether clocks may rise above the nominal one. Intel's driver has a switch of its own, the other way round.
pub(crate) fn boost(root: &Root) -> Option<bool> {
    let flag = |name: &str| {
        let value = root.number::<u32>(&format!("{CPUS}/{name}"));
        value.map(|value| value != 0)
    };
    let no_turbo = flag("intel_pstate/no_turbo");
    no_turbo.map(|off| !off).or_else(|| flag("cpufreq/boost"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_configured_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        assert_eq!(of_cpu(&root), Clocks::default());
        let put = |name: &str, text: &str| {
            let path = root.path(&format!("{CPUS}/{name}"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        for (cpu, governor, limit) in [
            (0, "schedutil", 3),
            (1, "performance", 2),
            (2, "schedutil", 3),
        ] {
            put(&format!("cpu{cpu}/cpufreq/scaling_governor"), governor);
            put(
                &format!("cpu{cpu}/cpufreq/scaling_max_freq"),
                &format!("{limit}000000\n"),
            );
            put(&format!("cpu{cpu}/cpufreq/scaling_cur_freq"), "1000000\n");
        }
        put("cpufreq/boost", "1\n");
        let found = of_cpu(&root);
        assert_eq!(found.cpu_governor.as_deref(), Some("performance,schedutil"));
        assert_eq!(found.cpu_frequency_limit_khz, Some(2_000_000));
        assert_eq!(found.cpu_boost, Some(true));
        put("intel_pstate/no_turbo", "1\n");
        assert_eq!(of_cpu(&root).cpu_boost, Some(false));
        assert_eq!(found.gpu_driver, None);
    }

    #[test]
    fn the_power_limit_that_is_enforced_counts() {
        let check = |set, enforced, expected| {
            let card = Card {
                power_limit_mw: set,
                enforced_power_limit_mw: enforced,
                ..Card::default()
            };
            assert_eq!(power_limit(&card), expected);
        };
        check(Some(700_000), Some(500_000), Some(500_000));
        check(Some(700_000), None, Some(700_000));
        check(None, None, None);
    }
}
