//! The functions, by the names and with the signatures of `nvml.h`.
//!
//! SAFETY of them all: a caller passes pointers as `nvml.h` asks for them; a device is a number and no place in memory.

use std::ffi::{c_char, c_int, c_uint, c_void};

use crate::description::{
    DRIVER_NOT_LOADED, Description, Facts, INSUFFICIENT_SIZE, INVALID_ARGUMENT, NOT_SUPPORTED,
    SUCCESS,
};

type Device = *mut c_void;

#[repr(C)]
struct Memory {
    total: u64,
    free: u64,
    used: u64,
}

#[cfg(not(feature = "old"))]
#[repr(C)]
struct MemoryV2 {
    version: c_uint,
    total: u64,
    reserved: u64,
    free: u64,
    used: u64,
}

#[cfg(feature = "old")]
#[repr(C)]
struct Process {
    pid: c_uint,
    used_memory: u64,
}

#[cfg(not(feature = "old"))]
#[repr(C)]
struct Process {
    pid: c_uint,
    used_memory: u64,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// The driver and its own code.
#[unsafe(no_mangle)]
extern "C" fn nvmlInit_v2() -> c_int {
    match Description::read() {
        Some(description) => description.driver.number("init").unwrap_or(SUCCESS),
        None => DRIVER_NOT_LOADED,
    }
}

#[unsafe(no_mangle)]
extern "C" fn nvmlShutdown() -> c_int {
    SUCCESS
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlSystemGetDriverVersion(text: *mut c_char, length: c_uint) -> c_int {
    let description = Description::read().unwrap_or_default();
    unsafe { put_text(description.driver.text("driver"), text, length) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCount_v2(count: *mut c_uint) -> c_int {
    let gpus = Description::read().unwrap_or_default().gpus.len();
    unsafe { put(c_uint::try_from(gpus).ok(), count) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetHandleByIndex_v2(index: c_uint, device: *mut Device) -> c_int {
    let index = index as usize;
    match Description::gpu(index) {
        Ok(_) => unsafe { put(Some(std::ptr::without_provenance_mut(index + 1)), device) },
        Err(code) => code,
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetName(device: Device, text: *mut c_char, length: c_uint) -> c_int {
    tell(device, |gpu| unsafe {
        put_text(gpu.text("name"), text, length)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetUUID(device: Device, text: *mut c_char, length: c_uint) -> c_int {
    tell(device, |gpu| unsafe {
        put_text(gpu.text("uuid"), text, length)
    })
}

/// As the first version does, what the driver keeps for itself counts as used.
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo(device: Device, memory: *mut Memory) -> c_int {
    tell(device, |gpu| {
        let value = bytes(gpu).map(|(total, reserved, used)| Memory {
            total,
            free: total.saturating_sub(used + reserved),
            used: used + reserved,
        });
        unsafe { put(value, memory) }
    })
}

#[cfg(not(feature = "old"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMemoryInfo_v2(device: Device, memory: *mut MemoryV2) -> c_int {
    let expected = c_uint::try_from(size_of::<MemoryV2>()).unwrap_or(0) | (2 << 24);
    if unsafe { (*memory).version } != expected {
        return INVALID_ARGUMENT;
    }
    tell(device, |gpu| {
        let value = bytes(gpu).map(|(total, reserved, used)| MemoryV2 {
            version: expected,
            total,
            reserved,
            free: total.saturating_sub(used + reserved),
            used,
        });
        unsafe { put(value, memory) }
    })
}

fn bytes(gpu: &Facts) -> Option<(u64, u64, u64)> {
    let reserved = gpu.number("memory-reserved").unwrap_or(0);
    Some((
        gpu.number("memory-total")?,
        reserved,
        gpu.number("memory-used")?,
    ))
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperature(
    device: Device,
    sensor: c_uint,
    degrees: *mut c_uint,
) -> c_int {
    let key = (sensor == 0).then_some("temperature");
    unsafe { number(device, key, degrees) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetTemperatureThreshold(
    device: Device,
    threshold: c_uint,
    degrees: *mut c_uint,
) -> c_int {
    let key = (threshold == 1).then_some("slowdown");
    unsafe { number(device, key, degrees) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetClockInfo(
    device: Device,
    clock: c_uint,
    megahertz: *mut c_uint,
) -> c_int {
    let key = (clock == 1).then_some("clock");
    unsafe { number(device, key, megahertz) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetMaxClockInfo(
    device: Device,
    clock: c_uint,
    megahertz: *mut c_uint,
) -> c_int {
    let key = (clock == 1).then_some("highest-clock");
    unsafe { number(device, key, megahertz) }
}

#[cfg(feature = "old")]
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCurrentClocksThrottleReasons(
    device: Device,
    bits: *mut u64,
) -> c_int {
    tell(device, |gpu| unsafe { put(gpu.number("reasons"), bits) })
}

#[cfg(not(feature = "old"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetCurrentClocksEventReasons(
    device: Device,
    bits: *mut u64,
) -> c_int {
    tell(device, |gpu| unsafe { put(gpu.number("reasons"), bits) })
}

#[cfg(feature = "old")]
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses(
    device: Device,
    count: *mut c_uint,
    list: *mut Process,
) -> c_int {
    let process = |pid| Process {
        pid,
        used_memory: 0,
    };
    unsafe { processes(device, count, list, process) }
}

#[cfg(not(feature = "old"))]
#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetComputeRunningProcesses_v3(
    device: Device,
    count: *mut c_uint,
    list: *mut Process,
) -> c_int {
    let process = |pid| Process {
        pid,
        used_memory: 0,
        gpu_instance: c_uint::MAX,
        compute_instance: c_uint::MAX,
    };
    unsafe { processes(device, count, list, process) }
}

unsafe fn processes(
    device: Device,
    count: *mut c_uint,
    list: *mut Process,
    process: impl Fn(c_uint) -> Process,
) -> c_int {
    tell(device, |gpu| {
        let Some(pids) = gpu.numbers("processes") else {
            return NOT_SUPPORTED;
        };
        let room = unsafe { *count } as usize;
        let status = unsafe { put(c_uint::try_from(pids.len()).ok(), count) };
        if pids.len() > room {
            return INSUFFICIENT_SIZE;
        }
        for (place, pid) in pids.into_iter().enumerate() {
            unsafe { list.add(place).write(process(pid)) };
        }
        status
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPersistenceMode(device: Device, mode: *mut c_uint) -> c_int {
    unsafe { number(device, Some("persistence"), mode) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPowerManagementLimit(device: Device, mw: *mut c_uint) -> c_int {
    unsafe { number(device, Some("power-limit"), mw) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetEnforcedPowerLimit(device: Device, mw: *mut c_uint) -> c_int {
    unsafe { number(device, Some("enforced-power-limit"), mw) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetPowerManagementDefaultLimit(
    device: Device,
    mw: *mut c_uint,
) -> c_int {
    unsafe { number(device, Some("default-power-limit"), mw) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn nvmlDeviceGetEccMode(
    device: Device,
    now: *mut c_uint,
    pending: *mut c_uint,
) -> c_int {
    let status = unsafe { number(device, Some("ecc"), now) };
    match status {
        SUCCESS => unsafe { number(device, Some("ecc"), pending) },
        other => other,
    }
}

/// Answers a question about a GPU.
fn tell(device: Device, answer: impl FnOnce(&Facts) -> c_int) -> c_int {
    let Some(index) = device.addr().checked_sub(1) else {
        return INVALID_ARGUMENT;
    };
    match Description::gpu(index) {
        Ok(gpu) => answer(&gpu),
        Err(code) => code,
    }
}

unsafe fn number(device: Device, key: Option<&str>, value: *mut c_uint) -> c_int {
    tell(device, |gpu| {
        let known = key.and_then(|key| gpu.number(key));
        unsafe { put(known, value) }
    })
}

unsafe fn put<T>(value: Option<T>, place: *mut T) -> c_int {
    match value {
        Some(value) => {
            unsafe { place.write(value) };
            SUCCESS
        }
        None => NOT_SUPPORTED,
    }
}

unsafe fn put_text(value: Option<&str>, place: *mut c_char, length: c_uint) -> c_int {
    let Some(value) = value else {
        return NOT_SUPPORTED;
    };
    if value.len() >= length as usize {
        return INSUFFICIENT_SIZE;
    }
    unsafe {
        place.cast::<u8>().copy_from(value.as_ptr(), value.len());
        place.cast::<u8>().add(value.len()).write(0);
    }
    SUCCESS
}
