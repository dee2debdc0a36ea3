//! A finding: what was looked at, what was read, how bad it is, what to do.

use serde::Serialize;

/// How bad a finding is, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// Nothing can be measured, or the suite says that it is not to be.
    Blocker,
    /// Figures will be worse than they could be.
    Warning,
    /// Worth knowing; may be as it has to be.
    Note,
    /// In order.
    Ok,
}

/// What is looked at. The names are a promise to scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    Worker,
    Libtorch,
    Device,
    ResultsFolder,
    DiskSpace,
    Locks,
    Suite,
    CpuGovernor,
    CpuBoost,
    CpuFrequencyLimit,
    CpuTemperature,
    CpuThrottling,
    Smt,
    CpuAffinity,
    PowerSupply,
    Virtualisation,
    StolenTime,
    CpuLoad,
    OtherRuns,
    Leftovers,
    AvailableMemory,
    Swap,
    MemoryPressure,
    CpuQuota,
    MemoryLimit,
    ControlGroups,
    AddressRandomisation,
    TransparentHugePages,
    NumaBalancing,
    ClockSource,
    GpuDriver,
    GpuNumbering,
    GpuProcesses,
    GpuMemory,
    GpuTemperature,
    GpuThrottling,
    GpuPersistence,
    GpuPowerLimit,
    GpuEcc,
    RequiredMemory,
    RequiredDisk,
    RequiredDevice,
    RequiredCpus,
    RequiredQuiet,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    pub(crate) severity: Severity,
    /// What was read where.
    pub(crate) evidence: String,
    /// What to do about it; nothing where it is in order.
    pub(crate) remedy: Option<String>,
}

impl Finding {
    /// In order.
    pub(crate) fn ok(check: Check, evidence: impl Into<String>) -> Self {
        Self {
            check,
            severity: Severity::Ok,
            evidence: evidence.into(),
            remedy: None,
        }
    }

    /// Worth knowing, with nothing to be done.
    pub(crate) fn unknown(check: Check, evidence: impl Into<String>) -> Self {
        Self {
            check,
            severity: Severity::Note,
            evidence: evidence.into(),
            remedy: None,
        }
    }

    pub(crate) fn note(check: Check, evidence: impl Into<String>, remedy: &str) -> Self {
        Self::bad(check, Severity::Note, evidence, remedy)
    }

    pub(crate) fn warning(check: Check, evidence: impl Into<String>, remedy: &str) -> Self {
        Self::bad(check, Severity::Warning, evidence, remedy)
    }

    pub(crate) fn blocker(check: Check, evidence: impl Into<String>, remedy: &str) -> Self {
        Self::bad(check, Severity::Blocker, evidence, remedy)
    }

    fn bad(check: Check, severity: Severity, evidence: impl Into<String>, remedy: &str) -> Self {
        Self {
            check,
            severity,
            evidence: evidence.into(),
            remedy: Some(remedy.to_owned()),
        }
    }
}

/// Whether nothing stands against measuring.
pub(crate) fn is_fit(findings: &[Finding]) -> bool {
    let mut severities = findings.iter().map(|finding| finding.severity);
    severities.all(|severity| severity != Severity::Blocker)
}

impl Severity {
    /// The name as JSON and tables show it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Blocker => "blocker",
            Self::Warning => "warning",
            Self::Note => "note",
            Self::Ok => "ok",
        }
    }
}

impl Check {
    /// Every check, in the order of the page.
    #[cfg(test)]
    pub(crate) const ALL: [Self; 44] = [
        Self::Worker,
        Self::Libtorch,
        Self::Device,
        Self::ResultsFolder,
        Self::DiskSpace,
        Self::Locks,
        Self::Suite,
        Self::CpuGovernor,
        Self::CpuBoost,
        Self::CpuFrequencyLimit,
        Self::CpuTemperature,
        Self::CpuThrottling,
        Self::Smt,
        Self::CpuAffinity,
        Self::PowerSupply,
        Self::Virtualisation,
        Self::StolenTime,
        Self::CpuLoad,
        Self::OtherRuns,
        Self::Leftovers,
        Self::AvailableMemory,
        Self::Swap,
        Self::MemoryPressure,
        Self::CpuQuota,
        Self::MemoryLimit,
        Self::ControlGroups,
        Self::AddressRandomisation,
        Self::TransparentHugePages,
        Self::NumaBalancing,
        Self::ClockSource,
        Self::GpuDriver,
        Self::GpuNumbering,
        Self::GpuProcesses,
        Self::GpuMemory,
        Self::GpuTemperature,
        Self::GpuThrottling,
        Self::GpuPersistence,
        Self::GpuPowerLimit,
        Self::GpuEcc,
        Self::RequiredMemory,
        Self::RequiredDisk,
        Self::RequiredDevice,
        Self::RequiredCpus,
        Self::RequiredQuiet,
    ];

    /// The name as JSON and tables show it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Libtorch => "libtorch",
            Self::Device => "device",
            Self::ResultsFolder => "results-folder",
            Self::DiskSpace => "disk-space",
            Self::Locks => "locks",
            Self::Suite => "suite",
            Self::CpuGovernor => "cpu-governor",
            Self::CpuBoost => "cpu-boost",
            Self::CpuFrequencyLimit => "cpu-frequency-limit",
            Self::CpuTemperature => "cpu-temperature",
            Self::CpuThrottling => "cpu-throttling",
            Self::Smt => "smt",
            Self::CpuAffinity => "cpu-affinity",
            Self::PowerSupply => "power-supply",
            Self::Virtualisation => "virtualisation",
            Self::StolenTime => "stolen-time",
            Self::CpuLoad => "cpu-load",
            Self::OtherRuns => "other-runs",
            Self::Leftovers => "leftovers",
            Self::AvailableMemory => "available-memory",
            Self::Swap => "swap",
            Self::MemoryPressure => "memory-pressure",
            Self::CpuQuota => "cpu-quota",
            Self::MemoryLimit => "memory-limit",
            Self::ControlGroups => "control-groups",
            Self::AddressRandomisation => "address-randomisation",
            Self::TransparentHugePages => "transparent-huge-pages",
            Self::NumaBalancing => "numa-balancing",
            Self::ClockSource => "clock-source",
            Self::GpuDriver => "gpu-driver",
            Self::GpuNumbering => "gpu-numbering",
            Self::GpuProcesses => "gpu-processes",
            Self::GpuMemory => "gpu-memory",
            Self::GpuTemperature => "gpu-temperature",
            Self::GpuThrottling => "gpu-throttling",
            Self::GpuPersistence => "gpu-persistence",
            Self::GpuPowerLimit => "gpu-power-limit",
            Self::GpuEcc => "gpu-ecc",
            Self::RequiredMemory => "required-memory",
            Self::RequiredDisk => "required-disk",
            Self::RequiredDevice => "required-device",
            Self::RequiredCpus => "required-cpus",
            Self::RequiredQuiet => "required-quiet",
        }
    }
}
