//! Looking at the machine: processor, memory, GPUs. Reads `/proc`, `/sys` and `/dev`, and asks the driver's library;
//! starts nothing.

mod gpu;
mod machine;
mod nvml;
mod processor;
mod root;
#[cfg_attr(not(test), expect(dead_code, reason = "the gate will read it"))]
mod state;

pub(crate) use gpu::Gpus;
pub(crate) use machine::{machine, usable_cpus};
pub(crate) use state::MachineProbe;
