//! Two cells that belong together, with their values, before anything is said of them.

use anechoic_record::{Cell, Machine, Metric, RunRecord};

use super::{Doubt, Mismatch};

/// Two cells that belong together.
pub(crate) struct Pair {
    pub(crate) base_case: String,
    pub(crate) new_case: String,
    pub(crate) by: Option<(String, String)>,
    pub(crate) tokens: Option<u32>,
    pub(crate) metric: Metric,
    pub(crate) base: Values,
    pub(crate) new: Values,
    /// Whether the processes of both sides were measured side by side, in the same order.
    pub(crate) side_by_side: bool,
    /// Why they may not be compared.
    pub(crate) refusal: Option<Refusal>,
}

/// The values of one side.
pub(crate) struct Values {
    /// One series per process.
    pub(crate) series: Vec<Vec<f64>>,
    /// Values that are no finite numbers.
    pub(crate) left_out: usize,
}

/// Why two cells may not be compared, with what differs.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(crate) doubt: Doubt,
    pub(crate) differences: Vec<Mismatch>,
}

impl Refusal {
    /// Other machines weigh more than other settings; what differs is told of both.
    pub(crate) fn of(machine: &[Mismatch], settings: &[Mismatch]) -> Option<Self> {
        let doubt = match (machine.is_empty(), settings.is_empty()) {
            (true, true) => return None,
            (false, _) => Doubt::DifferentMachine,
            (true, false) => Doubt::DifferentSettings,
        };
        let differences = machine.iter().chain(settings).cloned().collect();
        Some(Self { doubt, differences })
    }
}

/// In what the machines differ on which one run was made, by its starts.
pub(crate) fn machines_within(name: &str, record: &RunRecord) -> Vec<Mismatch> {
    let mut found: Vec<Mismatch> = Vec::new();
    let starts = record.manifest.starts.iter();
    for difference in starts.flat_map(|start| &start.differences) {
        if !Machine::CONDITIONS.contains(&difference.what.as_str()) {
            continue;
        }
        let mut mismatch = Mismatch::from(difference.clone());
        mismatch.what = format!("{} within {name}", difference.what);
        if !found.contains(&mismatch) {
            found.push(mismatch);
        }
    }
    found
}

impl From<Cell> for Values {
    fn from(cell: Cell) -> Self {
        let processes = cell.processes.into_iter();
        Self {
            series: processes.map(|process| process.values).collect(),
            left_out: cell.not_finite,
        }
    }
}
