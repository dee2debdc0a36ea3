//! What tch lacks, as safe Rust over the C++ beside this crate: linear layers and attention as fast as memory allows,
//! inference mode, CUDA on demand, a GPU's peak of memory. All of the worker's calls into C++ of its own are in here.

mod accelerator;
mod attention;
mod error;
mod ffi;
mod inference;
mod linear;
mod runtime;
mod simd;
mod stock;

pub use accelerator::{peak_device_bytes, reset_peak_device_bytes, synchronize};
pub use attention::decode_attention;
pub use error::OpsError;
pub use inference::InferenceMode;
pub use linear::{Linear, LinearPath};
pub use runtime::{cpu_capability, library_folder, load_cuda, torch_version};
pub use simd::Simd;
pub use stock::StockOperators;
