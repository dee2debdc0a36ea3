//! Finds or fetches libtorch and links `.libtorch` to it.

mod cache;
mod download;
mod error;
mod extract;
mod libtorch;
mod link;
mod run;
mod source;
mod stamp;
#[cfg(test)]
mod tests;
mod wheels;

pub(crate) use error::SetupError;
pub(crate) use run::{Request, ensure, setup};
