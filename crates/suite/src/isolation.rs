//! What a worker process is shielded from, and which program it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Variables that every worker gets from the orchestrator's environment where they are set; a `*` at the end stands
/// for anything. Names of secrets (`HF_TOKEN`) are not among them.
pub const KEPT_ENVIRONMENT: [&str; 27] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TERM",
    "LANG",
    "LC_*",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "XDG_CACHE_HOME",
    "XDG_RUNTIME_DIR",
    "VIRTUAL_ENV",
    "HF_HOME",
    "HF_HUB_CACHE",
    "CUDA_*",
    "NVIDIA_*",
    "NCCL_*",
    "OMP_*",
    "MKL_*",
    "KMP_*",
    "OPENBLAS_*",
    "PYTORCH_*",
    "TORCH_*",
    "RUST_BACKTRACE",
    "ANECHOIC_*",
];

/// The variable that marks a worker and all that it starts, with `run/case/attempt`.
pub const ATTEMPT_MARK: &str = "ANECHOIC_ATTEMPT";

/// The variable that says which orchestrator a worker and all that it starts belong to.
pub const ORCHESTRATOR_MARK: &str = "ANECHOIC_ORCHESTRATOR";

/// Isolation of a case's worker processes. The default leaves everything to the machine but the environment, which
/// is [`KEPT_ENVIRONMENT`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Isolation {
    /// Variables that the worker gets beside [`KEPT_ENVIRONMENT`], written like those.
    pub pass_environment: Vec<String>,
    /// Variables with values of their own; they win over those that are kept.
    pub environment: BTreeMap<String, String>,
    /// Absolute path of the folder that the worker starts in; the orchestrator's own where there is none.
    pub working_directory: Option<String>,
    /// Logical CPUs that the worker may use; all that the orchestrator may use where there are none.
    pub cpus: Option<Vec<u32>>,
    /// Added to the orchestrator's niceness.
    pub nice: Option<i32>,
    /// Memory that the worker and all that it starts may hold.
    pub memory_limit_bytes: Option<u64>,
    /// Whether address-space randomisation is off.
    pub fixed_addresses: bool,
}

/// The program of a worker with its arguments; at least the program is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerCommand(pub Vec<String>);

impl Isolation {
    /// Whether a variable of the orchestrator's environment is passed on.
    pub fn passes(&self, name: &str) -> bool {
        KEPT_ENVIRONMENT.into_iter().any(|p| matches(p, name)) || self.asks_for(name)
    }

    /// Whether a variable is passed on because the suite says so.
    pub fn asks_for(&self, name: &str) -> bool {
        self.pass_environment.iter().any(|p| matches(p, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_a_short_list_that_a_suite_can_lengthen() {
        let isolation = Isolation {
            pass_environment: vec!["MY_*".to_owned(), "HF_TOKEN".to_owned()],
            ..Isolation::default()
        };
        let check = |isolation: &Isolation, name: &str, expected: bool| {
            assert_eq!(isolation.passes(name), expected, "{name}");
        };
        check(&Isolation::default(), "PATH", true);
        check(&Isolation::default(), "PATHS", false);
        check(&Isolation::default(), "CUDA_VISIBLE_DEVICES", true);
        check(&Isolation::default(), "HF_TOKEN", false);
        check(&isolation, "HF_TOKEN", true);
        check(&isolation, "MY_KEY", true);
        check(&isolation, "MY", false);
    }
}
