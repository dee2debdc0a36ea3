//! What the machine is like at this moment: load, memory, temperature, frequency. A reading is a few small files,
//! which stay open in between.

use anechoic_protocol::Device;
use anechoic_record::{GpuState, MachineState};

use super::Gpus;
use super::nvml::Nvml;
use super::processor::Processor;
use super::root::{Root, Watched};

/// Reads the state of the machine again and again.
#[derive(Debug)]
pub(crate) struct MachineProbe {
    stat: Option<Watched>,
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
        Self {
            stat: root.watch("proc/stat"),
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
            cpu_busy_ms: cpu_ms(&stat, &[0, 1, 2, 5, 6]),
            cpu_stolen_ms: cpu_ms(&stat, &[7]),
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

/// Columns of the line `cpu` of `/proc/stat` together: user, nice, system, idle, iowait, irq, softirq, steal.
fn cpu_ms(stat: &str, columns: &[usize]) -> Option<u64> {
    let line = stat.lines().find(|line| line.starts_with("cpu "))?;
    let ticks: Vec<u64> = line
        .split_whitespace()
        .skip(1)
        .map_while(|text| text.parse().ok())
        .collect();
    let sum: u64 = columns.iter().filter_map(|&column| ticks.get(column)).sum();
    // The kernel counts in hundredths of a second, whatever its own tick.
    Some(sum * 10)
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
        let stat = "cpu  10 1 20 300 4 5 6 7 0 0\ncpu0 1 1 1 1\n";
        assert_eq!(cpu_ms(stat, &[0, 1, 2, 5, 6]), Some(420));
        assert_eq!(cpu_ms(stat, &[7]), Some(70));
        assert_eq!(cpu_ms("", &[7]), None);
        let pressure =
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=12345\nfull avg10=0.00 total=1\n";
        assert_eq!(stalled_ms(pressure), Some(12));
        assert_eq!(
            meminfo_bytes("MemTotal: 9 kB\nMemAvailable:   2 kB\n", "MemAvailable:"),
            Some(2048)
        );
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
