//! The machine a run was measured on.

use serde::{Deserialize, Serialize};

use crate::Difference;

/// A kernel counts some of the memory as its own, a little more or less with each version.
const MEMORY_TOLERANCE: f64 = 0.02;

/// Facts that decide whether two runs may be compared. What could not be read is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Host name.
    pub hostname: Option<String>,
    /// `uname -sr`.
    pub kernel: Option<String>,
    /// CPU model name.
    pub cpu: Option<String>,
    /// Logical CPUs that this process may use.
    pub logical_cpus: u32,
    /// Physical cores among them.
    pub physical_cores: u32,
    /// RAM.
    pub memory_bytes: Option<u64>,
    /// GPU model name, where one was chosen.
    pub gpu: Option<String>,
    /// Its identifier (`GPU-…`), where the driver tells.
    #[serde(default)]
    pub gpu_uuid: Option<String>,
}

impl Machine {
    /// Every condition of a machine that [`Self::differences`] may name.
    pub const CONDITIONS: [&str; 7] = [
        "processor",
        "cores",
        "CPUs",
        "memory",
        "GPU",
        "GPU identifier",
        "kernel",
    ];

    /// What of `now` is another than here, of that which measuring depends on. A host name may change in a container; it is
    /// in the record and decides nothing.
    pub fn differences(&self, now: &Self) -> Vec<Difference> {
        let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let number = |value: u32| value.to_string();
        let identifiers = self.gpu_uuid.as_ref().zip(now.gpu_uuid.as_ref());
        let found = [
            Difference::between("processor", &text(&self.cpu), &text(&now.cpu)),
            Difference::between(
                "cores",
                &number(self.physical_cores),
                &number(now.physical_cores),
            ),
            Difference::between(
                "CPUs",
                &number(self.logical_cpus),
                &number(now.logical_cpus),
            ),
            of_memory(self.memory_bytes, now.memory_bytes),
            Difference::between("GPU", &text(&self.gpu), &text(&now.gpu)),
            identifiers.and_then(|(a, b)| Difference::between("GPU identifier", a, b)),
            Difference::between("kernel", &text(&self.kernel), &text(&now.kernel)),
        ];
        found.into_iter().flatten().collect()
    }
}

fn of_memory(then: Option<u64>, now: Option<u64>) -> Option<Difference> {
    let (then, now) = (then?, now?);
    let text = |bytes: u64| format!("{} MiB", bytes >> 20);
    match then.abs_diff(now) as f64 > then as f64 * MEMORY_TOLERANCE {
        true => Difference::between("memory", &text(then), &text(now)),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Machine {
        Machine {
            hostname: None,
            kernel: Some("Linux 6.1".to_owned()),
            cpu: Some("A CPU".to_owned()),
            logical_cpus: 4,
            physical_cores: 2,
            memory_bytes: Some(16 << 30),
            gpu: None,
            gpu_uuid: Some("GPU-a".to_owned()),
        }
    }

    #[test]
    fn a_machine_differs_in_what_measuring_depends_on() {
        let check = |change: fn(&mut Machine), expected: &[&str]| {
            let mut now = here();
            change(&mut now);
            let found = here().differences(&now);
            let names: Vec<_> = found.iter().map(|d| d.what.as_str()).collect();
            assert_eq!(names, expected);
            assert!(names.iter().all(|name| Machine::CONDITIONS.contains(name)));
        };
        check(|_| {}, &[]);
        check(|m| m.hostname = Some("renamed".to_owned()), &[]);
        check(|m| m.memory_bytes = Some((16 << 30) - (64 << 20)), &[]);
        check(|m| m.memory_bytes = Some(8 << 30), &["memory"]);
        check(|m| m.memory_bytes = None, &[]);
        check(|m| m.kernel = Some("Linux 6.2".to_owned()), &["kernel"]);
        check(|m| m.cpu = None, &["processor"]);
        check(|m| m.gpu_uuid = None, &[]);
        check(
            |m| m.gpu_uuid = Some("GPU-b".to_owned()),
            &["GPU identifier"],
        );
        check(|m| m.physical_cores = 1, &["cores"]);
        check(
            |m| {
                m.logical_cpus = 2;
                m.gpu = Some("A GPU".to_owned());
            },
            &["CPUs", "GPU"],
        );
    }
}
