//! Tables of the capture benchmark.

use anechoic_protocol::{Attribution, CaptureMode, Probe};

use super::cell::{self, Cell};
use super::section::Section;
use crate::{CaptureCase, CaptureSummary, units};

/// All tables that have rows.
pub(super) fn sections(capture: &CaptureSummary) -> Vec<Section> {
    let sections = [
        timings(capture),
        overheads(capture),
        attribution(capture),
        drifts(capture),
        memory(capture),
    ];
    sections.into_iter().flatten().collect()
}

fn timings(capture: &CaptureSummary) -> Option<Section> {
    let header = [
        "case",
        "n",
        "prefill",
        "decode",
        "generation",
        "fetch",
        "total",
        "decode tok/s",
    ];
    let row = |case: &CaptureCase| -> Vec<Cell> {
        vec![
            case.id.as_str().into(),
            cell::runs(case.processes, case.iterations),
            cell::estimate(case.prefill_s.as_ref()),
            cell::estimate(case.decode_s.as_ref()),
            cell::estimate(case.generation_s.as_ref()),
            cell::estimate(case.fetch_s.as_ref()),
            cell::estimate(case.total_s.as_ref()),
            cell::rate(case.decode_tokens_per_s.as_ref()),
        ]
    };
    // Extra clock readings make these times another thing; such cases have a table of their own.
    let plain = capture
        .cases
        .iter()
        .filter(|case| case.work.attribution == Attribution::Off);
    Section::table(
        "Capture: times per iteration",
        "n = processes × iterations; mean over processes of each one's mean ± standard deviation between them.",
        &header,
        plain.map(row).collect(),
    )
}

/// Nothing of a case without a process that ended well.
fn if_measured(case: &CaptureCase, bytes: u64) -> Cell {
    match case.processes {
        0 => units::NONE.into(),
        _ => cell::bytes(bytes),
    }
}

fn overheads(capture: &CaptureSummary) -> Option<Section> {
    let header = ["case", "generation", "fetch", "total", "per layer"];
    let rows = capture.overheads.iter().map(|overhead| {
        vec![
            overhead.id.as_str().into(),
            cell::percent(Some(&overhead.generation)),
            cell::percent(overhead.fetch.as_ref()),
            cell::percent(Some(&overhead.total)),
            cell::milliseconds(overhead.per_layer_s.as_ref()),
        ]
    });
    Section::table(
        "Capture: overhead against the baseline",
        "Shares of the baseline's generation time with 95 % intervals over processes; per layer against zero-layer.\n\
         Intervals are per case, not adjusted for their number.",
        &header,
        rows.collect(),
    )
}

fn attribution(capture: &CaptureSummary) -> Option<Section> {
    let mut rows = Vec::new();
    for case in &capture.cases {
        if let Some(share) = &case.inside_decode_share {
            let interval = share.interval;
            let value = anechoic_stats::Ratio {
                value: share.mean,
                interval,
            };
            let what = "time inside capture, share of decode";
            let n = format!("{} processes", share.n);
            rows.push(vec![
                case.id.as_str().into(),
                what.into(),
                cell::keyed(n, share.n as f64),
                cell::percent(Some(&value)),
            ]);
        }
        if let Some(paired) = &case.paired {
            let what = "decode step with against without";
            let n = format!("{} processes, {} pairs", paired.processes, paired.pairs);
            rows.push(vec![
                case.id.as_str().into(),
                what.into(),
                cell::keyed(n, paired.pairs as f64),
                cell::percent(Some(&paired.effect)),
            ]);
        }
    }
    Section::table(
        "Capture: cost found within processes",
        "",
        &["case", "figure", "n", "value"],
        rows,
    )
}

fn memory(capture: &CaptureSummary) -> Option<Section> {
    let header = [
        "case",
        "layers",
        "strategy",
        "captured per iteration",
        "peak resident",
    ];
    let row = |case: &CaptureCase| -> Vec<Cell> {
        vec![
            case.id.as_str().into(),
            cell::count(case.work.layers.len()),
            strategy(case).into(),
            if_measured(case, case.captured_bytes),
            if_measured(case, case.peak_resident_bytes),
        ]
    };
    Section::table(
        "Capture: memory",
        "The largest resident set of a worker process, and the bytes fetched.",
        &header,
        capture.cases.iter().map(row).collect(),
    )
}

fn strategy(case: &CaptureCase) -> String {
    let work = &case.work;
    if work.mode == CaptureMode::Baseline {
        return units::NONE.to_owned();
    }
    match work.probe == Probe::Full {
        true => work.strategy.to_string(),
        false => format!("{}, probe {}", work.strategy, work.probe.as_str()),
    }
}

fn drifts(capture: &CaptureSummary) -> Option<Section> {
    let rows: Vec<_> = capture
        .cases
        .iter()
        .filter(|case| case.generation_drift.is_some())
        .map(|case| {
            vec![
                case.id.as_str().into(),
                cell::drift(case.generation_drift.as_ref()),
                cell::drift(case.fetch_drift.as_ref()),
            ]
        })
        .collect();
    Section::table(
        "Capture: drift per iteration",
        "Median slope over the iterations of each process, as a share of the mean, with its 95 % interval.",
        &["case", "generation", "fetch"],
        rows,
    )
}
