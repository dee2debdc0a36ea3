//! What a machine's noise is for a suite: the same against the same, several times. The files in the folder `certificates` of a
//! results root.

use anechoic_stats::Scale;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{CellId, Fingerprint};

/// The noise of a suite on a machine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// [`crate::SCHEMA_VERSION`] of the writer.
    pub schema_version: u32,
    /// The suite's name.
    pub suite: String,
    /// When the last of its runs was over.
    pub made: Timestamp,
    /// The equal runs that it is made of, oldest first.
    pub runs: Vec<String>,
    /// The conditions that they were made under; it holds under no others.
    pub fingerprint: Fingerprint,
    /// What was found, by cell.
    pub cells: Vec<CertifiedCell>,
}

/// The noise of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedCell {
    /// Which.
    #[serde(flatten)]
    pub id: CellId,
    /// Identifies the settings that it was measured with; it holds for no others.
    pub settings: String,
    /// Whether it is among the metrics that a night is judged by.
    pub primary: bool,
    /// What deviation and smallest detectable change are counted in.
    pub scale: Scale,
    /// The average over the runs, in the metric's unit.
    pub value: f64,
    /// Runs with values.
    pub runs: u32,
    /// Standard deviation from run to run: of the logarithm of a run's value, so that 0.01 is one per cent; of the value itself where
    /// differences are compared.
    pub deviation: f64,
    /// What the processes within single runs would have promised for it; absent of one process. A larger `deviation` says that runs differ
    /// by more than processes do.
    pub promised: Option<f64>,
    /// The smallest change between two single runs that is found in four of five tries, at a chance of 5 % of a false alarm for this cell.
    pub detectable: f64,
}
