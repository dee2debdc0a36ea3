//! The models. Each family's file reads from its parameters to its states; none knows what is
//! measured.

mod attention;
mod gpt2;
mod model;
mod parameters;
mod qwen2;

pub use gpt2::Gpt2;
pub use model::Model;
pub use qwen2::Qwen2;
