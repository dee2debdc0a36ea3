//! A GPU's completion and the peak of its memory.

use tch::Device;

use super::{OpsError, ffi};

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
    let action = "read the memory statistics";
    let index = gpu(action, device).ok()?;
    let mut peak = 0;
    // SAFETY: the C++ side writes one number.
    let code = unsafe { ffi::anechoic_peak_memory(index, &raw mut peak) };
    ffi::done(action, code).ok()?;
    u64::try_from(peak).ok()
}

/// Counts the peak anew, from what is held now. On a CPU there is none to count.
pub fn reset_peak_device_bytes(device: Device) -> Result<(), OpsError> {
    let action = "reset the memory statistics";
    match device {
        Device::Cpu => Ok(()),
        _ => ffi::done(action, ffi::anechoic_reset_peak(gpu(action, device)?)),
    }
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
        assert_eq!(reset_peak_device_bytes(Device::Cpu), Ok(()));
    }

    #[test]
    fn what_is_neither_is_an_error() {
        let error = synchronize(Device::Mps).unwrap_err();
        assert_eq!(error.to_string(), "wait for the device: Mps is not a GPU");
    }

    #[test]
    fn a_gpu_that_is_not_there_is_an_error() {
        let absent = Device::Cuda(99);
        assert_eq!(peak_device_bytes(absent), None);
        for error in [
            synchronize(absent).unwrap_err(),
            reset_peak_device_bytes(absent).unwrap_err(),
        ] {
            assert!(
                matches!(error, OpsError::Torch { .. }) && error.to_string().len() > 20,
                "{error}"
            );
        }
    }
}
