//! Which devices there are, and how one is made ready. Loads libtorch's CUDA part only when a job needs
//! it, and before anything else asks libtorch about CUDA.

use std::env;
use std::fs;
use std::path::Path;

use anechoic_protocol::{Device, DeviceInfo};

use crate::ops;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// libtorch's CUDA part did not load.
    #[error("use {device}: libtorch's CUDA part did not load: {reason}")]
    NoCuda {
        /// The device asked for.
        device: Device,
        /// The loader's words.
        reason: String,
    },
    /// The driver does not answer or has no device of this number.
    #[error("use {device}: the driver shows {count} CUDA device(s); `cpu` always works")]
    NoSuchDevice {
        /// The device asked for.
        device: Device,
        /// How many there are.
        count: i64,
    },
}

/// A device that is ready for use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(Device);

impl Place {
    /// Makes a device ready. For a GPU this must come before any other use of libtorch.
    pub fn open(device: Device) -> Result<Self, DeviceError> {
        if let Device::Cuda(index) = device {
            ops::load_cuda().map_err(|e| DeviceError::NoCuda {
                device,
                reason: e.to_string(),
            })?;
            let count = tch::Cuda::device_count();
            if i64::from(index) >= count {
                return Err(DeviceError::NoSuchDevice { device, count });
            }
        }
        Ok(Self(device))
    }

    /// As libtorch names it.
    pub fn torch(self) -> tch::Device {
        match self.0 {
            Device::Cpu => tch::Device::Cpu,
            Device::Cuda(index) => tch::Device::Cuda(index as usize),
        }
    }

    /// Whether work is done when a call returns.
    pub fn is_cpu(self) -> bool {
        self.0 == Device::Cpu
    }

    /// Waits until the device has nothing left to do.
    ///
    /// # Panics
    /// When work on it has failed, as tch's own operators do.
    pub fn synchronize(self) {
        ops::synchronize(self.torch()).unwrap_or_else(|error| panic!("failed to {error}"));
    }
}

/// As the protocol names it.
pub fn of_torch(device: tch::Device) -> Device {
    match device {
        tch::Device::Cuda(index) => Device::Cuda(u32::try_from(index).unwrap_or(u32::MAX)),
        tch::Device::Cpu | tch::Device::Mps | tch::Device::Vulkan => Device::Cpu,
    }
}

/// The devices for `hello`: the CPU and, where this libtorch can use them, the GPUs that the driver shows and
/// `CUDA_VISIBLE_DEVICES` leaves. Found without loading CUDA.
pub fn list() -> Vec<DeviceInfo> {
    let cpu = DeviceInfo {
        device: Device::Cpu,
        description: cpu_model().unwrap_or_else(|| "CPU".to_owned()),
        total_memory_bytes: None,
    };
    let gpus = (0..usable_gpus()).map(|index| DeviceInfo {
        device: Device::Cuda(index),
        description: "NVIDIA GPU".to_owned(),
        total_memory_bytes: None,
    });
    std::iter::once(cpu).chain(gpus).collect()
}

fn usable_gpus() -> u32 {
    let visible = env::var("CUDA_VISIBLE_DEVICES").ok();
    match ops::library_folder() {
        Ok(libtorch) if has_cuda_part(&libtorch) => {
            visible_count(device_nodes(Path::new("/dev")), visible.as_deref())
        }
        _ => 0,
    }
}

fn has_cuda_part(libtorch: &Path) -> bool {
    libtorch.join("libtorch_cuda.so").exists()
}

/// GPUs with a device file, where the driver's control device is there as well.
fn device_nodes(dev: &Path) -> u32 {
    if !dev.join("nvidiactl").exists() {
        return 0;
    }
    let names = fs::read_dir(dev).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name());
    let count = names.filter(|name| is_gpu(&name.to_string_lossy())).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn is_gpu(name: &str) -> bool {
    let index = name.strip_prefix("nvidia");
    index.is_some_and(|i| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit()))
}

/// CUDA's rule: the list is read up to the first entry that names no device. The entries become 0, 1, ….
fn visible_count(present: u32, list: Option<&str>) -> u32 {
    let Some(list) = list else {
        return present;
    };
    let names_one = |entry: &&str| match entry.trim().parse::<i64>() {
        Ok(index) => (0..i64::from(present)).contains(&index),
        Err(_) => entry.trim().starts_with("GPU-") || entry.trim().starts_with("MIG-"),
    };
    let named = list.split(',').take_while(names_one).count();
    u32::try_from(named).unwrap_or(u32::MAX).min(present)
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpus_are_device_files_beside_the_control_device() {
        let dev = tempfile::tempdir().unwrap();
        let touch = |name: &str| fs::write(dev.path().join(name), "").unwrap();
        assert_eq!(device_nodes(&dev.path().join("missing")), 0);
        // A container may be given GPUs 1 and 3 alone.
        touch("nvidia1");
        touch("nvidia3");
        assert_eq!(device_nodes(dev.path()), 0, "without a driver");
        for name in ["nvidiactl", "nvidia-uvm", "nvidia-modeset", "nvidia"] {
            touch(name);
        }
        assert_eq!(device_nodes(dev.path()), 2);
    }

    #[test]
    fn hidden_gpus_do_not_count() {
        let check = |present, list, expected| {
            assert_eq!(visible_count(present, list), expected, "{present} {list:?}");
        };
        check(2, None, 2);
        check(2, Some(""), 0);
        check(2, Some("-1"), 0);
        check(2, Some("1"), 1);
        check(2, Some("0,5,1"), 1);
        check(2, Some("GPU-0e1f, 1"), 2);
        check(0, Some("0"), 0);
    }

    #[test]
    fn a_libtorch_without_its_cuda_part_offers_no_gpu() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!has_cuda_part(folder.path()));
        fs::write(folder.path().join("libtorch_cuda.so"), "").unwrap();
        assert!(has_cuda_part(folder.path()));
    }
}
