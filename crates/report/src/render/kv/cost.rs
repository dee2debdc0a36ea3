//! What a version needs and what it makes of the machine: memory, capacity, roofline.

use anechoic_protocol::MemorySource;

use super::{Frame, caption, count, name, note, tokens};
use crate::render::cell::{self, Cell};
use crate::render::section::Section;
use crate::{CapacityLine, EfficiencyLine, KvSummary, MemoryLine, RooflineLine, units};

const MEMORY: &str = "\
The run with the highest peak; activation = peak − baseline. Cache bytes are exact, with their scales.
× below v1: v1's cache / this one. Projections are weights that a version does not hold, apart from its cache.";

const ROOFLINE: &str = "\
Bytes and operations are counted from the algorithm; ceilings are measured in the same process (medians over runs).
% of ceiling: the least time under the ceilings / the time taken; above 100, a ceiling was measured too low. n and ± as for times.";

fn source(source: MemorySource) -> String {
    match source {
        MemorySource::ResidentSet => "resident set of the process".to_owned(),
        MemorySource::DeviceAllocator => "tensors on the device".to_owned(),
    }
}

/// Every byte of it.
fn exact(bytes: u64) -> Cell {
    cell::keyed(bytes.to_string(), bytes as f64)
}

pub(super) fn memory(kv: &KvSummary) -> Option<Section> {
    let points = || kv.memory.iter().map(|line| &line.point);
    let frame = Frame {
        title: "KV cache: memory while generating T tokens",
        note: &note(MEMORY, points()),
        header: &[
            "version",
            "T",
            "n",
            "baseline",
            "peak",
            "activation",
            "cache reserved, B",
            "cache used, B",
            "bits per element",
            "× below v1",
            "projections saved",
        ],
    };
    let row = |line: &MemoryLine| {
        vec![vec![
            name(&line.point, points()),
            tokens(&line.point),
            count(&line.point),
            cell::bytes(line.baseline_bytes),
            cell::bytes(line.peak_bytes),
            cell::bytes(line.activation_bytes),
            exact(line.cache.reserved.total()),
            exact(line.cache.used.total()),
            cell::optional(line.bits_per_element, 3, ""),
            cell::optional(line.times_below_v1, 3, " ×"),
            cell::bytes(line.projection_bytes_saved),
        ]]
    };
    let title =
        |line: &MemoryLine| format!("{}; {}", caption(&line.point.setting), source(line.source));
    frame.section(&kv.memory, title, row)
}

pub(super) fn capacity(kv: &KvSummary) -> Option<Section> {
    let points = || kv.capacity.iter().map(|line| &line.point);
    let frame = Frame {
        title: "KV cache: the largest batch within a memory budget",
        note: &note(
            "The smallest result of all searches, and their range where they differ. 0: not even one request fits.",
            points(),
        ),
        header: &[
            "version",
            "T",
            "n",
            "largest batch",
            "range",
            "× v1",
            "cache per request",
        ],
    };
    let row = |line: &CapacityLine| {
        let range = match line.batch == line.largest {
            true => units::NONE.to_owned(),
            false => format!("{} to {}", line.batch, line.largest),
        };
        vec![vec![
            name(&line.point, points()),
            tokens(&line.point),
            count(&line.point),
            cell::keyed(line.batch.to_string(), f64::from(line.batch)),
            range.into(),
            cell::optional(line.times_v1, 3, " ×"),
            cell::bytes(line.cache_bytes_per_request),
        ]]
    };
    let title = |line: &CapacityLine| {
        let budget = units::bytes(line.budget_bytes);
        format!(
            "{}; {budget}, {}",
            caption(&line.point.setting),
            source(line.source)
        )
    };
    frame.section(&kv.capacity, title, row)
}

pub(super) fn roofline(kv: &KvSummary) -> Option<Section> {
    let points = || kv.roofline.iter().map(|line| &line.point);
    let frame = Frame {
        title: "KV cache: against the machine's ceilings",
        note: &note(ROOFLINE, points()),
        header: &[
            "version",
            "T",
            "part",
            "n",
            "GB",
            "GFLOP",
            "FLOP/B",
            "GB/s",
            "GFLOP/s",
            "bound by",
            "% of ceiling",
            "ceilings",
        ],
    };
    let rows = |line: &RooflineLine| {
        let parts = [("prefill", &line.prefill), ("decode", &line.decode)];
        let measured = parts
            .into_iter()
            .filter_map(|(part, of)| Some((part, of.as_ref()?)));
        let ceilings = format!(
            "{} GB/s, {} GFLOP/s",
            units::significant(line.ceilings.bytes_per_s / 1e9, 3),
            units::significant(line.ceilings.flops_per_s / 1e9, 3)
        );
        let row = |(part, of): (&str, &EfficiencyLine)| {
            let mut row = vec![
                name(&line.point, points()),
                tokens(&line.point),
                part.into(),
                count(&line.point),
            ];
            row.extend(efficiency(of));
            row.push(ceilings.as_str().into());
            row
        };
        measured.map(row).collect()
    };
    frame.section(&kv.roofline, |line| caption(&line.point.setting), rows)
}

fn efficiency(of: &EfficiencyLine) -> [Cell; 7] {
    [
        cell::significant(of.bytes as f64 / 1e9, 3),
        cell::significant(of.flops as f64 / 1e9, 3),
        cell::significant(of.arithmetic_intensity, 3),
        cell::scaled(of.bytes_per_s.as_ref(), 1e-9),
        cell::scaled(of.flops_per_s.as_ref(), 1e-9),
        of.bound.as_str().into(),
        cell::scaled(of.fraction_of_ceiling.as_ref(), 100.0),
    ]
}
