//! The capture machinery: stores the residual stream after selected decoder layers while generating, and
//! fetches it. Knows nothing of models and clocks.

mod arena;
mod fetch;
mod machinery;
mod pieces;

pub use arena::UnequalSlots;
pub use fetch::Fetched;
pub use machinery::{Capture, Plan, Shape};
