//! Looking at the machine: processor, memory, GPUs. Reads `/proc`, `/sys` and `/dev`; starts nothing.

mod gpu;
mod machine;

pub(crate) use gpu::{Gpus, gpu_model};
pub(crate) use machine::machine;
