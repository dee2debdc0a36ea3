//! The models. Each family's file reads from its parameters to its states; none knows what is
//! measured.

mod attention;
mod gpt2;
mod model;
mod observer;
mod parameters;
mod qwen2;

pub(crate) use attention::attention_of_one;
pub use gpt2::Gpt2;
pub use model::Model;
pub use observer::{Observer, Unobserved};
pub use qwen2::Qwen2;
