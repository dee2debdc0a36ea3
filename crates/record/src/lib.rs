//! The record of a run: its events, its manifest, and the run directory that holds them. Knows the
//! layout of a run directory; starts nothing, prints nothing, decides nothing.

mod cells;
mod containment;
mod disturbance;
mod event;
mod figures;
mod leftover;
mod machine;
mod machine_state;
mod manifest;
mod metric;
mod outcome;
mod result_json;
mod start;
mod store;

pub use cells::{Cell, CellId, ProcessValues, cells, cells_of_case};
pub use containment::{Containment, MemoryEnforcement};
pub use disturbance::{Disturbance, Moment, Restless, Wait};
pub use event::{RunEvent, Stamped};
pub use figures::{Bound, Ceilings, Efficiency, Quality, bits_per_element, prefill_and_decode};
pub use leftover::{Fate, Leftover};
pub use machine::Machine;
pub use machine_state::{GpuState, MachineState, Observation, ThrottleReason};
pub use manifest::{AttemptRecord, CaseRecord, Manifest, RunSettings, RunState};
pub use metric::{Metric, MetricKind, UnknownMetric};
pub use outcome::{MemoryEvidence, Outcome, Stop};
pub use result_json::{point_lines, result_json, result_lines};
pub use start::{Difference, PassedEnvironment, ProgramFile, Start, StartedBy};
pub use store::{
    AttemptData, AttemptFiles, PLOTS, RecordError, Recorder, RunListing, RunLock, RunRecord,
    find_run, list_runs, write_atomically,
};

/// Version of everything in a run directory. Readers name a newer one instead of guessing.
pub const SCHEMA_VERSION: u32 = 1;
