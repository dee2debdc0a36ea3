//! A summary as text for people and programs.

mod data;
mod document;

pub use data::{csv, json};
pub use document::{markdown, terminal};
