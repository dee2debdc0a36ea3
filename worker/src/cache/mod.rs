//! Key and value caches.

mod kv;

pub use kv::{CacheError, KvCache};
