//! What the machine is like at this moment: load, memory, temperature, frequency. A reading is a few small files,
//! which stay open in between.

use anechoic_protocol::Device;
use anechoic_record::{GpuState, MachineState};

use super::Gpus;
use super::machine::usable_cpus;
use super::nvml::Nvml;
use super::processor::Processor;
use super::root::{Root, Watched};

/// Bytes of `/proc/stat` that a CPU takes at most.
const LINE: usize = 256;

/// The CPUs whose time is counted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Counted {
    /// Those that this process may use, by their own lines.
    Usable(Vec<u32>),
    /// All of this number, by the line that sums them up: a container may number its CPUs otherwise than the kernel.
    All(u32),
}

/// Reads the state of the machine again and again.
#[derive(Debug)]
pub(crate) struct MachineProbe {
    stat: Option<Watched>,
    counted: Counted,
    pressure: Option<Watched>,
    memory: Option<Watched>,
    processor: Processor,
    /// The GPU's number in the driver's library.
    gpu: Option<u32>,
}

impl MachineProbe {
    /// For a run on this device.
    pub(crate) fn of(device: Device) -> Self {
        Self::below(&Root::here(), device)
    }

    fn below(root: &Root, device: Device) -> Self {
        Self::with_usable(root, device, usable_cpus())
    }

    fn with_usable(root: &Root, device: Device, usable: Vec<u32>) -> Self {
        let lines = usable.last().map_or(1, |&cpu| cpu as usize + 2);
        let stat = root.watch_up_to("proc/stat", lines * LINE);
        let text = stat.as_ref().and_then(Watched::text).unwrap_or_default();
        Self {
            counted: Counted::among(&text, usable),
            stat,
            pressure: root.watch("proc/pressure/memory"),
            memory: root.watch("proc/meminfo"),
            processor: Processor::find(root),
            gpu: match device {
                Device::Cpu => None,
                Device::Cuda(index) => Nvml::get()
                    .ok()
                    .and_then(|nvml| Gpus::find().in_library(index, nvml)),
            },
        }
    }

    /// How many CPUs' time is counted as busy or stolen.
    pub(crate) fn cpus(&self) -> u32 {
        match &self.counted {
            Counted::Usable(usable) => u32::try_from(usable.len()).unwrap_or(u32::MAX),
            Counted::All(count) => *count,
        }
    }

    /// The state now. What cannot be read is absent.
    pub(crate) fn read(&mut self) -> MachineState {
        let text =
            |file: &Option<Watched>| file.as_ref().and_then(Watched::text).unwrap_or_default();
        let stat = text(&self.stat);
        MachineState {
            cpu_temperature_millicelsius: self.processor.temperature_millicelsius(),
            cpu_frequency_limit_khz: self.processor.frequency_limit_khz(),
            cpu_frequency_khz: self.processor.frequency_khz(),
            cpu_throttles: self.processor.throttle_count(),
            cpu_busy_ms: self.counted.ms(&stat, &[0, 1, 2, 5, 6]),
            cpu_stolen_ms: self.counted.ms(&stat, &[7]),
            memory_stalled_ms: stalled_ms(&text(&self.pressure)),
            available_memory_bytes: meminfo_bytes(&text(&self.memory), "MemAvailable:"),
            gpu: self.gpu.and_then(gpu_state),
        }
    }
}

/// `None` for a GPU that does not answer any more.
fn gpu_state(index: u32) -> Option<GpuState> {
    Nvml::get().ok()?.state(index).ok()
}

impl Counted {
    fn among(stat: &str, usable: Vec<u32>) -> Self {
        let listed = stat.lines().filter_map(cpu_line).count();
        let has_line = |cpu: &u32| stat.lines().filter_map(cpu_line).any(|(of, _)| of == *cpu);
        match usable.iter().all(has_line) {
            true => Self::Usable(usable),
            false if listed > 0 => Self::All(u32::try_from(listed).unwrap_or(u32::MAX)),
            false => Self::All(u32::try_from(usable.len()).unwrap_or(u32::MAX)),
        }
    }

    /// Columns of `/proc/stat` together: user, nice, system, idle, iowait, irq, softirq, steal.
    fn ms(&self, stat: &str, columns: &[usize]) -> Option<u64> {
        let all = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let ticks = match self {
            Self::All(_) => sum(all, columns),
            Self::Usable(usable) => stat
                .lines()
                .filter_map(cpu_line)
                .filter(|(cpu, _)| usable.binary_search(cpu).is_ok())
                .map(|(_, times)| sum(times, columns))
                .sum(),
        };
        // The kernel counts in hundredths of a second, whatever its own tick.
        Some(ticks * 10)
    }
}

