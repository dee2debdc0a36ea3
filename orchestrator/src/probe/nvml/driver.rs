//! What NVML tells of the GPUs, each field by itself: what a device does not know is absent.

use std::env;
use std::ffi::OsString;
use std::sync::OnceLock;

use anechoic_record::{GpuState, ThrottleReason};

use super::ffi::{Api, Device, Refusal, Unusable};

/// The variable that names the library.
const VARIABLE: &str = "ANECHOIC_NVML";

/// The library as the driver installs it.
const NAME: &str = "libnvidia-ml.so.1";

/// The library of the driver, open.
#[derive(Debug)]
pub(crate) struct Nvml(Api);

/// Why there is nothing to ask. On a machine without an NVIDIA GPU that is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Absence {
    /// The library is not installed, or cannot be loaded.
    NoLibrary(String),
    /// It is no NVML, or older than all that are known.
    Lacks(&'static str),
    /// It does not start.
    Refused(Refusal),
}

/// What a GPU is, which changes rarely.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Card {
    /// Model name.
    pub(crate) name: Option<String>,
    /// Identifier, `GPU-…`.
    pub(crate) uuid: Option<String>,
    /// All of its memory.
    pub(crate) memory_bytes: Option<u64>,
    /// Where its hardware slows down.
    pub(crate) slowdown_millicelsius: Option<i64>,
    /// Whether the driver keeps it ready while nobody uses it.
    pub(crate) persistence: Option<bool>,
    /// The power limit.
    pub(crate) power_limit_mw: Option<u32>,
    /// The lowest of all power limits that hold for it.
    pub(crate) enforced_power_limit_mw: Option<u32>,
    /// The highest clock that its multiprocessors may have.
    pub(crate) highest_clock_khz: Option<u64>,
    /// The power limit that it was made with.
    pub(crate) default_power_limit_mw: Option<u32>,
    /// Whether its memory is checked for errors.
    pub(crate) ecc: Option<bool>,
}

impl Nvml {
    /// The driver's library, loaded at the first call; it stays open, because loading may wake a GPU.
    pub(crate) fn get() -> Result<&'static Self, &'static Absence> {
        static OPEN: OnceLock<Result<Nvml, Absence>> = OnceLock::new();
        let open = OPEN.get_or_init(|| {
            let named = env::var_os(VARIABLE).filter(|name| !name.is_empty());
            Self::open(named.unwrap_or_else(|| OsString::from(NAME)))
        });
        open.as_ref()
    }

    fn open(name: OsString) -> Result<Self, Absence> {
        match Api::load(&name) {
            Ok(api) => Ok(Self(api)),
            Err(Unusable::NotLoaded(cause)) => Err(Absence::NoLibrary(cause)),
            Err(Unusable::Lacks(function)) => Err(Absence::Lacks(function)),
            Err(Unusable::Refused(refusal)) => Err(Absence::Refused(refusal)),
        }
    }

    /// GPUs that can be seen.
    pub(crate) fn count(&self) -> u32 {
        self.0.count().unwrap_or(0)
    }

    /// The driver's version.
    pub(crate) fn driver_version(&self) -> Option<String> {
        self.0.driver_version().ok()
    }

    /// What the GPU is.
    ///
    /// # Errors
    /// When the library does not know it, or it is lost.
    pub(crate) fn card(&self, index: u32) -> Result<Card, Refusal> {
        let api = &self.0;
        let device = self.device(index)?;
        Ok(Card {
            name: api.name(device).ok(),
            uuid: api.uuid(device).ok(),
            memory_bytes: api.memory(device).ok().map(|memory| memory.total),
            slowdown_millicelsius: api.slowdown_temperature(device).ok().map(millicelsius),
            persistence: api.persistence(device).ok(),
            power_limit_mw: api.power_limit(device).ok(),
            enforced_power_limit_mw: api.enforced_power_limit(device).ok(),
            highest_clock_khz: api.highest_clock(device).ok().map(kilohertz),
            default_power_limit_mw: api.default_power_limit(device).ok(),
            ecc: api.ecc(device).ok(),
        })
    }

    /// What the GPU is like now.
    ///
    /// # Errors
    /// When the library does not know it, or it is lost.
    pub(crate) fn state(&self, index: u32) -> Result<GpuState, Refusal> {
        let api = &self.0;
        let device = api.by_index(index)?;
        let temperature = self.temperature(device)?;
        Ok(GpuState {
            used_memory_bytes: api.memory(device).ok().map(|memory| memory.used),
            temperature_millicelsius: temperature,
            clock_khz: api.clock(device).ok().map(kilohertz),
            throttle_reasons: api.reasons(device).map(reasons).unwrap_or_default(),
            compute_processes: api.processes(device).ok(),
        })
    }

    /// A device that answers. One that is lost may still have a handle.
    fn device(&self, index: u32) -> Result<Device, Refusal> {
        let device = self.0.by_index(index)?;
        self.temperature(device).map(|_| device)
    }

    /// None where the device does not tell.
    fn temperature(&self, device: Device) -> Result<Option<i64>, Refusal> {
        match self.0.temperature(device) {
            Err(refusal @ Refusal::Lost) => Err(refusal),
            read => Ok(read.ok().map(millicelsius)),
        }
    }
}

impl Absence {
    /// In a few words, for people.
    pub(crate) fn cause(&self) -> String {
        match self {
            Self::NoLibrary(cause) => cause.clone(),
            Self::Lacks(function) => format!("the library has no function `{function}`"),
            Self::Refused(refusal) => refusal.cause(),
        }
    }
}

fn kilohertz(megahertz: u32) -> u64 {
    u64::from(megahertz) * 1000
}

fn millicelsius(degrees: u32) -> i64 {
    i64::from(degrees) * 1000
}

/// The bits of `nvmlClocksEventReason…` that hold a clock down against what was asked for. Idleness, a clock that
/// somebody has set, and a display are none.
fn reasons(bits: u64) -> Vec<ThrottleReason> {
    const BITS: [(u64, ThrottleReason); 6] = [
        (0x04, ThrottleReason::PowerCap),
        (0x08, ThrottleReason::HardwareSlowdown),
        (0x10, ThrottleReason::SyncBoost),
        (0x20, ThrottleReason::SoftwareThermal),
        (0x40, ThrottleReason::HardwareThermal),
        (0x80, ThrottleReason::PowerBrake),
    ];
    let set = BITS.iter().filter(|(bit, _)| bits & bit != 0);
    set.map(|(_, reason)| *reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_reasons() {
        let check =
            |bits, expected: &[ThrottleReason]| assert_eq!(reasons(bits), expected, "{bits}");
        check(0, &[]);
        check(0x1, &[]);
        check(0x102, &[]);
        check(0x4, &[ThrottleReason::PowerCap]);
        let thermal = [
            ThrottleReason::HardwareSlowdown,
            ThrottleReason::HardwareThermal,
        ];
        check(0x49, &thermal);
    }

    #[test]
    fn a_machine_without_the_library_says_so() {
        let absence = Nvml::open("/nowhere/libnvidia-ml.so.1".into()).unwrap_err();
        assert!(absence.cause().contains("/nowhere/libnvidia-ml.so.1"));
        let other = Nvml::open("libc.so.6".into()).unwrap_err();
        assert_eq!(other.cause(), "the library has no function `nvmlInit_v2`");
    }
}
