//! Key-value caches, one file for each way of storing, behind one small interface.

mod full;
mod int8;
mod kv;
mod recompute;
#[cfg(test)]
mod tests;

pub use kv::{CacheError, CacheSpec, KvCache, Rows, Stored};
