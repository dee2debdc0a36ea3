//! Everything that is decided before the first worker starts: where weights are, which device, which
//! worker program.

mod device;
mod hub;
mod models;
mod program;

pub(crate) use device::{DeviceChoice, DeviceError};
pub(crate) use models::resolve_model;
pub(crate) use program::{ProgramError, find_worker, usable};
