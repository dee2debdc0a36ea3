//! A GPU's memory, name and completion.

use tch::Device;

use super::{OpsError, ffi};

/// Memory of a whole device, other processes' included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceMemory {
    /// What nobody uses.
    pub free_bytes: u64,
    /// What there is.
    pub total_bytes: u64,
}

/// Waits until the device has nothing left to do. A CPU never has.
pub fn synchronize(device: Device) -> Result<(), OpsError> {
    let action = "wait for the device";
    match device {
        Device::Cpu => Ok(()),
        _ => ffi::done(action, ffi::anechoic_synchronize(gpu(action, device)?)),
    }
}

/// The most that tensors of this process have held on the device since the last
/// [`reset_peak_device_bytes`]; `None` on a CPU, or where libtorch does not tell.
pub fn peak_device_bytes(device: Device) -> Option<u64> {
    let index = gpu("read the memory statistics", device).ok()?;
    let mut stats = [0_i64; 4]; // allocated now, its peak, reserved now, its peak
    // SAFETY: the C++ side writes four numbers.
    let code = unsafe { ffi::anechoic_memory_stats(index, stats.as_mut_ptr()) };
    ffi::done("read the memory statistics", code).ok()?;
    u64::try_from(stats[1]).ok()
}

/// Counts the peak anew, from what is held now.
pub fn reset_peak_device_bytes(device: Device) -> Result<(), OpsError> {
    let action = "reset the memory statistics";
    ffi::done(action, ffi::anechoic_reset_peak(gpu(action, device)?))
}

/// The device's memory.
pub fn device_memory(device: Device) -> Result<DeviceMemory, OpsError> {
    let action = "read the device's memory";
    let index = gpu(action, device)?;
    let mut bytes = [0_i64; 2];
    // SAFETY: the C++ side writes two numbers.
    ffi::done(action, unsafe {
        ffi::anechoic_device_memory(index, bytes.as_mut_ptr())
    })?;
    let [free_bytes, total_bytes] = bytes.map(|bytes| u64::try_from(bytes).unwrap_or(0));
    Ok(DeviceMemory {
        free_bytes,
        total_bytes,
    })
}

/// The device as its maker calls it.
pub fn device_name(device: Device) -> Result<String, OpsError> {
    let action = "ask the driver for the device's name";
    ffi::text(action, ffi::anechoic_device_name(gpu(action, device)?))
}

fn gpu(action: &'static str, device: Device) -> Result<i32, OpsError> {
    match device {
        Device::Cuda(index) => Ok(i32::try_from(index).unwrap_or(i32::MAX)),
        Device::Cpu | Device::Mps | Device::Vulkan => Err(OpsError::NotAGpu { action, device }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpu_is_always_done_and_has_no_gpu_memory() {
        assert_eq!(synchronize(Device::Cpu), Ok(()));
        assert_eq!(peak_device_bytes(Device::Cpu), None);
        let error = device_memory(Device::Cpu).unwrap_err();
        assert_eq!(
            error.to_string(),
            "read the device's memory: Cpu is not a GPU"
        );
        assert!(reset_peak_device_bytes(Device::Cpu).is_err());
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error() {
        let absent = Device::Cuda(99);
        assert_eq!(peak_device_bytes(absent), None);
        for error in [
            synchronize(absent).unwrap_err(),
            reset_peak_device_bytes(absent).unwrap_err(),
            device_memory(absent).unwrap_err(),
            device_name(absent).unwrap_err(),
        ] {
            assert!(
                matches!(error, OpsError::Torch { .. }) && error.to_string().len() > 20,
                "{error}"
            );
        }
    }
}
