//! What a version needs and what it makes of the machine: memory, capacity, roofline.

use anechoic_protocol::MemorySource;

use super::{Section, caption, count, name, note, tokens};
use crate::render::dressing::Dressing;
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

pub(super) fn memory(kv: &KvSummary, dressing: Dressing) -> String {
    let points = || kv.memory.iter().map(|line| &line.point);
    let section = Section {
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
            units::bytes(line.baseline_bytes),
            units::bytes(line.peak_bytes),
            units::bytes(line.activation_bytes),
            line.cache.reserved.total().to_string(),
            line.cache.used.total().to_string(),
            units::optional(line.bits_per_element, 3, ""),
            units::optional(line.times_below_v1, 3, " ×"),
            units::bytes(line.projection_bytes_saved),
        ]]
    };
    let title =
        |line: &MemoryLine| format!("{}; {}", caption(&line.point.setting), source(line.source));
    section.render(dressing, &kv.memory, title, row)
}

pub(super) fn capacity(kv: &KvSummary, dressing: Dressing) -> String {
    let points = || kv.capacity.iter().map(|line| &line.point);
    let section = Section {
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
            line.batch.to_string(),
            range,
            units::optional(line.times_v1, 3, " ×"),
            units::bytes(line.cache_bytes_per_request),
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
    section.render(dressing, &kv.capacity, title, row)
}

pub(super) fn roofline(kv: &KvSummary, dressing: Dressing) -> String {
    let points = || kv.roofline.iter().map(|line| &line.point);
    let section = Section {
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
                part.to_owned(),
                count(&line.point),
            ];
            row.extend(efficiency(of));
            row.push(ceilings.clone());
            row
        };
        measured.map(row).collect()
    };
    section.render(
        dressing,
        &kv.roofline,
        |line| caption(&line.point.setting),
        rows,
    )
}

fn efficiency(of: &EfficiencyLine) -> [String; 7] {
    [
        units::significant(of.bytes as f64 / 1e9, 3),
        units::significant(of.flops as f64 / 1e9, 3),
        units::significant(of.arithmetic_intensity, 3),
        units::scaled(of.bytes_per_s.as_ref(), 1e-9),
        units::scaled(of.flops_per_s.as_ref(), 1e-9),
        of.bound.as_str().to_owned(),
        units::scaled(of.fraction_of_ceiling.as_ref(), 100.0),
    ]
}
