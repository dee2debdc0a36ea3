//! Why no model was trained.

use std::path::PathBuf;

use tch::TchError;

use crate::weights::LoadError;

/// Why no model was trained. The text reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// A recipe that cannot be followed.
    #[error("train a model: {0}")]
    Recipe(String),
    /// Parameters could not be made.
    #[error("make the parameters")]
    Parameters(#[from] LoadError),
    /// libtorch refused.
    #[error("train a model")]
    Torch(#[from] TchError),
    /// The folder holds something already.
    #[error("write to `{}`: it is not empty; name a folder that is new or empty", .0.display())]
    NotEmpty(PathBuf),
    /// A file cannot be written.
    #[error("write `{}`", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
