//! What equal runs say of a machine's noise: runs to a certificate, and a certificate to text. Pure.

mod floor;
mod refused;
mod round;

pub use floor::{LEAST_RUNS, certify};
pub use refused::NotCertified;
pub use round::Round;
