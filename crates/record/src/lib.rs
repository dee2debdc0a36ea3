//! The record of a run: its events, its manifest, and the run directory that holds them. Knows the
//! layout of a run directory; starts nothing, prints nothing, decides nothing but where a case stands under a stop rule.

mod cells;
mod certificate;
mod containment;
mod disturbance;
mod environment;
mod event;
mod executor;
mod figures;
mod fingerprint;
mod leftover;
mod machine;
mod machine_state;
mod manifest;
mod night;
mod outcome;
mod program_words;
mod result_json;
mod rule;
mod start;
mod store;
mod timeline;

pub use anechoic_suite::{Metric, MetricKind, UnknownMetric};
pub use cells::{Cell, CellId, ProcessValues, cells, cells_of_case};
pub use certificate::{Certificate, CertificateStatus, CertifiedCell, LeftOut, certificate_status};
pub use containment::{Containment, MemoryEnforcement};
pub use disturbance::{Disturbance, Moment, Restless, Wait};
pub use environment::decisive;
pub use event::{RunEvent, Stamped};
pub use executor::{Executor, Placement, SlurmOptions};
pub use figures::{Bound, Ceilings, Efficiency, Quality, bits_per_element, prefill_and_decode};
pub use fingerprint::{Clocks, Fingerprint};
pub use leftover::{Fate, Leftover};
pub use machine::Machine;
pub use machine_state::{GpuState, MachineState, Observation, ThrottleReason};
pub use manifest::{AttemptRecord, CaseRecord, Manifest, RunSettings, RunState};
pub use night::{CellFinding, News, Night, NightCell, NightOutcome, NoiseSource, Notice};
pub use outcome::{Interruption, MemoryEvidence, Outcome, Stop};
pub use result_json::{point_lines, points, result_json, result_lines};
pub use rule::{RuleCheck, RuleVerdict, rule_check};
pub use start::{Difference, PassedEnvironment, ProgramFile, Start, StartedBy};
pub use store::{
    AttemptData, AttemptFiles, CERTIFICATES, FoundCertificate, Kept, NIGHTS, PLOTS, RecordError,
    Recorder, Removal, RunListing, RunLock, RunRecord, SuiteCertificates, bytes_on_disk,
    certificates, find_certificate, find_run, half_removed, is_run_of, latest_run, list_runs,
    nights, read_night, remove_half_removed, remove_run, write_atomically, write_atomically_with,
    write_certificate, write_night,
};
pub use timeline::Timeline;

/// Version of everything in a run directory. Readers name a newer one instead of guessing.
pub const SCHEMA_VERSION: u32 = 1;
