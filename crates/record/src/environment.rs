//! What of the environment that workers are passed decides results.

use std::collections::BTreeMap;

use anechoic_suite::Isolation;

use crate::PassedEnvironment;

/// Variables of libraries that compute: they choose code, threads and memory. Names as in `pass-environment`.
const DECISIVE: [&str; 10] = [
    "LD_LIBRARY_PATH",
    "CUDA_*",
    "NVIDIA_*",
    "NCCL_*",
    "OMP_*",
    "MKL_*",
    "KMP_*",
    "OPENBLAS_*",
    "PYTORCH_*",
    "TORCH_*",
];

/// They say which GPUs are to be seen, under one of several names; the GPU itself is compared.
const OF_DEVICES: [&str; 2] = ["CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"];

/// The variables that decide results, with their values. An empty one is as good as none.
pub fn decisive(passed: &PassedEnvironment) -> BTreeMap<&str, &str> {
    let rule = Isolation {
        pass_environment: DECISIVE.map(str::to_owned).to_vec(),
        ..Isolation::default()
    };
    let decides = |name: &str| rule.asks_for(name) && !OF_DEVICES.contains(&name);
    let kept = passed.iter().filter_map(|(name, value)| {
        let value = value.as_deref().filter(|value| !value.is_empty())?;
        decides(name).then_some((name.as_str(), value))
    });
    kept.collect()
}
