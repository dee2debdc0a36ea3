//! The index of a results root: what its runs and nights say, in few numbers, in one SQLite file, so that a history need not read every
//! run again. A cache: all in it comes from the run directories and the files of nights, and it may be deleted at any time.

mod check;
mod digests;
mod entries;
mod error;
mod file;
mod index;
mod nights;
mod query;
mod read;
mod rebuild;
mod refresh;
mod schema;
mod trouble;
mod write;

pub use check::{Fault, check};
pub use error::IndexError;
pub use file::INDEX;
pub use index::Index;
pub use nights::StoredNight;
pub use query::Query;
pub use rebuild::{Rebuilt, rebuild};
