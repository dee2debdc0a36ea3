//! Looking at the machine: processor, memory, GPUs. Reads `/proc`, `/sys` and `/dev`, and asks the driver's library;
//! starts nothing.

mod clocks;
mod gpu;
mod machine;
mod nvml;
mod processor;
mod root;
mod state;

pub(crate) use clocks::{Policy, boost, clocks, policies};
pub(crate) use gpu::Gpus;
pub(crate) use machine::{machine, usable_cpus};
pub(crate) use nvml::{Absence, Card, Nvml};
pub(crate) use processor::critical_millicelsius;
pub(crate) use root::Root;
pub(crate) use state::{MachineProbe, meminfo_bytes};
