//! Looking at the machine: processor, memory, GPUs. Reads `/proc`, `/sys` and `/dev`; starts nothing.

mod gpu;
mod machine;
mod processor;
mod root;
#[cfg_attr(not(test), expect(dead_code, reason = "the gate will read it"))]
mod state;

pub(crate) use gpu::Gpus;
pub(crate) use machine::machine;
pub(crate) use state::MachineProbe;
