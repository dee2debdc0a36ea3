//! A run's record becomes a [`Summary`], and a summary becomes text, Markdown, CSV or JSON. Pure: the
//! same record gives the same report, today or in a year.

mod audit;
mod capture;
mod custom;
mod kv;
mod render;
mod rest;
mod summary;
mod trust;
mod units;

pub use audit::{
    Audit, AuditMetric, CarryOver, CarryOverVerdict, Cause, CutSession, Neighbour, Stay, When,
};
pub use capture::{CaptureCase, CaptureSummary, Overhead, PairedEffect};
pub use custom::{CustomCase, CustomSummary, NamedEstimate};
pub use kv::{
    CapacityLine, CrossoverLine, Degradation, EfficiencyLine, Figure, KvPoint, KvSummary,
    LatencyLine, MemoryLine, PathLine, PhaseLine, PhaseMeans, PointQuality, Prediction,
    QualityLine, RooflineLine, Setting, Spread, Standing, TradeOffLine,
};
pub use render::{csv, json, markdown, terminal};
pub use rest::{DisturbedAttempt, LeftBehind, WaitReason, Waiting};
pub use summary::{FailedAttempt, Summary, Tally};
pub use trust::{OutlierCounts, Quartiles, SteadinessCount, TrustLine};
