//! What a night is judged from, and what it comes to.

use anechoic_record::{CellId, Certificate, Difference, NightCell, NoiseSource};

use crate::{RunDigest, Threshold};

/// What a night is judged from.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// The first run, then confirmations of the same night.
    pub tonight: &'a [RunDigest],
    /// The nights that are the baseline, oldest first: of each its run, then its confirmations.
    pub baseline: &'a [Vec<RunDigest>],
    /// The measured nights since a level was accepted the last time, oldest first, without tonight: of each its run, then its confirmations.
    pub nights: &'a [Vec<RunDigest>],
    /// Cells that were worse when they were measured the last time.
    pub worse: &'a [WorseCell],
    /// What is certified of the machine's noise.
    pub certified: Certified<'a>,
}

/// A cell that was worse when it was measured the last time.
#[derive(Debug, Clone, PartialEq)]
pub struct WorseCell {
    /// It.
    pub id: CellId,
    /// By so much, as [`NightCell::effect`] has it.
    pub effect: f64,
}

/// What is known of a machine's noise.
#[derive(Debug, Clone, Copy)]
pub enum Certified<'a> {
    /// A certificate whose conditions are those of tonight.
    Valid {
        /// It.
        certificate: &'a Certificate,
        /// Its file's name.
        file: &'a str,
    },
    /// One that was made under other conditions.
    Expired {
        /// It.
        certificate: &'a Certificate,
        /// Its file's name.
        file: &'a str,
        /// What is another now.
        why: &'a [Difference],
    },
    /// No certificate.
    None,
}

/// How a night is judged.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GateOptions {
    /// The smallest change that matters.
    pub threshold: Threshold,
    /// Whether all metrics are judged, and not those alone that benchmarks are about.
    pub all_metrics: bool,
    /// Whether a further run can be made tonight, or could be but for a machine without rest. Then no change that chance reaches is called a regression by fewer than three runs.
    pub confirmable: bool,
}

/// What a night comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GateDecision {
    /// There is nothing to compare with.
    NoBaseline,
    /// There is, and it may not be compared with.
    NotComparable {
        /// Why, each in words.
        reasons: Vec<String>,
    },
    /// Nothing became worse, as far as can be told.
    Quiet,
    /// Something may have become worse, and nothing has for sure.
    Suspicious,
    /// Something became worse.
    Regression,
}

/// A night, judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// What it comes to.
    pub decision: GateDecision,
    /// Whether a further run tonight would tell more, where one can be made.
    pub is_doubtful: bool,
    /// Where the noise of most judged cells is known from.
    pub noise: Option<NoiseSource>,
    /// The judged cells, in the order of the run.
    pub cells: Vec<NightCell>,
    /// What people should know besides.
    pub notes: Vec<String>,
}
