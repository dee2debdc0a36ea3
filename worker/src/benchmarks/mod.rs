//! The benchmarks: each loads, verifies itself, and yields raw measurements one sample at a time.

mod capacity;
mod capture;
mod capture_check;
mod difference;
mod error;
mod gauge;
mod generation;
mod kv_check;
mod latency;
mod load;
mod measure;
mod perplexity;
mod perplexity_check;
mod phase;
mod roofline;
mod versioned;
mod vram;

pub use capture::CaptureBenchmark;
pub use error::{BenchmarkError, is_out_of_memory, panic_text};
pub use load::load;
pub use measure::{Circumstances, Measure};
