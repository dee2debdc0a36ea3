//! The functions of NVML that are used, as `nvml.h` declares them. They are looked up when the program runs, because
//! most machines have no such library; calling what was looked up is why `unsafe` is here.

use std::ffi::{CStr, OsStr, c_char, c_int, c_uint, c_void};

use libloading::Library;

type Status = c_int;
type RawDevice = *mut c_void;
type Get<T> = unsafe extern "C" fn(RawDevice, *mut T) -> Status;
type GetOf<T> = unsafe extern "C" fn(RawDevice, c_uint, *mut T) -> Status;
type GetTwo = unsafe extern "C" fn(RawDevice, *mut c_uint, *mut c_uint) -> Status;
type GetText = unsafe extern "C" fn(RawDevice, *mut c_char, c_uint) -> Status;
type GetList<T> = unsafe extern "C" fn(RawDevice, *mut c_uint, *mut T) -> Status;

/// `nvmlDeviceGetClockInfo` and `nvmlDeviceGetMaxClockInfo`: the multiprocessors' clock.
const CLOCK_SM: c_uint = 1;
/// `nvmlDeviceGetTemperature`: the core's sensor.
const SENSOR_CORE: c_uint = 0;
/// `nvmlDeviceGetTemperatureThreshold`: above it the hardware slows down.
const THRESHOLD_SLOWDOWN: c_uint = 1;
/// `NVML_DEVICE_NAME_V2_BUFFER_SIZE` and the like; no text is longer.
const TEXT: usize = 96;
/// Processes that are expected at most; where there are more, the library says how many.
const PROCESSES: usize = 64;

const SUCCESS: Status = 0;
const INSUFFICIENT_SIZE: Status = 7;

/// Why the library does not answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// This device does not know it.
    NotSupported,
    /// This user may not know it.
    NoPermission,
    /// There is no such device.
    NotFound,
    /// The library is there, the kernel's driver is not.
    DriverNotLoaded,
    /// The device has fallen off the bus.
    Lost,
    /// The library and the kernel's driver are of two versions.
    VersionMismatch,
    /// This version of the library has no such function.
    NoFunction,
    /// Another code of `nvmlReturn_t`.
    Code(i32),
}

/// `nvmlMemory_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct MemoryV1 {
    total: u64,
    free: u64,
    used: u64,
}

/// `nvmlMemory_v2_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct MemoryV2 {
    version: c_uint,
    total: u64,
    reserved: u64,
    free: u64,
    used: u64,
}

/// `nvmlProcessInfo_v1_t`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct ProcessV1 {
    pid: c_uint,
    used_memory: u64,
}

/// `nvmlProcessInfo_t`, as the functions of versions 2 and 3 fill it.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default)]
struct ProcessV2 {
    pid: c_uint,
    used_memory: u64,
    gpu_instance: c_uint,
    compute_instance: c_uint,
}

/// Memory of a device in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) total: u64,
    pub(super) used: u64,
}

/// A device, as the library that is loaded knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Device(RawDevice);

/// The library with what was found in it. It stays loaded and initialised for as long as this value lives.
#[derive(Debug)]
pub(super) struct Api {
    count: unsafe extern "C" fn(*mut c_uint) -> Status,
    by_index: unsafe extern "C" fn(c_uint, *mut RawDevice) -> Status,
    driver_version: Option<unsafe extern "C" fn(*mut c_char, c_uint) -> Status>,
    shutdown: Option<unsafe extern "C" fn() -> Status>,
    name: Option<GetText>,
    uuid: Option<GetText>,
    memory_v1: Option<Get<MemoryV1>>,
    memory_v2: Option<Get<MemoryV2>>,
    temperature: Option<GetOf<c_uint>>,
    threshold: Option<GetOf<c_uint>>,
    clock: Option<GetOf<c_uint>>,
    highest_clock: Option<GetOf<c_uint>>,
    reasons: Option<Get<u64>>,
    processes_v1: Option<GetList<ProcessV1>>,
    processes_v2: Option<GetList<ProcessV2>>,
    persistence: Option<Get<c_uint>>,
    power_limit: Option<Get<c_uint>>,
    enforced_power_limit: Option<Get<c_uint>>,
    default_power_limit: Option<Get<c_uint>>,
    ecc: Option<GetTwo>,
    /// Last, so that it is unloaded after all else.
    _library: Library,
}

/// Why the library cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unusable {
    /// It cannot be loaded.
    NotLoaded(String),
    /// Without this function nothing can be asked.
    Lacks(&'static str),
    /// It does not start.
    Refused(Refusal),
}

