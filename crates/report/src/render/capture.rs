//! Tables of the capture benchmark.

use anechoic_protocol::{Attribution, CaptureMode, Probe};

use super::dressing::Dressing;
use crate::{CaptureCase, CaptureSummary, units};

/// All tables that have rows.
pub(super) fn tables(capture: &CaptureSummary, dressing: Dressing) -> String {
    timings(capture, dressing)
        + &overheads(capture, dressing)
        + &attribution(capture, dressing)
        + &drifts(capture, dressing)
        + &memory(capture, dressing)
}

fn timings(capture: &CaptureSummary, dressing: Dressing) -> String {
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
    let row = |case: &CaptureCase| {
        vec![
            case.id.clone(),
            format!("{} × {}", case.processes, iterations_each(case)),
            units::estimate(case.prefill_s.as_ref()),
            units::estimate(case.decode_s.as_ref()),
            units::estimate(case.generation_s.as_ref()),
            units::estimate(case.fetch_s.as_ref()),
            units::estimate(case.total_s.as_ref()),
            units::rate(case.decode_tokens_per_s.as_ref()),
        ]
    };
    // Extra clock readings make these times another thing; such cases have a table of their own.
    let plain = capture
        .cases
        .iter()
        .filter(|case| case.work.attribution == Attribution::Off);
    let rows: Vec<_> = plain.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: times per iteration")
        + "n = processes × iterations; mean over processes ± standard deviation between them.\n\n"
        + &dressing.table(&header, rows)
}

fn iterations_each(case: &CaptureCase) -> usize {
    case.iterations.checked_div(case.processes).unwrap_or(0)
}

fn overheads(capture: &CaptureSummary, dressing: Dressing) -> String {
    if capture.overheads.is_empty() {
        return String::new();
    }
    let header = ["case", "generation", "fetch", "total", "per layer"];
    let rows = capture.overheads.iter().map(|overhead| {
        vec![
            overhead.id.clone(),
            units::percent(Some(&overhead.generation)),
            units::percent(overhead.fetch.as_ref()),
            units::percent(Some(&overhead.total)),
            units::milliseconds(overhead.per_layer_s.as_ref()),
        ]
    });
    dressing.heading(2, "Capture: overhead against the baseline")
        + "Shares of the baseline's generation time with 95 % intervals over processes; per layer against zero-layer.\n\n"
        + &dressing.table(&header, rows.collect())
}

fn attribution(capture: &CaptureSummary, dressing: Dressing) -> String {
    let mut rows = Vec::new();
    for case in &capture.cases {
        if let Some(share) = &case.inside_decode_share {
            let interval = share.interval;
            let value = anechoic_stats::Ratio {
                value: share.mean,
                interval,
            };
            let what = "time inside capture, share of decode".to_owned();
            let n = format!("{} processes", share.n);
            rows.push(vec![case.id.clone(), what, n, units::percent(Some(&value))]);
        }
        if let Some(paired) = &case.paired {
            let what = "decode step with against without".to_owned();
            let n = format!("{} processes, {} pairs", paired.processes, paired.pairs);
            rows.push(vec![
                case.id.clone(),
                what,
                n,
                units::percent(Some(&paired.effect)),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: cost found within processes")
        + &dressing.table(&["case", "figure", "n", "value"], rows)
}

fn memory(capture: &CaptureSummary, dressing: Dressing) -> String {
    let header = [
        "case",
        "layers",
        "strategy",
        "captured per iteration",
        "peak resident",
    ];
    let row = |case: &CaptureCase| {
        vec![
            case.id.clone(),
            case.work.layers.len().to_string(),
            strategy(case),
            units::bytes(case.captured_bytes),
            units::bytes(case.peak_resident_bytes),
        ]
    };
    dressing.heading(2, "Capture: memory")
        + "The largest resident set of a worker process, and the bytes fetched.\n\n"
        + &dressing.table(&header, capture.cases.iter().map(row).collect())
}

fn strategy(case: &CaptureCase) -> String {
    match (case.work.mode, case.work.probe) {
        (CaptureMode::Baseline, _) => "–".to_owned(),
        (_, Probe::Full) => case.work.strategy.to_string(),
        (_, probe) => format!("{}, probe {}", case.work.strategy, probe.as_str()),
    }
}

fn drifts(capture: &CaptureSummary, dressing: Dressing) -> String {
    let rows: Vec<_> = capture
        .cases
        .iter()
        .filter(|case| case.generation_drift.is_some())
        .map(|case| {
            vec![
                case.id.clone(),
                units::drift(case.generation_drift.as_ref()),
                units::drift(case.fetch_drift.as_ref()),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    dressing.heading(2, "Capture: drift per iteration")
        + "Median slope over the iterations of each process, as a share of the mean, with its 95 % interval.\n\n"
        + &dressing.table(&["case", "generation", "fetch"], rows)
}
