//! NVIDIA's management library (NVML), where a driver is installed. Without one, everything here is a value that says so.

mod driver;
mod ffi;

pub(crate) use driver::{Absence, Card, Nvml};
