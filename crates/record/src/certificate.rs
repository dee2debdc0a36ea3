//! What a machine's noise is for a suite: the same against the same, several times. The files in the folder `certificates` of a
//! results root.

use anechoic_stats::Scale;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CellId, Difference, Fingerprint};

/// The noise of a suite on a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// [`crate::SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The suite's name.
    pub suite: String,
    /// When the last of its runs was over.
    pub made: Timestamp,
    /// The equal runs that it is made of, oldest first.
    pub runs: Vec<String>,
    /// The conditions that they were made under; it holds under no others.
    pub fingerprint: Fingerprint,
    /// What was found, by cell.
    pub cells: Vec<CertifiedCell>,
    /// What of these runs it does not hold, and why.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
}

/// What could not be certified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// The case.
    pub case: String,
    /// Why, in words, with the metric where it is about one alone.
    pub why: String,
}

/// The noise of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedCell {
    /// Which.
    #[serde(flatten)]
    pub id: CellId,
    /// Identifies the settings that it was measured with; it holds for no others.
    pub settings: String,
    /// Whether it is among the metrics that a night is judged by.
    pub primary: bool,
    /// What deviation and smallest detectable change are counted in.
    pub scale: Scale,
    /// The average over the runs, in the metric's unit.
    pub value: f64,
    /// Runs with values.
    pub runs: u32,
    /// Processes with values in each of them; of the run that has most. Absent of older certificates.
    #[serde(default)]
    pub processes: Option<u32>,
    /// Standard deviation from run to run: of the logarithm of a run's value, so that 0.01 is one per cent; of the value itself where
    /// differences are compared.
    pub deviation: f64,
    /// What the processes within single runs would have promised for it; absent of one process. A larger `deviation` says that runs differ
    /// by more than processes do.
    pub promised: Option<f64>,
    /// The smallest change between two single runs that is found in four of five tries, at a chance of 5 % of a false alarm for this cell.
    pub detectable: f64,
}

/// Whether a certificate still holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateStatus {
    /// The conditions are those that it was made under.
    Valid,
    /// These are others. Where [`Fingerprint::machine_differences`] names none of them, the programs alone have changed.
    Expired(Vec<Difference>),
}

/// Whether a certificate holds under these conditions.
pub fn certificate_status(certificate: &Certificate, now: &Fingerprint) -> CertificateStatus {
    let then = &certificate.fingerprint;
    let mut differences = then.machine_differences(now);
    differences.extend(then.program_differences(now));
    match differences.is_empty() {
        true => CertificateStatus::Valid,
        false => CertificateStatus::Expired(differences),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Clocks, Machine, ProgramFile};
    use anechoic_protocol::Device;

    fn certificate() -> Certificate {
        Certificate {
            schema_version: crate::SCHEMA_VERSION,
            suite: "quick".to_owned(),
            made: Timestamp::UNIX_EPOCH,
            runs: Vec::new(),
            fingerprint: Fingerprint {
                machine: Machine {
                    hostname: Some("box".to_owned()),
                    kernel: Some("Linux 6.1".to_owned()),
                    cpu: Some("A CPU".to_owned()),
                    logical_cpus: 4,
                    physical_cores: 2,
                    memory_bytes: Some(16 << 30),
                    gpu: Some("A GPU".to_owned()),
                    gpu_uuid: None,
                },
                device: Device::Cuda(0),
                threads: 2,
                clocks: Clocks {
                    cpu_governor: Some("performance".to_owned()),
                    cpu_frequency_limit_khz: Some(3_000_000),
                    cpu_boost: Some(false),
                    gpu_driver: Some("550.1".to_owned()),
                    gpu_clock_limit_khz: Some(1_980_000),
                    gpu_power_limit_milliwatts: Some(700_000),
                },
                torch: Some("2.6.0".to_owned()),
                programs: vec![ProgramFile {
                    path: "/opt/worker".to_owned(),
                    size_bytes: 7,
                    modified: Timestamp::UNIX_EPOCH,
                }],
                anechoic: "0.1.0".to_owned(),
            },
            cells: Vec::new(),
            left_out: Vec::new(),
        }
    }

    #[test]
    fn a_certificate_expires_with_each_condition() {
        let check = |change: fn(&mut Fingerprint), expected: &[&str]| {
            let certificate = certificate();
            let mut now = certificate.fingerprint.clone();
            change(&mut now);
            let found = match certificate_status(&certificate, &now) {
                CertificateStatus::Valid => Vec::new(),
                CertificateStatus::Expired(differences) => differences,
            };
            let names: Vec<_> = found.iter().map(|d| d.what.as_str()).collect();
            assert_eq!(names, expected);
        };
        check(|_| {}, &[]);
        check(|now| now.machine.hostname = None, &[]);
        check(|now| now.machine.kernel = None, &["kernel"]);
        check(|now| now.device = Device::Cpu, &["device"]);
        check(|now| now.threads = 4, &["threads"]);
        check(
            |now| now.clocks.cpu_governor = Some("powersave".to_owned()),
            &["CPU governor"],
        );
        check(|now| now.clocks.cpu_boost = Some(true), &["CPU boost"]);
        check(
            |now| now.clocks.gpu_driver = Some("560.0".to_owned()),
            &["GPU driver"],
        );
        check(
            |now| {
                now.clocks.cpu_frequency_limit_khz = Some(1);
                now.clocks.gpu_clock_limit_khz = Some(1);
                now.clocks.gpu_power_limit_milliwatts = Some(1);
            },
            &[
                "CPU frequency limit (kHz)",
                "GPU clock limit (kHz)",
                "GPU power limit (mW)",
            ],
        );
        check(|now| now.clocks = Clocks::default(), &[]);
        check(|now| now.torch = Some("2.7.0".to_owned()), &["libtorch"]);
        check(|now| now.torch = None, &[]);
        check(|now| now.programs[0].size_bytes = 8, &["worker"]);
        check(|now| now.anechoic = "0.2.0".to_owned(), &["anechoic"]);
    }
}
