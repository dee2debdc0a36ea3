//! What of machine and programs decides how far repetitions of a run scatter, and where their level is. Part of the record of a
//! run, so that it can be told of old ones too.

use anechoic_protocol::Device;
use serde::{Deserialize, Serialize};

use crate::{Difference, Machine, Manifest, ProgramFile};

/// How clocks are held, and by which driver. What could not be read is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Clocks {
    /// The governors of the CPUs that may be used, each once, with commas between them.
    pub cpu_governor: Option<String>,
    /// The lowest limit of the frequency among these CPUs.
    pub cpu_frequency_limit_khz: Option<u64>,
    /// Whether CPU clocks may rise above the nominal one.
    pub cpu_boost: Option<bool>,
    /// Version of the GPU's driver.
    pub gpu_driver: Option<String>,
    /// The highest clock that the GPU's multiprocessors may have.
    pub gpu_clock_limit_khz: Option<u64>,
    /// The GPU's power limit.
    pub gpu_power_limit_milliwatts: Option<u64>,
}

/// The conditions of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The machine, with its kernel.
    pub machine: Machine,
    /// The device that was measured on.
    pub device: Device,
    /// Compute threads for cases that leave them open.
    pub threads: u32,
    /// Clocks and driver.
    pub clocks: Clocks,
    /// libtorch's version, where a worker has told it.
    pub torch: Option<String>,
    /// The worker programs.
    pub programs: Vec<ProgramFile>,
    /// Version of `anechoic`.
    pub anechoic: String,
}

impl Fingerprint {
    /// The conditions of a run, as its first start found them.
    pub fn of(manifest: &Manifest) -> Self {
        let first = manifest.starts.first();
        Self {
            machine: manifest.machine.clone(),
            device: manifest.settings.device,
            threads: manifest.settings.threads,
            clocks: first.map(|start| start.clocks.clone()).unwrap_or_default(),
            torch: manifest.settings.torch.clone(),
            programs: first
                .map(|start| start.programs.clone())
                .unwrap_or_default(),
            anechoic: manifest.anechoic.clone(),
        }
    }

    /// What of the machine is another in `now` than here: what numbers must not be compared across.
    pub fn machine_differences(&self, now: &Self) -> Vec<Difference> {
        let mut found = self.machine.differences(&now.machine);
        let text = |value: &dyn ToString| value.to_string();
        let (device, threads) = (text(&self.device), text(&self.threads));
        found.extend(Difference::between("device", &device, &text(&now.device)));
        found.extend(Difference::between(
            "threads",
            &threads,
            &text(&now.threads),
        ));
        found.extend(self.clocks.differences(&now.clocks));
        found
    }

    /// What of the programs is another in `now` than here: what a change of numbers may come from.
    pub fn program_differences(&self, now: &Self) -> Vec<Difference> {
        let differences = [
            self.torch_difference(now),
            self.worker_difference(now),
            self.anechoic_difference(now),
        ];
        differences.into_iter().flatten().collect()
    }

    pub(crate) fn torch_difference(&self, now: &Self) -> Option<Difference> {
        let (then, now) = self.torch.as_ref().zip(now.torch.as_ref())?;
        Difference::between("libtorch", then, now)
    }

    fn worker_difference(&self, now: &Self) -> Option<Difference> {
        let programs = |of: &Self| {
            let texts = of.programs.iter().map(|file| {
                let (path, size, at) = (&file.path, file.size_bytes, file.modified);
                format!("{path} ({size} bytes of {at})")
            });
            match of.programs.is_empty() {
                true => "not there".to_owned(),
                false => texts.collect::<Vec<_>>().join(", "),
            }
        };
        Difference::between("worker", &programs(self), &programs(now))
    }

    pub(crate) fn anechoic_difference(&self, now: &Self) -> Option<Difference> {
        Difference::between("anechoic", &self.anechoic, &now.anechoic)
    }
}

impl Clocks {
    /// What is another in `now`; what was not read on one side is not compared.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        fn of<T: ToString>(what: &str, then: Option<&T>, now: Option<&T>) -> Option<Difference> {
            let (then, now) = then.zip(now)?;
            Difference::between(what, &then.to_string(), &now.to_string())
        }
        let (a, b) = (self, now);
        [
            of(
                "CPU governor",
                a.cpu_governor.as_ref(),
                b.cpu_governor.as_ref(),
            ),
            of(
                "CPU frequency limit (kHz)",
                a.cpu_frequency_limit_khz.as_ref(),
                b.cpu_frequency_limit_khz.as_ref(),
            ),
            of("CPU boost", a.cpu_boost.as_ref(), b.cpu_boost.as_ref()),
            of("GPU driver", a.gpu_driver.as_ref(), b.gpu_driver.as_ref()),
            of(
                "GPU clock limit (kHz)",
                a.gpu_clock_limit_khz.as_ref(),
                b.gpu_clock_limit_khz.as_ref(),
            ),
            of(
                "GPU power limit (mW)",
                a.gpu_power_limit_milliwatts.as_ref(),
                b.gpu_power_limit_milliwatts.as_ref(),
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
