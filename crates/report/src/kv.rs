//! The KV-cache benchmarks' part of a summary. One value per process (the mean over its runs) is the unit of every
//! interval over processes; what a single process says about itself is marked as such.

mod capacity;
mod latency;
mod memory;
mod paths;
mod phases;
mod points;
mod prediction;
mod quality;
mod roofline;
mod trade_off;

use std::collections::BTreeSet;

use anechoic_record::RunRecord;
use serde::{Deserialize, Serialize};

pub use capacity::CapacityLine;
pub use latency::{CrossoverLine, LatencyLine};
pub use memory::MemoryLine;
pub use paths::PathLine;
pub use phases::{PhaseLine, PhaseMeans};
pub(crate) use points::tokens_of;
pub use points::{Figure, KvPoint, Setting, Spread};
pub use prediction::Prediction;
pub use quality::{Degradation, PointQuality, QualityLine};
pub use roofline::{EfficiencyLine, RooflineLine};
pub use trade_off::{Standing, TradeOffLine};

/// All KV-cache cases of a run. Lines of one setting lie together, ordered by version and T.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KvSummary {
    /// Numbers of compute threads that cases used, each once.
    pub threads: Vec<u32>,
    /// Times to generate T tokens.
    pub latency: Vec<LatencyLine>,
    /// From which T on a cache pays.
    pub crossovers: Vec<CrossoverLine>,
    /// What the counted work says about v0 against v1.
    pub predictions: Vec<Prediction>,
    /// Ways to read the same cache against each other.
    pub paths: Vec<PathLine>,
    /// Memory while generating T tokens.
    pub memory: Vec<MemoryLine>,
    /// Where the time goes.
    pub phases: Vec<PhaseLine>,
    /// Quality through the cache.
    pub quality: Vec<QualityLine>,
    /// The largest batches within a budget.
    pub capacity: Vec<CapacityLine>,
    /// Generation against the machine's ceilings.
    pub roofline: Vec<RooflineLine>,
    /// Speed, memory and quality of each version, side by side.
    pub trade_off: Vec<TradeOffLine>,
}

impl KvSummary {
    /// Summarises the KV-cache cases of a record; `None` where there are none.
    pub(crate) fn of(record: &RunRecord) -> Option<Self> {
        let cases = record.manifest.cases.iter();
        let settings = cases.filter_map(|case| points::setting(record, case));
        let threads: BTreeSet<u32> = settings.map(|(setting, _)| setting.threads).collect();
        if threads.is_empty() {
            return None;
        }
        let latency = latency::measured(record);
        let roofline = roofline::measured(record);
        let quality = quality::lines(record);
        Some(Self {
            threads: threads.into_iter().collect(),
            crossovers: latency::crossovers(&latency),
            predictions: prediction::lines(&latency, &roofline),
            paths: paths::lines(&latency, &quality),
            memory: memory::lines(record),
            phases: phases::lines(record, &quality),
            capacity: capacity::lines(record),
            trade_off: trade_off::lines(&latency, &quality),
            latency: latency::lines(&latency, &quality),
            roofline: roofline::lines(&roofline),
            quality,
        })
    }
}
