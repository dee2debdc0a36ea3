//! `[requires]` of a suite: what a machine has to have for its measurements to mean something. Says it; `doctor` looks.

use crate::keys::Place;
use crate::problem::{Placed, Problem};
use crate::readers::{count, one_of};
use crate::size::size;
use crate::value::{Table, Value};

/// What a suite requires of the machine. The default is nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Requirements {
    /// Memory that has to be available before the run, in bytes.
    pub memory_bytes: Option<u64>,
    /// Free space where results are written, in bytes.
    pub disk_bytes: Option<u64>,
    /// The kind of device that has to be there.
    pub device: Option<RequiredDevice>,
    /// Logical CPUs that the orchestrator has to be allowed to use.
    pub cpus: Option<u32>,
    /// Whether nothing else may be at work on the machine.
    pub quiet: bool,
}

/// A kind of device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredDevice {
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU, any.
    Cuda,
}

impl RequiredDevice {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Cpu, Self::Cuda];

    /// The name as suites write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// A key of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    Memory,
    Disk,
    Device,
    Cpus,
    Quiet,
}

impl Requirement {
    pub(crate) const ALL: [Self; 5] = [
        Self::Memory,
        Self::Disk,
        Self::Device,
        Self::Cpus,
        Self::Quiet,
    ];

    /// The key as suites write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Device => "device",
            Self::Cpus => "cpus",
            Self::Quiet => "quiet",
        }
    }
}

impl Requirements {
    /// Reads the table of a file that may have one.
    pub(crate) fn read(file: &Table) -> Result<Self, Problem> {
        let mut requirements = Self::default();
        let Some(written) = file.get("requires") else {
            return Ok(requirements);
        };
        for (key, value) in &written.table("requires", "a `[requires]` table")?.entries {
            let known = Requirement::ALL
                .into_iter()
                .find(|known| known.name() == key.value);
            let known = known.ok_or_else(|| Place::Requires.unknown(key))?;
            requirements.put(known, value)?;
        }
        Ok(requirements)
    }

    fn put(&mut self, requirement: Requirement, value: &Placed<Value>) -> Result<(), Problem> {
        let key = requirement.name();
        match requirement {
            Requirement::Memory => self.memory_bytes = Some(size(key, value)?.value),
            Requirement::Disk => self.disk_bytes = Some(size(key, value)?.value),
            Requirement::Device => {
                let all = RequiredDevice::ALL.map(|device| (device.as_str(), device));
                self.device = Some(one_of("device", key, value, &all)?);
            }
            Requirement::Cpus => self.cpus = Some(count(key, value, 1)?.value),
            Requirement::Quiet => self.quiet = value.flag(key)?.value,
        }
        Ok(())
    }
}
