//! A comparison as text for people and programs.

mod document;
mod figures;
mod headline;
mod json;
mod junit;
mod safe;

pub use document::{compare_markdown, compare_terminal};
pub use json::compare_json;
pub use junit::compare_junit;
pub(crate) use safe::{for_markdown, for_terminal};
