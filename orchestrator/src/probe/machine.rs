//! The facts about this machine that decide whether two runs may be compared.

use std::collections::BTreeSet;

use anechoic_protocol::Device;
use anechoic_record::Machine;
use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::Gpus;
use super::root::Root;
use super::state::meminfo_bytes;

/// Looks at the machine; `device` is the one that was chosen.
pub(crate) fn machine(device: Device) -> Machine {
    let root = Root::here();
    let gpus = Gpus::find();
    let logical_cpus = logical_cpus();
    Machine {
        hostname: uname(|u| u.nodename()),
        kernel: uname(|u| u.sysname())
            .zip(uname(|u| u.release()))
            .map(|(system, release)| format!("{system} {release}")),
        cpu: root.text("proc/cpuinfo").and_then(|text| cpu_model(&text)),
        logical_cpus,
        physical_cores: physical_cores(&root).min(logical_cpus),
        memory_bytes: root
            .text("proc/meminfo")
            .and_then(|text| meminfo_bytes(&text, "MemTotal:")),
        gpu: cuda_index(device).and_then(|index| gpus.model(index)),
        gpu_uuid: cuda_index(device).and_then(|index| gpus.uuid(index)),
    }
}

fn cuda_index(device: Device) -> Option<u32> {
    match device {
        Device::Cpu => None,
        Device::Cuda(index) => Some(index),
    }
}

fn uname(field: impl Fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr) -> Option<String> {
    let names = nix::sys::utsname::uname().ok()?;
    field(&names).to_str().map(str::to_owned)
}

/// CPUs that this process may use: its affinity and its cgroup's quota.
fn logical_cpus() -> u32 {
    let count = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The logical CPUs that this process may use, ascending. Where the system does not tell, they are as many as may be
/// used at a time, from 0.
pub(crate) fn usable_cpus() -> Vec<u32> {
    affinity().unwrap_or_else(|| (0..logical_cpus()).collect())
}

/// The logical CPUs of this process's affinity, ascending.
fn affinity() -> Option<Vec<u32>> {
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok()?;
    let cpus = (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false));
    Some(cpus.filter_map(|cpu| u32::try_from(cpu).ok()).collect())
}

/// Cores among the CPUs of this process's affinity; CPUs whose core is unknown count as one each.
fn physical_cores(root: &Root) -> u32 {
    let Some(allowed) = affinity() else {
        return u32::MAX;
    };
    let mut cores = BTreeSet::new();
    for cpu in allowed {
        let topology = format!("sys/devices/system/cpu/cpu{cpu}/topology");
        let number = |name: &str| root.number::<i64>(&format!("{topology}/{name}"));
        let unknown = -1 - i64::from(cpu);
        let package = number("physical_package_id").unwrap_or(0);
        cores.insert((package, number("core_id").unwrap_or(unknown)));
    }
    u32::try_from(cores.len()).unwrap_or(u32::MAX)
}

/// The first model name in `/proc/cpuinfo`. ARM kernels write none.
fn cpu_model(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn this_machine_has_cores_and_a_kernel() {
        let machine = machine(Device::Cpu);
        assert!(machine.logical_cpus >= 1);
        assert!((1..=machine.logical_cpus).contains(&machine.physical_cores));
        assert!(
            machine
                .kernel
                .is_some_and(|kernel| kernel.starts_with("Linux "))
        );
        assert_eq!(machine.gpu, None);
    }

    #[test]
    fn proc_files_are_read() {
        let cpuinfo =
            "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: B\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("A CPU @ 2 GHz"));
        assert_eq!(cpu_model("processor : 0\n"), None);
        assert_eq!(
            meminfo_bytes("MemTotal:       16 kB\nMemFree: 1 kB\n", "MemTotal:"),
            Some(16 * 1024)
        );
        assert_eq!(meminfo_bytes("MemTotal: many\n", "MemTotal:"), None);
    }

    #[test]
    fn threads_of_one_core_count_once() {
        let cpus = affinity().unwrap();
        assert_eq!(usable_cpus(), cpus);
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path());
        for cpu in &cpus {
            let topology = root.path(&format!("sys/devices/system/cpu/cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join("core_id"), "0\n").unwrap();
            fs::write(topology.join("physical_package_id"), "0\n").unwrap();
        }
        assert_eq!(physical_cores(&root), 1);
        let unknown = Root::at(&folder.path().join("none"));
        assert_eq!(physical_cores(&unknown) as usize, cpus.len());
    }
}
