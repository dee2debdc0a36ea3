//! Sensors of the processor: temperature, frequency, how often it throttled. Looks for them once, then only reads.

use std::collections::BTreeSet;
use std::fs;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::root::{Root, Watched};

/// Where the kernel describes the CPUs.
const CPUS: &str = "sys/devices/system/cpu";

/// Thermal zones of processors by their `type`; anything else may be a battery or the air.
const ZONES: [&str; 7] = [
    "x86_pkg_temp",
    "TCPU",
    "cpu-thermal",
    "cpu_thermal",
    "k10temp",
    "coretemp",
    "zenpower",
];

/// Drivers under `hwmon` that measure processors.
const DRIVERS: [&str; 4] = ["coretemp", "k10temp", "zenpower", "cpu_thermal"];

/// So many CPUs are asked for their frequency at most. Some kernels wake a CPU to answer.
const ASKED: usize = 16;

/// What of the processor can be read on this machine.
#[derive(Debug, Default)]
pub(crate) struct Processor {
    temperatures: Vec<Watched>,
    limits: Vec<Watched>,
    frequencies: Vec<Watched>,
    throttles: Vec<Watched>,
}

impl Processor {
    /// Looks for the sensors of the CPUs that may be used.
    pub(crate) fn find(root: &Root) -> Self {
        let cpus = cpu_folders(root);
        let policies = policies(root, &cpus);
        let step = policies.len().div_ceil(ASKED).max(1);
        let asked = policies.iter().step_by(step);
        let watch = |folder: &String, name: &str| root.watch(&format!("{folder}/cpufreq/{name}"));
        Self {
            temperatures: temperatures(root),
            limits: policies
                .iter()
                .filter_map(|folder| watch(folder, "scaling_max_freq"))
                .collect(),
            frequencies: asked
                .filter_map(|folder| watch(folder, "scaling_cur_freq"))
                .collect(),
            throttles: throttles(root, &cpus),
        }
    }

    /// The hottest sensor.
    pub(crate) fn temperature_millicelsius(&self) -> Option<i64> {
        self.temperatures.iter().filter_map(Watched::number).max()
    }

    /// The lowest limit.
    pub(crate) fn frequency_limit_khz(&self) -> Option<u64> {
        self.limits.iter().filter_map(Watched::number).min()
    }

    /// The mean, over at most [`ASKED`] of the CPUs.
    pub(crate) fn frequency_khz(&self) -> Option<u64> {
        let readings = self.frequencies.iter().filter_map(Watched::number::<u64>);
        let all: Vec<u64> = readings.collect();
        let count = u64::try_from(all.len()).ok().filter(|count| *count > 0)?;
        Some(all.iter().sum::<u64>() / count)
    }

    /// Times that cores and packages have throttled since the machine was started.
    pub(crate) fn throttle_count(&self) -> Option<u64> {
        let counts: Vec<u64> = self.throttles.iter().filter_map(Watched::number).collect();
        (!counts.is_empty()).then(|| counts.iter().sum())
    }
}

/// Folders of the CPUs that this process may use; of a stand-in all count.
pub(crate) fn cpu_folders(root: &Root) -> Vec<String> {
    let all = root.numbered(CPUS, "cpu");
    let allowed = sched_getaffinity(Pid::from_raw(0)).ok();
    let may_use = |cpu: u32| match &allowed {
        Some(allowed) if !root.is_stand_in() => is_set(allowed, cpu),
        Some(_) | None => true,
    };
    all.into_iter()
        .filter(|(cpu, _)| may_use(*cpu))
        .map(|(_, folder)| folder)
        .collect()
}

fn is_set(allowed: &CpuSet, cpu: u32) -> bool {
    let cpu = usize::try_from(cpu).unwrap_or(usize::MAX);
    cpu < CpuSet::count() && allowed.is_set(cpu).unwrap_or(false)
}