impl Api {
    /// Loads the library and starts it.
    #[expect(unsafe_code, reason = "calls a function of a library")]
    pub(super) fn load(name: &OsStr) -> Result<Self, Unusable> {
        // SAFETY: loading runs the library's initialisers. The name is that of NVIDIA's library, or one that the user
        // has put in its place; both are trusted as the driver is.
        let library = unsafe { Library::new(name) };
        let library = library.map_err(|error| Unusable::NotLoaded(error.to_string()))?;
        let init = "nvmlInit_v2";
        let start: unsafe extern "C" fn() -> Status =
            symbol(&library, init).ok_or(Unusable::Lacks(init))?;
        let api = Self::look_up(library)?;
        // SAFETY: `nvmlInit_v2` takes nothing, and may be called again and again.
        check(unsafe { start() }).map_err(Unusable::Refused)?;
        Ok(api)
    }

    /// Newer names first; a library has those of its age.
    fn look_up(library: Library) -> Result<Self, Unusable> {
        let lib = &library;
        let (count, by_index) = ("nvmlDeviceGetCount_v2", "nvmlDeviceGetHandleByIndex_v2");
        Ok(Self {
            count: symbol(lib, count).ok_or(Unusable::Lacks(count))?,
            by_index: symbol(lib, by_index).ok_or(Unusable::Lacks(by_index))?,
            driver_version: symbol(lib, "nvmlSystemGetDriverVersion"),
            shutdown: symbol(lib, "nvmlShutdown"),
            name: symbol(lib, "nvmlDeviceGetName"),
            uuid: symbol(lib, "nvmlDeviceGetUUID"),
            memory_v1: symbol(lib, "nvmlDeviceGetMemoryInfo"),
            memory_v2: symbol(lib, "nvmlDeviceGetMemoryInfo_v2"),
            temperature: symbol(lib, "nvmlDeviceGetTemperature"),
            threshold: symbol(lib, "nvmlDeviceGetTemperatureThreshold"),
            clock: symbol(lib, "nvmlDeviceGetClockInfo"),
            highest_clock: symbol(lib, "nvmlDeviceGetMaxClockInfo"),
            reasons: symbol(lib, "nvmlDeviceGetCurrentClocksEventReasons")
                .or_else(|| symbol(lib, "nvmlDeviceGetCurrentClocksThrottleReasons")),
            processes_v1: symbol(lib, "nvmlDeviceGetComputeRunningProcesses"),
            processes_v2: symbol(lib, "nvmlDeviceGetComputeRunningProcesses_v3")
                .or_else(|| symbol(lib, "nvmlDeviceGetComputeRunningProcesses_v2")),
            persistence: symbol(lib, "nvmlDeviceGetPersistenceMode"),
            power_limit: symbol(lib, "nvmlDeviceGetPowerManagementLimit"),
            enforced_power_limit: symbol(lib, "nvmlDeviceGetEnforcedPowerLimit"),
            default_power_limit: symbol(lib, "nvmlDeviceGetPowerManagementDefaultLimit"),
            ecc: symbol(lib, "nvmlDeviceGetEccMode"),
            _library: library,
        })
    }

    /// Devices that can be seen.
    #[expect(unsafe_code, reason = "calls a function of a library")]
    pub(super) fn count(&self) -> Result<u32, Refusal> {
        let mut count = 0;
        // SAFETY: the pointer is good for one write.
        check(unsafe { (self.count)(&raw mut count) })?;
        Ok(count)
    }

    /// The device with this number; they are counted by their place on the bus.
    #[expect(unsafe_code, reason = "calls a function of a library")]
    pub(super) fn by_index(&self, index: u32) -> Result<Device, Refusal> {
        let mut device = std::ptr::null_mut();
        // SAFETY: the pointer is good for one write.
        check(unsafe { (self.by_index)(index, &raw mut device) })?;
        Ok(Device(device))
    }

    #[expect(unsafe_code, reason = "calls a function of a library")]
    pub(super) fn driver_version(&self) -> Result<String, Refusal> {
        let function = self.driver_version.ok_or(Refusal::NoFunction)?;
        // SAFETY: the buffer is as long as is said.
        text(|buffer, length| unsafe { function(buffer, length) })
    }

    pub(super) fn name(&self, device: Device) -> Result<String, Refusal> {
        get_text(self.name, device)
    }

    pub(super) fn uuid(&self, device: Device) -> Result<String, Refusal> {
        get_text(self.uuid, device)
    }

