//! Findings of the capture benchmark.

use anechoic_protocol::{Attribution, Workload};
use anechoic_record::Cell;
use anechoic_stats::Estimate;
use maud::{Markup, html};

use super::{Apart, Finding, Tone, capped, count, ends, named};
use crate::plain::plain;
use crate::{CaptureCase, CaptureSummary, Overhead, units};

/// What an overhead's interval says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It lies above zero.
    Costs,
    /// It lies below zero.
    Saves,
    /// It covers zero.
    Untold,
    /// There is none.
    NoInterval,
}

impl Verdict {
    const ALL: [Self; 4] = [Self::Costs, Self::Saves, Self::Untold, Self::NoInterval];
}

/// Overheads of one sentence.
const COSTS: usize = 4;

/// So many overheads are looked at without a word on their number.
const FEW: usize = 3;

pub(super) fn findings(capture: &CaptureSummary, cells: &[Cell]) -> Vec<Finding> {
    let mut found = capped(speeds(capture, cells), "workload");
    let mut baselines: Vec<&str> = Vec::new();
    for overhead in &capture.overheads {
        if !baselines.contains(&overhead.baseline.as_str()) {
            baselines.push(&overhead.baseline);
        }
    }
    for verdict in Verdict::ALL {
        let of_verdict = baselines
            .iter()
            .filter_map(|baseline| overheads(capture, baseline, verdict));
        found.extend(capped(of_verdict.collect(), "baseline"));
    }
    found.extend(number(capture));
    found
}

/// Of many intervals at 95 % some exclude zero by chance.
fn number(capture: &CaptureSummary) -> Option<Finding> {
    let with_interval = |o: &&Overhead| o.total.interval.is_some();
    let number = capture.overheads.iter().filter(with_interval).count();
    let text = format!(
        "Intervals of these {number} overheads are per case, not adjusted for their number: where capture cost nothing, about \
         one in twenty would exclude zero all the same."
    );
    (number > FEW).then(|| Finding::words(Tone::Doubt, &text))
}

/// The ends of the range, among cases that did the same work.
fn speeds(capture: &CaptureSummary, cells: &[Cell]) -> Vec<Finding> {
    let plain = capture.cases.iter().filter(|case| is_plain(case));
    let mut groups: Vec<Vec<&CaptureCase>> = Vec::new();
    for case in plain {
        match groups.iter_mut().find(|group| is_alike(group[0], case)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    let speeds = groups.iter().filter_map(|group| speed(group, cells));
    speeds.collect()
}

/// Extra clock readings make times another thing.
fn is_plain(case: &CaptureCase) -> bool {
    case.work.attribution == Attribution::Off
}

fn is_alike(a: &CaptureCase, b: &CaptureCase) -> bool {
    (&a.work.model, a.work.dtype, &a.work.workload, a.threads)
        == (&b.work.model, b.work.dtype, &b.work.workload, b.threads)
}

fn speed(group: &[&CaptureCase], cells: &[Cell]) -> Option<Finding> {
    let timed = group
        .iter()
        .filter_map(|case| Some((*case, case.total_s.as_ref()?)));
    let (fastest, slowest) = ends(timed, |(_, total)| total.mean)?;
    let of = |(case, total): (&CaptureCase, &Estimate)| {
        html! { (named(&case.id)) " with " (units::estimate(Some(total))) }
    };
    let apart = Apart::of(cells, (&fastest.0.id, None), (&slowest.0.id, None));
    let work = workload(group[0]);
    let text = match apart {
        Apart::Told => html! {
            "Capturing on " (plain(&work)) ": the fastest case is " (of(fastest)) " per iteration, the slowest "
            (of(slowest)) "."
        },
        Apart::Untold | Apart::Unknown => html! {
            "Capturing on " (plain(&work)) ": the lowest mean is that of " (of(fastest)) " per iteration, the highest that of "
            (of(slowest)) "; " (apart.doubt()) "."
        },
    };
    Some(Finding::new(apart.tone(), text))
}

/// What cases of a group have in common.
fn workload(case: &CaptureCase) -> String {
    let work = &case.work;
    let Workload {
        batch_size,
        prefill_tokens,
        decode_tokens,
        ..
    } = work.workload;
    format!(
        "{}, {} (batch {batch_size}, prefill {prefill_tokens}, decode {decode_tokens}, {})",
        work.model.name(),
        work.dtype.as_str(),
        count(case.threads as usize, "thread")
    )
}

fn verdict(overhead: &Overhead) -> Verdict {
    match &overhead.total.interval {
        None => Verdict::NoInterval,
        Some(interval) if interval.covers(0.0) => Verdict::Untold,
        Some(interval) if interval.high < 0.0 => Verdict::Saves,
        Some(_) => Verdict::Costs,
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
        Verdict::Costs => (
            Tone::Result,
            html! { "Time that capture costs against " (baseline) ", told from chance: " },
        ),
        Verdict::Saves => (
            Tone::Result,
            html! { "Less time than " (baseline) ", told from chance: " },
        ),
        Verdict::Untold => (
            Tone::Doubt,
            html! { "No difference from " (baseline) " is shown: " },
        ),
        Verdict::NoInterval => (
            Tone::Doubt,
            html! { "Against " (baseline) ", with too few processes to be told from chance: " },
        ),
    };
    let text = html! { (before) (costs(&found)) "." };
    Some(Finding::new(tone, text))
}

/// Each with its interval; the end of a long list is counted.
fn costs(found: &[&Overhead]) -> Markup {
    let (written, more) = found.split_at(found.len().min(COSTS));
    html! {
        @for (index, overhead) in written.iter().enumerate() {
            @if index > 0 { ", " }
            (named(&overhead.id)) " " (units::percent(Some(&overhead.total)))
        }
        @if !more.is_empty() { " and " (more.len()) " more in the tables" }
    }
}