/// `cpuN` and the times after it.
fn cpu_line(line: &str) -> Option<(u32, &str)> {
    let (number, times) = line.strip_prefix("cpu")?.split_once(' ')?;
    Some((number.parse().ok()?, times))
}

fn sum(times: &str, columns: &[usize]) -> u64 {
    let times = times.split_whitespace().map_while(|text| text.parse().ok());
    let ticks: Vec<u64> = times.collect();
    columns.iter().filter_map(|&column| ticks.get(column)).sum()
}

/// `some … total=` of a pressure file, which is in microseconds.
fn stalled_ms(pressure: &str) -> Option<u64> {
    let line = pressure.lines().find(|line| line.starts_with("some "))?;
    let total = line
        .split_whitespace()
        .find_map(|field| field.strip_prefix("total="))?;
    Some(total.parse::<u64>().ok()? / 1000)
}

/// A line of `/proc/meminfo`.
pub(crate) fn meminfo_bytes(meminfo: &str, key: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix(key))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn kernel_files_are_read() {
        let pressure =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.00 total=1\n";
        assert_eq!(stalled_ms(pressure), Some(12));
        assert_eq!(
            meminfo_bytes("MemTotal: 9 kB\nMemAvailable:   2 kB\n", "MemAvailable:"),
            Some(2048)
        );
    }

    #[test]
    fn only_cpus_that_may_be_used_are_counted() {
        let stat = "cpu  10 1 20 300 4 5 6 7 0 0\ncpu0 1 0 0 9 9 0 0 3\ncpu1 9 0 0 0\ncpu2 2 0 1 9 9 1 1 4\nintr 5\n";
        let check = |usable: &[u32], busy: u64, stolen: u64, counted: &Counted| {
            let found = Counted::among(stat, usable.to_vec());
            let seen = (found.ms(stat, &[0, 1, 2, 5, 6]), found.ms(stat, &[7]));
            assert_eq!(seen, (Some(busy), Some(stolen)), "{usable:?}");
            assert_eq!(&found, counted);
        };
        check(&[0, 2], 60, 70, &Counted::Usable(vec![0, 2]));
        // A container that numbers its CPUs from 0.
        check(&[17, 18], 420, 70, &Counted::All(3));
        let cut = Counted::among("cpu 1 2 3", vec![0, 1]);
        assert_eq!((&cut, cut.ms("", &[7])), (&Counted::All(2), None));
    }

    #[test]
    fn load_on_cpus_of_others_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("proc")).unwrap();
        // Longer than what is read of most files.
        let put = |foreign: u64| {
            let of = |cpu: u64| if cpu == 100 { 5 } else { foreign };
            let lines =
                (0..128).map(|cpu| format!("cpu{cpu} {} 0 0 123456789 0 0 0 0 0 0\n", of(cpu)));
            let text = format!(
                "cpu  {} 0 0 0\n{}",
                127 * foreign + 5,
                lines.collect::<String>()
            );
            fs::write(folder.path().join("proc/stat"), text).unwrap();
        };
        put(0);
        let root = Root::at(folder.path());
        let mut probe = MachineProbe::with_usable(&root, Device::Cpu, vec![100]);
        assert_eq!((probe.cpus(), probe.read().cpu_busy_ms), (1, Some(50)));
        put(1_000);
        assert_eq!(probe.read().cpu_busy_ms, Some(50));
    }

    #[test]
    fn a_stand_in_for_the_root_is_read_anew_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        fs::create_dir_all(folder.path().join("proc")).unwrap();
        put("proc/stat", "cpu  1 0 0 0 0 0 0 2\n");
        let mut probe = MachineProbe::below(&Root::at(folder.path()), Device::Cpu);
        let expected = MachineState {
            cpu_busy_ms: Some(10),
            cpu_stolen_ms: Some(20),
            ..MachineState::default()
        };
        assert_eq!(probe.read(), expected);
        put("proc/stat", "cpu  5 0 0 0 0 0 0 2\n");
        assert_eq!(probe.read().cpu_busy_ms, Some(50));
        fs::remove_file(folder.path().join("proc/stat")).unwrap();
        assert_eq!(probe.read(), MachineState::default());
    }

    #[test]
    fn this_machine_has_a_state() {
        let mut probe = MachineProbe::of(Device::Cpu);
        let state = probe.read();
        assert!(state.cpu_busy_ms.is_some() && state.available_memory_bytes.is_some());
    }
}
