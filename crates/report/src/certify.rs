//! What equal runs say of a machine's noise: runs to a certificate, and a certificate to text. Pure.

mod document;
mod floor;
mod json;
mod refused;
mod round;

pub use document::{certificate_markdown, certificate_terminal};
pub use floor::{LEAST_RUNS, certify};
pub use json::certificate_json;
pub use refused::NotCertified;
pub use round::{Round, disturbance_note};

use anechoic_record::CertifiedCell;
use anechoic_stats::{Interval, deviation_interval};

/// How far off the deviation of a cell may be.
fn uncertainty(cell: &CertifiedCell) -> Interval {
    let freedom = cell.runs.saturating_sub(1).max(1);
    deviation_interval(cell.deviation, f64::from(freedom))
}

/// A certificate with the file that holds it, and what else is to be known of its runs.
#[derive(Debug, Clone, Copy)]
pub struct StoredCertificate<'a> {
    /// What it says.
    pub certificate: &'a anechoic_record::Certificate,
    /// Where it is.
    pub file: &'a str,
    /// What qualifies it.
    pub notes: &'a [String],
}
