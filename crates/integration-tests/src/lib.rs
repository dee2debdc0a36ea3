//! What tests of the real binaries share: building `anechoic`, a place of its own for each test, a worker
//! that misbehaves on request, and waiting for things that happen.

pub mod aa;
mod bench;
mod browser;
pub mod dials;
pub mod fault;
pub mod kills;
pub mod large_run;
pub mod made_history;
mod programs;
pub mod slurm;
pub mod soak;
mod wait;

pub use bench::{Bench, Finished, Started, finish, is_filled};
pub use browser::{Browser, Look, Page, installed_browser};
pub use programs::{anechoic, fake_nvml, fake_worker, old_fake_nvml};
pub use wait::{gone, wait_for};
