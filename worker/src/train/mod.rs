//! Trains the small models that quality is shown on, and writes them as checkpoint folders. Knows nothing of benchmarks.

mod error;
mod folder;
mod gpt2;
mod recipe;
mod run;

pub use error::TrainError;
pub use folder::{Folder, Report};
pub use gpt2::Trainee;
pub use recipe::{Recipe, shipped_config};
pub use run::{HeldOut, to_folder, train};