/// One CPU for each set of CPUs whose frequency is governed together.
fn policies(root: &Root, cpus: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut first = Vec::new();
    for cpu in cpus {
        let policy = fs::canonicalize(root.path(&format!("{cpu}/cpufreq")));
        if policy.is_ok_and(|policy| seen.insert(policy)) {
            first.push(cpu.clone());
        }
    }
    first
}

fn temperatures(root: &Root) -> Vec<Watched> {
    let of_zones = zones(root).into_iter();
    let mut found: Vec<_> = of_zones
        .filter_map(|zone| root.watch(&format!("{zone}/temp")))
        .collect();
    for monitor in monitors(root) {
        let names = files(root, &monitor, "_input");
        found.extend(names.iter().filter_map(|name| root.watch(name)));
    }
    found
}

/// The lowest temperature that a sensor of the processor calls critical.
pub(crate) fn critical_millicelsius(root: &Root) -> Option<i64> {
    let of_zones = zones(root).into_iter().flat_map(|zone| {
        let trips = files(root, &zone, "_type").into_iter();
        trips.filter_map(|kind| {
            let point = kind.strip_suffix("_type")?.to_owned();
            (root.text(&kind)? == "critical").then_some(format!("{point}_temp"))
        })
    });
    let of_monitors = monitors(root).into_iter();
    let of_monitors = of_monitors.flat_map(|monitor| files(root, &monitor, "_crit"));
    let found: Vec<String> = of_zones.chain(of_monitors).collect();
    let numbers = found.iter().filter_map(|name| root.number::<i64>(name));
    // Some drivers write 0 for none.
    numbers.filter(|critical| *critical > 0).min()
}

/// Folders of the thermal zones of processors.
fn zones(root: &Root) -> Vec<String> {
    let zones = root.numbered("sys/class/thermal", "thermal_zone");
    let is_cpu = |folder: &String| {
        let kind = root.text(&format!("{folder}/type"));
        kind.is_some_and(|kind| ZONES.contains(&kind.as_str()) || kind.starts_with("cpu"))
    };
    zones
        .into_iter()
        .map(|(_, folder)| folder)
        .filter(is_cpu)
        .collect()
}

/// Folders of the monitors of processors.
fn monitors(root: &Root) -> Vec<String> {
    let monitors = root.numbered("sys/class/hwmon", "hwmon");
    let is_cpu = |folder: &String| {
        let name = root.text(&format!("{folder}/name"));
        name.is_some_and(|name| DRIVERS.contains(&name.as_str()))
    };
    monitors
        .into_iter()
        .map(|(_, folder)| folder)
        .filter(is_cpu)
        .collect()
}