    /// What is used, less what the driver keeps for itself where the library tells the two apart.
    pub(super) fn memory(&self, device: Device) -> Result<Memory, Refusal> {
        let version = u32::try_from(size_of::<MemoryV2>()).unwrap_or(0) | (2 << 24);
        let asked = MemoryV2 {
            version,
            ..MemoryV2::default()
        };
        if let Ok(memory) = get(self.memory_v2, device, asked) {
            return Ok(Memory {
                total: memory.total,
                used: memory.used,
            });
        }
        let memory = get(self.memory_v1, device, MemoryV1::default())?;
        Ok(Memory {
            total: memory.total,
            used: memory.used,
        })
    }

    /// Degrees Celsius of the core.
    pub(super) fn temperature(&self, device: Device) -> Result<u32, Refusal> {
        get_of(self.temperature, device, SENSOR_CORE)
    }

    /// Degrees Celsius above which the hardware slows down.
    pub(super) fn slowdown_temperature(&self, device: Device) -> Result<u32, Refusal> {
        get_of(self.threshold, device, THRESHOLD_SLOWDOWN)
    }

    /// Megahertz of the multiprocessors.
    pub(super) fn clock(&self, device: Device) -> Result<u32, Refusal> {
        get_of(self.clock, device, CLOCK_SM)
    }

    /// Megahertz that the multiprocessors may have at most.
    pub(super) fn highest_clock(&self, device: Device) -> Result<u32, Refusal> {
        get_of(self.highest_clock, device, CLOCK_SM)
    }

    /// The bits of `nvmlClocksEventReason…`.
    pub(super) fn reasons(&self, device: Device) -> Result<u64, Refusal> {
        get(self.reasons, device, 0)
    }

    /// Processes that compute on it.
    pub(super) fn processes(&self, device: Device) -> Result<Vec<u32>, Refusal> {
        match self.processes_v2 {
            Some(_) => {
                let all = get_list::<ProcessV2>(self.processes_v2, device)?;
                Ok(all.iter().map(|process| process.pid).collect())
            }
            None => {
                let all = get_list::<ProcessV1>(self.processes_v1, device)?;
                Ok(all.iter().map(|process| process.pid).collect())
            }
        }
    }

    /// Whether the driver keeps the device ready while nobody uses it.
    pub(super) fn persistence(&self, device: Device) -> Result<bool, Refusal> {
        Ok(get(self.persistence, device, 0)? != 0)
    }

    /// Milliwatts.
    pub(super) fn power_limit(&self, device: Device) -> Result<u32, Refusal> {
        get(self.power_limit, device, 0)
    }

    /// Milliwatts.
    pub(super) fn enforced_power_limit(&self, device: Device) -> Result<u32, Refusal> {
        get(self.enforced_power_limit, device, 0)
    }

    /// Milliwatts.
    pub(super) fn default_power_limit(&self, device: Device) -> Result<u32, Refusal> {
        get(self.default_power_limit, device, 0)
    }

    /// Whether its memory is checked for errors.
    #[expect(unsafe_code, reason = "calls a function of a library")]
    pub(super) fn ecc(&self, device: Device) -> Result<bool, Refusal> {
        let function = self.ecc.ok_or(Refusal::NoFunction)?;
        let (mut now, mut pending) = (0, 0);
        // SAFETY: the device is one of this library; both pointers are good for one write.
        check(unsafe { function(device.0, &raw mut now, &raw mut pending) })?;
        Ok(now != 0)
    }
}

impl Drop for Api {
    #[expect(unsafe_code, reason = "calls a function of a library")]
    fn drop(&mut self) {
        if let Some(shutdown) = self.shutdown {
            // SAFETY: takes nothing; the library was started and is still loaded.
            let _ = unsafe { shutdown() };
        }
    }
}

/// A function of the library. The type has to be the one of `nvml.h`: all callers name it beside the function's name.
#[expect(unsafe_code, reason = "looks up a function of a library")]
fn symbol<T: Copy>(library: &Library, name: &str) -> Option<T> {
    // SAFETY: `T` is the function pointer type that `nvml.h` declares for this name, and is used only while the
    // library is loaded, because both are in one `Api`.
    let found = unsafe { library.get::<T>(name.as_bytes()) };
    found.ok().map(|symbol| *symbol)
}

#[expect(unsafe_code, reason = "calls a function of a library")]
fn get<T>(function: Option<Get<T>>, device: Device, mut value: T) -> Result<T, Refusal> {
    let function = function.ok_or(Refusal::NoFunction)?;
    // SAFETY: the device is one of this library; the pointer is good for one write of a `T`.
    check(unsafe { function(device.0, &raw mut value) })?;
    Ok(value)
}

