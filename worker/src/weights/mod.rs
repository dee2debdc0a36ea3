//! Where parameters come from: a Hugging Face checkpoint folder, or a seed. Knows file formats and
//! initialisation, not what the parameters are for.

mod checkpoint;
mod error;
mod header;
mod random;
mod source;

pub use error::LoadError;
pub(crate) use random::{draw, hash};
pub use source::{Weights, dtype_of, kind, read_config};
