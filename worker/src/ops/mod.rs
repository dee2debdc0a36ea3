//! What tch lacks, as safe Rust over the C++ beside this crate: linear layers and attention as fast as memory allows,
//! inference mode, CUDA on demand, a GPU's peak of memory. All of the worker's calls into C++ of its own are in here.

mod accelerator;
mod attention;
mod attention_int8;
mod bandwidth;
mod error;
mod exit;
mod ffi;
mod gelu;
mod heap;
mod inference;
mod int8;
mod linear;
mod runtime;
mod simd;
mod stock;

pub use accelerator::{
    DeviceMemory, DeviceTimer, device_memory, empty_device_cache, peak_device_bytes,
    reset_peak_device_bytes, synchronize,
};
pub use attention::{decode_attention, decode_attention_path, stock_decode_attention};
pub use attention_int8::{decode_attention_int8, stock_decode_attention_int8};
pub use bandwidth::read_bandwidth;
pub use error::OpsError;
pub use exit::exit_at_once;
pub use gelu::gelu_new;
pub use heap::release_free_memory;
pub use inference::InferenceMode;
pub use int8::{Int8Rows, dequantise, quantise_rows};
pub use linear::{Linear, LinearPath};
pub use runtime::{cpu_capability, library_folder, load_cuda, torch_version};
pub use simd::Simd;
pub use stock::StockOperators;