#[expect(unsafe_code, reason = "calls a function of a library")]
fn get_of(function: Option<GetOf<c_uint>>, device: Device, what: c_uint) -> Result<u32, Refusal> {
    let function = function.ok_or(Refusal::NoFunction)?;
    let mut value = 0;
    // SAFETY: the device is one of this library; the pointer is good for one write.
    check(unsafe { function(device.0, what, &raw mut value) })?;
    Ok(value)
}

#[expect(unsafe_code, reason = "calls a function of a library")]
fn get_text(function: Option<GetText>, device: Device) -> Result<String, Refusal> {
    let function = function.ok_or(Refusal::NoFunction)?;
    // SAFETY: the device is one of this library; the buffer is as long as is said.
    text(|buffer, length| unsafe { function(device.0, buffer, length) })
}

fn text(fill: impl FnOnce(*mut c_char, c_uint) -> Status) -> Result<String, Refusal> {
    let mut buffer = [0u8; TEXT];
    let length = u32::try_from(TEXT).unwrap_or(0);
    check(fill(buffer.as_mut_ptr().cast(), length))?;
    let text = CStr::from_bytes_until_nul(&buffer).map_err(|_| Refusal::Code(INSUFFICIENT_SIZE))?;
    Ok(text.to_string_lossy().into_owned())
}

/// The list may grow between two calls, so it is asked for more than twice.
#[expect(unsafe_code, reason = "calls a function of a library")]
fn get_list<T: Copy + Default>(
    function: Option<GetList<T>>,
    device: Device,
) -> Result<Vec<T>, Refusal> {
    let function = function.ok_or(Refusal::NoFunction)?;
    let mut room = PROCESSES;
    for _ in 0..4 {
        let mut list = vec![T::default(); room];
        let mut count = u32::try_from(room).unwrap_or(u32::MAX);
        // SAFETY: the device is one of this library; the list has room for as many as `count` says.
        let status = unsafe { function(device.0, &raw mut count, list.as_mut_ptr()) };
        let found = usize::try_from(count).unwrap_or(0);
        if status != INSUFFICIENT_SIZE {
            check(status)?;
            list.truncate(found);
            return Ok(list);
        }
        room = found.max(room) * 2;
    }
    Err(Refusal::Code(INSUFFICIENT_SIZE))
}

fn check(status: Status) -> Result<(), Refusal> {
    Err(match status {
        SUCCESS => return Ok(()),
        2 | 6 => Refusal::NotFound,
        3 => Refusal::NotSupported,
        4 => Refusal::NoPermission,
        9 => Refusal::DriverNotLoaded,
        13 => Refusal::NoFunction,
        15 => Refusal::Lost,
        18 => Refusal::VersionMismatch,
        other => Refusal::Code(other),
    })
}

impl Refusal {
    /// In a few words, for people.
    pub(crate) fn cause(self) -> String {
        match self {
            Self::NotSupported => "not supported by this device".to_owned(),
            Self::NoPermission => "no permission".to_owned(),
            Self::NotFound => "no such device".to_owned(),
            Self::DriverNotLoaded => "the kernel's NVIDIA driver is not loaded".to_owned(),
            Self::Lost => "the GPU has fallen off the bus".to_owned(),
            Self::VersionMismatch => {
                "the library and the kernel's driver are of two versions".to_owned()
            }
            Self::NoFunction => "the library has no such function".to_owned(),
            Self::Code(code) => format!("NVML error {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sizes and places of fields as a C compiler lays out the structures of `nvml.h`.
    #[test]
    fn structures_are_laid_out_as_in_c() {
        assert_eq!(size_of::<MemoryV1>(), 24);
        assert_eq!(size_of::<MemoryV2>(), 40);
        assert_eq!(std::mem::offset_of!(MemoryV2, used), 32);
        assert_eq!(size_of::<ProcessV1>(), 16);
        assert_eq!(size_of::<ProcessV2>(), 24);
        assert_eq!(std::mem::offset_of!(ProcessV2, used_memory), 8);
    }

    #[test]
    fn a_library_that_is_absent_or_another_one_is_a_value() {
        let load = |name: &str| Api::load(OsStr::new(name)).map(drop).unwrap_err();
        assert!(matches!(
            load("/nowhere/libnvidia-ml.so.1"),
            Unusable::NotLoaded(_)
        ));
        assert_eq!(load("libc.so.6"), Unusable::Lacks("nvmlInit_v2"));
    }
}
