//! The worker's library.

pub mod benchmarks;
pub mod cache;
pub mod capture;
pub mod cli;
pub mod clock;
pub mod device;
pub mod emit;
pub mod forward;
pub mod generate;
pub mod input;
pub mod memory;
pub mod models;
pub mod ops;
pub mod session;
pub mod slow_down;
pub mod text;
pub mod train;
pub mod weights;
