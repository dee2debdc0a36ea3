//! Which devices there are, and how one is made ready. Loads libtorch's CUDA part only when a job needs
//! it, and before anything else asks libtorch about CUDA.

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
    pub fn synchronize(self) {
        if let Device::Cuda(index) = self.0 {
            tch::Cuda::synchronize(i64::from(index));
        }
    }
}

/// As the protocol names it.
pub fn of_torch(device: tch::Device) -> Device {
    match device {
        tch::Device::Cuda(index) => Device::Cuda(u32::try_from(index).unwrap_or(u32::MAX)),
        tch::Device::Cpu | tch::Device::Mps | tch::Device::Vulkan => Device::Cpu,
    }
}

/// The devices for `hello`: the CPU and every GPU that the driver shows, found without loading CUDA.
pub fn list() -> Vec<DeviceInfo> {
    let cpu = DeviceInfo {
        device: Device::Cpu,
        description: cpu_model().unwrap_or_else(|| "CPU".to_owned()),
        total_memory_bytes: None,
    };
    let gpus = (0..).take_while(|index| Path::new(&format!("/dev/nvidia{index}")).exists());
    let gpus = gpus.map(|index| DeviceInfo {
        device: Device::Cuda(index),
        description: "NVIDIA GPU".to_owned(),
        total_memory_bytes: None,
    });
    std::iter::once(cpu).chain(gpus).collect()
}

fn cpu_model() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}
