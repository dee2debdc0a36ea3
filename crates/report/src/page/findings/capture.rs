//! Findings of the capture benchmark.

use anechoic_protocol::Attribution;
use maud::{Markup, html};

use super::{Finding, Tone, ends, named};
use crate::page::cases::list;
use crate::{CaptureCase, CaptureSummary, Overhead, units};

/// What an overhead's interval says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It excludes zero.
    Told,
    /// It covers zero.
    Untold,
    /// There is none.
    NoInterval,
}

pub(super) fn findings(capture: &CaptureSummary) -> Vec<Finding> {
    let mut found: Vec<Finding> = speeds(capture).collect();
    let mut baselines: Vec<&str> = Vec::new();
    for overhead in &capture.overheads {
        if !baselines.contains(&overhead.baseline.as_str()) {
            baselines.push(&overhead.baseline);
        }
    }
    for baseline in baselines {
        for verdict in [Verdict::Told, Verdict::Untold, Verdict::NoInterval] {
            found.extend(overheads(capture, baseline, verdict));
        }
    }
    found
}

/// The ends of the range, among cases that did the same work.
fn speeds(capture: &CaptureSummary) -> impl Iterator<Item = Finding> {
    let plain = capture.cases.iter().filter(|case| is_plain(case));
    let mut groups: Vec<Vec<&CaptureCase>> = Vec::new();
    for case in plain {
        match groups.iter_mut().find(|group| is_alike(group[0], case)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups.into_iter().filter_map(|group| speed(&group))
}

/// Extra clock readings make times another thing.
fn is_plain(case: &CaptureCase) -> bool {
    case.work.attribution == Attribution::Off
}

fn is_alike(a: &CaptureCase, b: &CaptureCase) -> bool {
    (&a.work.model, a.work.dtype, &a.work.workload, a.threads)
        == (&b.work.model, b.work.dtype, &b.work.workload, b.threads)
}

fn speed(group: &[&CaptureCase]) -> Option<Finding> {
    let timed = group
        .iter()
        .filter_map(|case| Some((*case, case.total_s.as_ref()?)));
    let (fastest, slowest) = ends(timed, |(_, total)| total.mean)?;
    let text = html! {
        "Capturing on " (group[0].work.model.name()) ": the fastest case is " (named(&fastest.0.id)) " with "
        (units::estimate(Some(fastest.1))) " per iteration, the slowest " (named(&slowest.0.id)) " with "
        (units::estimate(Some(slowest.1))) "."
    };
    Some(Finding::new(Tone::Result, text))
}

fn verdict(overhead: &Overhead) -> Verdict {
    match &overhead.total.interval {
        None => Verdict::NoInterval,
        Some(interval) if interval.covers(0.0) => Verdict::Untold,
        Some(_) => Verdict::Told,
    }
}

fn overheads(capture: &CaptureSummary, baseline: &str, wanted: Verdict) -> Option<Finding> {
    let mut found: Vec<&Overhead> = (capture.overheads.iter())
        .filter(|o| o.baseline == baseline && verdict(o) == wanted)
        .collect();
    if found.is_empty() {
        return None;
    }
    found.sort_by(|a, b| b.total.value.total_cmp(&a.total.value));
    let baseline = named(baseline);
    let (tone, before) = match wanted {
        Verdict::Told => (
            Tone::Result,
            html! { "Time that capture costs against " (baseline) ", told from chance: " },
        ),
        Verdict::Untold => (
            Tone::Doubt,
            html! { "Cannot be told from " (baseline) ", whose time lies inside the interval: " },
        ),
        Verdict::NoInterval => (
            Tone::Doubt,
            html! { "Against " (baseline) ", with too few processes to be told from chance: " },
        ),
    };
    let text = html! { (before) (costs(&found)) "." };
    Some(Finding::new(tone, text))
}

/// Each with its interval; the end of a long list by name alone.
fn costs(found: &[&Overhead]) -> Markup {
    let (written, more) = found.split_at(found.len().min(super::SENTENCES));
    let more: Vec<&str> = more.iter().map(|o| o.id.as_str()).collect();
    html! {
        @for (index, overhead) in written.iter().enumerate() {
            @if index > 0 { ", " }
            (named(&overhead.id)) " " (units::percent(Some(&overhead.total)))
        }
        @if !more.is_empty() { "; also " (list(&more)) }
    }
}
