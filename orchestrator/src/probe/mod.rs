//! Looking at the machine: processor, memory, GPUs. Reads `/proc`, `/sys` and `/dev`; starts nothing.

mod gpu;
mod machine;

pub(crate) use gpu::Gpus;
pub(crate) use machine::machine;
