//! Everything that is decided before the first worker starts: where weights are, which device, which
//! worker program.

mod device;
mod folders;
mod hub;
mod models;
mod program;
mod shipped;
mod texts;

pub(crate) use device::{DeviceChoice, DeviceError, Offer};
pub(crate) use folders::find_folder;
pub(crate) use models::{read_config, resolve_model};
pub(crate) use program::{
    ProgramError, find_program, find_run_worker, find_worker, in_path, is_runnable, usable,
};
pub(crate) use shipped::Shipped;
pub(crate) use texts::find_text;
