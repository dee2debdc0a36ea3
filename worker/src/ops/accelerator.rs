//! A GPU's completion, its memory, and times on its own clock.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

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

/// What libtorch's allocator holds on a GPU, and what the GPU has. Bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[repr(C)]
pub struct DeviceMemory {
    /// Held by tensors.
    pub allocated: i64,
    /// The most that tensors have held since the last [`reset_peak_device_bytes`].
    pub peak_allocated: i64,
    /// Taken from the device, tensors' or kept for later.
    pub reserved: i64,
    /// The most that was taken since the last [`reset_peak_device_bytes`].
    pub peak_reserved: i64,
    /// Requests that failed for lack of memory.
    pub out_of_memory: i64,
    /// Requests that went well only after the allocator had given back what it kept.
    pub retries: i64,
    /// Free on the device, for any process.
    pub free: i64,
    /// All memory of the device.
    pub total: i64,
}

/// The memory of a GPU. An error on a CPU, and before the first tensor is on the device.
pub fn device_memory(device: Device) -> Result<DeviceMemory, OpsError> {
    let action = "read the memory statistics";
    let index = gpu(action, device)?;
    let mut memory = DeviceMemory::default();
    // SAFETY: the C++ side fills the structure, which both sides lay out alike.
    let code = unsafe { ffi::anechoic_device_memory(index, &raw mut memory) };
    ffi::done(action, code).map(|()| memory)
}

/// Gives what libtorch's allocator keeps for later back to the device. On a CPU it keeps nothing.
pub fn empty_device_cache(device: Device) -> Result<(), OpsError> {
    let action = "give back unused device memory";
    match device {
        Device::Cpu => Ok(()),
        _ => {
            gpu(action, device).and_then(|_| ffi::done(action, ffi::anechoic_empty_device_cache()))
        }
    }
}

/// Two events around work on a GPU's current stream.
#[derive(Debug)]
#[must_use = "the time is told when it is stopped"]
pub struct DeviceTimer {
    events: NonNull<c_void>,
    // The current stream is a thread's.
    not_send: PhantomData<*const ()>,
}

impl DeviceTimer {
    /// Notes the first event behind the work that is already in the stream. An error on a CPU.
    pub fn start(device: Device) -> Result<Self, OpsError> {
        let action = "start a timer on the device";
        let events = NonNull::new(ffi::anechoic_timer_start(gpu(action, device)?));
        let not_send = PhantomData;
        events
            .map(|events| Self { events, not_send })
            .ok_or_else(|| ffi::failure(action))
    }

    /// Notes the second event, waits for it, and tells the device's time between the two in ns.
    pub fn stop(self) -> Result<u64, OpsError> {
        let mut ns = 0;
        // SAFETY: `start` made the events, which live until this is dropped; the C++ side writes one number.
        let code = unsafe { ffi::anechoic_timer_stop(self.events.as_ptr(), &raw mut ns) };
        ffi::done("stop a timer on the device", code).map(|()| ns)
    }
}

impl Drop for DeviceTimer {
    fn drop(&mut self) {
        // SAFETY: `start` made them, and they are freed once.
        unsafe { ffi::anechoic_timer_free(self.events.as_ptr()) }
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
        assert_eq!(empty_device_cache(Device::Cpu), Ok(()));
        let not_a_gpu = |error: OpsError| error.to_string().ends_with("Cpu is not a GPU");
        assert!(not_a_gpu(device_memory(Device::Cpu).unwrap_err()));
        assert!(not_a_gpu(DeviceTimer::start(Device::Cpu).unwrap_err()));
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
            device_memory(absent).unwrap_err(),
            DeviceTimer::start(absent).unwrap_err(),
        ] {
            assert!(
                matches!(error, OpsError::Torch { .. }) && error.to_string().len() > 20,
                "{error}"
            );
        }
    }
}
