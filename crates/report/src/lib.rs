//! A run's record becomes a [`Summary`], and a summary becomes text, Markdown, HTML, CSV or JSON. Pure: the
//! same record gives the same report, today or in a year.

mod audit;
mod capture;
mod compare;
mod custom;
mod digest;
mod export;
mod kv;
mod page;
mod plain;
mod plot;
mod render;
mod rest;
mod slurm;
mod stopping;
mod summary;
mod trust;
mod units;

pub use audit::{
    Audit, AuditMetric, CarryOver, CarryOverVerdict, Cause, CutSession, Neighbour, Stay, When,
};
pub use capture::{CaptureCase, CaptureSummary, Overhead, PairedEffect};
pub use compare::{
    By, COMPARISON_VERSION, Change, CompareOptions, ComparedCell, Comparison, Conclusion, Counts,
    Doubt, FailOn, FailOns, MetricChoice, Mismatch, NoMatch, NotMeasured, RunFacts, Sameness,
    Scale, Side, SideValues, Threshold, Unmatched, Verdict, Within, WrongOption, compare_json,
    compare_junit, compare_markdown, compare_terminal,
};
pub use custom::{CustomCase, CustomSummary, NamedEstimate};
pub use digest::{CellDigest, RunDigest};
pub use export::{Hyperfine, hyperfine, long_csv, perfetto};
pub use kv::{
    CapacityLine, CrossoverLine, Degradation, EfficiencyLine, Figure, KvPoint, KvSummary,
    LatencyLine, MemoryLine, PathLine, PhaseLine, PhaseMeans, PointQuality, Prediction,
    QualityLine, RooflineLine, Setting, Spread, Standing, TradeOffLine,
};
pub use page::{Logs, html};
pub use plot::{Plot, plots};
pub use render::{csv, json, markdown, terminal};
pub use rest::{DisturbedAttempt, LeftBehind, WaitReason, Waiting};
pub use slurm::SlurmJobs;
pub use stopping::Stopping;
pub use summary::{FailedAttempt, Summary, Tally};
pub use trust::{OutlierCounts, Quartiles, SteadinessCount, TrustLine};