/// Files of a sensor whose names end so.
fn files(root: &Root, folder: &str, ending: &str) -> Vec<String> {
    let names = root.names(folder).into_iter();
    let of_sensors =
        names.filter(|name| name.starts_with("temp") || name.starts_with("trip_point"));
    of_sensors
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

/// The counters of each core once and of each package once: threads of a core show the same one.
fn throttles(root: &Root, cpus: &[String]) -> Vec<Watched> {
    let mut cores = BTreeSet::new();
    let mut packages = BTreeSet::new();
    let mut found = Vec::new();
    for cpu in cpus {
        let id = |name: &str| root.number::<i64>(&format!("{cpu}/topology/{name}"));
        let count = |name: &str| root.watch(&format!("{cpu}/thermal_throttle/{name}"));
        let package = id("physical_package_id");
        let core = id("core_id").map_or_else(|| cpu.clone(), |core| core.to_string());
        if cores.insert((package, core)) {
            found.extend(count("core_throttle_count"));
        }
        if packages.insert(package) {
            found.extend(count("package_throttle_count"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;
    use tempfile::TempDir;

    struct Made(TempDir);

    impl Made {
        fn new(files: &[(&str, &str)]) -> Self {
            let made = Self(tempfile::tempdir().unwrap());
            files.iter().for_each(|(name, text)| made.put(name, text));
            made
        }

        fn put(&self, name: &str, text: &str) {
            let path = self.0.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn root(&self) -> Root {
            Root::at(self.0.path())
        }
    }

    #[test]
    fn the_hottest_sensor_of_the_processor_counts() {
        let made = Made::new(&[
            ("sys/class/thermal/thermal_zone0/type", "acpitz\n"),
            ("sys/class/thermal/thermal_zone0/temp", "99000\n"),
            ("sys/class/thermal/thermal_zone1/type", "x86_pkg_temp\n"),
            ("sys/class/thermal/thermal_zone1/temp", "41000\n"),
            ("sys/class/hwmon/hwmon0/name", "nvme\n"),
            ("sys/class/hwmon/hwmon0/temp1_input", "90000\n"),
            ("sys/class/hwmon/hwmon1/name", "k10temp\n"),
            ("sys/class/hwmon/hwmon1/temp1_input", "40000\n"),
            ("sys/class/hwmon/hwmon1/temp3_input", "45250\n"),
            ("sys/class/hwmon/hwmon1/temp3_label", "Tccd1\n"),
            ("sys/class/hwmon/hwmon1/temp1_crit", "95000\n"),
            (
                "sys/class/thermal/thermal_zone1/trip_point_0_type",
                "passive\n",
            ),
            (
                "sys/class/thermal/thermal_zone1/trip_point_0_temp",
                "70000\n",
            ),
            (
                "sys/class/thermal/thermal_zone1/trip_point_1_type",
                "critical\n",
            ),
            (
                "sys/class/thermal/thermal_zone1/trip_point_1_temp",
                "100000\n",
            ),
        ]);
        let processor = Processor::find(&made.root());
        assert_eq!(processor.temperature_millicelsius(), Some(45_250));
        made.put("sys/class/thermal/thermal_zone1/temp", "60000\n");
        assert_eq!(processor.temperature_millicelsius(), Some(60_000));
        assert_eq!(critical_millicelsius(&made.root()), Some(95_000));
    }

    #[test]
    fn frequencies_are_those_of_each_policy_once() {
        let made = Made::new(&[
            (
                "sys/devices/system/cpu/cpufreq/policy0/scaling_max_freq",
                "3000000\n",
            ),
            (
                "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq",
                "1000000\n",
            ),
            (
                "sys/devices/system/cpu/cpufreq/policy2/scaling_max_freq",
                "2000000\n",
            ),
            (
                "sys/devices/system/cpu/cpufreq/policy2/scaling_cur_freq",
                "2000000\n",
            ),
        ]);
        for (cpu, policy) in [(0, 0), (1, 0), (2, 2)] {
            let folder = made.0.path().join(format!("{CPUS}/cpu{cpu}"));
            fs::create_dir_all(&folder).unwrap();
            let policy = format!("../cpufreq/policy{policy}");
            symlink(policy, folder.join("cpufreq")).unwrap();
        }
        let processor = Processor::find(&made.root());
        assert_eq!(processor.frequency_limit_khz(), Some(2_000_000));
        assert_eq!(processor.frequency_khz(), Some(1_500_000));
    }

    #[test]
    fn threads_of_a_core_count_its_throttling_once() {
        let made = Made::new(&[]);
        for (cpu, core) in [(0, 0), (1, 0), (2, 1)] {
            let put = |name: &str, text: &str| made.put(&format!("{CPUS}/cpu{cpu}/{name}"), text);
            put("topology/core_id", &core.to_string());
            put("topology/physical_package_id", "0");
            put("thermal_throttle/core_throttle_count", "3\n");
            put("thermal_throttle/package_throttle_count", "100\n");
        }
        assert_eq!(Processor::find(&made.root()).throttle_count(), Some(106));
    }

    #[test]
    fn a_machine_without_sensors_has_no_values() {
        let processor = Processor::find(&Made::new(&[]).root());
        assert_eq!(processor.temperature_millicelsius(), None);
        assert_eq!(processor.frequency_limit_khz(), None);
        assert_eq!(processor.frequency_khz(), None);
        assert_eq!(processor.throttle_count(), None);
    }
}
