//! A run's record becomes a [`Summary`], and a summary becomes text, Markdown, HTML, CSV or JSON. Pure: the
//! same record gives the same report, today or in a year.

mod audit;
mod capture;
mod certify;
mod compare;
mod custom;
mod digest;
mod export;
mod gate;
mod history;
mod kv;
mod night;
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
pub use certify::{
    LEAST_RUNS, NotCertified, Round, StoredCertificate, certificate_json, certificate_markdown,
    certificate_terminal, certify, disturbance_note,
};
pub use compare::{
    By, COMPARISON_VERSION, Change, CompareOptions, ComparedCell, Comparison, Conclusion, Counts,
    Doubt, FailOn, FailOns, MetricChoice, Mismatch, NoMatch, NotMeasured, RunFacts, Sameness,
    Scale, Side, SideValues, Threshold, Unmatched, Verdict, Within, WrongOption, compare_json,
    compare_junit, compare_markdown, compare_terminal,
};
pub use custom::{CustomCase, CustomSummary, NamedEstimate};
pub use digest::{CellDigest, RunDigest};
pub use export::{Chosen, Hyperfine, Samples, hyperfine, long_csv, perfetto};
pub use gate::{Certified, Gate, GateDecision, GateInput, GateOptions, WorseCell, gate};
pub use history::{
    Gap, HISTORY_VERSION, History, HistoryNight, HistoryRun, Level, Point, PointVerdict, Series,
    SeriesCreep, SeriesStep, Stretch, history_json, history_markdown, history_terminal,
    openmetrics, runs_markdown, runs_terminal,
};
pub use kv::{
    CapacityLine, CrossoverLine, Degradation, EfficiencyLine, Figure, KvPoint, KvSummary,
    LatencyLine, MemoryLine, PathLine, PhaseLine, PhaseMeans, PointQuality, Prediction,
    QualityLine, RooflineLine, Setting, Spread, Standing, TradeOffLine,
};
pub use night::{NightReport, night_message, night_text, night_title};
pub use page::{Links, Logs, history_html, html};
pub use plot::{Plot, plots};
pub use render::{csv, json, markdown, terminal};
pub use rest::{DisturbedAttempt, LeftBehind, WaitReason, Waiting};
pub use slurm::SlurmJobs;
pub use stopping::Stopping;
pub use summary::{FailedAttempt, Summary, Tally};
pub use trust::{OutlierCounts, Quartiles, SteadinessCount, TrustLine};
